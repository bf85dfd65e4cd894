//! Exported networks, read back by a reader of protocol buffers of its own, and networks that cannot be exported.

use std::{collections::BTreeMap, fs, iter};

use autograd::{Op, ops::Fused};
use layers::{
    AvgPool2d, BatchNorm2d, Conv2d, Flatten, Hardsigmoid, LayerNorm, Linear, MaxPool2d, Mode, Module, ModuleExt, Permute, ReLU6, Result,
    Sequential, SiLU, Var, children, no_grad, sequential,
};
use serde_json::json;
use tensor::{
    DType, Tensor,
    ops::{MaxPool2dOptions, Reduce},
};

use super::{check_size, graph::Graph, graph_of, save, save_module};
use crate::{Metadata, Model, registry};

/// A network made of a function.
struct Function(fn(&Var) -> Result<Var>);

impl Module for Function {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        (self.0)(x)
    }
    fn class_name(&self) -> &'static str {
        "Function"
    }
}

const INPUT: [usize; 3] = [3, 8, 6];

fn graph(module: &dyn Module) -> Graph {
    graph_of(module, INPUT).unwrap_or_else(|error| panic!("{error}"))
}

/// The operators of a network, in order.
fn operators(module: &dyn Module) -> Vec<&'static str> {
    graph(module).nodes.iter().map(|node| node.op_type).collect()
}

fn refusal(function: fn(&Var) -> Result<Var>) -> String {
    graph_of(&Function(function), INPUT).err().expect("must be refused").to_string()
}

/// A model whose parameters are zeros, which are made faster than drawn.
fn blank(entry: &registry::Entry) -> Box<dyn Model> {
    let model = entry.build(7).unwrap();
    for (_, parameter) in model.named_parameters() {
        parameter.load(&Tensor::zeros(parameter.shape(), DType::F32).unwrap()).unwrap();
    }
    model
}

#[test]
fn every_model_is_a_graph_of_any_batch_with_the_parameters_under_their_keys() {
    for entry in registry::models() {
        let model = blank(entry);
        let graph = graph_of(&*model, [3, 96, 96]).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        assert_eq!(graph.output, [7], "{}", entry.name);
        let is_used = |key: &str| !key.ends_with("num_batches_tracked") && !key.starts_with("aux") && !key.starts_with("AuxLogits");
        let mut keys: Vec<String> = model.named_tensors().into_iter().map(|(key, _)| key).filter(|key| is_used(key)).collect();
        let mut names: Vec<String> = graph.constants.iter().map(|constant| constant.name.clone()).collect();
        names.retain(|name| !name.starts_with("constant_"));
        keys.sort();
        names.sort();
        assert_eq!(names, keys, "{}", entry.name);
    }
}

#[test]
fn pictures_that_inception_networks_transform_are_transformed_in_the_graph() {
    for name in ["googlenet", "inception_v3"] {
        let mut model = blank(registry::find(name).unwrap());
        model.set_transform_input(true);
        let graph = graph_of(&*model, [3, 96, 96]).unwrap();
        assert_eq!([0, 1].map(|i| graph.nodes[i].op_type), ["Mul", "Add"], "{name}");
    }
}

#[test]
fn a_batch_norm_is_written_with_what_was_fused_to_it() {
    struct Residual(Conv2d, BatchNorm2d);
    impl Module for Residual {
        fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
            self.1.forward_fused(&self.0.forward(x, mode)?, Fused { residual: Some(x), relu: true }, mode)
        }
        fn class_name(&self) -> &'static str {
            "Residual"
        }
    }
    let plain = Residual(Conv2d::new(3, 3, 1), BatchNorm2d::new(3).affine(false));
    let graph = graph(&plain);
    let nodes: Vec<(&str, usize)> = graph.nodes.iter().map(|node| (node.op_type, node.inputs.len())).collect();
    assert_eq!(nodes, [("Conv", 3), ("BatchNormalization", 5), ("Add", 2), ("Relu", 1)]);
    assert_eq!(graph.nodes[2].inputs, [graph.nodes[1].output.as_str(), "input"]);
    assert_eq!(graph.nodes[3].output, "logits");
}

