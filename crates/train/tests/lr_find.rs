//! The learning-rate range test leaves no trace.

mod common;

use layers::ModuleExt;
use tensor::random::{manual_seed, with_global};
use train::{LrRange, Settings, lr_find};

use common::digits;

#[test]
fn the_model_is_what_it_was_and_the_losses_are_reproducible() {
    manual_seed(3);
    let model = zoo::build("resnet18", 10).unwrap();
    model.freeze("layer4.*").unwrap();
    let all = || -> Vec<(String, Vec<f64>)> {
        model.state_dict().unwrap().iter().map(|(name, tensor)| (name.to_owned(), tensor.to_f64_vec().unwrap())).collect()
    };
    let learns = || model.named_parameters().iter().map(|(_, parameter)| parameter.requires_grad()).collect::<Vec<bool>>();
    let before = (all(), learns(), with_global(|generator| generator.state()));

    let settings = Settings { freeze: vec!["layer1.*".to_owned()], ..Settings::default() };
    let range = LrRange { start: 1e-4, end: 1.0, steps: 50 };
    let mut reported = Vec::new();
    let mut run = || {
        lr_find(&*model, &digits(), &settings, &range, |point| {
            reported.push(*point);
            Ok(())
        })
    };
    // 45 batches are an epoch, so that a second one is begun.
    let find = run().unwrap();
    assert_eq!(find.points.len(), 50);
    assert!(find.points[30].smoothed_loss < find.points[0].loss - 0.1, "it learned meanwhile");
    assert_eq!((all(), learns(), with_global(|generator| generator.state())), before);
    assert!(model.parameters().iter().all(|parameter| parameter.grad().is_none()));
    assert_eq!(run().unwrap(), find);
    assert_eq!(reported, [find.points.clone(), find.points].concat());

    let stopped = lr_find(&*model, &digits(), &settings, &range, |_| Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()));
    assert!(stopped.is_err());
    assert_eq!((all(), learns(), with_global(|generator| generator.state())), before, "also where it was stopped");
}
