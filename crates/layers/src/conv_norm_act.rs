//! A convolution with what usually follows it, in as few passes as the mode allows.

use autograd::{Var, activation_dtype, conv_method, is_grad_enabled};
use tensor::{
    DType, Tensor,
    ops::{Conv2dOptions, Epilogue, FusedConv2d, Unary},
};

use crate::{
    BatchNorm2d, Conv2d, Mode, Module, Result,
    trace::{self, Fusion},
};

/// `activation(norm(conv(x)) + residual)`; the norm, the residual and the activation may each be absent.
///
/// With gradients, norm, sum and a ReLU are one pass after the convolution; without, the norm is folded into the convolution and
/// all four are one pass, whose result takes the residual's memory where no other variable shares it.
///
/// # Errors
/// Where shapes do not fit, or a layer's settings make no sense.
pub fn conv_norm_act<'a>(
    conv: &Conv2d,
    norm: impl Into<Option<&'a BatchNorm2d>>,
    x: &Var,
    residual: Option<Var>,
    activation: impl Into<Option<Unary>>,
    mode: Mode,
) -> Result<Var> {
    let (norm, activation) = (norm.into(), activation.into());
    if folds(conv, norm, x, residual.as_ref(), mode) {
        return folded(conv, norm, x, residual, activation);
    }
    let y = conv.forward(x, mode)?;
    match norm {
        Some(norm) => norm.forward_activated(&y, residual.as_ref(), activation, mode),
        None => {
            let y = residual.map_or(Ok(y.clone()), |residual| y.add(&residual))?;
            Ok(activation.map_or(Ok(y.clone()), |op| y.unary(op))?)
        }
    }
}

/// A convolution with the norm and the activation behind it, either of which may be absent.
#[derive(Debug, Clone, Copy)]
pub struct ConvNormAct<'a> {
    /// The convolution.
    pub conv: &'a Conv2d,
    /// The norm of its output.
    pub norm: Option<&'a BatchNorm2d>,
    /// What the norm's output goes through.
    pub activation: Option<Unary>,
}

impl ConvNormAct<'_> {
    /// [`conv_norm_act`] of these.
    pub(crate) fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        conv_norm_act(self.conv, self.norm, x, None, self.activation, mode)
    }
}

/// One [`conv_norm_act`] after the other. Without gradients what lies between them need not go through memory: see
/// [`Tensor::conv2d_pair`]. [`Sequential`](crate::Sequential) runs a convolution and a depthwise one in a row this way.
///
/// # Errors
/// Where shapes do not fit, or a layer's settings make no sense.
pub fn conv_norm_act_pair(first: ConvNormAct<'_>, second: ConvNormAct<'_>, x: &Var, mode: Mode) -> Result<Var> {
    match fused_pair([first, second], x, mode, |[first, second]| x.value().conv2d_pair(first, second))? {
        Some(y) => Ok(Var::from(y)),
        None => second.forward(&first.forward(x, mode)?, mode),
    }
}

/// [`conv_norm_act_pair`] and the means of its channels, `[N, C, 1, 1]`: see [`Tensor::conv2d_pair_with_means`].
///
/// # Errors
/// Where shapes do not fit, or a layer's settings make no sense.
pub fn conv_norm_act_pair_with_means(first: ConvNormAct<'_>, second: ConvNormAct<'_>, x: &Var, mode: Mode) -> Result<(Var, Var)> {
    if let Some((y, means)) = fused_pair([first, second], x, mode, |[first, second]| x.value().conv2d_pair_with_means(first, second))? {
        return Ok((Var::from(y), Var::from(means)));
    }
    let y = second.forward(&first.forward(x, mode)?, mode)?;
    let means = y.adaptive_avg_pool2d([Some(1), Some(1)])?;
    Ok((y, means))
}