#[test]
fn frozen_layers_are_recorded_one_by_one_too() {
    let network = sequential![Conv2d::new(3, 4, 3), BatchNorm2d::new(4), ReLU6::new()];
    network.freeze("*").unwrap();
    assert_eq!(operators(&network), ["Conv", "BatchNormalization", "Clip"]);
}

#[test]
fn operations_become_the_operators_of_the_same_meaning() {
    type Case = (fn(&Var) -> Result<Var>, &'static [&'static str]);
    let cases: [Case; 14] = [
        (|x| Ok(x.affine(2.0, 1.0)?.neg()?), &["Mul", "Add", "Neg"]),
        (|x| Ok(x.gelu()?), &["Div", "Erf", "Add", "Mul", "Mul"]),
        (|x| Ok(x.silu()?.hardswish()?), &["Sigmoid", "Mul", "HardSwish"]),
        (|x| Ok(x.narrow(1, 1, 2)?.flatten(1, -1)?), &["Slice", "Flatten"]),
        (|x| Ok(x.flatten(2, 3)?.transpose(1, -1)?), &["Reshape", "Transpose"]),
        (|x| Ok(x.channel_shuffle(3)?), &["Reshape", "Transpose", "Reshape"]),
        (|x| Ok(x.mean(&[2, 3], false)?.log_softmax(1)?), &["ReduceMean", "LogSoftmax"]),
        (|x| Ok(x.sum(&[-1], true)?.broadcast_to([x.dims()[0], 3, 8, 2])?), &["ReduceSum", "Expand"]),
        (|x| Ok(Var::cat(&x.chunk(3, 1)?.iter().collect::<Vec<_>>(), 2)?), &["Slice", "Slice", "Slice", "Concat"]),
        (|x| Ok(x.maximum(&x.neg()?)?.minimum(x)?), &["Neg", "Max", "Min"]),
        (|x| Ok(x.adaptive_avg_pool2d([Some(1); 2])?), &["GlobalAveragePool"]),
        (|x| Ok(x.adaptive_avg_pool2d([Some(8), Some(6)])?), &["Identity"]),
        (|x| Ok(x.adaptive_avg_pool2d([Some(3), Some(4)])?), &["MatMul", "Transpose", "MatMul"]),
        (|x| Ok(x.unsqueeze(1)?.squeeze(1)?.squeeze(1)?), &["Reshape", "Reshape"]),
    ];
    for (function, expected) in cases {
        assert_eq!(operators(&Function(function)), expected);
    }
}

#[test]
fn rows_of_more_than_two_dimensions_are_multiplied_by_the_transposed_weight() {
    let rows = || Permute::new([0, 2, 3, 1]);
    let network = sequential![rows(), LayerNorm::new([3]), Linear::new(3, 5), Flatten::new(), Linear::new(5 * 48, 2).bias(false)];
    assert_eq!(operators(&network), ["Transpose", "LayerNormalization", "Transpose", "MatMul", "Add", "Flatten", "Gemm"]);
}

#[test]
fn a_window_over_the_end_is_padding_there() {
    let pads = |function| {
        let graph = graph(&Function(function));
        graph.nodes[0].attributes.iter().find(|(name, _)| *name == "pads").map(|(_, pads)| format!("{pads:?}")).unwrap()
    };
    let ceil = |x: &Var| Ok(x.max_pool2d(&MaxPool2dOptions { stride: [2, 4], ceil_mode: true, ..MaxPool2dOptions::new(3) })?);
    assert_eq!(pads(ceil), "Ints([0, 0, 1, 1])");
    let floor = |x: &Var| Ok(x.max_pool2d(&MaxPool2dOptions { stride: [2; 2], padding: [1; 2], ..MaxPool2dOptions::new(3) })?);
    assert_eq!(pads(floor), "Ints([1, 1, 1, 1])");
    let mean = graph(&sequential![AvgPool2d::new(3).stride(2).ceil_mode(true)]);
    assert!(mean.nodes[0].attributes.iter().any(|(name, value)| *name == "count_include_pad" && format!("{value:?}") == "Int(0)"));
    let counted = sequential![AvgPool2d::new(3).stride(2).padding(1).ceil_mode(true)];
    assert!(graph_of(&counted, INPUT).err().unwrap().to_string().contains("average pooling with ceil_mode"));
}

