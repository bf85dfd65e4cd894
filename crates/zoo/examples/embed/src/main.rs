//! Fine-tunes a pretrained network, saves it and uses it, in a program that depends on `zoo` alone.

use zoo::layers::optim::{Optimizer, Sgd};
use zoo::layers::{CrossEntropyLoss, Mode, Module, ModuleExt, Var, no_grad};
use zoo::tensor::{DType, Tensor, random::Generator};
use zoo::{Metadata, Model, Weights};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // ImageNet's weights, which the feature `bundled` holds; `zoo::resnet18(Weights::Default)` fetches others.
    let mut model = zoo::squeezenet1_1(Weights::Bundled)?;
    model.reset_classifier(4);

    // Four pictures of noise and their classes stand in for a data set.
    let images = Var::from(Tensor::normal([4, 3, 128, 128], 0.0, 1.0, &mut Generator::new(0))?);
    let labels = Tensor::arange(4, DType::I64)?;

    let criterion = CrossEntropyLoss::new();
    let mut optimizer = Sgd::new(model.parameters(), 0.001).momentum(0.9);
    for step in 1..=2 {
        optimizer.zero_grad();
        let outputs = model.forward(&images, Mode::Train)?;
        let loss = criterion.forward(&outputs, &labels)?;
        loss.backward()?;
        optimizer.step()?;
        println!("Step [{step}/2], Loss: {:.4}", loss.item()?);
    }

    let path = std::env::temp_dir().join("squeezenet1_1_noise_classifier.pth");
    zoo::save(&path, &model, &Metadata::default())?;
    println!("Model saved: {}", path.display());

    let (model, _) = zoo::load(&path)?;
    let outputs = no_grad(|| model.forward(&images, Mode::Eval))?;
    println!("Predicted: {:?}", outputs.value().argmax(-1, false)?.to_vec::<i64>()?);
    Ok(())
}
