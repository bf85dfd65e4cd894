//! Dropout.

use tensor::{Result, random::with_global};

use crate::{Op, Var};

impl Var {
    /// Each element zeroed with probability `p`, the others multiplied by 1 / (1 - p). Draws from the global generator.
    pub fn dropout(&self, p: f64) -> Result<Var> {
        let (y, mask) = with_global(|generator| self.value.dropout(p, generator))?;
        Ok(Var::from_op(Op::Dropout, y, &[self], move |grad, _| Ok(vec![Some(grad.dropout_backward(&mask, p)?)])))
    }
}