#[test]
fn what_the_file_could_not_say_is_refused() {
    assert!(refusal(|x| Ok(x.dropout(0.5)?)).contains("its operation dropout has no translation"));
    let custom = |x: &Var| Ok(Var::from_op(Op::Custom("sort"), x.value().clone(), &[x], |grad, _| Ok(vec![Some(grad)])));
    assert!(refusal(custom).contains("its operation sort has no translation"));
    assert!(refusal(|x| Ok(x.batch_norm_train(None, None, 1e-5, Fused::default())?.0)).contains("statistics of each batch"));
    let plain_norm = graph_of(&sequential![LayerNorm::new([6]).elementwise_affine(false)], INPUT);
    assert!(plain_norm.err().unwrap().to_string().contains("layer_norm"));
    assert!(refusal(|x| Ok(x.sum_all()?)).contains("is no batch"));
}

#[test]
fn what_was_computed_beside_the_operations_is_found_out() {
    assert!(refusal(|x| no_grad(|| Ok(Var::from(x.value().relu()?)))).contains("no recorded operation"));
    let mean = |x: &Var| Ok(x.sub(&Var::from(x.value().reduce(Reduce::Mean, &[], true)?))?);
    assert!(refusal(mean).contains("operator Sub depends on the number of pictures, or is not computed by the operations of Var"));
    let times_batch = |x: &Var| Ok(x.mul_scalar(x.dims()[0] as f64)?);
    assert!(refusal(times_batch).contains("operator Mul depends"), "{}", refusal(times_batch));
    let rows = |x: &Var| Ok(x.reshape([x.dims()[0] * 3, 48])?.reshape([x.dims()[0], 144])?);
    assert!(refusal(rows).contains("operator Reshape depends"), "{}", refusal(rows));
    let depth = |x: &Var| (0..x.dims()[0]).try_fold(x.clone(), |x, _| Ok(x.relu()?));
    assert!(refusal(depth).contains("operator Relu depends"), "{}", refusal(depth));
}

#[test]
fn files_end_at_the_size_that_readers_take() {
    assert_eq!(check_size((1 << 31) - 1), Ok(()));
    assert!(check_size(1 << 31).unwrap_err().contains("2147483648 bytes"));
}

/// A message's fields by number, in order; integers are kept as their eight bytes.
type Fields<'a> = BTreeMap<u64, Vec<Field<'a>>>;

#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Int(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn int(self) -> u64 {
        if let Field::Int(value) = self { value } else { panic!("{self:?}") }
    }
    fn bytes(self) -> &'a [u8] {
        if let Field::Bytes(bytes) = self { bytes } else { panic!("{self:?}") }
    }
    fn text(self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap()
    }
    fn message(self) -> Fields<'a> {
        read(self.bytes())
    }
}

/// Reads a message as its format has it.
fn read(mut bytes: &[u8]) -> Fields<'_> {
    let mut fields = Fields::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Int(varint(&mut bytes)),
            2 => {
                let len = varint(&mut bytes) as usize;
                Field::Bytes(bytes.split_off(..len).expect("as many bytes as announced"))
            }
            5 => Field::Bytes(bytes.split_off(..4).expect("four bytes")),
            other => panic!("wire type {other}"),
        };
        fields.entry(tag >> 3).or_default().push(field);
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut digits = iter::from_fn(|| bytes.split_off_first().copied());
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let digit = digits.next().expect("another byte");
        value |= u64::from(digit & 0x7F) << shift;
        if digit < 0x80 {
            break;
        }
    }
    value
}

/// The sizes of an input or output; the size of the batch is a name.
fn sizes(value_info: Field<'_>) -> (String, Vec<String>) {
    let info = value_info.message();
    let tensor = info[&2][0].message()[&1][0].message();
    assert_eq!(tensor[&1][0].int(), 1, "f32");
    let size = |dim: &Field<'_>| match dim.message().first_key_value().unwrap() {
        (1, value) => value[0].int().to_string(),
        (_, name) => name[0].text().to_owned(),
    };
    (info[&1][0].text().to_owned(), tensor[&2][0].message()[&1].iter().map(size).collect())
}

