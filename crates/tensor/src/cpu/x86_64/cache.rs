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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_processor_says_what_the_system_says() {
        let Ok(caches) = std::fs::read_dir("/sys/devices/system/cpu/cpu0/cache") else { return };
        let said = caches.flatten().find_map(|cache| {
            let says = |what: &str| std::fs::read_to_string(cache.path().join(what)).ok();
            let is_first_for_data = says("type")?.trim() == "Data" && says("level")?.trim() == "1";
            is_first_for_data.then(|| says("ways_of_associativity")?.trim().parse().ok()).flatten()
        });
        assert!(said.is_none() || first_level_ways() == said, "{:?}, {said:?}", first_level_ways());
    }
}
