//! A layer's parameter, which comes into being when it is first used.

use std::{fmt, ops::Deref, sync::OnceLock};

use autograd::Parameter;
use tensor::{
    DType, Device, Error, Layout, Shape, Tensor,
    random::{Generator, with_global},
};

use crate::{Result, init::Init};

/// The values that one parameter may have: 16 GiB of `f32`. Larger claims are mistakes, and would end the program.
const MAX_ELEMENTS: usize = 1 << 32;

/// A [`Parameter`] whose values are drawn when they are first asked for, so that a layer can be configured, or loaded from a
/// file, without drawing values for nothing. The seed is drawn from the global generator when the layer is made, so the values do
/// not depend on when that is. Dereferences to the parameter.
pub struct LazyParameter {
    shape: Shape,
    layout: Layout,
    init: Init,
    seed: u64,
    parameter: OnceLock<Parameter>,
}

impl LazyParameter {
    /// A parameter of this shape, in row-major order and `f32`, to be initialised by `init`.
    pub fn new(shape: impl Into<Shape>, init: Init) -> Self {
        let seed = with_global(Generator::next_u64);
        LazyParameter { shape: shape.into(), layout: Layout::Contiguous, init, seed, parameter: OnceLock::new() }
    }

    /// The parameter of a layer of matrix products: kept in the order that their kernels read.
    pub(crate) fn weight(shape: impl Into<Shape>, init: Init) -> Self {
        LazyParameter { layout: Layout::Blocked, ..LazyParameter::new(shape, init) }
    }

    /// The same parameter, still to be drawn, with another shape.
    pub(crate) fn with_shape(self, shape: impl Into<Shape>) -> Self {
        LazyParameter { shape: shape.into(), parameter: OnceLock::new(), ..self }
    }

    /// The same parameter, still to be drawn, with another initialisation.
    pub fn with_init(self, init: Init) -> Self {
        LazyParameter { init, parameter: OnceLock::new(), ..self }
    }

    /// The logical shape.
    pub fn shape(&self) -> Shape {
        self.parameter.get().map_or_else(|| self.shape.clone(), |p| p.value().shape().clone())
    }

    /// A number that this parameter has alone; it is not drawn for it.
    pub(crate) fn identity(&self) -> usize {
        self.parameter.get().map_or(std::ptr::from_ref(self) as usize, |p| p.id())
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.parameter.get().map_or(DType::F32, |p| p.value().dtype())
    }

    /// The memory order that the layer keeps the parameter in.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Draws the values anew from the global generator.
    ///
    /// # Errors
    /// Where the initialisation's settings make no sense for the shape.
    pub fn init(&self, init: &Init) -> Result<()> {
        let value = with_global(|generator| draw(&self.shape(), init, generator))?;
        self.load(&value)
    }

    /// Where the parameter lives; one that is still to be drawn will be in main memory.
    pub fn device(&self) -> Device {
        self.parameter.get().map_or(Device::Cpu, |p| p.value().device())
    }

    /// Takes over the values of a tensor of the same shape, in the parameter's own element type, memory order and place.
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn load(&self, value: &Tensor) -> Result<()> {
        if *value.shape() != self.shape() {
            return Err(Error::shapes("load", &self.shape(), value.dims(), "the parameter's shape is needed").into());
        }
        let value = value.to_dtype(self.dtype())?.to_layout(self.layout)?.to_device(self.device())?;
        if self.parameter.set(Parameter::new(value.clone())).is_err() {
            self.set_value(value);
        }
        Ok(())
    }

    /// Why the parameter cannot be drawn, if so.
    pub(crate) fn check(&self) -> tensor::Result<()> {
        check_size(&self.shape)?;
        self.init.check(&self.shape)
    }
}

fn check_size(shape: &Shape) -> tensor::Result<()> {
    match shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
        Some(n) if n <= MAX_ELEMENTS => Ok(()),
        _ => Err(Error::shape("parameter", shape, format!("more than {MAX_ELEMENTS} values"))),
    }
}

fn draw(shape: &Shape, init: &Init, generator: &mut Generator) -> tensor::Result<Tensor> {
    check_size(shape)?;
    init.draw(shape, generator)
}

impl Deref for LazyParameter {
    type Target = Parameter;

    /// The parameter, drawn now where it was not yet. One that cannot be drawn is a scalar zero; the layer's
    /// `forward` tells why.
    fn deref(&self) -> &Parameter {
        self.parameter.get_or_init(|| {
            let value = draw(&self.shape, &self.init, &mut Generator::new(self.seed)).and_then(|t| t.to_layout(self.layout));
            Parameter::new(value.unwrap_or_else(|_| Tensor::scalar(0f32)))
        })
    }
}

impl From<Parameter> for LazyParameter {
    fn from(parameter: Parameter) -> Self {
        let value = parameter.value();
        LazyParameter {
            shape: value.shape().clone(),
            layout: value.layout(),
            init: Init::Zeros,
            seed: 0,
            parameter: OnceLock::from(parameter),
        }
    }
}

impl fmt::Debug for LazyParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parameter.get() {
            Some(parameter) => write!(f, "{parameter:?}"),
            None => write!(f, "Parameter({}, {:?}, not drawn yet)", self.shape, self.init),
        }
    }
}
