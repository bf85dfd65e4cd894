//! Every case of the golden folder. Test names contain `golden`, so that `cargo test -p op-suite golden` runs them all.

mod autocast;
mod checkpoints;
mod images;
mod models;
mod operations;
mod optimizers;
mod train_steps;
mod trajectory;

use std::{
    env,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use op_suite::{compare::Errors, det};
use tensor::Tensor;

/// Lets one large network be in memory at a time, on however many threads the tests run.
fn alone() -> MutexGuard<'static, ()> {
    static LARGE: Mutex<()> = Mutex::new(());
    LARGE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test of this program in a process of its own that has no Winograd convolution.
fn without_winograd(test: &str) {
    let _alone = alone();
    let program = env::current_exe().expect("this program's path");
    let output = Command::new(program).args(["--exact", test, "--nocapture"]).env("CONVOY_WINOGRAD", "off").output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success() && text.contains("1 passed"), "{test} failed without Winograd convolution");
}

/// How often a computation in `float32` is tried where chance decides.
///
/// A ReLU or a maximum whose input is zero but for rounding falls on either side of it, and moves gradients by a percent. PyTorch's own
/// `float32` is as lucky or unlucky as this. A wrong computation fails every try.
const TRIES: u64 = 16;

/// The errors of the first try that fits, else of the last.
fn first_that_fits(attempt: impl Fn(u64) -> Errors) -> Errors {
    let mut errors = attempt(0);
    for number in 1..TRIES {
        if errors.fits() {
            break;
        }
        errors = attempt(number);
        errors.remark(format!("that was try {} of at most {TRIES}", number + 1));
    }
    errors
}

/// The input of a try: from the second on, each number moved by at most its last bit, so that everything rounds anew.
fn nudged(x: &Tensor, attempt: u64) -> Tensor {
    if attempt == 0 {
        return x.clone();
    }
    let signs = det::signed(&format!("nudge {attempt}"), x.dims());
    let step = signs.mul_scalar(f64::from(f32::EPSILON) / 2.0).expect("a float");
    x.add(&x.mul(&step).expect("equal shapes")).expect("equal shapes")
}

/// Shows what was compared where the test runs with `--nocapture`, and fails where something did not fit.
fn conclude(errors: Errors) {
    println!("{}", errors.listing());
    errors.finish();
}
