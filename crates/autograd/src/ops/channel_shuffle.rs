//! The channel shuffle of ShuffleNet.

use tensor::Result;

use crate::{Op, Var};

impl Var {
    /// The channels of `[N, C, H, W]`, seen as a matrix `[groups, C / groups]`, transposed.
    ///
    /// # Errors
    /// Where the value has not four dimensions, or the groups do not divide the channels.
    pub fn channel_shuffle(&self, groups: usize) -> Result<Var> {
        let y = self.value.channel_shuffle(groups)?;
        let back = y.dims()[1] / groups;
        Ok(Var::from_op(Op::ChannelShuffle { groups }, y, &[self], move |grad, _| Ok(vec![Some(grad.channel_shuffle(back)?)])))
    }
}
