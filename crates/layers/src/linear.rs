//! The fully connected layer.

use autograd::Var;

use crate::{Error, LazyParameter, Mode, Module, Result, Slot, conv2d::weight_and_bias, init::Init, repr, trace};

/// `y = x weightᵀ + bias` over the last dimension, `[…, in_features]` to `[…, out_features]`: PyTorch's `Linear`.
///
/// ```
/// use layers::{Linear, ModuleExt};
/// assert_eq!(Linear::new(512, 10).repr(), "Linear(in_features=512, out_features=10, bias=True)");
/// ```
#[derive(Debug)]
pub struct Linear {
    /// The size of the input's last dimension.
    pub in_features: usize,
    /// The size of the output's last dimension.
    pub out_features: usize,
    /// `[out_features, in_features]`.
    pub weight: LazyParameter,
    /// `[out_features]`.
    pub bias: Option<LazyParameter>,
}

impl Linear {
    /// A layer with a bias.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        let weight = LazyParameter::weight([out_features, in_features], Init::DEFAULT_WEIGHT);
        let bias = Some(LazyParameter::new([out_features], Init::default_bias(&weight.shape())));
        Linear { in_features, out_features, weight, bias }
    }

    /// Whether there is a bias.
    pub fn bias(mut self, bias: bool) -> Self {
        let init = Init::default_bias(&self.weight.shape());
        self.bias = bias.then(|| self.bias.take().unwrap_or_else(|| LazyParameter::new([self.out_features], init)));
        self
    }

    /// How the weight begins.
    pub fn weight_init(mut self, init: Init) -> Self {
        self.weight = self.weight.with_init(init);
        self
    }

    /// How the bias begins, where there is one.
    pub fn bias_init(mut self, init: Init) -> Self {
        self.bias = self.bias.map(|bias| bias.with_init(init));
        self
    }
}

impl Module for Linear {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        if self.in_features == 0 || self.out_features == 0 {
            return Err(Error::config(self, "features must be at least 1"));
        }
        self.weight.check()?;
        let bias = self.bias.as_ref().map(|b| b.var());
        let y = x.linear(&self.weight.var(), bias.as_ref())?;
        trace::note(self, x, &y);
        Ok(y)
    }

    fn class_name(&self) -> &'static str {
        "Linear"
    }

    fn extra_repr(&self) -> String {
        let bias = repr::boolean(self.bias.is_some());
        format!("in_features={}, out_features={}, bias={bias}", self.in_features, self.out_features)
    }

    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        weight_and_bias(Some(&self.weight), self.bias.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn computes_the_product_and_the_sum() {
        let layer = Linear::new(2, 3);
        layer.weight.load(&Tensor::from_vec(vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]).unwrap()).unwrap();
        layer.bias.as_ref().unwrap().load(&Tensor::from_vec(vec![0.5f32, 0.0, -0.5], [3]).unwrap()).unwrap();
        let x = Var::from(Tensor::from_vec(vec![1f32, -1.0], [1, 2]).unwrap());
        let y = layer.forward(&x, Mode::Eval).unwrap();
        assert_eq!(y.value().to_vec::<f32>().unwrap(), [-0.5, -1.0, -1.5]);
    }

    #[test]
    fn a_wrong_input_is_an_error_that_names_both_shapes() {
        let x = Var::from(Tensor::ones([4, 7], DType::F32).unwrap());
        let error = Linear::new(8, 2).forward(&x, Mode::Eval).unwrap_err().to_string();
        assert!(error.contains("[4, 7]") && error.contains("[2, 8]"), "{error}");
        assert!(Linear::new(7, 0).forward(&x, Mode::Eval).is_err());
        assert!(Linear::new(usize::MAX, usize::MAX).forward(&x, Mode::Eval).is_err());
    }

    #[test]
    fn without_a_bias_there_is_one_parameter() {
        let layer = Linear::new(3, 2).bias(false);
        assert_eq!(layer.state_dict().unwrap().keys().collect::<Vec<_>>(), ["weight"]);
        assert_eq!(layer.repr(), "Linear(in_features=3, out_features=2, bias=False)");
        assert_eq!(layer.num_parameters(), 6);
    }
}
