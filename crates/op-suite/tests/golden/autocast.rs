//! bf16: as close to `float64` as PyTorch under `torch.autocast`, for single products, forward and backward, and for whole networks.

use autograd::autocast_bf16;
use op_suite::{
    Golden,
    compare::{Errors, relative_l2},
};
use serde_json::Value;
use tensor::{DType, Layout};

use crate::{
    models::logits,
    operations::{Cases, is_product},
};

/// How much larger an error may be than PyTorch's.
const FACTOR: f64 = 1.1;

#[test]
fn golden_autocast_of_operations() {
    let pytorch = PytorchErrors::open(&Golden::open());
    let cases = Cases::open();
    let mut errors = Errors::new();
    for name in cases.names().filter(|name| is_product(name)) {
        for (part, found) in autocast_bf16(|| cases.compute(name, DType::F32, Layout::Blocked)) {
            // PyTorch rounds what stays f32 here, such as gradients of biases: of few numbers, that may happen to bring it nearer.
            let rounded = found.to_dtype(DType::Bf16).expect("a float");
            let error = |found| relative_l2(found, cases.expected(&part));
            errors.note(&part, error(&found).min(error(&rounded)), FACTOR * pytorch.of(&part));
        }
    }
    crate::conclude(errors);
}

#[test]
fn golden_autocast_of_models() {
    let _alone = crate::alone();
    let golden = Golden::open();
    let pytorch = PytorchErrors::open(&golden);
    let expected = golden.tensors("logits.safetensors");
    let mut errors = Errors::new();
    for case in pytorch.names().filter(|name| !name.contains('/')) {
        let (name, size) = case.split_once('@').unwrap_or((case, ""));
        let model = golden.model(name);
        let size = if size.is_empty() { model.input_size() } else { size.parse().expect("a number of pixels") };
        let found = autocast_bf16(|| logits(&golden, &model, size));
        errors.note(case, relative_l2(&found, &expected[case]), FACTOR * pytorch.of(case));
    }
    crate::conclude(errors);
}

/// How far PyTorch's autocast is from `float64`.
struct PytorchErrors(Value);

impl PytorchErrors {
    fn open(golden: &Golden) -> Self {
        Self(golden.json("pytorch_autocast_bf16_error.json"))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.as_object().expect("errors by name").keys().map(String::as_str)
    }

    fn of(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("no error of {name} is recorded"))
    }
}
