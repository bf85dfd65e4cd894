//! The channel shuffle of ShuffleNet (Zhang et al., 2017, arXiv:1707.01083).

use crate::{Error, Result, Tensor};

impl Tensor {
    /// The channels of `[N, C, H, W]`, seen as a matrix `[groups, C / groups]`, transposed: PyTorch's `channel_shuffle`. Shuffling the
    /// result in `C / groups` groups undoes it.
    ///
    /// # Errors
    /// Where the tensor has not four dimensions, or the groups do not divide the channels.
    pub fn channel_shuffle(&self, groups: usize) -> Result<Tensor> {
        let (_, channels, _, _) = self.shape().nchw("channel_shuffle")?;
        if channels == 0 || groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::shape("channel_shuffle", self.dims(), format!("{groups} groups do not divide {channels} channels")));
        }
        let per_group = channels / groups;
        let sources = (0..channels).map(|to| (to % groups * per_group + to / groups) as i64).collect();
        self.index_select(1, &Tensor::from_vec::<i64>(sources, [channels])?.to_device(self.device())?)
    }
}
