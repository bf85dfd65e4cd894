//! Convolution.

use tensor::{
    Result, Tensor,
    ops::{Conv2dOptions, Epilogue},
};

use crate::{Op, Var, activation_dtype, conv_method};

impl Var {
    /// Convolution of `[N, C, H, W]` with `weight` `[K, C / groups, R, S]`, plus `bias` `[K]`: `[N, K, H', W']`.
    /// Where a gradient will flow through it, it is computed by the direct method; the gradients themselves are computed the fastest
    /// way, since no ReLU depends on their rounding. Under [`autocast_bf16`](crate::autocast_bf16) all is computed in bf16, and stored so on the CPU.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d(&self, weight: &Var, bias: Option<&Var>, options: &Conv2dOptions) -> Result<Var> {
        let inputs: Vec<&Var> = [self, weight].into_iter().chain(bias).collect();
        let of_gradients = Conv2dOptions { method: conv_method(options.method, false), ..*options };
        let options = Conv2dOptions { method: conv_method(options.method, Var::records(&inputs)), ..*options };
        let epilogue = Epilogue { shift: bias.map(|b| &b.value), dtype: activation_dtype(&self.value), ..Default::default() };
        let y = self.value.conv2d_fused(&weight.value, &options, epilogue)?;
        let (x, w) = (self.value.clone(), weight.value.clone());
        Ok(Var::from_op_onto(Op::Conv2d(options), y, &inputs, move |dy, needed, so_far| {
            let dx = || match so_far() {
                Some(sum) => dy.conv2d_grad_input_onto(&w, &of_gradients, sum),
                None => dy.conv2d_grad_input(&w, x.dims(), &of_gradients),
            };
            let dx = needed[0].then(dx).transpose()?;
            let dw = needed[1].then(|| dy.conv2d_grad_weight(&x, w.dims(), &of_gradients)).transpose()?;
            let db = needed.get(2).map(|&n| n.then(|| channel_sums(&dy)).transpose());
            [Ok(dx), Ok(dw)].into_iter().chain(db).collect()
        }))
    }
}

/// The sum over all but the channels of `[N, C, H, W]`: a bias's gradient.
fn channel_sums(dy: &Tensor) -> Result<Tensor> {
    dy.sum(&[0, 2, 3], false)
}
