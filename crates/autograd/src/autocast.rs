//! The precision that convolutions and linear layers multiply in, and that activations are stored in.

use std::cell::Cell;

use tensor::{DType, Device, Tensor, ops::ConvMethod};

thread_local! {
    static BF16: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with the operands of convolutions and linear layers rounded to bf16, forward and backward, as PyTorch's
/// `torch.autocast("cpu", dtype=torch.bfloat16)`. On the CPU, what convolutions give is stored as bf16, and so is what follows of it: norms,
/// activations, pools, sums of two. What each number is summed in, reductions, statistics, linear layers' results, softmax, losses and
/// parameters stay `f32`.
///
/// ```
/// use autograd::{Var, autocast_bf16};
/// use tensor::Tensor;
///
/// let one_and_a_bit = Var::from(Tensor::from_vec(vec![1.001f32], [1, 1])?);
/// let product = || one_and_a_bit.linear(&one_and_a_bit, None)?.value().item();
/// assert!((product()? - 1.002).abs() < 1e-4);
/// assert_eq!(autocast_bf16(product)?, 1.0);
/// # Ok::<(), tensor::Error>(())
/// ```
pub fn autocast_bf16<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            BF16.set(self.0);
        }
    }
    let _restore = Restore(BF16.replace(true));
    f()
}

/// How a convolution is computed here and now, of which `method` is asked: in bf16 where that is on; directly where it `records`, that is
/// where gradients will flow through it. The gradients themselves record nothing.
pub fn conv_method(method: ConvMethod, records: bool) -> ConvMethod {
    match (BF16.get(), records) {
        (true, _) => ConvMethod::Bf16,
        (false, true) if method == ConvMethod::Fastest => ConvMethod::Direct,
        _ => method,
    }
}

/// What a convolution of `x` is stored as here and now; nothing where that is as the input.
pub fn activation_dtype(x: &Tensor) -> Option<DType> {
    (BF16.get() && x.dtype().computed() == DType::F32 && x.device() == Device::Cpu).then_some(DType::Bf16)
}

#[cfg(test)]
mod tests {
    use tensor::{
        cpu::{ConvAlgorithm, ConvPass, conv2d_algorithm, winograd_enabled},
        ops::{Conv2dOptions, ConvShape},
        random::Generator,
    };

    use super::*;
    use crate::{Parameter, Var};

    /// The gradient of a 1x1 weight of 1.001 for an input of 1.001.
    fn gradient() -> f64 {
        let number = || Tensor::from_vec(vec![1.001f32], [1, 1, 1, 1]).unwrap();
        let weight = Parameter::new(number());
        Var::from(number()).conv2d(&weight.var(), None, &Conv2dOptions::default()).unwrap().backward().unwrap();
        weight.grad().unwrap().item().unwrap()
    }

    #[test]
    fn gradients_are_of_rounded_operands_inside_the_scope_and_exact_behind_it() {
        assert_eq!(autocast_bf16(gradient), 1.0);
        assert_eq!(gradient(), 1.001f32 as f64);
    }

    #[test]
    fn what_records_is_computed_directly_and_its_gradients_the_fastest_way() {
        let (dims, weight_dims) = ([2, 64, 16, 16], [64, 64, 3, 3]);
        let with = |method| Conv2dOptions { padding: (1, 1), method, ..Default::default() };
        let fastest = ConvShape::new(&dims, &weight_dims, &with(ConvMethod::Fastest)).unwrap();
        let expected = if winograd_enabled() { ConvAlgorithm::Winograd } else { ConvAlgorithm::Direct };
        assert_eq!(conv2d_algorithm(&fastest, ConvPass::GradInput), expected, "the shape tells the methods apart");

        let mut generator = Generator::new(40);
        let mut draw = |dims: [usize; 4]| Tensor::normal(dims, 0.0, 1.0, &mut generator).unwrap();
        let (x, weight) = (Parameter::new(draw(dims)), Parameter::new(draw(weight_dims)));
        let y = x.var().conv2d(&weight.var(), None, &with(ConvMethod::Fastest)).unwrap();
        let direct = x.value().conv2d(&weight.value(), None, &with(ConvMethod::Direct)).unwrap();
        assert_eq!(y.value().to_vec::<f32>().unwrap(), direct.to_vec::<f32>().unwrap());

        let dy = Tensor::ones(y.dims(), DType::F32).unwrap();
        y.backward_from(dy.clone(), |_| Ok(())).unwrap();
        let dx = dy.conv2d_grad_input(&weight.value(), &dims, &with(ConvMethod::Fastest)).unwrap();
        assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), dx.to_vec::<f32>().unwrap());
    }
}
