//! Registers of matrices, and their products: Intel's AMX, and what takes its place where there is none.

/// The rows, and the 32-bit columns of each, that a register holds; at most 16 of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    pub rows: u8,
    pub columns: u8,
}

impl Shape {
    /// The most rows, and the most columns.
    pub(crate) const MOST: usize = 16;

    pub(crate) const fn new(rows: usize, columns: usize) -> Self {
        assert!(rows <= Self::MOST && columns <= Self::MOST, "no register holds more than 16 x 16");
        Shape { rows: rows as u8, columns: columns as u8 }
    }
}

/// The shapes of the eight registers; one of no rows is not used.
pub(crate) type Shapes = [Shape; 8];

/// Eight registers for matrices of `f32` or of [pairs of bf16](super::conv2d). Registers are numbers known when compiled.
///
/// # Safety
/// The methods may be called after [`configure`](MatrixUnit::configure), for registers whose shapes were given there. Pointers must be
/// valid for the rows of the register, which start `step` values apart.
pub(crate) trait MatrixUnit {
    /// Gives the registers their shapes. What they hold is lost where these are not those that they had.
    ///
    /// # Safety
    /// The unit's own: the processor has the instructions.
    unsafe fn configure(&mut self, shapes: &Shapes);
    /// Fills a register with zeros.
    unsafe fn zero<const R: u8>(&mut self);
    /// Reads a register.
    unsafe fn load<const R: u8>(&mut self, from: *const f32, step: usize);
    /// Writes a register.
    unsafe fn store<const R: u8>(&mut self, to: *mut f32, step: usize);
    /// `C += A · B`: of `C` each sum over the pairs of a row of `A`, and those of a column of `B`, of both products. The first products of
    /// all pairs are added up, and the second, and then both sums and `C`; subnormal numbers are zeros, in and out.
    unsafe fn dot<const C: u8, const A: u8, const B: u8>(&mut self);
}

/// Computes `$with` where a level has a unit for products of matrices, of which `$unit` makes one, and `$without` where it has none.
macro_rules! with_matrix_unit {
    ($level:expr, $unit:ident => $with:expr, $without:expr) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::SimdLevel::Amx => {
                let $unit = $crate::cpu::x86_64::amx::Amx::new;
                $with
            }
            #[cfg(test)]
            $crate::cpu::SimdLevel::EmulatedAmx => {
                let $unit = $crate::cpu::matrix_unit::Emulated::default;
                $with
            }
            _ => $without,
        }
    };
}
pub(super) use with_matrix_unit;

/// The plain twin.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Emulated {
    shapes: Shapes,
    registers: [Box<[[f32; Shape::MOST]; Shape::MOST]>; 8],
}

#[cfg(test)]
impl Emulated {
    fn shape(&self, register: u8) -> (usize, usize) {
        let Shape { rows, columns } = self.shapes[register as usize];
        assert!(rows > 0 && columns > 0, "register {register} is not in use");
        (rows as usize, columns as usize)
    }
}

#[cfg(test)]
impl MatrixUnit for Emulated {
    unsafe fn configure(&mut self, shapes: &Shapes) {
        if self.shapes != *shapes {
            *self = Emulated { shapes: *shapes, ..Emulated::default() };
        }
    }

    unsafe fn zero<const R: u8>(&mut self) {
        self.shape(R);
        *self.registers[R as usize] = Default::default();
    }

    unsafe fn load<const R: u8>(&mut self, from: *const f32, step: usize) {
        let (rows, columns) = self.shape(R);
        for (i, row) in self.registers[R as usize].iter_mut().enumerate().take(rows) {
            for (j, value) in row.iter_mut().enumerate().take(columns) {
                // SAFETY: the caller's promise.
                *value = unsafe { *from.add(i * step + j) };
            }
        }
    }

    unsafe fn store<const R: u8>(&mut self, to: *mut f32, step: usize) {
        let (rows, columns) = self.shape(R);
        for (i, row) in self.registers[R as usize].iter().enumerate().take(rows) {
            for (j, &value) in row.iter().enumerate().take(columns) {
                // SAFETY: the caller's promise.
                unsafe { *to.add(i * step + j) = value };
            }
        }
    }

    unsafe fn dot<const C: u8, const A: u8, const B: u8>(&mut self) {
        let ((rows, columns), (_, pairs)) = (self.shape(C), self.shape(A));
        assert_eq!((self.shape(A).0, self.shape(B)), (rows, (pairs, columns)), "shapes that do not fit");
        let flushed = |x: f32| if x.is_subnormal() { 0.0 * x } else { x };
        let first = |x: f32| flushed(f32::from_bits(x.to_bits() << 16));
        let second = |x: f32| flushed(f32::from_bits(x.to_bits() & 0xffff_0000));
        let [a, b] = [A, B].map(|register| self.registers[register as usize].clone());
        for (row, values) in a.iter().zip(self.registers[C as usize].iter_mut()).take(rows) {
            for (j, value) in values.iter_mut().enumerate().take(columns) {
                // A product of two bf16 is exact in f32, so there is one rounding a sum, as with a fused multiply-add.
                let sums = row.iter().zip(b.iter()).take(pairs).fold([0.0; 2], |[low, high], (x, y)| {
                    [flushed(low + first(*x) * first(y[j])), flushed(high + second(*x) * second(y[j]))]
                });
                *value = flushed(flushed(*value) + flushed(sums[0] + sums[1]));
            }
        }
    }
}