/// What two convolutions give together; nothing where they are not one pass each.
fn fused_pair<R>(
    layers: [ConvNormAct<'_>; 2],
    x: &Var,
    mode: Mode,
    compute: impl FnOnce([FusedConv2d<'_>; 2]) -> tensor::Result<R>,
) -> Result<Option<R>> {
    // Who looks at what each module computes wants to see what lies between them.
    if trace::is_taken() || !layers.iter().all(|step| folds(step.conv, step.norm, x, None, mode)) {
        return Ok(None);
    }
    let [a, b] = layers;
    let folded = [Folded::new(a.conv, a.norm, x)?, Folded::new(b.conv, b.norm, x)?];
    let weights = layers.map(|step| step.conv.weight.value());
    let fused = |i: usize| {
        let epilogue = folded[i].epilogue(None, layers[i].activation);
        FusedConv2d { weight: &weights[i], options: folded[i].options, epilogue }
    };
    Ok(Some(compute([fused(0), fused(1)])?))
}

/// [`conv_norm_act`] of `x * factors`, for factors `[N, C, 1, 1]` of the channels of each picture. Without gradients the product need not be
/// computed: see [`Tensor::conv2d_scaled`]. [`Sequential`](crate::Sequential) runs a
/// [`SqueezeExcitation`](crate::SqueezeExcitation) and the convolution behind it this way.
///
/// # Errors
/// Where shapes do not fit, or a layer's settings make no sense.
pub fn conv_norm_act_scaled(layers: ConvNormAct<'_>, x: &Var, factors: &Var, residual: Option<Var>, mode: Mode) -> Result<Var> {
    let ConvNormAct { conv, norm, activation } = layers;
    // Who looks at what each module computes wants to see the product.
    let computes_product = trace::is_taken() || (is_grad_enabled() && factors.requires_grad());
    if computes_product || !folds(conv, norm, x, residual.as_ref(), mode) {
        return conv_norm_act(conv, norm, &x.mul(factors)?, residual, activation, mode);
    }
    let folded = Folded::new(conv, norm, x)?;
    let weight = conv.weight.value();
    let fused = FusedConv2d { weight: &weight, options: folded.options, epilogue: folded.epilogue(residual, activation) };
    Ok(Var::from(x.value().conv2d_scaled(factors.value(), fused)?))
}

/// Whether all is one pass: no gradient is asked for, and the norm's statistics are known ahead.
pub(crate) fn folds(conv: &Conv2d, norm: Option<&BatchNorm2d>, x: &Var, residual: Option<&Var>, mode: Mode) -> bool {
    let running_statistics = norm.is_none_or(|norm| mode == Mode::Eval || norm.is_frozen());
    running_statistics && !needs_gradient(conv, norm, x, residual)
}

fn needs_gradient(conv: &Conv2d, norm: Option<&BatchNorm2d>, x: &Var, residual: Option<&Var>) -> bool {
    let norm = norm.into_iter().flat_map(|norm| norm.weight.iter().chain(&norm.bias));
    let mut parameters = norm.chain(&conv.bias).chain([&conv.weight]);
    is_grad_enabled() && (x.requires_grad() || residual.is_some_and(Var::requires_grad) || parameters.any(|p| p.requires_grad()))
}

/// A convolution and a norm as one: `conv(x) * scale + shift`.
pub(crate) struct Folded {
    pub(crate) options: Conv2dOptions,
    scale: Option<Tensor>,
    shift: Option<Tensor>,
    dtype: Option<DType>,
}

impl Folded {
    /// For the input `x`, or one that is computed of it.
    pub(crate) fn new(conv: &Conv2d, norm: Option<&BatchNorm2d>, x: &Var) -> Result<Self> {
        conv.check()?;
        let (scale, shift) = match norm {
            None => (None, conv.bias.as_ref().map(|bias| bias.value())),
            Some(norm) => {
                let (scale, shift) = norm.as_affine(conv.bias.as_ref())?;
                (Some(scale), Some(shift))
            }
        };
        let options = Conv2dOptions { method: conv_method(conv.options.method, false), ..conv.options };
        Ok(Folded { options, scale, shift, dtype: activation_dtype(x.value()) })
    }

    pub(crate) fn epilogue(&self, residual: Option<Var>, activation: Option<Unary>) -> Epilogue<'_> {
        let Folded { scale, shift, dtype, .. } = self;
        Epilogue { scale: scale.as_ref(), shift: shift.as_ref(), residual: residual.map(Var::into_value), activation, dtype: *dtype }
    }
}

/// The whole as one convolution: `activation(conv(x) * scale + shift + residual)`.
fn folded(conv: &Conv2d, norm: Option<&BatchNorm2d>, x: &Var, residual: Option<Var>, activation: Option<Unary>) -> Result<Var> {
    let folded = Folded::new(conv, norm, x)?;
    let fusion = Fusion { folded_norm: norm.is_some(), residual: residual.is_some(), activation };
    let epilogue = folded.epilogue(residual, activation);
    let y = Var::from(x.value().conv2d_fused(&conv.weight.value(), &folded.options, epilogue)?);
    trace::note_fused(conv, x, &y, fusion);
    if let Some(norm) = norm {
        trace::note_fused(norm, &y, &y, fusion);
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use autograd::no_grad;
    use tensor::{DType, Tensor, random::Generator};

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn each_way_computes_the_same() {
        let mut generator = Generator::new(2);
        let mut draw =
            |shape: [usize; 4]| Var::from(Tensor::normal(shape, 0.3, 1.0, &mut generator).unwrap().to_dtype(DType::F64).unwrap());
        let (x, residual) = (draw([2, 5, 6, 6]), draw([2, 7, 3, 3]));
        for bias in [false, true] {
            let (conv, norm) = (Conv2d::new(5, 7, 3).stride(2).padding(1).bias(bias), BatchNorm2d::new(7));
            conv.to_dtype(DType::F64).unwrap();
            norm.to_dtype(DType::F64).unwrap();
            norm.forward(&conv.forward(&x, Mode::Train).unwrap(), Mode::Train).unwrap(); // statistics other than 0 and 1
            let plain = norm.forward(&conv.forward(&x, Mode::Eval).unwrap(), Mode::Eval).unwrap();
            let plain = (plain + &residual).unwrap().relu().unwrap();
            let with_graph = conv_norm_act(&conv, &norm, &x, Some(residual.clone()), Unary::Relu, Mode::Eval).unwrap();
            let without = no_grad(|| conv_norm_act(&conv, &norm, &x, Some(residual.clone()), Unary::Relu, Mode::Eval)).unwrap();
            assert!(with_graph.requires_grad() && !without.requires_grad());
            for y in [with_graph, without] {
                let deviation = y.value().sub(plain.value()).unwrap().abs().unwrap().amax(&[], false).unwrap();
                assert!(deviation.item().unwrap() < 1e-12);
            }
        }
    }

    #[test]
    fn a_residual_is_overwritten_only_where_nobody_else_holds_it() {
        let mut generator = Generator::new(3);
        let mut draw = |shape: [usize; 4]| Tensor::normal(shape, 0.0, 1.0, &mut generator).unwrap().channels_last().unwrap();
        let (x, residual) = (Var::from(draw([2, 5, 6, 6])), draw([2, 7, 6, 6]));
        let (conv, before) = (Conv2d::new(5, 7, 3).padding(1), residual.to_vec::<f32>().unwrap());
        let run = |residual: Tensor| no_grad(|| conv_norm_act(&conv, None, &x, Some(residual.into()), None, Mode::Eval)).unwrap();
        let beside = run(residual.clone());
        assert_eq!(residual.to_vec::<f32>().unwrap(), before);
        let memory = residual.data::<f32>().unwrap().as_ptr();
        let in_place = run(residual);
        assert_eq!(in_place.value().data::<f32>().unwrap().as_ptr(), memory);
        assert_eq!(in_place.value().to_vec::<f32>().unwrap(), beside.value().to_vec::<f32>().unwrap());
    }

    #[test]
    fn without_a_norm_the_bias_still_counts() {
        let x = Var::from(Tensor::ones([1, 2, 1, 1], DType::F32).unwrap());
        let conv = Conv2d::new(2, 3, 1);
        let plain = conv.forward(&x, Mode::Eval).unwrap().value().to_f64_vec().unwrap();
        let fused = no_grad(|| conv_norm_act(&conv, None, &x, None, None, Mode::Train)).unwrap().value().to_f64_vec().unwrap();
        assert!(plain.iter().zip(&fused).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
