//! The general operations against what PyTorch computes: results and gradients, in f32 and f64, from either memory order.

mod common;

use common::{Golden, assert_close, number, pair};
use serde_json::Value;
use tensor::{
    DType, Layout, Result, Tensor,
    ops::{AvgPool2dOptions, CrossEntropyOptions, MaxPool2dOptions, Reduction, Unary},
};

/// What an operation gives: its output, and the gradients of its inputs for a gradient of the output.
type Outcome = Result<(Tensor, Vec<Tensor>)>;

/// Runs all cases of an operation. `run` gets the inputs, the attributes and a function from the output to its gradient.
fn check(op: &str, inputs: usize, run: impl Fn(&[Tensor], &Value, &dyn Fn(&Tensor) -> Tensor) -> Outcome) {
    let golden = Golden::open();
    for (case, attributes) in golden.cases(op) {
        for dtype in [DType::F32, DType::F64] {
            for layout in [Layout::Contiguous, Layout::ChannelsLast] {
                let input = |i| golden.tensor(&format!("{case}/in{i}"), dtype);
                let stored = |t: Tensor| if t.dims().len() == 4 { t.to_layout(layout).expect("four dimensions") } else { t };
                let inputs: Vec<Tensor> = (0..inputs).map(|i| stored(input(i))).collect();
                let (out, grads) = run(&inputs, attributes, &|out| golden.probe(case, out.dims(), dtype)).expect(case);
                assert_close(&format!("{case} {dtype} {layout:?}"), &out, &golden.tensor(&format!("{case}/out"), dtype), 1e-5);
                assert_eq!(grads.len(), inputs.len());
                for (i, grad) in grads.iter().enumerate() {
                    let expected = golden.tensor(&format!("{case}/grad{i}"), dtype);
                    assert_close(&format!("{case} grad{i} {dtype} {layout:?}"), grad, &expected, 1e-5);
                }
            }
        }
    }
}

fn flag(value: &Value) -> bool {
    value.as_bool().expect("true or false")
}

#[test]
fn max_pool2d() {
    check("max_pool2d", 1, |x, a, probe| {
        let options = MaxPool2dOptions {
            kernel_size: pair(&a["kernel_size"]),
            stride: pair(&a["stride"]),
            padding: pair(&a["padding"]),
            dilation: pair(&a["dilation"]),
            ceil_mode: flag(&a["ceil_mode"]),
        };
        let (out, places) = x[0].max_pool2d(&options)?;
        let grad = probe(&out).max_pool2d_backward(&places, x[0].shape(), &options)?;
        Ok((out, vec![grad]))
    });
}

#[test]
fn avg_pool2d() {
    check("avg_pool2d", 1, |x, a, probe| {
        let options = AvgPool2dOptions {
            kernel_size: pair(&a["kernel_size"]),
            stride: pair(&a["stride"]),
            padding: pair(&a["padding"]),
            ceil_mode: flag(&a["ceil_mode"]),
            count_include_pad: flag(&a["count_include_pad"]),
        };
        let out = x[0].avg_pool2d(&options)?;
        let grad = probe(&out).avg_pool2d_backward(x[0].shape(), &options)?;
        Ok((out, vec![grad]))
    });
}

#[test]
fn adaptive_avg_pool2d() {
    check("adaptive_avg_pool2d", 1, |x, a, probe| {
        let size = pair(&a["output_size"]).map(Some);
        let out = x[0].adaptive_avg_pool2d(size)?;
        let grad = probe(&out).adaptive_avg_pool2d_backward(x[0].shape(), size)?;
        Ok((out, vec![grad]))
    });
}

#[test]
fn relu() {
    check("relu", 1, |x, _, probe| {
        let out = x[0].relu()?;
        let grad = probe(&out).unary_backward(Unary::Relu, &out)?;
        Ok((out, vec![grad]))
    });
}

#[test]
fn softmax() {
    check("softmax", 1, |x, _, probe| {
        let out = x[0].softmax(-1)?;
        let grad = probe(&out).softmax_backward(&out, -1)?;
        Ok((out, vec![grad]))
    });
}

#[test]
fn log_softmax() {
    check("log_softmax", 1, |x, _, probe| {
        let out = x[0].log_softmax(-1)?;
        let grad = probe(&out).log_softmax_backward(&out, -1)?;
        Ok((out, vec![grad]))
    });
}

#[test]
fn cross_entropy() {
    check("cross_entropy", 1, |x, a, probe| {
        let targets: Vec<i64> = a["target"].as_array().expect("a list").iter().map(|t| number(t) as i64).collect();
        let targets = Tensor::from_slice(&targets, [targets.len()])?;
        let reduction = match a["reduction"].as_str() {
            Some("mean") => Reduction::Mean,
            Some("sum") => Reduction::Sum,
            Some("none") => Reduction::None,
            other => panic!("reduction {other:?}"),
        };
        let options = CrossEntropyOptions { label_smoothing: a["label_smoothing"].as_f64().expect("a number"), reduction };
        let (loss, probabilities) = x[0].cross_entropy(&targets, &options)?;
        let grad = probabilities.cross_entropy_backward(&probe(&loss), &targets, &options)?;
        Ok((loss, vec![grad]))
    });
}

#[test]
fn cat() {
    check("cat", 2, |x, a, probe| {
        let dim = a["dim"].as_i64().expect("a number") as isize;
        let out = Tensor::cat(&[&x[0], &x[1]], dim)?;
        let (grad, first) = (probe(&out), x[0].dims()[dim as usize]);
        let grads = vec![grad.narrow(dim, 0, first)?, grad.narrow(dim, first, x[1].dims()[dim as usize])?];
        Ok((out, grads))
    });
}
