//! Intel's AMX: eight registers of 16 rows of 64 bytes, and products of bf16 of them. Rust has no intrinsics for it that are stable.

use std::{
    arch::{
        asm,
        x86_64::{__cpuid_count, _xgetbv},
    },
    sync::OnceLock,
};

use crate::cpu::matrix_unit::{MatrixUnit, Shape, Shapes};

/// Whether the processor has products of bf16 in AMX, and the system lets this process use them.
pub(in crate::cpu) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| processor_has_it() && system_saves_it() && system_permits_it())
}

fn processor_has_it() -> bool {
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & BF16_AND_TILES == BF16_AND_TILES
}

/// Whether the system keeps the registers when threads take turns.
fn system_saves_it() -> bool {
    const XSAVE_IN_USE: u32 = 1 << 27;
    const CONFIGURATION_AND_DATA: u64 = 1 << 17 | 1 << 18;
    // SAFETY: the processor has the instruction where the system uses XSAVE.
    __cpuid_count(1, 0).ecx & XSAVE_IN_USE != 0 && unsafe { _xgetbv(0) } & CONFIGURATION_AND_DATA == CONFIGURATION_AND_DATA
}

/// Linux gives a process these 8 KB of state when it asks for them.
#[cfg(target_os = "linux")]
fn system_permits_it() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers, and changes nothing but what this process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn system_permits_it() -> bool {
    false
}

/// This thread's registers, which are the processor's again when it is dropped.
pub(in crate::cpu) struct Amx {
    shapes: Shapes,
}

impl Amx {
    /// # Panics
    /// Where the instructions [are not](is_available).
    pub(in crate::cpu) fn new() -> Self {
        assert!(is_available(), "AMX is not available");
        Amx { shapes: Shapes::default() }
    }
}

/// What `LDTILECFG` reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

// The compiler keeps nothing in these registers, so they hold their values from one statement to the next.
impl MatrixUnit for Amx {
    #[inline(always)]
    unsafe fn configure(&mut self, shapes: &Shapes) {
        if self.shapes == *shapes {
            return;
        }
        self.shapes = *shapes;
        let mut configuration = Configuration { palette: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        for (i, &Shape { rows, columns }) in shapes.iter().enumerate() {
            configuration.bytes[i] = 4 * u16::from(columns);
            configuration.rows[i] = rows;
        }
        // SAFETY: `new` has seen that the instructions are there.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(readonly, nostack, preserves_flags)) }
    }

    #[inline(always)]
    unsafe fn zero<const R: u8>(&mut self) {
        // SAFETY: as above.
        unsafe { asm!("tilezero tmm{r}", r = const R, options(nomem, nostack, preserves_flags)) }
    }

    #[inline(always)]
    unsafe fn load<const R: u8>(&mut self, from: *const f32, step: usize) {
        // SAFETY: as above; the caller vouches for the memory.
        unsafe {
            asm!("tileloadd tmm{r}, [{from} + {step} * 1]", r = const R, from = in(reg) from, step = in(reg) 4 * step,
                options(readonly, nostack, preserves_flags))
        }
    }

    #[inline(always)]
    unsafe fn store<const R: u8>(&mut self, to: *mut f32, step: usize) {
        // SAFETY: as above; the caller vouches for the memory.
        unsafe {
            asm!("tilestored [{to} + {step} * 1], tmm{r}", r = const R, to = in(reg) to, step = in(reg) 4 * step,
                options(nostack, preserves_flags))
        }
    }

    #[inline(always)]
    unsafe fn dot<const C: u8, const A: u8, const B: u8>(&mut self) {
        // SAFETY: as above.
        unsafe { asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B, options(nomem, nostack, preserves_flags)) }
    }
}

impl Drop for Amx {
    fn drop(&mut self) {
        // SAFETY: as above. Threads that take turns have less to save then.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cpu::matrix_unit::Emulated, random::Generator};

    /// `C` after two products added to what it held, by one unit.
    fn product<U: MatrixUnit>(unit: &mut U, (rows, pairs, columns): (usize, usize, usize), a: &[f32], b: &[f32], c: &[f32]) -> Vec<f32> {
        let mut shapes = Shapes::default();
        shapes[3] = Shape::new(rows, columns);
        shapes[6] = Shape::new(rows, pairs);
        shapes[7] = Shape::new(pairs, columns);
        let mut out = vec![0.0; rows * 17];
        // SAFETY: `a`, `b` and `c` have rows of 20, 18 and 17 values, as many as the shapes say.
        unsafe {
            unit.configure(&shapes);
            unit.load::<3>(c.as_ptr(), 17);
            unit.load::<6>(a.as_ptr(), 20);
            unit.load::<7>(b.as_ptr(), 18);
            unit.dot::<3, 6, 7>();
            unit.dot::<3, 6, 7>();
            unit.store::<3>(out.as_mut_ptr(), 17);
        }
        out
    }

    #[test]
    fn products_are_those_of_the_plain_twin_to_the_bit() {
        if !is_available() {
            eprintln!("this processor has no AMX: nothing to compare the twin with");
            return;
        }
        let mut g = Generator::new(5);
        let mut random = |len: usize| -> Vec<f32> {
            let half = |g: &mut Generator| half::bf16::from_f64(g.normal() * 2f64.powi(g.below(120) as i32 - 70)).to_bits();
            (0..len).map(|_| f32::from_bits(u32::from(half(&mut g)) | u32::from(half(&mut g)) << 16)).collect()
        };
        for shape in [(16, 16, 16), (1, 1, 1), (13, 7, 16), (16, 14, 5), (2, 16, 9)] {
            let (a, b, c) = (random(16 * 20), random(16 * 18), random(16 * 17));
            let (real, twin) = (product(&mut Amx::new(), shape, &a, &b, &c), product(&mut Emulated::default(), shape, &a, &b, &c));
            assert_eq!(
                real.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                twin.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                "{shape:?}"
            );
        }
    }
}
