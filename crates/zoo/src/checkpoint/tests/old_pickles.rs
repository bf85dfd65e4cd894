//! Features of `.pth` files that current PyTorch no longer writes, or writes elsewhere.

use rawzip::CompressionMethod;

use super::{
    complaint,
    containers::{dict_of, legacy, storage, tensor, text, zip},
};
use crate::checkpoint::{CheckpointReader, RawTensor, TorchDtype, load_bytes};

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn loaded(bytes: &[u8]) -> RawTensor {
    load_bytes(bytes).unwrap().get("w").unwrap().clone()
}

fn float_tensor(shape: &[usize], values: &[f32]) -> RawTensor {
    RawTensor { dtype: TorchDtype::F32, shape: shape.to_vec(), data: floats(values) }
}

const DATA: [f32; 4] = [1.0, 2.0, 3.0, 4.0];

/// Python 2 pickled an `OrderedDict` as a list of pairs and text as bytes; PyTorch 0.1 rebuilt tensors without hooks.
#[test]
fn published_weights_of_2017() {
    let storage = [b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04NtQ".as_slice(), b"K\x01K\x03\x85K\x01\x85"].concat();
    let tensor = [b"ctorch._utils\n_rebuild_tensor\n(", &storage[..], b"tR"].concat();
    let object = [b"\x80\x02ccollections\nOrderedDict\n(](](U\x01w", &tensor[..], b"eetR."].concat();
    assert_eq!(loaded(&legacy(&object, &[("0", 4, &floats(&DATA))])), float_tensor(&[3], &DATA[1..]));
}

#[test]
fn tensors_and_parameters_that_get_their_state_later() {
    let state = [b"(", &storage("Float", 4)[..], b"K\x00K\x02K\x02\x86K\x02K\x01\x86t"].concat();
    let bare = [b"ctorch\nFloatTensor\n)\x81", &state[..], b"b"].concat();
    let variable = [b"ctorch.nn.parameter\nParameter\n)\x81(", &bare[..], b"NN\x88\x89tb"].concat();
    for tensor in [bare, variable] {
        let file = legacy(&dict_of(&tensor), &[("0", 4, &floats(&DATA))]);
        assert_eq!(loaded(&file), float_tensor(&[2, 2], &DATA));
    }
}

#[test]
fn storage_views() {
    let view =
        [b"(", &text("storage")[..], b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K\x04(", &text("1"), b"K\x02K\x02ttQ"].concat();
    let file = legacy(&dict_of(&tensor(&view, 1, &[1], &[1])), &[("0", 4, &floats(&DATA))]);
    assert_eq!(loaded(&file), float_tensor(&[1], &DATA[3..]));
}

#[test]
fn expanded_tensors_become_dense() {
    let file = legacy(&dict_of(&tensor(&storage("Float", 4), 1, &[2, 3], &[1, 0])), &[("0", 4, &floats(&DATA))]);
    assert_eq!(loaded(&file), float_tensor(&[2, 3], &[2.0, 2.0, 2.0, 3.0, 3.0, 3.0]));
}

fn zipped(data: &[u8], byteorder: &[u8], method: CompressionMethod) -> Vec<u8> {
    let pickle = dict_of(&tensor(&storage("Float", 4), 0, &[2, 2], &[1, 2]));
    zip(&[("any/data.pkl", &pickle), ("any/byteorder", byteorder), ("any/data/0", data)], method)
}

#[test]
fn deflated_archives() {
    let file = zipped(&floats(&DATA), b"little", CompressionMethod::DEFLATE);
    assert_eq!(loaded(&file), float_tensor(&[2, 2], &[1.0, 3.0, 2.0, 4.0]));
}

#[test]
fn archives_of_big_endian_machines() {
    let data: Vec<u8> = DATA.iter().flat_map(|value| value.to_be_bytes()).collect();
    let file = zipped(&data, b"big", CompressionMethod::STORE);
    assert_eq!(loaded(&file), float_tensor(&[2, 2], &[1.0, 3.0, 2.0, 4.0]));
    assert!(complaint(&zipped(&data, b"odd", CompressionMethod::STORE)).contains("byte order"));
}

#[test]
fn later_keys_win_and_compiled_models_lose_their_prefix() {
    let first = tensor(&storage("Float", 4), 0, &[1], &[1]);
    let second = tensor(&storage("Float", 4), 3, &[1], &[1]);
    let key = text("_orig_mod.w");
    let object = [b"\x80\x02}(", &key[..], &first, &key, &second, b"u."].concat();
    let file = legacy(&object, &[("0", 4, &floats(&DATA))]);
    assert_eq!(CheckpointReader::from_bytes(&file, "test").unwrap().tensors().len(), 1);
    assert_eq!(loaded(&file), float_tensor(&[1], &DATA[3..]));
}

#[test]
fn dictionaries_without_tensors_are_listed() {
    let object = [b"\x80\x02}(", &text("epoch")[..], b"K\x03", &text("layers"), b"}u."].concat();
    let error = complaint(&legacy(&object, &[]));
    assert!(error.contains("epoch, layers") && error.contains("model_state_dict"), "{error}");
    assert!(complaint(&legacy(b"\x80\x02].", &[])).contains("a list"));
    assert!(complaint(&legacy(b"\x80\x02}.", &[])).contains("an empty dictionary"));
}

#[test]
fn unsupported_dtypes_are_named() {
    let file = legacy(&dict_of(&tensor(&storage("ComplexFloat", 1), 0, &[1], &[1])), &[("0", 1, &[0; 8])]);
    assert!(complaint(&file).contains("ComplexFloat"));
}

#[test]
fn other_pickles_and_archives_are_told_apart() {
    assert!(complaint(b"\x80\x04K\x01.").contains("torch.save did not write"));
    assert!(complaint(&zip(&[("word/document.xml", b"")], CompressionMethod::STORE)).contains("without data.pkl"));
    let script = [("m/data.pkl", b"N.".as_slice()), ("m/constants.pkl", b"N.")];
    assert!(complaint(&zip(&script, CompressionMethod::STORE)).contains("TorchScript"));
}
