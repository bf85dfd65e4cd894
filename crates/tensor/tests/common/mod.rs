//! What the tests of this crate share: the golden cases of PyTorch, deterministic tensors, comparisons and finite differences.
#![allow(dead_code)] // each test program uses a part

use std::{collections::HashMap, fs, path::PathBuf};

use serde_json::Value;
use tensor::{DType, Tensor};

/// The single-operation cases of the golden folder.
pub struct Golden {
    attributes: HashMap<String, Value>,
    tensors: HashMap<String, Tensor>,
    suffix: String,
}

impl Golden {
    /// Reads the folder that `GOLDEN_DIR` names, else the project's own. Panics where a file is missing or damaged.
    pub fn open() -> Golden {
        let folder = std::env::var_os("GOLDEN_DIR")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../op-suite/golden")), PathBuf::from);
        let read = |name: &str| fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{}: {e}", folder.join(name).display()));
        Golden {
            attributes: serde_json::from_slice(&read("ops.json")).expect("ops.json"),
            tensors: safetensors(&read("ops.safetensors")),
            suffix: String::from_utf8(read("suffix.txt")).expect("suffix.txt"),
        }
    }

    /// The names and attributes of the cases of one operation, in order. Panics where there is none.
    pub fn cases(&self, op: &str) -> Vec<(&str, &Value)> {
        let of_op = |name: &str| name.rsplit_once('_').is_some_and(|(prefix, _)| prefix == op);
        let mut cases: Vec<_> = self.attributes.iter().filter(|(name, _)| of_op(name)).map(|(name, a)| (name.as_str(), a)).collect();
        cases.sort_unstable_by_key(|&(name, _)| name);
        assert!(!cases.is_empty(), "no golden case of {op}");
        cases
    }

    /// A tensor such as `relu_00/in0`, as an element type of one's choice.
    pub fn tensor(&self, name: &str, dtype: DType) -> Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("no golden tensor {name}")).to_dtype(dtype).expect("float32 converts")
    }

    /// The gradient of the output that the golden gradients belong to.
    pub fn probe(&self, case: &str, shape: &[usize], dtype: DType) -> Tensor {
        signed(&format!("probe:{case}{}", self.suffix), shape).to_dtype(dtype).expect("float32 converts")
    }
}

/// The `F32` tensors of a safetensors file.
fn safetensors(bytes: &[u8]) -> HashMap<String, Tensor> {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
    let header: HashMap<String, Value> = serde_json::from_slice(&rest[..length]).expect("the header");
    let entry = |(name, entry): (String, Value)| {
        assert_eq!(entry["dtype"], "F32", "{name}");
        let [start, end] = [0, 1].map(|i| numbers(&entry["data_offsets"])[i] + length);
        let data = rest[start..end].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        (name, Tensor::from_vec(data, numbers(&entry["shape"])).expect("the shape of its data"))
    };
    header.into_iter().filter(|(name, _)| name != "__metadata__").map(entry).collect()
}

fn numbers(list: &Value) -> Vec<usize> {
    list.as_array().expect("a list").iter().map(number).collect()
}

/// A whole number in an attribute.
pub fn number(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

/// An attribute that is a number for both dimensions, or a pair.
pub fn pair(value: &Value) -> [usize; 2] {
    if value.is_array() { [number(&value[0]), number(&value[1])] } else { [number(value); 2] }
}

/// The deterministic `f32` tensor in [-1, 1) of the golden folder's `det.py`.
pub fn signed(name: &str, shape: &[usize]) -> Tensor {
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3));
    let element = |i: u64| {
        let z = hash.wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 * 2.0 - 1.0
    };
    Tensor::from_vec((0..shape.iter().product::<usize>() as u64).map(element).collect(), shape).expect("as many elements")
}

/// The deterministic tensor as `f64`.
pub fn signed64(name: &str, shape: &[usize]) -> Tensor {
    signed(name, shape).to_dtype(DType::F64).expect("float32 converts")
}

/// Panics unless the shapes are equal and the error, over the largest magnitude expected, is within `tolerance`.
pub fn assert_close(what: &str, got: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    let (got, expected) = (got.to_f64_vec().expect("readable"), expected.to_f64_vec().expect("readable"));
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |m, e| m.max(e.abs()));
    for (i, (g, e)) in got.iter().zip(&expected).enumerate() {
        let error = (g - e).abs() / scale;
        assert!(error <= tolerance, "{what}: element {i} is {g}, expected {e}: relative error {error:.2e}");
    }
}

/// Checks `grad`, the gradient of sum(f(x) * probe) for `x` in `f64`, against central differences.
pub fn assert_gradient(what: &str, x: &Tensor, probe: &Tensor, grad: &Tensor, f: impl Fn(&Tensor) -> Tensor) {
    const STEP: f64 = 1e-5;
    let values = x.to_f64_vec().expect("readable");
    let loss = |i: usize, step: f64| {
        let mut moved = values.clone();
        moved[i] += step;
        let x = Tensor::from_vec(moved, x.dims()).and_then(|t| t.to_layout(x.layout())).expect("the shape of x");
        f(&x).mul(probe).and_then(|t| t.sum_all()).and_then(|t| t.item()).expect("a loss")
    };
    let differences = (0..values.len()).map(|i| (loss(i, STEP) - loss(i, -STEP)) / (2.0 * STEP)).collect();
    assert_close(what, grad, &Tensor::from_vec(differences, x.dims()).expect("the shape of x"), 1e-7);
}
