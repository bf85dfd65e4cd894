//! Element types as PyTorch names them, and their names in each format.

use std::fmt;

/// Element type of a tensor in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TorchDtype {
    /// 64-bit floating point.
    F64,
    /// 32-bit floating point.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an `F32`.
    BF16,
    /// Signed 64-bit integer.
    I64,
    /// Signed 32-bit integer.
    I32,
    /// Signed 16-bit integer.
    I16,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

/// How one element type is called where.
struct Names {
    dtype: TorchDtype,
    size: usize,
    torch: &'static str,
    /// Prefix of the pickled class: `torch.FloatStorage`, `torch.FloatTensor`.
    class: &'static str,
    safetensors: &'static str,
}

const fn names(dtype: TorchDtype, size: usize, torch: &'static str, class: &'static str, safetensors: &'static str) -> Names {
    Names { dtype, size, torch, class, safetensors }
}

/// In the order of the enum, which indexes it.
const NAMES: [Names; 10] = [
    names(TorchDtype::F64, 8, "float64", "Double", "F64"),
    names(TorchDtype::F32, 4, "float32", "Float", "F32"),
    names(TorchDtype::F16, 2, "float16", "Half", "F16"),
    names(TorchDtype::BF16, 2, "bfloat16", "BFloat16", "BF16"),
    names(TorchDtype::I64, 8, "int64", "Long", "I64"),
    names(TorchDtype::I32, 4, "int32", "Int", "I32"),
    names(TorchDtype::I16, 2, "int16", "Short", "I16"),
    names(TorchDtype::I8, 1, "int8", "Char", "I8"),
    names(TorchDtype::U8, 1, "uint8", "Byte", "U8"),
    names(TorchDtype::Bool, 1, "bool", "Bool", "BOOL"),
];

impl TorchDtype {
    fn names(self) -> &'static Names {
        &NAMES[self as usize]
    }

    fn find(matches: impl Fn(&Names) -> bool) -> Option<Self> {
        NAMES.iter().find(|names| matches(names)).map(|names| names.dtype)
    }

    /// PyTorch's name without the `torch.`, such as `float32`.
    pub fn name(self) -> &'static str {
        self.names().torch
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.names().size
    }

    /// Bytes of a contiguous tensor of this shape; `None` where that overflows.
    pub fn byte_len(self, shape: &[usize]) -> Option<usize> {
        // A zero anywhere makes the tensor empty, whatever the other extents multiply to.
        if shape.contains(&0) {
            return Some(0);
        }
        shape.iter().try_fold(self.size(), |bytes, &extent| bytes.checked_mul(extent))
    }

    /// The dtype PyTorch calls `name`, such as `float32`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::find(|names| names.torch == name)
    }

    /// The prefix of the pickled storage class: `Float` of `torch.FloatStorage`.
    pub(super) fn class(self) -> &'static str {
        self.names().class
    }

    /// The dtype of the pickled class with this prefix.
    pub(super) fn from_class(prefix: &str) -> Option<Self> {
        Self::find(|names| names.class == prefix)
    }

    /// The tag in a safetensors header.
    pub(super) fn tag(self) -> &'static str {
        self.names().safetensors
    }

    /// The dtype of a tag in a safetensors header.
    pub(super) fn from_tag(tag: &str) -> Option<Self> {
        Self::find(|names| names.safetensors == tag)
    }
}

impl fmt::Display for TorchDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
