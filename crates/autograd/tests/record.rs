//! What a recording holds, and what it leaves as it was.

use autograd::{Error, Op, Operand, Parameter, Var, no_grad, op::BatchNorm, ops::Fused, record};
use tensor::{DType, Tensor};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F32).unwrap()
}

#[test]
fn parameters_appear_as_constants_that_share_their_memory() {
    let (weight, frozen) = (Parameter::new(ones(&[4, 3])), Parameter::new(ones(&[4])));
    frozen.set_requires_grad(false);
    let recording = no_grad(|| record(ones(&[2, 3]), |x| x.linear(&weight.var(), Some(&frozen.var())))).unwrap();
    let [linear] = &recording.operations[..] else { panic!("{recording:?}") };
    let [Operand::Computed { id, .. }, Operand::Constant(w), Operand::Constant(b)] = &linear.inputs[..] else { panic!("{linear:?}") };
    assert!(*id == recording.input && w.shares_memory_with(&weight.value()) && b.shares_memory_with(&frozen.value()));
    assert_eq!((&*linear.shape, linear.output), (&[2, 4][..], recording.output));
}

#[test]
fn a_batch_norm_is_recorded_with_its_moments_and_which_inputs_it_has() {
    let (mean, var, bias) = (ones(&[3]), ones(&[3]), Var::from(ones(&[3])));
    let recording =
        record(ones(&[2, 3, 1, 1]), |x| x.batch_norm_eval(&mean, &var, None, Some(&bias), 0.5, Fused { residual: Some(x), relu: true }));
    let operation = recording.unwrap().operations.remove(0);
    let Op::BatchNorm(BatchNorm { mean: m, eps: 0.5, weight: false, bias: true, residual: true, relu: true, batch_stats: false, .. }) =
        operation.op
    else {
        panic!("{operation:?}")
    };
    assert!(m.shares_memory_with(&mean) && operation.inputs.len() == 3);
}

#[test]
fn a_result_that_no_operation_computed_is_refused() {
    let outside = Var::from(ones(&[1]));
    for result in [record(ones(&[1]), |_| Ok::<_, Error>(outside.clone())), record(ones(&[1]), |x| Ok::<_, Error>(x.detach()))] {
        assert!(result.unwrap_err().to_string().contains("no recorded operation"));
    }
}

#[test]
fn recordings_within_each_other_do_not_mix() {
    let outer = record(ones(&[2]), |x| {
        let inner = record(ones(&[2]), |x| x.neg()?.exp())?;
        assert_eq!(inner.operations.len(), 2);
        x.relu()
    });
    assert_eq!(outer.unwrap().operations.len(), 1);
}

#[test]
fn a_failed_recording_ends_and_gradients_flow_again() {
    let parameter = Parameter::new(ones(&[2]));
    assert!(record(ones(&[3]), |x| x.add(&parameter.var())).is_err());
    parameter.var().sum_all().unwrap().backward().unwrap();
    assert_eq!(parameter.grad().unwrap().to_vec::<f32>().unwrap(), [1.0, 1.0]);
}

#[test]
fn no_gradient_is_taken_within() {
    let parameter = Parameter::new(ones(&[2]));
    let result = record(ones(&[2]), |x| {
        let y = x.mul(&parameter.var())?.sum_all()?;
        assert!(y.requires_grad());
        y.backward().map(|()| y)
    });
    assert!(result.unwrap_err().to_string().contains("a recording takes no gradients"));
}
