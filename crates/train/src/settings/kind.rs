//! Settings that are chosen by name.

use std::fmt;

use layers::autocast_bf16;
use serde::{Deserialize, Serialize};

/// An optimiser by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent.
    Sgd,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    AdamW,
    /// RMSprop.
    RmsProp,
}

/// How exactly convolutions and linear layers are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// In 32-bit floating point.
    F32,
    /// Operands rounded to bfloat16, in which the CPU stores activations too; sums, statistics, losses and weights stay 32-bit.
    Bf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        })
    }
}

impl Precision {
    /// Runs `compute` with this precision.
    pub fn run<R>(self, compute: impl FnOnce() -> R) -> R {
        match self {
            Precision::F32 => compute(),
            Precision::Bf16 => autocast_bf16(compute),
        }
    }
}

/// How much each class counts in the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule.
    By(Balance),
    /// So much, in the order of the labels.
    Given(Vec<f64>),
}

/// A rule for the weights of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Rare classes count more: samples / (classes x samples of the class), scikit-learn's `balanced`.
    Balanced,
}
