//! `unsafe` lives in `tensor` alone, and each unsafe function there says what it needs.
//! (Blocks and impls are clippy's: `undocumented_unsafe_blocks`.)

use super::Violation;
use super::tree::{File, Tree};

/// Looks for the keyword elsewhere, and for undocumented functions and traits in `tensor`.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files().flat_map(|file| if file.is_in("crates/tensor") { undocumented(file) } else { stray(file) }).collect()
}

fn stray(file: &File) -> Vec<Violation> {
    let message = "`unsafe` lives in crates/tensor alone; put the operation there behind a safe function";
    file.forbid(&["unsafe"], message)
}

fn undocumented(file: &File) -> Vec<Violation> {
    let message = "an unsafe item without its contract; state it above under `# Safety`";
    declarations(file)
        .filter(|&at| !says_contract(file, at) && !inherits_contract(file, at))
        .map(|at| Violation::new(&file.path, file.tokens()[at].line, message))
        .collect()
}

/// Where the declarations `unsafe fn name`, `unsafe extern "C" fn name` and `unsafe trait name` begin;
/// a function pointer's type has no name.
fn declarations(file: &File) -> impl Iterator<Item = usize> {
    (0..file.tokens().len()).filter(|&at| {
        let mut after = file.tokens()[at..].iter().map(|token| token.text.as_str());
        after.next() == Some("unsafe")
            && after.find(|&text| text != "extern" && !text.is_empty()).is_some_and(|text| matches!(text, "fn" | "trait"))
            && after.next() != Some("(")
    })
}

/// Whether the text between the previous item and the token `at` mentions safety.
fn says_contract(file: &File, at: usize) -> bool {
    let previous = file.tokens()[..at].iter().rfind(|token| ends_item(&token.text));
    let (after, to) = (previous.map_or(0, |token| token.line), file.tokens()[at].line);
    let mut lines = file.lines().filter(|&(line, _)| after < line && line <= to);
    lines.any(|(_, text)| text.contains("# Safety") || text.contains("SAFETY:"))
}

/// Whether the function at `at` implements a trait's, or stands in a block that states the contract for all.
fn inherits_contract(file: &File, at: usize) -> bool {
    let Some(opening) = enclosing_brace(file, at) else {
        return false;
    };
    let header: Vec<&str> =
        file.tokens()[..opening].iter().rev().map(|token| token.text.as_str()).take_while(|text| !ends_item(text)).collect();
    let implements_trait = header.contains(&"impl") && header.contains(&"for");
    implements_trait || says_contract(file, opening)
}

/// Whether the items before and after this token are different ones.
fn ends_item(token: &str) -> bool {
    matches!(token, ";" | "{" | "}")
}

/// Where the innermost block around the token `at` opens.
fn enclosing_brace(file: &File, at: usize) -> Option<usize> {
    let mut closed = 0;
    (0..at).rev().find(|&index| match file.tokens()[index].text.as_str() {
        "}" => {
            closed += 1;
            false
        }
        "{" if closed > 0 => {
            closed -= 1;
            false
        }
        text => text == "{",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_in(path: &str, source: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, source)])).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn the_keyword_outside_tensor_is_reported_but_not_its_mention() {
        let source = "#![deny(unsafe_code)]\n// unsafe\nfn f() { unsafe { g() } }\n";
        assert_eq!(lines_in("crates/layers/src/conv2d.rs", source), [3]);
    }

    #[test]
    fn functions_in_tensor_need_a_contract() {
        let source =
            "/// Adds.\n///\n/// # Safety\n/// AVX2.\n#[inline]\npub unsafe fn a() {}\n\nunsafe fn b() {}\nunsafe extern \"C\" fn c() {}\n";
        assert_eq!(lines_in("crates/tensor/src/cpu/x86_64/add.rs", source), [8, 9]);
    }

    #[test]
    fn a_trait_states_the_contract_for_its_methods() {
        let documented = "/// A vector.\n///\n/// # Safety\n/// AVX2.\npub trait Simd {\n    unsafe fn zero();\n    unsafe fn one();\n}\nimpl Simd for X {\n    unsafe fn zero() {}\n}\n";
        assert!(lines_in("crates/tensor/src/cpu/simd.rs", documented).is_empty());
        let bare = "trait Simd {\n    fn f() {}\n    unsafe fn zero();\n}\nimpl X {\n    unsafe fn one() {}\n}\n";
        assert_eq!(lines_in("crates/tensor/src/cpu/simd.rs", bare), [3, 6]);
    }

    #[test]
    fn function_pointers_and_blocks_need_none() {
        let source = "type Kernel = unsafe fn(u8);\nfn f() { unsafe { g() } }\n";
        assert!(lines_in("crates/tensor/src/cpu/dispatch.rs", source).is_empty());
    }
}
