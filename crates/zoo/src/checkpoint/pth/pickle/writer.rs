//! Pickles a state dict as `torch.save` does: protocol 2, an `OrderedDict` of `_rebuild_tensor_v2`.

use super::opcode as op;
use crate::checkpoint::{index::contiguous_strides, tensor::TensorInfo};

/// The version of the module that a state dict is of, which PyTorch compares with its class's. torchvision's MNASNet refuses a state
/// dict without one; 2 is its today's, as it is BatchNorm2d's, and other classes do not ask.
const ROOT_VERSION: usize = 2;

/// Pickles a state dict whose tensor number `i` is the whole storage with the key `i`.
pub(in crate::checkpoint::pth) fn state_dict(tensors: &[TensorInfo]) -> Vec<u8> {
    let mut pickle = Writer(vec![op::PROTO, 2]);
    pickle.empty_ordered_dict();
    pickle.op(op::MARK);
    for (key, tensor) in tensors.iter().enumerate() {
        pickle.text(&tensor.name);
        pickle.tensor(key, tensor);
    }
    pickle.op(op::SETITEMS);
    pickle.root_version();
    pickle.op(op::STOP);
    pickle.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn op(&mut self, opcode: u8) {
        self.0.push(opcode);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.op(op::GLOBAL);
        for line in [module, name] {
            self.0.extend_from_slice(line.as_bytes());
            self.0.push(b'\n');
        }
    }

    fn text(&mut self, text: &str) {
        self.op(op::BINUNICODE);
        // No name is longer than 4 GiB: the writer has checked.
        self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn size(&mut self, size: usize) {
        if let Ok(size) = i32::try_from(size) {
            self.op(op::BININT);
            self.0.extend_from_slice(&size.to_le_bytes());
        } else {
            // One byte more than a u64 takes, for the sign.
            self.0.extend_from_slice(&[op::LONG1, 9]);
            self.0.extend_from_slice(&(size as u64).to_le_bytes());
            self.0.push(0);
        }
    }

    fn sizes(&mut self, sizes: &[usize]) {
        self.op(op::MARK);
        sizes.iter().for_each(|&size| self.size(size));
        self.op(op::TUPLE);
    }

    fn empty_ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.op(op::EMPTY_TUPLE);
        self.op(op::REDUCE);
    }

    /// Sets the attribute `_metadata = OrderedDict({'': {'version': 2}})` of the dict on the stack.
    fn root_version(&mut self) {
        self.op(op::EMPTY_DICT);
        self.op(op::MARK);
        self.text("_metadata");
        self.empty_ordered_dict();
        self.op(op::MARK);
        self.text("");
        self.op(op::EMPTY_DICT);
        self.op(op::MARK);
        self.text("version");
        self.size(ROOT_VERSION);
        self.0.extend_from_slice(&[op::SETITEMS, op::SETITEMS, op::SETITEMS, op::BUILD]);
    }

    /// `('storage', torch.FloatStorage, key, 'cpu', numel)`, as a persistent id.
    fn storage(&mut self, key: usize, tensor: &TensorInfo) {
        self.op(op::MARK);
        self.text("storage");
        self.global("torch", &format!("{}Storage", tensor.dtype.class()));
        self.text(&key.to_string());
        self.text("cpu");
        self.size(tensor.shape.iter().product());
        self.op(op::TUPLE);
        self.op(op::BINPERSID);
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, requires_grad=False, hooks)`.
    fn tensor(&mut self, key: usize, tensor: &TensorInfo) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.op(op::MARK);
        self.storage(key, tensor);
        self.size(0);
        self.sizes(&tensor.shape);
        self.sizes(&contiguous_strides(&tensor.shape));
        self.op(op::NEWFALSE);
        self.empty_ordered_dict();
        self.op(op::TUPLE);
        self.op(op::REDUCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_dict_tells_the_version_that_mnasnet_asks_for() {
        // pickletools.dis of what torch.save writes, without memo.
        let metadata = b"}(X\x09\0\0\0_metadataccollections\nOrderedDict\n)R(X\0\0\0\0}(X\x07\0\0\0versionJ\x02\0\0\0uuub.";
        assert!(state_dict(&[]).ends_with(metadata));
    }
}
