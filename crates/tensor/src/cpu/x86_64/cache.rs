//! What the processor says of its caches.

use std::{
    arch::x86_64::{__cpuid, __cpuid_count},
    sync::OnceLock,
};

/// In how many places of the first-level cache for data a line can lie, where the processor says so.
pub(in crate::cpu) fn first_level_ways() -> Option<usize> {
    static WAYS: OnceLock<Option<usize>> = OnceLock::new();
    // Intel's leaf and AMD's, both "cache parameters", with the same fields.
    *WAYS.get_or_init(|| [0x4, 0x8000_001d].into_iter().find_map(ways))
}

fn ways(leaf: u32) -> Option<usize> {
    const DATA: u32 = 1;
    const FIRST_LEVEL: u32 = 1;
    let known = __cpuid(leaf & 0x8000_0000).eax >= leaf;
    let caches = (0..if known { 8 } else { 0 }).map(|i| __cpuid_count(leaf, i));
    let mut first = caches.filter(|cache| cache.eax & 0x1f == DATA && cache.eax >> 5 & 0b111 == FIRST_LEVEL);
    first.next().map(|cache| (cache.ebx >> 22) as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_cache_is_that_of_a_processor() {
        let ways = first_level_ways().unwrap_or(8);
        assert!((2..=64).contains(&ways), "{ways}");
    }
}
