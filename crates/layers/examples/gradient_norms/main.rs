//! How large the gradient is at each layer of plain and of residual networks, as numbers and as a picture:
//! `cargo run -p layers --example gradient_norms [PICTURE.svg]`.
//!
//! Skip connections are often said to be there because gradients vanish in deep plain networks. At the start of training it
//! depends on what else the network has:
//!
//! - With PyTorch's default initialisation and no batch norm it is so: a ReLU and a convolution pass on a sixth of the variance, so
//!   the gradients of 20 plain layers are of the size 1e-8, those of 56 are 1e-23, and those of 110 are zero in `f32`. With skip
//!   connections they are between 1e-2 and 1 at any depth.
//! - With He's initialisation, made for plain networks with ReLU, nothing vanishes in them. Without batch norm it is the residual
//!   ones that fail: each block doubles the variance, so at 110 layers the gradients are 1e8 and more.
//! - With batch norm as well, the networks of the paper, the gradients of plain ones *grow* towards the picture: at 110 layers they are
//!   nearly 1e6 times as large at the first as at the last, which is as bad for training. The paper says itself (section 4.1) that
//!   vanishing gradients are unlikely to be what plain networks suffer from. With skip connections all layers are within a factor of 30.

mod chart;
mod network;

use std::error::Error;

use chart::{Line, Panel};
use layers::{CrossEntropyLoss, Mode, Module, ModuleExt, Result, Var, init::Init};
use network::{HE, Network, Recipe};
use tensor::{
    DType, Tensor,
    random::{Generator, manual_seed},
};

const DEPTHS: [(usize, &str, &str); 3] = [(20, "#9ecae1", "#fdae6b"), (56, "#4292c6", "#f16913"), (110, "#084594", "#a63603")];

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or("gradient_norms.svg".to_string());
    let settings = [
        ("PyTorch's default init, no batch norm", Init::DEFAULT_WEIGHT, false),
        ("He's init, no batch norm", HE, false),
        ("He's init, batch norm", HE, true),
    ];
    let mut panels = Vec::new();
    for (title, init, batch_norm) in settings {
        let panel = Panel { title: title.to_string(), lines: measure(init, batch_norm)? };
        print(&panel);
        panels.push(panel);
    }
    std::fs::write(&path, chart::svg("The gradient at each layer before training", &panels))?;
    println!("Picture saved: {path}");
    Ok(())
}

fn measure(init: Init, batch_norm: bool) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for residual in [false, true] {
        for (depth, blue, orange) in DEPTHS {
            let values = gradient_norms(&Recipe { depth, residual, batch_norm, init })?;
            let (kind, color) = if residual { ("residual", blue) } else { ("plain", orange) };
            lines.push(Line { name: format!("{kind}, {depth} layers"), color, dashed: !residual, values });
        }
    }
    Ok(lines)
}

/// The Euclidean norm of the gradient of each convolution's weight, from the first layer on, for a batch of noise.
fn gradient_norms(recipe: &Recipe) -> Result<Vec<f64>> {
    manual_seed(0);
    let network = Network::new(recipe);
    let images = Var::from(Tensor::normal([16, 3, 32, 32], 0.0, 1.0, &mut Generator::new(0))?);
    let labels = Tensor::from_vec((0..16).map(|i| i % 10).collect::<Vec<i64>>(), [16])?;
    CrossEntropyLoss::new().forward(&network.forward(&images, Mode::Train)?, &labels)?.backward()?;
    let weights = network.named_parameters().into_iter().filter(|(name, _)| name.ends_with("conv.weight"));
    weights.map(|(_, weight)| Ok(weight.grad().map_or(Ok(0.0), |grad| norm(&grad))?)).collect()
}

fn norm(grad: &Tensor) -> tensor::Result<f64> {
    Ok(grad.to_dtype(DType::F64)?.to_f64_vec()?.iter().map(|x| x * x).sum::<f64>().sqrt())
}

fn print(panel: &Panel) {
    println!("{}", panel.title);
    let columns: String = panel.lines.iter().map(|line| format!("{:>21}", line.name)).collect();
    println!("{:>5}{columns}", "layer");
    let layers = panel.lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    for layer in 0..layers {
        let cell = |line: &Line| line.values.get(layer).map_or(String::new(), |value| format!("{value:.2e}"));
        let columns: String = panel.lines.iter().map(|line| format!("{:>21}", cell(line))).collect();
        println!("{:>5}{columns}", layer + 1);
    }
    println!();
}
