//! From recorded operations to nodes: which becomes what, and what everything is called.

mod elementwise;
mod product;
mod shape;
mod window;

use std::collections::HashMap;

use autograd::{Op, Operand, Operation, Recording};
use tensor::{DType, Shape, Tensor};

use super::graph::{
    Attribute::{self, Float, Int, Ints},
    Constant, Graph, INPUT, Node, OUTPUT,
};

/// The name of a value, or what ONNX cannot say.
type Lowered<T = String> = Result<T, String>;

/// The graph of a recorded network, whose tensors are given with their keys.
pub(super) fn lower(recording: &Recording, tensors: &[(String, Tensor)]) -> Lowered<Graph> {
    let names = HashMap::from([(recording.input, INPUT.to_owned())]);
    let mut lowering = Lowering { tensors, graph: Graph::default(), names };
    for operation in &recording.operations {
        let name = lowering.operation(operation)?;
        lowering.names.insert(operation.output, name);
    }
    let output = lowering.value(recording.output)?;
    Ok(lowering.finish(&output))
}

/// A graph in the making.
struct Lowering<'a> {
    tensors: &'a [(String, Tensor)],
    graph: Graph,
    /// What the recorded values are called.
    names: HashMap<u64, String>,
}

impl Lowering<'_> {
    /// Adds an operation's nodes; the name of its result.
    fn operation(&mut self, operation: &Operation) -> Lowered {
        let inputs = &*operation.inputs.iter().map(|operand| self.operand(operand)).collect::<Lowered<Vec<_>>>()?;
        let from = operation.inputs.first().map(Operand::dims).unwrap_or_default();
        let to = &operation.shape;
        match &operation.op {
            Op::AdaptiveAvgPool2d => self.adaptive_avg_pool2d(inputs, from, to),
            Op::Add => Ok(self.node("Add", inputs, [])),
            Op::AvgPool2d(options) => self.avg_pool2d(inputs, options, from, to),
            Op::BatchNorm(norm) => self.batch_norm(inputs, norm),
            Op::BroadcastTo => self.broadcast(inputs, from, to),
            Op::Cat { dim } => Ok(self.node("Concat", inputs, [("axis", Int(*dim as i64))])),
            Op::ChannelShuffle { groups } => self.channel_shuffle(inputs, *groups, to),
            Op::Conv2d(options) => {
                let weight = operation.inputs.get(1).map(Operand::dims).unwrap_or_default();
                Ok(self.conv2d(inputs, options, weight))
            }
            Op::Div => Ok(self.node("Div", inputs, [])),
            Op::Flatten | Op::Reshape | Op::Squeeze | Op::Unsqueeze => self.reshape(inputs, from, to),
            Op::LayerNorm { dims, eps, weight: true, .. } => {
                Ok(self.node("LayerNormalization", inputs, [("axis", Int(-(*dims as i64))), ("epsilon", Float(*eps as f32))]))
            }
            Op::Linear => self.linear(inputs, from),
            Op::LogSoftmax { dim } => Ok(self.node("LogSoftmax", inputs, [("axis", Int(*dim as i64))])),
            Op::Matmul => Ok(self.node("MatMul", inputs, [])),
            Op::Maximum => Ok(self.node("Max", inputs, [])),
            Op::MaxPool2d(options) => self.max_pool2d(inputs, options, from, to),
            Op::Mean(reduction) => self.mean(inputs, reduction),
            Op::Minimum => Ok(self.node("Min", inputs, [])),
            Op::Mul => Ok(self.node("Mul", inputs, [])),
            Op::Narrow { dim, start } => self.narrow(inputs, *dim, *start, to),
            Op::Permute { order } => self.permute(inputs, order),
            Op::Softmax { dim } => Ok(self.node("Softmax", inputs, [("axis", Int(*dim as i64))])),
            Op::Sub => Ok(self.node("Sub", inputs, [])),
            Op::Sum(reduction) => self.sum(inputs, reduction),
            Op::Transpose { dim0, dim1 } => self.transpose(inputs, *dim0, *dim1, to),
            Op::Unary(op) => self.unary(inputs, *op),
            Op::CrossEntropy | Op::Custom(_) | Op::Dropout | Op::LayerNorm { weight: false, .. } => {
                Err(format!("its operation {} has no translation", operation.op.name()))
            }
        }
    }

    fn operand(&mut self, operand: &Operand) -> Lowered {
        match operand {
            Operand::Computed { id, .. } => self.value(*id),
            Operand::Constant(value) => self.constant(value),
        }
    }

    fn value(&self, id: u64) -> Lowered {
        self.names.get(&id).cloned().ok_or_else(|| "it uses a value of another recording".to_owned())
    }

    /// A constant under the key of the network's tensor that it is, or under a name of its own.
    fn constant(&mut self, value: &Tensor) -> Lowered {
        let is_it = |tensor: &Tensor| tensor.shares_memory_with(value) && tensor.shape() == value.shape();
        if let Some(constant) = self.graph.constants.iter().find(|constant| is_it(&constant.value)) {
            return Ok(constant.name.clone());
        }
        if !matches!(value.dtype(), DType::F32 | DType::I64) {
            return Err(format!("it holds numbers of type {}; convert the network to float32", value.dtype()));
        }
        let key = self.tensors.iter().find(|(_, tensor)| is_it(tensor)).map(|(key, _)| key.clone());
        let name = key.unwrap_or_else(|| format!("constant_{}", self.graph.constants.len()));
        self.graph.constants.push(Constant { name: name.clone(), value: value.clone() });
        Ok(name)
    }

    fn floats(&mut self, values: Vec<f32>, shape: impl Into<Shape>) -> Lowered {
        self.constant(&Tensor::from_vec(values, shape).map_err(|error| error.to_string())?)
    }

    fn scalar(&mut self, value: f64) -> Lowered {
        self.constant(&Tensor::scalar(value as f32))
    }

    /// Integers, such as sizes and dimensions.
    fn integers(&mut self, values: Vec<i64>) -> Lowered {
        let len = values.len();
        self.constant(&Tensor::from_vec(values, [len]).map_err(|error| error.to_string())?)
    }

    /// Adds a node; the name of its output.
    fn node<const ATTRIBUTES: usize>(
        &mut self,
        op_type: &'static str,
        inputs: &[impl AsRef<str>],
        attributes: [(&'static str, Attribute); ATTRIBUTES],
    ) -> String {
        let output = format!("{op_type}_{}", self.graph.nodes.len());
        let inputs = inputs.iter().map(|name| name.as_ref().to_owned()).collect();
        self.graph.nodes.push(Node { op_type, inputs, output: output.clone(), attributes: attributes.into() });
        output
    }

    /// Gives the result its name.
    fn finish(mut self, output: &str) -> Graph {
        let is_computed = self.graph.nodes.iter().any(|node| node.output == output);
        let output = if is_computed { output.to_owned() } else { self.node("Identity", &[output], []) };
        self.graph.rename(&output, OUTPUT);
        self.graph
    }
}

/// Sizes or dimensions as attributes and constants have them.
fn ints(values: impl IntoIterator<Item = usize>) -> Vec<i64> {
    values.into_iter().map(|value| value as i64).collect()
}

/// The one input of an operation that has one.
fn only(inputs: &[String]) -> Lowered<&str> {
    inputs.first().map(String::as_str).ok_or_else(no_input)
}

/// An operation that was defined elsewhere may name too few.
fn no_input() -> String {
    "one of its operations lacks an input".to_owned()
}
