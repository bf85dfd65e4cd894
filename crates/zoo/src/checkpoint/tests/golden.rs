//! The files of `golden/pth`: what `torch.save` wrote, and what it never would.

use super::{complaint, golden, golden_bytes};
use crate::checkpoint::{Checkpoint, CheckpointReader, inspect, load, load_bytes};

fn assert_same_tensors(found: &Checkpoint, expected: &Checkpoint) {
    let names = |checkpoint: &Checkpoint| {
        let mut names: Vec<_> = checkpoint.tensors.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(found), names(expected));
    for (name, tensor) in &expected.tensors {
        assert_eq!(found.get(name), Some(tensor), "{name}");
    }
}

fn assert_holds(file: &str, expected: &str) {
    let expected = load(golden(expected)).unwrap();
    assert!(!expected.tensors.is_empty());
    assert_same_tensors(&load(golden(file)).unwrap(), &expected);
    assert_same_tensors(&load_bytes(&golden_bytes(file)).unwrap(), &expected);
}

#[test]
fn zip_state_dict() {
    assert_holds("state_dict_zip.pth", "expected_state_dict.safetensors");
}

#[test]
fn legacy_state_dict() {
    assert_holds("state_dict_legacy.pth", "expected_state_dict.safetensors");
}

#[test]
fn ordered_dict_with_metadata() {
    assert_holds("ordered_dict_with_metadata.pth", "expected_net.safetensors");
}

#[test]
fn training_checkpoint_of_a_wrapped_model() {
    assert_holds("checkpoint_dict.pth", "expected_net.safetensors");
    let reader = CheckpointReader::open(golden("checkpoint_dict.pth")).unwrap();
    assert_eq!(reader.extra()["epoch"], 3);
    assert_eq!(reader.metadata().arch.as_deref(), Some("resnet18"));
}

#[test]
fn inspection_lists_names_dtypes_and_shapes_in_order() {
    let listed: Vec<_> = inspect(golden("state_dict_zip.pth"))
        .unwrap()
        .iter()
        .map(|info| format!("{} {} {:?}", info.name, info.dtype, info.shape))
        .collect();
    assert_eq!(
        listed,
        [
            "f32 float32 [2, 3]",
            "f16 float16 [5]",
            "bf16 bfloat16 [5]",
            "f64 float64 [3]",
            "i64 int64 []",
            "u8 uint8 [5]",
            "bool bool [2]",
            "transposed float32 [6, 4]",
            "slice float32 [2, 3]",
            "strided float32 [4, 3]",
            "shared_a float32 [4, 6]",
            "shared_b float32 [4, 6]",
            "empty float32 [0, 3]",
            "param float32 [2, 2]",
        ]
    );
}

/// Each bad file has one line that names the file and says what it is.
#[track_caller]
fn assert_refused(file: &str, expected: &[&str]) {
    let error = load(golden(file)).expect_err(file).to_string();
    assert!(!error.contains('\n'), "{error}");
    for part in [&[file], expected].concat() {
        assert!(error.contains(part), "`{error}` lacks `{part}`");
    }
    assert!(CheckpointReader::open(golden(file)).is_err());
}

#[test]
fn bad_files_are_refused_with_their_reason() {
    assert_refused("bad_code_execution.pth", &["posix.system", "could run code", "model.state_dict()"]);
    assert_refused("bad_whole_module.pth", &["torch.nn.modules.linear.Linear", "a whole module", "model.state_dict()"]);
    assert_refused("bad_truncated.pth", &["damaged or incomplete", "download or save it again"]);
    assert_refused("bad_not_a_checkpoint.pth", &["is no checkpoint", "<html>404</html>"]);
    assert_refused("no_such_file.pth", &["cannot be read"]);
}

#[test]
fn a_flipped_bit_in_a_storage_fails_its_checksum() {
    let mut bytes = golden_bytes("ordered_dict_with_metadata.pth");
    let weight = load_bytes(&bytes).unwrap().get("0.weight").unwrap().data.clone();
    let at = bytes.windows(weight.len()).position(|window| window == weight).unwrap();
    bytes[at + 5] ^= 1;
    assert!(complaint(&bytes).contains("checksum"));
}
