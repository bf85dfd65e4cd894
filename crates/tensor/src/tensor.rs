//! The tensor: shape, element type, memory order and storage.

use std::{fmt, sync::Arc};

use ndarray::{Array, ArrayBase, Data, Dimension, IxDyn};

use crate::{
    DType, Device, Element, Error, Layout, Result, Shape,
    layout::convert,
    random::Generator,
    storage::{Buffer, Storage},
};

/// A dense array of numbers. Cloning shares the memory; writing to shared memory copies it first.
#[derive(Clone)]
pub struct Tensor {
    storage: Arc<Storage>,
    /// Where this tensor starts in its storage, in elements.
    offset: usize,
    shape: Shape,
    dtype: DType,
    layout: Layout,
    /// Taps of a blocked weight that are known to be all zeros. Writing forgets it.
    zero_taps: Option<Arc<[bool]>>,
}

/// Runs `$body` with `$T` bound to the Rust type of a [`DType`].
#[macro_export]
#[doc(hidden)]
macro_rules! with_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::Bf16 => {
                type $T = $crate::bf16;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::U8 => {
                type $T = u8;
                $body
            }
        }
    };
}

/// Runs `$body` with `$T` bound to `f32` or `f64`, or returns an error that names `$op`.
#[macro_export]
#[doc(hidden)]
macro_rules! with_float {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            found => return Err($crate::Error::DType { op: $op, expected: "float32 or float64".into(), found }),
        }
    };
}

impl Tensor {
    // ---- creation ----

    /// A tensor whose elements are still to be written; every element has some value.
    pub(crate) fn uninit<T: Element>(shape: impl Into<Shape>, layout: Layout) -> Result<Tensor> {
        let shape = shape.into();
        shape.checked_elements("tensor")?;
        if !layout.fits(&shape) {
            return Err(Error::shape("tensor", &shape, format!("cannot be stored as {layout:?}")));
        }
        let storage = Arc::new(Storage::new(Buffer::uninit::<T>(layout.stored_elements(&shape))));
        Ok(Tensor { storage, offset: 0, shape, dtype: T::DTYPE, layout, zero_taps: None })
    }

