//! A graph as the messages of ONNX's `onnx.proto`, whose names and field numbers these are.

use std::io::{self, Write};

use serde_json::Value;
use tensor::{DType, Tensor};

use super::graph::{Attribute, Constant, Graph, INPUT, Node, OUTPUT};
use crate::{
    checkpoint::Metadata,
    from_tensor,
    protobuf::{Message, Payload},
};

/// The version of the file's structure that came with [`OPSET`]; readers take older ones, not newer ones.
const IR_VERSION: i64 = 8;
/// The version of the operators: the first with layer normalisation, read since ONNX Runtime 1.12.
const OPSET: i64 = 17;
/// About how many bytes of a tensor are converted at a time.
const PIECE: usize = 1 << 20;
/// What the batch dimension is called.
const BATCH: &str = "N";

/// The whole file.
pub(super) fn model<'a>(name: &str, graph: &'a Graph, metadata: &Metadata) -> Message<'a> {
    Message::default()
        .int(1, IR_VERSION)
        .text(2, "convoy")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(8, Message::default().text(1, "").int(2, OPSET))
        .each(properties(metadata), |model, (key, value)| model.message(14, Message::default().text(1, &key).text(2, &value)))
        .message(7, graph_proto(name, graph))
}

/// The metadata by its keys: texts as they are, everything else as JSON.
fn properties(metadata: &Metadata) -> Vec<(String, String)> {
    let Ok(Value::Object(entries)) = serde_json::to_value(metadata) else { return Vec::new() };
    let text = |value: Value| if let Value::String(text) = value { text } else { value.to_string() };
    entries.into_iter().map(|(key, value)| (key, text(value))).collect()
}

fn graph_proto<'a>(name: &str, graph: &'a Graph) -> Message<'a> {
    Message::default()
        .each(&graph.nodes, |message, node| message.message(1, node_proto(node)))
        .text(2, name)
        .each(&graph.constants, |message, constant| message.message(5, tensor_proto(constant)))
        .message(11, value_info(INPUT, &graph.input))
        .message(12, value_info(OUTPUT, &graph.output))
}

fn node_proto<'a>(node: &Node) -> Message<'a> {
    Message::default()
        .each(&node.inputs, |message, input| message.text(1, input))
        .text(2, &node.output)
        .text(3, &node.output)
        .text(4, node.op_type)
        .each(&node.attributes, |message, (name, value)| message.message(5, attribute_proto(name, value)))
}

fn attribute_proto<'a>(name: &str, value: &Attribute) -> Message<'a> {
    let message = Message::default().text(1, name);
    match value {
        Attribute::Float(value) => message.float(2, *value).int(20, 1),
        Attribute::Int(value) => message.int(3, *value).int(20, 2),
        Attribute::Ints(values) => message.each(values, |message, &value| message.int(8, value)).int(20, 7),
    }
}

fn tensor_proto(constant: &Constant) -> Message<'_> {
    Message::default()
        .each(constant.value.dims(), |message, &size| message.int(1, size as i64))
        .int(2, data_type(constant.value.dtype()))
        .text(8, &constant.name)
        .payload(9, &constant.value)
}

/// A batch of `f32` tensors of these sizes.
fn value_info<'a>(name: &str, sizes: &[usize]) -> Message<'a> {
    let shape = Message::default()
        .message(1, Message::default().text(2, BATCH))
        .each(sizes, |shape, &size| shape.message(1, Message::default().int(1, size as i64)));
    let tensor = Message::default().int(1, data_type(DType::F32)).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

fn data_type(dtype: DType) -> i64 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I64 => 7,
        DType::F64 => 11,
        DType::Bf16 => 16,
    }
}

/// A tensor's elements: row-major, little-endian.
impl Payload for Tensor {
    fn len(&self) -> u64 {
        (self.elements() * self.dtype().size()) as u64
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let whole = self.contiguous().map_err(io::Error::other)?;
        let rows = self.dims().first().copied().unwrap_or(1);
        let at_once = (PIECE * rows / Payload::len(self).max(1) as usize).max(1);
        for start in (0..rows).step_by(at_once) {
            let part = if self.dims().is_empty() {
                whole.clone()
            } else {
                whole.narrow(0, start, at_once.min(rows - start)).map_err(io::Error::other)?
            };
            out.write_all(&from_tensor(&part).map_err(io::Error::other)?.data)?;
        }
        Ok(())
    }
}
