//! What models and files look like: `show`, `inspect`, `models`.

use std::path::Path;

use super::support::{convoy, golden, stdout};

#[test]
fn a_model_prints_as_in_pytorch_and_has_its_keys() {
    let here = Path::new(".");
    for model in ["resnet18", "resnet50", "resnext101_64x4d"] {
        assert_eq!(stdout(here, ["show", model]), std::fs::read_to_string(golden(&format!("repr/{model}.txt"))).unwrap());
        assert_eq!(stdout(here, ["inspect", model]), std::fs::read_to_string(golden(&format!("state_dict/{model}.tsv"))).unwrap());
    }
}

#[test]
fn every_model_can_be_shown() {
    for model in zoo::names() {
        let head = stdout(Path::new("."), ["show", model]);
        assert!(head.starts_with(|c: char| c.is_ascii_uppercase()) && head.ends_with(")\n"), "{model}: {head}");
    }
}

#[test]
fn models_are_listed_with_what_torchvision_publishes_of_their_weights() {
    let listed = stdout(Path::new("."), ["models"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(zoo::names().all(|name| rows.iter().any(|row| row.first() == Some(&name))), "{listed}");
    let table = std::fs::read_to_string(golden("torchvision_weights.tsv")).unwrap();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let default = if fields[2] == "True" { "*" } else { "" };
        let weights = format!("{}{default}", fields[1]);
        let row =
            rows.iter().find(|row| row.len() == 6 && row[..2] == [fields[0], &weights]).unwrap_or_else(|| panic!("{line} in {listed}"));
        assert_eq!(row[2].replace(',', ""), fields[4]);
        for (shown, published) in row[3..].iter().zip([fields[5], fields[12], fields[13]]) {
            let same = shown.parse::<f64>().ok() == published.parse().ok().filter(|value: &f64| value.is_finite());
            assert!(same, "{shown} for {published} in {line}");
        }
    }
}

#[test]
fn a_files_tensors_are_listed_in_its_order() {
    let expected = "\
f32\tfloat32\t2x3
f16\tfloat16\t5
bf16\tbfloat16\t5
f64\tfloat64\t3
i64\tint64\tscalar
u8\tuint8\t5
bool\tbool\t2
transposed\tfloat32\t6x4
slice\tfloat32\t2x3
strided\tfloat32\t4x3
shared_a\tfloat32\t4x6
shared_b\tfloat32\t4x6
empty\tfloat32\t0x3
param\tfloat32\t2x2
";
    for file in ["state_dict_zip.pth", "state_dict_legacy.pth"] {
        let path = golden("pth").join(file);
        assert_eq!(stdout(Path::new("."), ["inspect".as_ref(), path.as_os_str()]), expected, "{file}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = convoy(Path::new(".")).arg("models").stdout(writer).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}