struct Network {
    features: Sequential,
    pool: MaxPool2d,
    fc: Linear,
}

impl Module for Network {
    children!(Network { features, pool, fc });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.pool.forward(&self.features.forward(x, mode)?, mode)?;
        self.fc.forward(&x.flatten(1, -1)?, mode)
    }
}

#[test]
fn a_file_holds_the_graph_its_parameters_and_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let network = Network {
        features: sequential![
            Conv2d::new(3, 40, (3, 1)).stride((2, 1)).padding((1, 0)),
            BatchNorm2d::new(40).eps(0.5),
            SiLU::new(),
            Hardsigmoid::new()
        ],
        pool: MaxPool2d::new(2),
        fc: Linear::new(40 * 2 * 3, 2000),
    };
    let classes = Some(vec!["Katze".to_owned(), "Hündin".to_owned()]);
    let metadata = Metadata { arch: Some("mine".into()), classes, preprocessing: Some(json!({"crop": 8})), ..Metadata::default() };
    save_module(&path, &network, INPUT, &metadata).unwrap();

    let bytes = fs::read(&path).unwrap();
    let model = read(&bytes);
    assert_eq!((model[&1][0].int(), model[&8][0].message()[&2][0].int()), (8, 17));
    let properties: BTreeMap<&str, &str> = model[&14].iter().map(|p| (p.message()[&1][0].text(), p.message()[&2][0].text())).collect();
    let expected = BTreeMap::from([("arch", "mine"), ("classes", r#"["Katze","Hündin"]"#), ("preprocessing", r#"{"crop":8}"#)]);
    assert_eq!(properties, expected);

    let graph = model[&7][0].message();
    assert_eq!(sizes(graph[&11][0]), ("input".into(), ["N", "3", "8", "6"].map(String::from).to_vec()));
    assert_eq!(sizes(graph[&12][0]), ("logits".into(), ["N", "2000"].map(String::from).to_vec()));

    let conv = graph[&1][0].message();
    let inputs: Vec<&str> = conv[&1].iter().map(|name| name.text()).collect();
    assert_eq!((conv[&4][0].text(), inputs), ("Conv", vec!["input", "features.0.weight", "features.0.bias"]));
    let attributes: BTreeMap<String, Vec<u64>> = conv[&5]
        .iter()
        .map(|attribute| attribute.message())
        .map(|a| (a[&1][0].text().to_owned(), a.get(&8).or(a.get(&3)).unwrap().iter().map(|value| value.int()).collect()))
        .collect();
    let expected =
        [("dilations", vec![1, 1]), ("group", vec![1]), ("kernel_shape", vec![3, 1]), ("pads", vec![1, 0, 1, 0]), ("strides", vec![2, 1])];
    assert_eq!(attributes, expected.map(|(name, values)| (name.to_owned(), values)).into());
    let norm = graph[&1][1].message();
    assert_eq!(norm[&5][0].message()[&2][0].bytes(), 0.5f32.to_le_bytes());

    for (key, slot) in network.named_tensors() {
        let tensor = graph[&5].iter().map(|tensor| tensor.message()).find(|tensor| tensor[&8][0].text() == key);
        let Some(tensor) = tensor else {
            assert!(key.ends_with("num_batches_tracked"), "{key}");
            continue;
        };
        let dims: Vec<usize> = tensor[&1].iter().map(|size| size.int() as usize).collect();
        let values: Vec<f32> = tensor[&9][0].bytes().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        assert_eq!((dims, values), (slot.shape().to_vec(), slot.value().to_vec::<f32>().unwrap()), "{key}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = crate::build("squeezenet1_1", 2).unwrap();
    let path = folder.path().join("nowhere/model.onnx");
    let error = save(&path, &model, [64, 64], &Metadata::default()).unwrap_err().to_string();
    assert!(error.contains("model.onnx: cannot be written"), "{error}");
    let error = save(folder.path().join("model.onnx"), &model, [8, 8], &Metadata::default()).unwrap_err().to_string();
    assert!(error.contains("max_pool2d"), "{error}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
}
