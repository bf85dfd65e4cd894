//! Two-dimensional average pooling, over sliding windows or to a given output size.

use tensor::{Result, ops::AvgPool2dOptions};

use crate::{Op, Var};

impl Var {
    /// The mean of each window of `[N, C, H, W]`.
    pub fn avg_pool2d(&self, options: &AvgPool2dOptions) -> Result<Var> {
        let y = self.value.avg_pool2d(options)?;
        let (shape, options) = (self.shape().clone(), *options);
        Ok(Var::from_op(Op::AvgPool2d(options), y, &[self], move |grad, _| Ok(vec![Some(grad.avg_pool2d_backward(&shape, &options)?)])))
    }

    /// The means of `[N, C, H, W]` over windows that spread evenly over the picture, so that the output has this `[height, width]`
    /// (the input's where `None`).
    pub fn adaptive_avg_pool2d(&self, output_size: [Option<usize>; 2]) -> Result<Var> {
        let y = self.value.adaptive_avg_pool2d(output_size)?;
        let shape = self.shape().clone();
        Ok(Var::from_op(Op::AdaptiveAvgPool2d, y, &[self], move |grad, _| {
            Ok(vec![Some(grad.adaptive_avg_pool2d_backward(&shape, output_size)?)])
        }))
    }
}
