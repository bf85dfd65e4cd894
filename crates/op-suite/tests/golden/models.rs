//! Whole networks: what they print, their state dicts, and their logits.

use std::collections::BTreeSet;

use layers::{Mode, ModuleExt, no_grad};
use op_suite::{
    Golden,
    compare::{Errors, relative_l2},
    placed,
};
use tensor::Tensor;
use zoo::Model;

#[test]
fn golden_models_are_those_of_the_registry() {
    let golden = Golden::open();
    let known: BTreeSet<String> = zoo::names().map(str::to_owned).collect();
    let expected: BTreeSet<String> = golden.models().into_iter().collect();
    assert_eq!(known, expected, "left: the registry; right: the golden folder");
}

#[test]
fn golden_texts_of_the_models() {
    let golden = Golden::open();
    for name in zoo::names() {
        let found = zoo::build(name, 1000).expect("a model of the registry").repr() + "\n";
        let expected = golden.text(&format!("repr/{name}.txt"));
        let line = found.lines().zip(expected.lines()).position(|(a, b)| a != b);
        assert!(found == expected, "{name}: line {line:?} differs (counted from 0)");
    }
}

#[test]
fn golden_state_dicts_of_the_models() {
    let golden = Golden::open();
    for name in zoo::names() {
        let model = zoo::build(name, 1000).expect("a model of the registry");
        let line = |(key, slot): (String, layers::Slot<'_>)| {
            let shape: Vec<String> = slot.shape().iter().map(usize::to_string).collect();
            let shape = if shape.is_empty() { "scalar".to_owned() } else { shape.join("x") };
            format!("{key}\t{}\t{shape}", slot.dtype())
        };
        let found: Vec<String> = model.named_tensors().into_iter().map(line).collect();
        let expected = golden.text(&format!("state_dict/{name}.tsv"));
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn golden_logits_without_winograd() {
    crate::without_winograd("models::golden_logits");
}

#[test]
fn golden_logits() {
    let tolerance = 1e-5;
    let _alone = crate::alone();
    let golden = Golden::open();
    let expected = golden.tensors("logits.safetensors");
    let mut errors = Errors::new();
    for name in zoo::names() {
        let mut model = golden.model(name);
        let mut compare = |case: &str, model: &dyn Model, size: usize| {
            let found = logits(&golden, model, size);
            let expected = expected.get(case).unwrap_or_else(|| panic!("no golden logits of {case}"));
            errors.note(case, relative_l2(&found, expected), tolerance);
        };
        compare(name, &model, model.input_size());
        match name {
            "resnet18" => compare("resnet18@32", &model, 32),
            "inception_v3" => {
                model.set_transform_input(true);
                compare("inception_v3+transform_input", &model, model.input_size());
            }
            _ => {}
        }
    }
    crate::conclude(errors);
}

/// The logits of the two golden pictures of `size` x `size` pixels.
pub(crate) fn logits(golden: &Golden, model: &dyn Model, size: usize) -> Tensor {
    let x = placed(golden.signed("input", &[2, 3, size, size]));
    no_grad(|| model.forward(&x.into(), Mode::Eval)).unwrap_or_else(|e| panic!("{e}")).into_value()
}
