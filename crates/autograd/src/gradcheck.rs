//! Gradients against finite differences.

use tensor::{DType, Error, Result, Tensor, random::Generator};

use crate::{Parameter, Var, no_grad};

/// The largest deviation of the gradients of `f` from central differences, relative to the largest gradient or 1. `f` gets the
/// `inputs`, in `f64`, as parameters; its result may have any shape. It must compute the same each time, so a dropout in it needs
/// a fixed seed.
///
/// ```
/// use tensor::Tensor;
/// let x = Tensor::from_vec(vec![0.5f64, -1.5, 2.0], [3])?;
/// let error = autograd::gradcheck(|x| x[0].mul(&x[0])?.tanh(), &[x])?;
/// assert!(error < 1e-8);
/// # Ok::<(), tensor::Error>(())
/// ```
///
/// # Errors
/// Where an input is not `f64`, or `f` fails.
pub fn gradcheck(f: impl Fn(&[Var]) -> Result<Var>, inputs: &[Tensor]) -> Result<f64> {
    const STEP: f64 = 1e-5;
    if let Some(input) = inputs.iter().find(|t| t.dtype() != DType::F64) {
        return Err(Error::DType { op: "gradcheck", expected: DType::F64.to_string(), found: input.dtype() });
    }
    let parameters: Vec<Parameter> = inputs.iter().cloned().map(Parameter::new).collect();
    let output = f(&parameters.iter().map(Parameter::var).collect::<Vec<_>>())?;
    let probe = probe(output.dims())?.to_device(output.value().device())?;
    output.backward_from(probe.clone(), |_| Ok(()))?;

    let loss = |inputs: &[Tensor]| -> Result<f64> {
        let output = no_grad(|| f(&inputs.iter().map(Var::from).collect::<Vec<_>>()))?;
        output.value().mul(&probe)?.sum_all()?.item()
    };
    let (mut deviation, mut largest) = (0f64, 1f64);
    for (i, parameter) in parameters.iter().enumerate() {
        let analytic = match parameter.grad() {
            Some(grad) => grad.to_f64_vec()?,
            None => vec![0.0; inputs[i].elements()],
        };
        let values = inputs[i].to_f64_vec()?;
        for (j, &expected) in analytic.iter().enumerate() {
            let shifted = |by: f64| -> Result<f64> {
                let mut values = values.clone();
                values[j] += by;
                let mut moved = inputs.to_vec();
                moved[i] =
                    Tensor::from_vec(values, inputs[i].shape().clone())?.to_layout(inputs[i].layout())?.to_device(inputs[i].device())?;
                loss(&moved)
            };
            let numeric = (shifted(STEP)? - shifted(-STEP)?) / (2.0 * STEP);
            deviation = deviation.max((expected - numeric).abs());
            largest = largest.max(numeric.abs());
        }
    }
    Ok(deviation / largest)
}

/// The gradient given to the output: numbers in [-1, 1), all different.
fn probe(dims: &[usize]) -> Result<Tensor> {
    let mut generator = Generator::new(0x9E37);
    let n = dims.iter().product();
    Tensor::from_vec((0..n).map(|_| 2.0 * generator.uniform() - 1.0).collect::<Vec<f64>>(), dims)
}
