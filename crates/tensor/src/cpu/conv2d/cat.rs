//! Convolutions whose outputs lie side by side along the channels.

use super::{
    ConvPass, Output,
    algorithm::{Kernels, kernels},
    forward, winograd_write_at, write_at,
};
use crate::{
    DType, Layout, Result, Shape, Tensor, bf16,
    cpu::{
        dispatch::level,
        pool::{SharedMut, parallel_ranges},
        stored::{Stored, as_f32_mut},
    },
    ops::{CatStep, ConvStep},
};

/// Values below which a second thread is not worth waking.
const GRAIN: usize = 1 << 14;

/// All parts, of `f32` or bf16, in one tensor of this shape: of bf16 where a part is.
pub(in crate::cpu) fn forward_cat(parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
    let bf16 = parts.iter().any(|part| part.dtype() == DType::Bf16);
    if bf16 { cat_as::<bf16>(parts, shape) } else { cat_as::<f32>(parts, shape) }
}

fn cat_as<E: Stored>(parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
    let mut all = Tensor::uninit::<E>(shape.clone(), Layout::ChannelsLast)?;
    let (pixel, values) = (shape[1], all.data_mut::<E>()?);
    let mut channel = 0;
    for part in parts {
        let channels = part.dims()[1];
        // Where there is no picture, no channel is there either.
        let y = values.get_mut(channel..).unwrap_or_default();
        match part {
            CatStep::Conv(x, step) => write(&x, *step, pixel, y)?,
            CatStep::Tensor(x) => copy(&x, channels, pixel, y)?,
        }
        channel += channels;
    }
    Ok(all)
}

/// Writes a convolution's output to the start of each pixel of so many values.
fn write<E: Stored>(x: &Tensor, step: ConvStep<'_>, pixel: usize, y: &mut [E]) -> Result<()> {
    let ConvStep { weight, shape, epilogue } = step;
    let kernels = kernels(x.dtype(), &shape, ConvPass::Forward);
    // A residual would have to lie as the output does.
    if epilogue.residual.is_none() {
        match (kernels, as_f32_mut(y)) {
            (Kernels::Winograd, Some(y)) => {
                return winograd_write_at(level(), x, &weight, &shape, Output::new(&epilogue, false, pixel)?, y);
            }
            (kernels @ Kernels::Tiles(piece), y32) if y32.is_some() || kernels.take_bf16(&shape) => {
                return write_at(level(), x, &weight, &shape, Output::new(&epilogue, false, pixel)?, piece, y);
            }
            _ => {}
        }
    }
    copy(&forward(x, &weight, &shape, epilogue)?, shape.k, pixel, y)
}

