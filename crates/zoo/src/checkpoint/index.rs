//! Where each tensor of a checkpoint lies: what every format is reduced to.

use serde_json::{Map, Value};

use super::{
    dtype::TorchDtype,
    error::{Reason, quote},
    metadata::Metadata,
    source::{Blob, BlobReader, Source},
    tensor::{RawTensor, TensorInfo},
};

/// All tensors together may be this many times the file's size (views share storages) ...
const MAX_EXPANSION: u64 = 16;
/// ... and a small file, this many bytes more.
const FREE_EXPANSION: u64 = 16 << 20;

/// Everything about a checkpoint but its tensors' data.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) tensors: Vec<Located>,
    pub(super) metadata: Metadata,
    /// Numbers and texts beside a nested state dict, such as `epoch`.
    pub(super) extra: Map<String, Value>,
}

/// A tensor and where its elements are.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) info: TensorInfo,
    blob: Blob,
    start: usize,
    strides: Vec<usize>,
    big_endian: bool,
}

/// Refuses tensors that would take far more memory than the file can account for.
pub(super) fn check_total(tensors: &[Located], source: &Source<'_>) -> Result<(), Reason> {
    let limit = source.len().saturating_mul(MAX_EXPANSION).saturating_add(FREE_EXPANSION);
    let mut claimed = 0u64;
    for tensor in tensors {
        // What is read at once, and what is made of it.
        let (dense, span) = (tensor.dense_bytes()? as u64, tensor.span_bytes()? as u64);
        claimed = claimed.saturating_add(dense);
        if claimed > limit || span > limit {
            return Err(Reason::TooLarge { claimed: claimed.max(span), file: source.len() });
        }
    }
    Ok(())
}

impl Located {
    /// A tensor whose elements are checked to lie within the blob; `start` and `strides` count elements.
    pub(super) fn new(info: TensorInfo, blob: Blob, start: usize, mut strides: Vec<usize>, big_endian: bool) -> Result<Self, Reason> {
        // No element is ever a step away along an axis of one.
        strides.iter_mut().zip(&info.shape).filter(|&(_, &extent)| extent == 1).for_each(|(stride, _)| *stride = 0);
        let tensor = Self { info, blob, start, strides, big_endian };
        let first = (start as u64).checked_mul(tensor.info.dtype.size() as u64);
        let end = first.and_then(|first| first.checked_add(tensor.span_bytes().ok()? as u64));
        if tensor.strides.len() != tensor.info.shape.len() || end.is_none_or(|end| end > blob.len) {
            return Err(tensor.out_of_range());
        }
        tensor.dense_bytes()?;
        Ok(tensor)
    }

    /// The tensor, its elements in row-major order.
    pub(super) fn read(&self, source: &Source<'_>) -> Result<RawTensor, Reason> {
        let TensorInfo { dtype, ref shape, .. } = self.info;
        let size = dtype.size();
        let span = self.span_bytes()?;
        let mut data = source.read(&self.blob, (self.start * size) as u64, span)?;
        if !self.is_contiguous() {
            data = gather(&data, size, shape, &self.strides, self.dense_bytes()?);
        }
        Ok(self.piece(shape.clone(), data))
    }

    /// The tensor in pieces of at most `rows` entries of its first dimension, which are read one at a time; in one piece where it
    /// does not lie row by row.
    pub(super) fn pieces<'s>(&'s self, source: &'s Source<'_>, rows: usize) -> Result<Pieces<'s>, Reason> {
        let TensorInfo { dtype, ref shape, .. } = self.info;
        let whole = shape.first().copied().unwrap_or(1);
        let in_order = self.is_contiguous() && whole > 0;
        let reader = if in_order { Some(source.reader(&self.blob, (self.start * dtype.size()) as u64)?) } else { None };
        let rows = if in_order { rows.clamp(1, whole) } else { whole };
        Ok(Pieces { tensor: self, source, reader, rows, next: 0, whole })
    }

    fn piece(&self, shape: Vec<usize>, mut data: Vec<u8>) -> RawTensor {
        let dtype = self.info.dtype;
        if self.big_endian {
            data.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
        }
        RawTensor { dtype, shape, data }
    }

    fn out_of_range(&self) -> Reason {
        Reason::damaged(format!("tensor `{}` lies outside its storage", quote(&self.info.name)))
    }

    fn dense_bytes(&self) -> Result<usize, Reason> {
        self.info.dtype.byte_len(&self.info.shape).ok_or_else(|| self.out_of_range())
    }

    /// Bytes from the first element to past the last one.
    fn span_bytes(&self) -> Result<usize, Reason> {
        span(self.info.dtype, &self.info.shape, &self.strides).ok_or_else(|| self.out_of_range())
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.info.shape.contains(&0)
            || self.info.shape.iter().zip(&self.strides).rev().all(|(&extent, &stride)| {
                let fits = extent == 1 || stride == expected;
                expected = expected.saturating_mul(extent);
                fits
            })
    }
}

/// A tensor's data, read some rows at a time.
pub(super) struct Pieces<'s> {
    tensor: &'s Located,
    source: &'s Source<'s>,
    /// Where the data is read from in order; none where it has to be read at once.
    reader: Option<BlobReader<'s>>,
    /// Rows of a piece.
    rows: usize,
    /// The row that the next piece starts with.
    next: usize,
    /// All rows.
    whole: usize,
}

impl Pieces<'_> {
    fn read(&mut self) -> Result<RawTensor, Reason> {
        let start = std::mem::replace(&mut self.next, self.whole);
        let Some(reader) = &mut self.reader else {
            return self.tensor.read(self.source);
        };
        let end = start.saturating_add(self.rows).min(self.whole);
        let mut shape = self.tensor.info.shape.clone();
        shape.iter_mut().take(1).for_each(|extent| *extent = end - start);
        let bytes = self.tensor.info.dtype.byte_len(&shape).ok_or_else(|| self.tensor.out_of_range())?;
        let piece = self.tensor.piece(shape, reader.read(bytes)?);
        // After an error there is no next one.
        self.next = end;
        Ok(piece)
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<RawTensor, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.whole).then(|| self.read())
    }
}

/// Strides of a row-major tensor, in elements.
pub(super) fn contiguous_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

fn span(dtype: TorchDtype, shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let last =
        shape.iter().zip(strides).try_fold(0usize, |last, (&extent, &stride)| last.checked_add((extent - 1).checked_mul(stride)?))?;
    last.checked_add(1)?.checked_mul(dtype.size())
}

/// Copies strided elements of `size` bytes into row-major order. The view must lie within `data`.
fn gather(data: &[u8], size: usize, shape: &[usize], strides: &[usize], dense: usize) -> Vec<u8> {
    let mut gathered = Vec::with_capacity(dense);
    let mut position = vec![0usize; shape.len()];
    let mut element = 0usize;
    while gathered.len() < dense {
        gathered.extend_from_slice(&data[element * size..][..size]);
        for axis in (0..shape.len()).rev() {
            position[axis] += 1;
            element += strides[axis];
            if position[axis] < shape[axis] {
                break;
            }
            element -= strides[axis] * shape[axis];
            position[axis] = 0;
        }
    }
    gathered
}
