//! Cross entropy of logits against class indices.

use tensor::{Result, Tensor, ops::CrossEntropyOptions};

use crate::{Op, Var};

impl Var {
    /// The cross entropy of logits `[N, K]` against target classes `[N]` (I64): a scalar, or `[N]` where not reduced.
    pub fn cross_entropy(&self, targets: &Tensor, options: &CrossEntropyOptions) -> Result<Var> {
        let (loss, probabilities) = self.value.cross_entropy(targets, options)?;
        let (targets, options) = (targets.clone(), *options);
        Ok(Var::from_op(Op::CrossEntropy, loss, &[self], move |grad, _| {
            Ok(vec![Some(probabilities.cross_entropy_backward(&grad, &targets, &options)?)])
        }))
    }
}