/// Copies the channels of a tensor to the start of each pixel of so many values.
fn copy<E: Stored>(x: &Tensor, channels: usize, pixel: usize, y: &mut [E]) -> Result<()> {
    let x = x.to_dtype(E::DTYPE)?;
    let x = x.data::<E>()?;
    let pixels = x.len().checked_div(channels).unwrap_or(0);
    assert!(pixels == 0 || (pixels - 1) * pixel + channels <= y.len(), "the output has as many pixels");
    let y = SharedMut::new(y);
    parallel_ranges(pixels, GRAIN / channels.max(1), |start, end| {
        for i in start..end {
            // SAFETY: pixels are disjoint, and all of them lie in `y`, as was checked.
            unsafe { y.slice(i * pixel, channels) }.copy_from_slice(&x[i * channels..][..channels]);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{activation, random};
    use crate::{
        DType, Layout, Tensor,
        ops::{CatPart, Conv2dOptions, ConvMethod, Epilogue, FusedConv2d},
        random::Generator,
    };

    #[test]
    fn parts_are_written_bit_for_bit_as_if_they_were_joined_afterwards() {
        let mut g = Generator::new(31);
        for round in 0..60 {
            let mut pick = |choices: &[usize]| choices[g.below(choices.len())];
            let (n, c, h, w) = (pick(&[0, 1, 1, 2]), pick(&[1, 16, 32, 64]), pick(&[1, 5, 13, 28]), pick(&[2, 7, 28]));
            let dtype = [DType::F64, DType::Bf16, DType::F32, DType::F32, DType::F32][round % 5];
            let draw = |shape: &[usize], layout, g: &mut Generator| random(shape, layout, g).to_dtype(dtype.computed()).unwrap();
            let activation_of = |values: Tensor| values.to_dtype(dtype).unwrap();
            let x = activation_of(draw(&[n, c, h, w], Layout::ChannelsLast, &mut g));
            let count = 1 + g.below(4);
            let operands: Vec<_> = (0..count)
                .map(|_| {
                    let (kernel, groups) = ([1, 3, 3, 5][g.below(4)], [1, 1, c][g.below(3)]);
                    let k = groups * [1, 8, 30, 64][g.below(if groups > 1 { 2 } else { 4 })];
                    let method = [ConvMethod::Fastest, ConvMethod::Winograd, ConvMethod::Direct, ConvMethod::Bf16][g.below(4)];
                    let options = Conv2dOptions { padding: (kernel / 2, kernel / 2), groups, method, ..Default::default() };
                    let weight = draw(&[k, c / groups, kernel, kernel], Layout::Contiguous, &mut g);
                    let residual = (g.below(4) == 0).then(|| activation_of(draw(&[n, k, h, w], Layout::Contiguous, &mut g)));
                    (weight, options, draw(&[k], Layout::Contiguous, &mut g), residual, activation(g.below(5)))
                })
                .collect();
            let convs: Vec<FusedConv2d<'_>> = operands
                .iter()
                .map(|(weight, options, shift, residual, activation)| FusedConv2d {
                    weight,
                    options: *options,
                    epilogue: Epilogue {
                        scale: Some(shift),
                        shift: Some(shift),
                        residual: residual.clone(),
                        activation: *activation,
                        ..Default::default()
                    },
                })
                .collect();
            let mut apart: Vec<Tensor> =
                convs.iter().map(|conv| x.conv2d_fused(conv.weight, &conv.options, conv.epilogue.clone()).unwrap()).collect();
            apart.push(x.contiguous().unwrap());
            let joined = Tensor::cat(&apart.iter().collect::<Vec<_>>(), 1).unwrap();
            let mut parts: Vec<CatPart<'_>> = convs.into_iter().map(|conv| CatPart::Conv(&x, conv)).collect();
            parts.push(CatPart::Tensor(apart.last().unwrap()));
            let together = Tensor::conv2d_cat(parts).unwrap();
            assert_eq!((together.dims(), together.dtype()), (joined.dims(), dtype));
            assert!(together.to_f64_vec().unwrap() == joined.to_f64_vec().unwrap(), "{:?}: {operands:?}", x.dims());
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = Tensor::ones([1, 2, 5, 5], DType::F32).unwrap();
        let weight = Tensor::ones([3, 2, 3, 3], DType::F32).unwrap();
        let conv = || CatPart::Conv(&x, FusedConv2d { weight: &weight, options: Conv2dOptions::default(), epilogue: Epilogue::default() });
        let error = |parts| Tensor::conv2d_cat(parts).unwrap_err().to_string();
        assert!(error(vec![]).contains("no parts"));
        assert!(error(vec![conv(), CatPart::Tensor(&x)]).contains("all sizes but the channels"), "3 x 3 pixels beside 5 x 5");
        let row = Tensor::ones([5], DType::F32).unwrap();
        assert!(error(vec![CatPart::Tensor(&row)]).contains("[N, C, H, W]"));
        let double = Tensor::ones([1, 2, 3, 3], DType::F64).unwrap();
        assert!(error(vec![conv(), CatPart::Tensor(&double)]).contains("float64"));
    }
}
