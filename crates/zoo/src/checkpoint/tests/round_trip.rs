//! What is written is read back the same, in a form that PyTorch opens, and never half.

use std::{borrow::Cow, fs, io, path::Path};

use rawzip::ZipArchive;
use serde_json::json;

use super::golden;
use crate::checkpoint::{
    Checkpoint, CheckpointError, CheckpointReader, Format, Metadata, RawTensor, Reason, TensorInfo, TensorSource, TorchDtype, load, save,
    save_tensors,
};

fn sample() -> Checkpoint {
    let metadata = json!({
        "arch": "resnet18",
        "classes": ["airplane", "Katze \"Ⅱ\"\n"],
        "preprocessing": {"crop": 224, "mean": [0.485, 0.456, 0.406]},
        "accuracy": 0.95,
    });
    Checkpoint { metadata: serde_json::from_value(metadata).unwrap(), ..load(golden("state_dict_zip.pth")).unwrap() }
}

fn names_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_formats_keep_tensors_order_and_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample();
    assert_eq!(sample.metadata.other["accuracy"], 0.95);
    for name in ["a.pth", "b.PT", "c.safetensors"] {
        let path = folder.path().join(name);
        save(&path, &sample).unwrap();
        assert_eq!(load(&path).unwrap(), sample, "{name}");
    }
    assert_eq!(names_in(folder.path()).len(), 3);
}

#[test]
fn a_single_tensor_is_read_by_name() {
    let reader = CheckpointReader::open(golden("state_dict_legacy.pth")).unwrap();
    let expected = load(golden("expected_state_dict.safetensors")).unwrap();
    assert_eq!(reader.read_named("slice").unwrap().unwrap(), *expected.get("slice").unwrap());
    assert!(reader.read_named("slices").is_none());
    assert!(reader.read(usize::MAX).is_err());
}

#[test]
fn foreign_safetensors_metadata_is_kept() {
    let header = r#"{"__metadata__":{"format":"pt","title":"cats","arch":"?"},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[7]].concat();
    let metadata = crate::checkpoint::load_bytes(&file).unwrap().metadata;
    assert_eq!(metadata, Metadata { other: [("title".to_owned(), json!("cats"))].into_iter().collect(), ..Metadata::default() });
}

/// `torch.load` finds `data.pkl`, `version` and the storages in one folder; its memory map wants them aligned.
#[test]
fn archives_have_the_layout_of_torch_save() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.pth");
    save(&path, &sample()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let archive = ZipArchive::from_slice(&bytes).unwrap();
    let mut names = Vec::new();
    for entry in archive.entries() {
        let entry = entry.unwrap();
        let local = archive.get_entry(entry.wayfinder()).unwrap();
        assert_eq!(local.compressed_data_range().0 % 64, 0);
        assert_eq!(rawzip::crc32(local.data()), entry.crc32());
        names.push(String::from_utf8(entry.file_path().as_ref().to_vec()).unwrap());
    }
    let storages = (0..14).map(|key| format!("archive/data/{key}"));
    let expected: Vec<String> = ["archive/data.pkl", "archive/byteorder"]
        .map(String::from)
        .into_iter()
        .chain(storages)
        .chain(["archive/version", "archive/convoy.json"].map(String::from))
        .collect();
    assert_eq!(names, expected);
}

/// The header's data is aligned for every dtype although the tensors' order mixes them.
#[test]
fn safetensors_data_is_aligned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.safetensors");
    save(&path, &sample()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(len % 8, 0);
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    for (name, entry) in header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__") {
        let start = entry["data_offsets"][0].as_u64().unwrap();
        let size = sample().get(name).unwrap().dtype.size() as u64;
        assert_eq!(start % size, 0, "{name}");
    }
}

fn scalar(data: &[u8]) -> RawTensor {
    RawTensor { dtype: TorchDtype::F32, shape: vec![], data: data.to_vec() }
}

fn of(tensors: Vec<(&str, RawTensor)>) -> Checkpoint {
    Checkpoint { tensors: tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(), ..Checkpoint::default() }
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    for name in ["old.pth", "old.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        save(&path, &sample()).unwrap();
        for (bad, expected) in [
            (of(vec![("w", scalar(&[0; 3]))]), "tensor `w` has 3 bytes of data, its dtype and shape need 4"),
            (of(vec![("w", scalar(&[0; 4])), ("w", scalar(&[0; 4]))]), "two tensors named `w`"),
            (of(vec![("w", RawTensor { shape: vec![usize::MAX, 2], ..scalar(&[]) })]), "more than fits memory"),
        ] {
            let error = save(&path, &bad).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(name), "{error}");
        }
        assert_eq!(load(&path).unwrap(), sample());
        assert_eq!(names_in(folder.path()), [name]);
    }
}

#[test]
fn a_failing_source_is_reported() {
    struct Failing;
    impl TensorSource for Failing {
        fn infos(&self) -> Vec<TensorInfo> {
            vec![TensorInfo { name: "w".into(), dtype: TorchDtype::F32, shape: vec![1] }]
        }
        fn data(&self, _: usize) -> io::Result<Cow<'_, [u8]>> {
            Err(io::Error::other("device lost"))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let error = save_tensors(folder.path().join("a.pth"), Format::Pth, &Failing, &Metadata::default()).unwrap_err();
    assert!(error.to_string().ends_with("cannot be written: device lost"), "{error}");
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn names_and_places_that_cannot_be_written_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["weights", "weights.onnx"] {
        let error = save(folder.path().join(name), &sample()).unwrap_err();
        assert!(matches!(error, CheckpointError { reason: Reason::UnknownExtension, .. }), "{error}");
    }
    let error = save(folder.path().join("missing/weights.pth"), &sample()).unwrap_err();
    assert!(matches!(error.reason, Reason::Write(_)), "{error}");
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(error.reason, Reason::Read(_)), "{error}");
}
