//! The loop as its callers see it: what it reports, what it refuses, and that it does the same at any number of threads.

mod common;

use std::io;

use layers::{Linear, Mode, Module, ModuleExt, Var, children};
use tensor::{Tensor, random::manual_seed};
use train::{Error, Event, Observer, Settings, Silent, fit, predict, probabilities};
use zoo::Model;

use common::digits;

/// A network without hidden layers, which trains in an instant.
struct Softmax {
    fc: Linear,
}

impl Module for Softmax {
    children!(Softmax { fc });

    fn forward(&self, x: &Var, mode: Mode) -> layers::Result<Var> {
        self.fc.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for Softmax {
    fn arch(&self) -> &'static str {
        "softmax"
    }
    fn num_classes(&self) -> usize {
        self.fc.out_features
    }
    fn reset_classifier(&mut self, num_classes: usize) {
        self.fc = Linear::new(self.fc.in_features, num_classes);
    }
}

fn linear(classes: usize) -> Softmax {
    Softmax { fc: Linear::new(3 * 32 * 32, classes) }
}

/// Keeps what it is told.
#[derive(Default)]
struct Record {
    losses: Vec<f64>,
    running: Vec<(usize, usize, f64)>,
    epochs: Vec<(usize, usize, usize)>,
    tested: usize,
}

impl Observer for Record {
    fn report(&mut self, event: &Event<'_>) -> train::Result<()> {
        match *event {
            Event::TrainBatch { loss, .. } => self.losses.push(loss),
            Event::RunningLoss { at, loss, .. } => self.running.push((at.batch, at.batches, loss)),
            Event::TestBatch { samples, .. } => self.tested += samples,
            Event::EpochFinished { at, summary, .. } => self.epochs.push((at.epoch, summary.samples, summary.evaluation.samples)),
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn the_running_loss_is_the_mean_since_the_last() {
    let settings = Settings { print_freq: 3, limit_batches: Some(7), epochs: 2, ..Settings::default() };
    let mut record = Record::default();
    let evaluations = fit(&linear(10), &digits(), &settings, &mut record).unwrap();
    let mean = |range: std::ops::Range<usize>| record.losses[range].iter().sum::<f64>() / 3.0;
    // Seven batches an epoch: the seventh is in no mean, and the second epoch begins anew.
    let expected = [(3, 7, mean(0..3)), (6, 7, mean(3..6)), (3, 7, mean(7..10)), (6, 7, mean(10..13))];
    assert_eq!(record.losses.len(), 14);
    assert_eq!(record.running, expected);
    assert_eq!(record.epochs, [(1, 7 * 32, 360), (2, 7 * 32, 360)]);
    assert_eq!((record.tested, evaluations.len()), (720, 2));
}

#[test]
fn losses_are_the_same_bit_for_bit_at_any_number_of_threads() {
    let losses = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            manual_seed(3);
            let model = zoo::build("resnet18", 10).unwrap();
            let settings = Settings { limit_batches: Some(4), seed: 3, ..Settings::default() };
            let mut record = Record::default();
            let evaluation = fit(&*model, &digits(), &settings, &mut record).unwrap().remove(0);
            (record.losses, evaluation.loss_sum)
        })
    };
    let once = losses(1);
    assert_eq!(once, losses(1), "again");
    assert_eq!(once, losses(2), "2 threads");
    assert_eq!(once, losses(3), "3 threads");
}

#[test]
fn another_seed_takes_the_samples_in_another_order() {
    let first_loss = |seed| {
        manual_seed(0);
        let mut record = Record::default();
        fit(&linear(10), &digits(), &Settings { seed, limit_batches: Some(1), ..Settings::default() }, &mut record).unwrap();
        record.losses[0]
    };
    assert_ne!(first_loss(0), first_loss(1));
}

#[test]
fn a_training_that_diverges_says_where() {
    let settings = Settings { learning_rate: 1e38, ..Settings::default() };
    let error = fit(&linear(10), &digits(), &settings, &mut Silent).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, batch: 2.., .. }), "{error}");
}

#[test]
fn frozen_parameters_stay() {
    let model = linear(10);
    let weight = || model.state_dict().unwrap().get("fc.weight").unwrap().to_vec::<f32>().unwrap();
    let bias = || model.state_dict().unwrap().get("fc.bias").unwrap().to_vec::<f32>().unwrap();
    let (weight_before, bias_before) = (weight(), bias());
    model.freeze("fc.weight").unwrap();
    let settings = Settings { limit_batches: Some(2), ..Settings::default() };
    fit(&model, &digits(), &settings, &mut Silent).unwrap();
    assert_eq!(weight(), weight_before);
    assert_ne!(bias(), bias_before);

    model.freeze("*").unwrap();
    assert!(matches!(fit(&model, &digits(), &settings, &mut Silent), Err(Error::Frozen)));
}

#[test]
fn every_optimiser_lowers_the_loss() {
    use train::OptimizerKind::{Adam, AdamW, RmsProp, Sgd};
    for optimizer in [Sgd, Adam, AdamW, RmsProp] {
        let settings = Settings { optimizer, print_freq: 10, weight_decay: 1e-4, momentum: 0.5, ..Settings::default() };
        let mut record = Record::default();
        fit(&linear(10), &digits(), &settings, &mut record).unwrap();
        assert!(record.running[3].2 < 0.5 * record.losses[0], "{optimizer:?}: {:?}", record.running);
    }
}

#[test]
fn a_label_beyond_the_models_outputs_is_an_error() {
    assert!(matches!(fit(&linear(5), &digits(), &Settings::default(), &mut Silent), Err(Error::Tensor(_) | Error::Layers(_))));
}

#[test]
fn an_observer_that_fails_ends_the_training() {
    struct Closed(usize);
    impl Observer for Closed {
        fn report(&mut self, _: &Event<'_>) -> train::Result<()> {
            self.0 += 1;
            Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
        }
    }
    let mut closed = Closed(0);
    let error = fit(&linear(10), &digits(), &Settings::default(), &mut closed).unwrap_err();
    assert!(matches!(error, Error::Observer(_)) && closed.0 == 1, "{error}");
}

/// A model whose logits are `values`, whatever the pictures show.
fn constant(values: [f32; 3]) -> Linear {
    let layer = Linear::new(1, 3);
    layer.weight.load(&Tensor::from_slice(&[0f32; 3], [3, 1]).unwrap()).unwrap();
    layer.bias.as_ref().unwrap().load(&Tensor::from_slice(&values, [3]).unwrap()).unwrap();
    layer
}

#[test]
fn predictions_are_the_most_probable_classes_in_order() {
    let model = constant([0.0, 2f32.ln(), 5f32.ln()]);
    let images = Tensor::from_vec(vec![1f32, 2.0], [2, 1]).unwrap();
    for predictions in predict(&model, &images, 2).unwrap() {
        let [first, second] = predictions[..] else { panic!("{predictions:?}") };
        assert_eq!((first.index, second.index), (2, 1));
        assert!((first.probability - 5.0 / 8.0).abs() < 1e-6 && (second.probability - 2.0 / 8.0).abs() < 1e-6);
    }
    assert_eq!(predict(&model, &images, 9).unwrap()[0].len(), 3);
}

#[test]
fn an_output_that_is_not_finite_is_an_error() {
    let images = Tensor::from_vec(vec![1f32], [1, 1]).unwrap();
    let model: &dyn Module = &constant([0.0, f32::NAN, 1.0]);
    assert!(matches!(probabilities(model, &images), Err(Error::OutputNotFinite)));
}
