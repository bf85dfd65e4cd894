//! The few Python names a state dict may refer to. Whatever is not listed here is refused.

use crate::checkpoint::{
    dtype::TorchDtype,
    error::{Reason, quote},
};

/// A Python class or function that has a plain equivalent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checkpoint::pth) enum Global {
    OrderedDict,
    Dict,
    /// A set or a list, made from a list.
    Collection,
    /// `torch.Size`, made from a tuple.
    Size,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`, which only adds what is of no use here.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.nn.parameter.Parameter` itself, as PyTorch wrote parameters in 2017.
    Parameter,
    /// `torch.FloatTensor` and the like, as PyTorch wrote tensors in 2017.
    LegacyTensor,
    Storage(TorchDtype),
    /// A harmless value, or what makes one: a dtype, a device.
    Opaque,
}

impl Global {
    /// Looks up `module.name`.
    pub(super) fn resolve(module: &str, name: &str) -> Result<Self, Reason> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("builtins" | "__builtin__", "dict") => Self::Dict,
            ("builtins" | "__builtin__", "set" | "frozenset" | "list") => Self::Collection,
            ("torch", "Size") => Self::Size,
            ("torch", "device") => Self::Opaque,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::RebuildParameter,
            ("torch.nn.parameter", "Parameter") => Self::Parameter,
            ("torch._utils", "_rebuild_tensor_v3") => {
                return Err(Reason::Unsupported("a tensor of a newer dtype (unsigned 16 to 64-bit integers, 8-bit floats)".into()));
            }
            ("torch._utils", "_rebuild_qtensor") => return Err(Reason::Unsupported("a quantized tensor".into())),
            ("torch._utils", "_rebuild_sparse_tensor") => return Err(Reason::Unsupported("a sparse tensor".into())),
            ("torch" | "torch.cuda", name) => Self::torch_type(name)?,
            _ => return Err(forbidden(module, name)),
        })
    }

    /// `FloatStorage`, `FloatTensor` or `float32`.
    fn torch_type(name: &str) -> Result<Self, Reason> {
        if TorchDtype::from_name(name).is_some() {
            return Ok(Self::Opaque);
        }
        let unsupported = |class: &str| Reason::Unsupported(format!("a tensor of dtype `{}`", quote(class)));
        if let Some(class) = name.strip_suffix("Storage") {
            return TorchDtype::from_class(class).map(Self::Storage).ok_or_else(|| unsupported(class));
        }
        if let Some(class) = name.strip_suffix("Tensor") {
            return TorchDtype::from_class(class).map(|_| Self::LegacyTensor).ok_or_else(|| unsupported(class));
        }
        Err(forbidden("torch", name))
    }
}

fn forbidden(module: &str, name: &str) -> Reason {
    Reason::ForbiddenGlobal(quote(&format!("{module}.{name}")))
}
