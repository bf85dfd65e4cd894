//! Two-dimensional max pooling.

use tensor::{Result, ops::MaxPool2dOptions};

use crate::{Op, Var};

impl Var {
    /// The largest element of each window of `[N, C, H, W]`, which alone gets the gradient.
    pub fn max_pool2d(&self, options: &MaxPool2dOptions) -> Result<Var> {
        let (shape, options) = (self.shape().clone(), *options);
        if !Var::records(&[self]) {
            return Ok(Var::without_history(Op::MaxPool2d(options), self.value.max_pool2d_values(&options)?, &[self]));
        }
        let (y, places) = self.value.max_pool2d(&options)?;
        Ok(Var::from_op(Op::MaxPool2d(options), y, &[self], move |grad, _| {
            Ok(vec![Some(grad.max_pool2d_backward(&places, &shape, &options)?)])
        }))
    }
}
