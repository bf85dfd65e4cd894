//! Only `crates/tensor/src/cuda` knows cudarc, and the zoo names no device.

use super::Violation;
use super::tree::{File, Tree};

const CUDA: &str = "crates/tensor/src/cuda";

/// Looks for `cudarc` outside the backend, and for CUDA by any name in the zoo.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let imports = tree.rust_files().flat_map(stray_imports);
    let zoo = tree.rust_files().flat_map(devices_in_zoo);
    imports.chain(zoo).chain(stray_dependencies(tree)).collect()
}

fn stray_imports(file: &File) -> Vec<Violation> {
    if file.is_in(CUDA) || file.path == format!("{CUDA}.rs") {
        return Vec::new();
    }
    let message = "only crates/tensor/src/cuda may name cudarc; go through `Device` and the backend trait";
    file.forbid(&["cudarc"], message)
}

fn devices_in_zoo(file: &File) -> Vec<Violation> {
    let models = file.is_in("crates/zoo/src") && !file.is_in("crates/zoo/src/checkpoint");
    if !models {
        return Vec::new();
    }
    let message = "a model names no device; let the caller place its tensors";
    file.tokens()
        .iter()
        .filter(|token| token.text.to_lowercase().contains("cuda"))
        .map(|token| Violation::new(&file.path, token.line, message))
        .collect()
}

fn stray_dependencies(tree: &Tree) -> Vec<Violation> {
    let message = "only `tensor` may depend on cudarc";
    tree.manifests()
        .filter(|manifest| manifest.name != "tensor")
        .flat_map(|manifest| {
            let named = manifest.dependencies.iter().filter(|dependency| dependency.name == "cudarc");
            named.map(|dependency| Violation::new(&manifest.file.path, dependency.line, message)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_and_the_checkpoints_are_free() {
        let tree = Tree::of(&[
            ("crates/tensor/src/cuda/context.rs", "use cudarc::driver::CudaContext;"),
            ("crates/tensor/Cargo.toml", "[package]\nname = \"tensor\"\n[dependencies]\ncudarc = \"1\"\n"),
            ("crates/zoo/src/checkpoint/pth.rs", "const CUDA_STORAGE: u8 = 1;"),
            ("crates/zoo/src/resnet.rs", "// On cuda too.\n"),
        ]);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn elsewhere_each_mention_counts() {
        let tree = Tree::of(&[
            ("crates/layers/src/conv2d.rs", "fn f() { cudarc::init() }"),
            ("crates/zoo/src/resnet.rs", "\nfn f() { Device::Cuda(0) }"),
            ("crates/zoo/Cargo.toml", "[package]\nname = \"zoo\"\n[dependencies]\ncudarc = \"1\"\n"),
        ]);
        let found = check(&tree);
        let places: Vec<(&str, usize)> = found.iter().map(|v| (v.path.as_str(), v.line)).collect();
        assert_eq!(places, [("crates/layers/src/conv2d.rs", 1), ("crates/zoo/src/resnet.rs", 2), ("crates/zoo/Cargo.toml", 4)]);
    }
}
