//! Nothing below the cli prints: libraries return values, errors and events.

use super::Violation;
use super::tree::{File, Tree};

const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Looks for printing macros in the libraries, tests, examples and benchmarks aside.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files()
        .filter(|file| {
            let may_print = file.is_in("crates/cli") || file.is_in("xtask");
            !may_print && !file.is_auxiliary()
        })
        .flat_map(printing)
        .collect()
}

fn printing(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    for name in MACROS {
        let message = format!("`{name}!` below the cli; return the text or report it through a callback");
        let sequence = [name, "!"];
        let found = file.find(&sequence).filter(|token| !token.in_test);
        violations.extend(found.map(|token| Violation::new(&file.path, token.line, &message)));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_prints_is_reported() {
        let tree = Tree::of(&[("crates/train/src/lib.rs", "fn f() {\n    println!();\n}\nfn g() { dbg!(1); }\n")]);
        let lines: Vec<usize> = check(&tree).iter().map(|violation| violation.line).collect();
        assert_eq!(lines, [2, 4]);
    }

    #[test]
    fn the_cli_xtask_tests_and_examples_may_print() {
        let source = "fn f() { println!() }";
        let tree = Tree::of(&[
            ("crates/cli/src/main.rs", source),
            ("xtask/src/main.rs", source),
            ("crates/zoo/examples/embed/src/main.rs", source),
            ("crates/zoo/src/lib.rs", "#[cfg(test)]\nmod tests { fn f() { eprintln!() } }"),
            ("crates/zoo/src/names.rs", "fn print() {} // println!\nfn f() { writeln!(f); print() }"),
        ]);
        assert!(check(&tree).is_empty());
    }
}
