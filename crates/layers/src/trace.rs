//! What modules compute, noted while they run: the shapes, and what runs in one pass.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    ptr,
};

use autograd::{Var, no_grad};
use tensor::{DType, Tensor, ops::Unary};

use crate::{Mode, Module, ModuleExt, Result};

thread_local! {
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// What is computed in one pass with a convolution or a norm.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fusion {
    /// Whether a norm is folded into a convolution, and costs nothing by itself.
    pub folded_norm: bool,
    /// Whether a tensor of the output's shape is added.
    pub residual: bool,
    /// What the sum goes through.
    pub activation: Option<Unary>,
}

/// A module at work.
#[derive(Clone)]
pub struct Call<'a> {
    /// Its name in the network, such as `layer1.0.conv1`.
    pub name: String,
    /// The module.
    pub module: &'a dyn Module,
    /// The shape of its input.
    pub input: Vec<usize>,
    /// The shape of its output.
    pub output: Vec<usize>,
    /// What it computes besides, or is folded into.
    pub fusion: Fusion,
}

/// What a module did in its last run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    pub fusion: Fusion,
}

/// What each module did that ran.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    runs: HashMap<Key, Ran>,
}

/// Where a module lies, and its type: a module and its first field share the place.
type Key = (usize, TypeId);

/// None for modules without a size, which may share a place with others of their type.
fn key(module: &dyn Module) -> Option<Key> {
    let any: &dyn Any = module;
    (size_of_val(module) > 0).then(|| (ptr::from_ref(module).cast::<()>().addr(), any.type_id()))
}

impl Trace {
    /// Runs `f`; what the modules in it computed.
    fn of<R>(f: impl FnOnce() -> R) -> (R, Trace) {
        let outer = TRACE.replace(Some(Trace::default()));
        let result = f();
        (result, TRACE.replace(outer).unwrap_or_default())
    }

    /// What the modules of a network compute at inference in `f32`. It runs on one element of a batch, whose size is the first of
    /// the input's sizes; the shapes are those of the whole batch.
    ///
    /// # Errors
    /// Where the input does not fit.
    pub(crate) fn of_inference(module: &dyn Module, input: &[usize]) -> Result<Trace> {
        let single: Vec<usize> = input.iter().enumerate().map(|(dim, &size)| if dim == 0 { 1 } else { size }).collect();
        let x = Var::from(Tensor::zeros(single, DType::F32)?);
        let (output, mut trace) = Trace::of(|| no_grad(|| call(module, &x, Mode::Eval)));
        output?;
        let batch = input.first().copied().unwrap_or(1);
        for ran in trace.runs.values_mut() {
            ran.input.iter_mut().take(1).chain(ran.output.iter_mut().take(1)).for_each(|size| *size = size.saturating_mul(batch));
        }
        Ok(trace)
    }

    /// What a module did, where it ran.
    pub(crate) fn ran(&self, module: &dyn Module) -> Option<&Ran> {
        self.runs.get(&key(module)?)
    }
}

/// Whether a trace is being taken.
pub(crate) fn is_taken() -> bool {
    TRACE.with_borrow(Option::is_some)
}

/// Notes what a module computed, where a trace is being taken.
pub(crate) fn note(module: &dyn Module, input: &Var, output: &Var) {
    note_fused(module, input, output, Fusion::default());
}

/// [`note_fused`] where the input is gone.
pub(crate) fn note_sizes(module: &dyn Module, input: &[usize], output: &[usize], fusion: Fusion) {
    TRACE.with_borrow_mut(|trace| {
        if let Some(trace) = trace
            && let Some(key) = key(module)
        {
            trace.runs.insert(key, Ran { input: input.to_vec(), output: output.to_vec(), fusion });
        }
    });
}

/// [`note`] with what was computed in the same pass.
pub(crate) fn note_fused(module: &dyn Module, input: &Var, output: &Var, fusion: Fusion) {
    note_sizes(module, input.dims(), output.dims(), fusion);
}

/// `module.forward(x, mode)`, of which a [`Summary`](crate::Summary) knows the output's shape. Layers and [`Sequential`] note
/// theirs on their own; a block of one's own that is run by another block is run by this to appear with its shape.
///
/// [`Sequential`]: crate::Sequential
///
/// # Errors
/// Those of `forward`.
pub fn call(module: &dyn Module, x: &Var, mode: Mode) -> Result<Var> {
    call_owned(module, x.clone(), mode)
}

/// [`call`] for an input that the caller has no further use for: see [`Module::forward_owned`].
///
/// # Errors
/// Those of `forward_owned`.
pub fn call_owned(module: &dyn Module, x: Var, mode: Mode) -> Result<Var> {
    let input = x.value().shape().clone();
    let y = module.forward_owned(x, mode)?;
    note_sizes(module, input.dims(), y.dims(), Fusion::default());
    Ok(y)
}

/// The modules of a network that run at inference on an input of shape `input`, in the network's order, with what each computes. One
/// that runs several times is listed once.
///
/// ```
/// use layers::{BatchNorm2d, Conv2d, MaxPool2d, calls, sequential};
/// let network = sequential![Conv2d::new(3, 8, 3).padding(1), BatchNorm2d::new(8), MaxPool2d::new(2)];
/// let calls = calls(&network, [2, 3, 16, 16])?;
/// assert_eq!((calls[0].name.as_str(), calls[0].input.as_slice()), ("0", &[2, 3, 16, 16][..]));
/// assert!(calls[0].fusion.folded_norm, "the norm is part of the convolution");
/// assert_eq!((calls[2].input.as_slice(), calls[2].output.as_slice()), (&[2, 8, 16, 16][..], &[2, 8, 8, 8][..]));
/// # Ok::<(), layers::Error>(())
/// ```
///
/// # Errors
/// Where the input does not fit.
pub fn calls<const RANK: usize>(module: &dyn Module, input: [usize; RANK]) -> Result<Vec<Call<'_>>> {
    let trace = Trace::of_inference(module, &input)?;
    let calls = module.named_modules().into_iter().filter_map(|(name, module)| {
        let Ran { input, output, fusion } = trace.ran(module)?;
        Some(Call { name, module, input: input.clone(), output: output.clone(), fusion: *fusion })
    });
    Ok(calls.collect())
}
