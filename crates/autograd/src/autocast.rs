//! The precision that convolutions and linear layers multiply in.

use std::cell::Cell;

use tensor::ops::ConvMethod;

thread_local! {
    static BF16: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with the operands of convolutions and linear layers rounded to bf16, forward and backward, as PyTorch's
/// `torch.autocast("cpu", dtype=torch.bfloat16)`; sums, and all that is not such a product, stay `f32`, as parameters do.
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

/// How a convolution is computed here and now, of which `method` is asked: in bf16 where that is on; directly where gradients will
/// flow through it (a gradient itself does not, so its `records` is false).
pub fn conv_method(method: ConvMethod, records: bool) -> ConvMethod {
    match (BF16.get(), records) {
        (true, _) => ConvMethod::Bf16,
        (false, true) if method == ConvMethod::Fastest => ConvMethod::Direct,
        _ => method,
    }
}

#[cfg(test)]
mod tests {
    use tensor::{Tensor, ops::Conv2dOptions};

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
}