    /// Zeros.
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
        Self::zeros_in(shape, dtype, Layout::Contiguous)
    }

    /// Zeros in a given memory order.
    pub fn zeros_in(shape: impl Into<Shape>, dtype: DType, layout: Layout) -> Result<Tensor> {
        with_dtype!(dtype, T => {
            let mut t = Self::uninit::<T>(shape, layout)?;
            t.data_mut::<T>()?.fill(T::default());
            if layout == Layout::Blocked {
                t.set_zero_taps(vec![true; t.dims()[2..].iter().product()]);
            }
            Ok(t)
        })
    }

    /// Zeros with the shape, element type and memory order of `self`.
    pub fn zeros_like(&self) -> Result<Tensor> {
        Self::zeros_in(self.shape.clone(), self.dtype, self.layout)
    }

    /// Ones.
    pub fn ones(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
        Self::full(shape, 1.0, dtype)
    }

    /// Every element `value`.
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType) -> Result<Tensor> {
        with_dtype!(dtype, T => {
            let mut t = Self::uninit::<T>(shape, Layout::Contiguous)?;
            t.data_mut::<T>()?.fill(T::from_f64(value));
            Ok(t)
        })
    }

    /// A tensor of `data`, given in row-major order.
    pub fn from_vec<T: Element>(data: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
        Self::from_slice(&data, shape)
    }

    /// A tensor of a copy of `data`, given in row-major order.
    pub fn from_slice<T: Element>(data: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if shape.checked_elements("from_slice")? != data.len() {
            return Err(Error::shape("from_slice", &shape, format!("does not hold {} elements", data.len())));
        }
        let mut t = Self::uninit::<T>(shape, Layout::Contiguous)?;
        t.data_mut::<T>()?.copy_from_slice(data);
        Ok(t)
    }

    /// A scalar.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        let mut storage = Buffer::uninit::<T>(1);
        storage.as_mut_slice()[0] = value;
        Tensor {
            storage: Arc::new(Storage::new(storage)),
            offset: 0,
            shape: Shape::default(),
            dtype: T::DTYPE,
            layout: Layout::Contiguous,
            zero_taps: None,
        }
    }

    /// `0, 1, …, n - 1`.
    pub fn arange(n: usize, dtype: DType) -> Result<Tensor> {
        with_dtype!(dtype, T => {
            let mut t = Self::uninit::<T>([n], Layout::Contiguous)?;
            t.data_mut::<T>()?.iter_mut().enumerate().for_each(|(i, x)| *x = T::from_f64(i as f64));
            Ok(t)
        })
    }

    /// Uniform random `f32` in `[low, high)`, drawn in row-major order.
    pub fn uniform(shape: impl Into<Shape>, low: f64, high: f64, generator: &mut Generator) -> Result<Tensor> {
        let mut t = Self::uninit::<f32>(shape, Layout::Contiguous)?;
        t.data_mut::<f32>()?.iter_mut().for_each(|x| *x = (low + (high - low) * generator.uniform()) as f32);
        Ok(t)
    }

    /// Normal random `f32` of the given mean and standard deviation, drawn in row-major order.
    pub fn normal(shape: impl Into<Shape>, mean: f64, std: f64, generator: &mut Generator) -> Result<Tensor> {
        let mut t = Self::uninit::<f32>(shape, Layout::Contiguous)?;
        t.data_mut::<f32>()?.iter_mut().for_each(|x| *x = (mean + std * generator.normal()) as f32);
        Ok(t)
    }

    /// A copy of an array. Four-dimensional arrays whose memory is NHWC (NCHW logically) become channels-last without reordering.
    pub fn from_array<T: Element, S: Data<Elem = T>, D: Dimension>(array: &ArrayBase<S, D>) -> Result<Tensor> {
        if array.ndim() == 4 {
            let nhwc = array.view().into_dyn().permuted_axes(IxDyn(&[0, 2, 3, 1]));
            if let Some(data) = nhwc.as_slice() {
                let mut t = Self::uninit::<T>(array.shape(), Layout::ChannelsLast)?;
                t.data_mut::<T>()?.copy_from_slice(data);
                return Ok(t);
            }
        }
        match array.as_slice() {
            Some(data) => Self::from_slice(data, array.shape()),
            None => Self::from_vec(array.iter().copied().collect(), array.shape()),
        }
    }

    // ---- access ----

    /// The logical shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The logical sizes.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The memory order.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Where the tensor lives.
    pub fn device(&self) -> Device {
        Device::Cpu
    }

    /// Whether both tensors share their memory.
    pub fn shares_memory_with(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    fn check_dtype<T: Element>(&self, op: &'static str) -> Result<()> {
        if T::DTYPE == self.dtype {
            return Ok(());
        }
        Err(Error::DType { op, expected: T::DTYPE.to_string(), found: self.dtype })
    }

    fn stored_range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.layout.stored_elements(&self.shape)
    }

    /// The elements as they lie in memory (see [`Layout`]).
    pub fn data<T: Element>(&self) -> Result<&[T]> {
        self.check_dtype::<T>("data")?;
        Ok(&self.storage.as_slice::<T>()[self.stored_range()])
    }

    /// The elements as they lie in memory, to write to. Copies the memory first where it is shared.
    pub fn data_mut<T: Element>(&mut self) -> Result<&mut [T]> {
        self.check_dtype::<T>("data_mut")?;
        self.zero_taps = None;
        let range = self.stored_range();
        if Arc::get_mut(&mut self.storage).is_none() {
            let mut own = Buffer::uninit::<T>(range.len());
            own.as_mut_slice::<T>().copy_from_slice(&self.storage.as_slice::<T>()[range.clone()]);
            self.storage = Arc::new(Storage::new(own));
            self.offset = 0;
        }
        let range = self.stored_range();
        match Arc::get_mut(&mut self.storage) {
            Some(storage) => Ok(&mut storage.as_mut_slice::<T>()[range]),
            None => unreachable!("the storage was made unshared above"),
        }
    }

    /// Whether no other tensor shares the memory, so that it may be written to as it is.
    pub(crate) fn is_unshared(&mut self) -> bool {
        Arc::get_mut(&mut self.storage).is_some()
    }

    /// The rows of a blocked weight in pairs, as `make` pairs them: made once and kept until the weight is written to.
    pub(crate) fn paired_rows(&self, make: impl FnOnce(&[f32]) -> Buffer) -> Result<&[f32]> {
        debug_assert_eq!((self.layout, self.offset), (Layout::Blocked, 0));
        let values = self.data::<f32>()?;
        Ok(self.storage.derived(|| make(values)).as_slice())
    }

    /// Which taps of a blocked weight are known to be all zeros, where that is known.
    pub(crate) fn zero_taps(&self) -> Option<&[bool]> {
        self.zero_taps.as_deref()
    }

    /// Notes which taps of this blocked weight are all zeros.
    pub(crate) fn set_zero_taps(&mut self, taps: Vec<bool>) {
        debug_assert_eq!((self.layout, taps.len()), (Layout::Blocked, self.dims()[2..].iter().product()));
        self.zero_taps = Some(taps.into());
    }

    /// The elements in row-major order.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        Ok(self.contiguous()?.data::<T>()?.to_vec())
    }

    /// The elements as 64-bit floats in row-major order, whatever their type.
    pub fn to_f64_vec(&self) -> Result<Vec<f64>> {
        with_dtype!(self.dtype, T => Ok(self.contiguous()?.data::<T>()?.iter().map(|x| x.to_f64()).collect()))
    }

    /// The elements as an array.
    pub fn to_array<T: Element>(&self) -> Result<Array<T, IxDyn>> {
        let data = self.to_vec::<T>()?;
        Array::from_shape_vec(IxDyn(self.dims()), data).map_err(|e| Error::shape("to_array", self.dims(), e.to_string()))
    }

    /// The one element of a tensor that has one.
    pub fn item(&self) -> Result<f64> {
        if self.elements() != 1 {
            return Err(Error::shape("item", self.dims(), "one element is needed"));
        }
        with_dtype!(self.dtype, T => Ok(self.data::<T>()?[0].to_f64()))
    }

    // ---- views and memory order ----

    /// The same elements in the given memory order; shares the memory where the order is the same.
    pub fn to_layout(&self, layout: Layout) -> Result<Tensor> {
        if !layout.fits(&self.shape) {
            return Err(Error::shape("to_layout", &self.shape, format!("cannot be stored as {layout:?}")));
        }
        if self.layout.same_order(layout, &self.shape) {
            return Ok(Tensor { layout, ..self.clone() });
        }
        with_dtype!(self.dtype, T => {
            let mut out = Self::uninit::<T>(self.shape.clone(), layout)?;
            convert(&self.shape, self.data::<T>()?, self.layout, out.data_mut::<T>()?, layout);
            Ok(out)
        })
    }

    /// The same elements in row-major order.
    pub fn contiguous(&self) -> Result<Tensor> {
        self.to_layout(Layout::Contiguous)
    }

    /// The same elements with the channels innermost in memory (four dimensions).
    pub fn channels_last(&self) -> Result<Tensor> {
        self.to_layout(Layout::ChannelsLast)
    }

    /// The same elements in row-major order under another shape of as many elements.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if shape.checked_elements("reshape")? != self.elements() {
            return Err(Error::shapes("reshape", &self.shape, &shape, "as many elements are needed"));
        }
        Ok(Tensor { shape, ..self.contiguous()? })
    }

    /// The same memory under a shape that its layout stores in the same order (`[K, C]` as `[K, C, 1, 1]`, say).
    pub(crate) fn with_shape_of_same_order(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        Ok(self.reinterpreted(shape.into(), self.layout))
    }

    /// The same memory under a shape and a layout that store it in the same order.
    pub(crate) fn reinterpreted(&self, shape: Shape, layout: Layout) -> Tensor {
        debug_assert_eq!(self.layout.stored_elements(&self.shape), layout.stored_elements(&shape));
        Tensor { shape, layout, ..self.clone() }
    }

    /// Dimensions `start..=end` (from the end where negative) merged into one, as PyTorch's `flatten`.
    pub fn flatten(&self, start: isize, end: isize) -> Result<Tensor> {
        if self.shape.rank() == 0 {
            return self.reshape([1]);
        }
        let (a, b) = (self.shape.dim_index("flatten", start)?, self.shape.dim_index("flatten", end)?);
        if a > b {
            return Err(Error::argument("flatten", format!("start {start} lies behind end {end}")));
        }
        let mut shape = self.dims()[..a].to_vec();
        shape.push(self.dims()[a..=b].iter().product());
        shape.extend_from_slice(&self.dims()[b + 1..]);
        self.reshape(shape)
    }

    /// Entries `start..start + len` of the first dimension; shares the memory. Not for blocked weights.
    pub(crate) fn rows(&self, start: usize, len: usize) -> Result<Tensor> {
        if self.layout == Layout::Blocked {
            return self.contiguous()?.rows(start, len);
        }
        let mut shape = self.dims().to_vec();
        let stride: usize = shape[1..].iter().product();
        shape[0] = len;
        Ok(Tensor { offset: self.offset + start * stride, shape: shape.into(), ..self.clone() })
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}, {}, {:?})", self.shape, self.dtype, self.layout)?;
        let values = self.to_f64_vec().map_err(|_| fmt::Error)?;
        let shown = &values[..values.len().min(16)];
        write!(f, " {shown:?}{}", if shown.len() < values.len() { " …" } else { "" })
    }
}
