//! Layer normalisation.

use autograd::Var;
use tensor::Shape;

use crate::{LazyParameter, Mode, Module, Result, Slot, conv2d::weight_and_bias, init::Init, repr, trace};

/// Normalises each row of the last dimensions of `[…, normalized_shape]` to mean 0 and variance 1, then scales and shifts it:
/// PyTorch's `LayerNorm` (Ba, Kiros and Hinton, "Layer normalization", 2016). Acts alike in training and inference.
///
/// ```
/// use layers::{LayerNorm, ModuleExt};
/// assert_eq!(LayerNorm::new([96]).eps(1e-6).repr(), "LayerNorm((96,), eps=1e-06, elementwise_affine=True, bias=True)");
/// assert_eq!(LayerNorm::new([2, 3]).repr(), "LayerNorm((2, 3), eps=1e-05, elementwise_affine=True, bias=True)");
/// ```
#[derive(Debug)]
pub struct LayerNorm {
    /// The sizes of the last dimensions, which are normalised together.
    pub normalized_shape: Shape,
    /// What is added to the variance.
    pub eps: f64,
    /// Of the normalized shape: the scale.
    pub weight: Option<LazyParameter>,
    /// Of the normalized shape: the shift.
    pub bias: Option<LazyParameter>,
}

impl LayerNorm {
    /// A layer with PyTorch's defaults: eps 1e-5, weight 1, bias 0.
    pub fn new(normalized_shape: impl Into<Shape>) -> Self {
        let normalized_shape = normalized_shape.into();
        let parameter = |init| Some(LazyParameter::new(normalized_shape.clone(), init));
        LayerNorm { eps: 1e-5, weight: parameter(Init::Ones), bias: parameter(Init::Zeros), normalized_shape }
    }

    /// What is added to the variance.
    pub fn eps(self, eps: f64) -> Self {
        LayerNorm { eps, ..self }
    }

    /// Whether there are a weight and a bias.
    pub fn elementwise_affine(self, elementwise_affine: bool) -> Self {
        if elementwise_affine {
            return LayerNorm::new(self.normalized_shape).eps(self.eps);
        }
        LayerNorm { weight: None, bias: None, ..self }
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        for parameter in self.weight.iter().chain(&self.bias) {
            parameter.check()?;
        }
        let (weight, bias) = (self.weight.as_ref().map(|p| p.var()), self.bias.as_ref().map(|p| p.var()));
        let y = x.layer_norm(self.normalized_shape.clone(), weight.as_ref(), bias.as_ref(), self.eps)?;
        trace::note(self, x, &y);
        Ok(y)
    }

    fn class_name(&self) -> &'static str {
        "LayerNorm"
    }

    fn extra_repr(&self) -> String {
        let sizes: Vec<String> = self.normalized_shape.iter().map(usize::to_string).collect();
        let sizes = if let [size] = sizes.as_slice() { format!("{size},") } else { sizes.join(", ") };
        let (affine, bias) = (repr::boolean(self.weight.is_some()), repr::boolean(self.bias.is_some()));
        format!("({sizes}), eps={}, elementwise_affine={affine}, bias={bias}", repr::float(self.eps))
    }

    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        weight_and_bias(self.weight.as_ref(), self.bias.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn each_row_is_normalised_scaled_and_shifted() {
        let layer = LayerNorm::new([2]).eps(0.0);
        layer.weight.as_ref().unwrap().load(&Tensor::from_vec(vec![1f32, 3.0], [2]).unwrap()).unwrap();
        layer.bias.as_ref().unwrap().load(&Tensor::from_vec(vec![0f32, 0.5], [2]).unwrap()).unwrap();
        let x = Var::from(Tensor::from_vec(vec![1f32, 3.0, 10.0, 4.0], [2, 2]).unwrap());
        let y = layer.forward(&x, Mode::Train).unwrap();
        assert_eq!(y.value().to_vec::<f32>().unwrap(), [-1.0, 3.5, 1.0, -2.5]);
    }

    #[test]
    fn without_parameters_it_prints_and_saves_none() {
        let layer = LayerNorm::new([5]).elementwise_affine(false);
        assert_eq!(layer.repr(), "LayerNorm((5,), eps=1e-05, elementwise_affine=False, bias=False)");
        assert_eq!(layer.state_dict().unwrap().keys().count(), 0);
        assert_eq!(layer.elementwise_affine(true).num_parameters(), 10);
    }

    #[test]
    fn an_input_of_another_width_is_an_error() {
        let x = Var::from(Tensor::from_vec(vec![1f32, 3.0], [1, 2]).unwrap());
        let error = LayerNorm::new([3]).forward(&x, Mode::Eval).unwrap_err().to_string();
        assert!(error.contains("[1, 2]") && error.contains("[3]"), "{error}");
    }
}
