//! The cases of `train_step.tsv`: what one training step of a model gives.

use std::collections::HashMap;

use serde_json::Value;

use crate::Golden;

/// One training step of one model.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// Its name, such as `resnet18@64b2+frozen_bn`.
    pub name: String,
    /// The loss.
    pub loss: f64,
    /// The gradients, in the order of the parameters.
    pub grads: Vec<Grad>,
    /// The norms of the running statistics after the step, by key.
    pub running: Vec<(String, f64)>,
    /// How far PyTorch's own `float32` is from these values.
    pub pytorch: PytorchError,
}

/// What is recorded of one gradient.
#[derive(Debug, Clone)]
pub struct Grad {
    /// The parameter.
    pub key: String,
    /// The gradient's L2 norm.
    pub norm: f64,
    /// Its dot product with the probe of that key.
    pub dot: f64,
}

/// The relative errors of PyTorch's `float32`.
#[derive(Debug, Clone, Copy, Default)]
pub struct PytorchError {
    /// Of the loss; 0 where it is not recorded.
    pub loss: f64,
    /// Of the worst gradient.
    pub worst_grad: f64,
    /// Of the median gradient.
    pub median_grad: f64,
}

impl Case {
    /// The model, the height and width of the pictures, and their number.
    pub fn setting(&self) -> (&str, usize, usize) {
        let setting = || {
            let (model, rest) = self.name.split_once('@')?;
            let (size, batch) = rest.split('+').next()?.split_once('b')?;
            Some((model, size.parse().ok()?, batch.parse().ok()?))
        };
        setting().unwrap_or_else(|| panic!("{}: not MODEL@SIZEbBATCH", self.name))
    }

    /// Whether batch norm uses its running statistics, and the loss is the logits' sum weighted by a probe.
    pub fn frozen_bn(&self) -> bool {
        self.name.ends_with("+frozen_bn")
    }
}

impl Golden {
    /// The training steps, in the file's order.
    pub fn train_steps(&self) -> Vec<Case> {
        let errors = self.json("train_step_pytorch_f32_error.json");
        let text = self.text("train_step.tsv");
        let mut cases: Vec<Case> = Vec::new();
        let mut positions = HashMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let name = fields[0];
            let position = *positions.entry(name).or_insert(cases.len());
            if position == cases.len() {
                cases.push(Case { name: name.to_owned(), pytorch: pytorch_error(&errors[name], name), ..Case::default() });
            }
            read_line(&mut cases[position], &fields).unwrap_or_else(|| panic!("train_step.tsv: {line:?} is no line of a case"));
        }
        assert!(!cases.is_empty(), "train_step.tsv is empty");
        cases
    }
}

fn read_line(case: &mut Case, fields: &[&str]) -> Option<()> {
    match *fields {
        [_, "loss", loss] => case.loss = loss.parse().ok()?,
        [_, "grad", key, norm, dot] => case.grads.push(Grad { key: key.to_owned(), norm: norm.parse().ok()?, dot: dot.parse().ok()? }),
        [_, "running", key, norm] => case.running.push((key.to_owned(), norm.parse().ok()?)),
        _ => return None,
    }
    Some(())
}

fn pytorch_error(errors: &Value, case: &str) -> PytorchError {
    let number = |name: &str| errors[name].as_f64();
    let needed = |name: &str| number(name).unwrap_or_else(|| panic!("train_step_pytorch_f32_error.json: {case} has no {name}"));
    PytorchError {
        loss: number("loss_rel_error").unwrap_or(0.0),
        worst_grad: needed("worst_grad_rel_error"),
        median_grad: needed("median_grad_rel_error"),
    }
}
