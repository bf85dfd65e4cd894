//! Single operations, forward and every gradient.

use std::collections::HashMap;

use autograd::{Parameter, Var};
use op_suite::{
    Golden,
    compare::{Errors, relative_l2},
    placed,
};
use serde_json::Value;
use tensor::{
    DType, Layout, Tensor,
    ops::{AvgPool2dOptions, Conv2dOptions, CrossEntropyOptions, MaxPool2dOptions, Reduction},
};

#[test]
fn golden_operations_in_f32() {
    crate::conclude(compare(DType::F32, Layout::Contiguous, 1e-5));
}

#[test]
fn golden_operations_in_f32_with_blocked_weights() {
    crate::conclude(compare(DType::F32, Layout::Blocked, 1e-5));
}

/// The golden values are rounded to `float32`, which leaves an error of 6e-8.
#[test]
fn golden_operations_in_f64() {
    crate::conclude(compare(DType::F64, Layout::Contiguous, 1e-7));
}

/// The errors of every case, computed in `dtype` with the second operand of products in `weight_layout`.
fn compare(dtype: DType, weight_layout: Layout, tolerance: f64) -> Errors {
    let cases = Cases::open();
    let mut errors = Errors::new();
    for name in cases.names() {
        for (part, found) in cases.compute(name, dtype, weight_layout) {
            errors.note(&part, relative_l2(&found, cases.expected(&part)), tolerance);
        }
    }
    errors
}

/// The golden operations.
pub(crate) struct Cases {
    golden: Golden,
    attributes: Value,
    tensors: HashMap<String, Tensor>,
}

impl Cases {
    pub(crate) fn open() -> Self {
        let golden = Golden::open();
        Self { attributes: golden.json("ops.json"), tensors: golden.tensors("ops.safetensors"), golden }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.as_object().expect("cases by name").keys().map(String::as_str)
    }

    /// What is recorded of a case's output, `NAME/out`, or gradient, `NAME/grad0`.
    pub(crate) fn expected(&self, part: &str) -> &Tensor {
        self.tensors.get(part).unwrap_or_else(|| panic!("{part} is not recorded"))
    }

    /// The output and the gradients of a case, computed in `dtype` with the second operand of products in `weight_layout`.
    pub(crate) fn compute(&self, name: &str, dtype: DType, weight_layout: Layout) -> Vec<(String, Tensor)> {
        let op = operation(name);
        let inputs: Vec<Parameter> = (0..)
            .map_while(|i| self.tensors.get(&format!("{name}/in{i}")))
            .enumerate()
            .map(|(i, tensor)| {
                let is_weight = i == 1 && is_product(name);
                let layout = if is_weight { weight_layout } else { Layout::Contiguous };
                Parameter::new(placed(tensor.to_dtype(dtype).and_then(|t| t.to_layout(layout)).expect("a layout that fits")))
            })
            .collect();
        let variables: Vec<Var> = inputs.iter().map(Parameter::var).collect();
        let output = apply(op, &variables, &self.attributes[name]).unwrap_or_else(|e| panic!("{name}: {e}"));
        let probe = self.golden.probe(name, output.dims()).to_dtype(dtype).expect("float32 converts");
        let mut parts = vec![(format!("{name}/out"), output.value().clone())];
        output.backward_from(placed(probe), |_| Ok(())).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (i, input) in inputs.iter().enumerate() {
            let grad = input.grad().unwrap_or_else(|| panic!("{name}: input {i} has no gradient"));
            parts.push((format!("{name}/grad{i}"), grad));
        }
        parts
    }
}

/// Whether a case is one of the products that bf16 is for.
pub(crate) fn is_product(name: &str) -> bool {
    matches!(operation(name), "conv2d" | "linear")
}

fn operation(name: &str) -> &str {
    name.rsplit_once('_').map_or(name, |(op, _)| op)
}

fn apply(op: &str, inputs: &[Var], attributes: &Value) -> tensor::Result<Var> {
    let x = &inputs[0];
    match op {
        "conv2d" => x.conv2d(&inputs[1], inputs.get(2), &conv2d_options(attributes)),
        "max_pool2d" => x.max_pool2d(&MaxPool2dOptions {
            kernel_size: pair(&attributes["kernel_size"]),
            stride: pair(&attributes["stride"]),
            padding: pair(&attributes["padding"]),
            dilation: pair(&attributes["dilation"]),
            ceil_mode: boolean(&attributes["ceil_mode"]),
        }),
        "avg_pool2d" => x.avg_pool2d(&AvgPool2dOptions {
            kernel_size: pair(&attributes["kernel_size"]),
            stride: pair(&attributes["stride"]),
            padding: pair(&attributes["padding"]),
            ceil_mode: boolean(&attributes["ceil_mode"]),
            count_include_pad: boolean(&attributes["count_include_pad"]),
        }),
        "adaptive_avg_pool2d" => x.adaptive_avg_pool2d(pair(&attributes["output_size"]).map(Some)),
        "batch_norm_train" => {
            let eps = attributes["eps"].as_f64().expect("a number");
            x.batch_norm_train(Some(&inputs[1]), Some(&inputs[2]), eps, Default::default()).map(|(y, _)| y)
        }
        "linear" => x.linear(&inputs[1], inputs.get(2)),
        "relu" => x.relu(),
        "softmax" => x.softmax(1),
        "log_softmax" => x.log_softmax(1),
        "cross_entropy" => {
            let target = attributes["target"].as_array().expect("a list").iter().map(|v| v.as_i64().expect("a class")).collect::<Vec<_>>();
            let reduction = match attributes["reduction"].as_str() {
                Some("mean") => Reduction::Mean,
                Some("sum") => Reduction::Sum,
                other => panic!("reduction {other:?}"),
            };
            let label_smoothing = attributes["label_smoothing"].as_f64().expect("a number");
            x.cross_entropy(&placed(Tensor::from_slice(&target, [target.len()])?), &CrossEntropyOptions { label_smoothing, reduction })
        }
        "cat" => Var::cat(&inputs.iter().collect::<Vec<_>>(), attributes["dim"].as_i64().expect("a dimension") as isize),
        _ => panic!("no test knows the operation {op}"),
    }
}

fn conv2d_options(attributes: &Value) -> Conv2dOptions {
    let sizes = |name: &str| pair(&attributes[name]).into();
    let groups = attributes["groups"].as_u64().expect("a number") as usize;
    Conv2dOptions { stride: sizes("stride"), padding: sizes("padding"), dilation: sizes("dilation"), groups, ..Default::default() }
}

/// A number for both dimensions, or one for each.
fn pair(value: &Value) -> [usize; 2] {
    let number = |value: &Value| value.as_u64().expect("a whole number") as usize;
    if value.is_array() { [number(&value[0]), number(&value[1])] } else { [number(value); 2] }
}

fn boolean(value: &Value) -> bool {
    value.as_bool().expect("true or false")
}
