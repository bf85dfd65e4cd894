//! A training that was ended and resumed comes to the same weights, to the bit, whatever the settings.

mod common;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use layers::{BatchNorm2d, Conv2d, Dropout, Linear, Mode, Module, ModuleExt, Var, children};
use tensor::random::manual_seed;
use train::{Error, Event, Observer, OptimizerKind, ScheduleSettings, SchedulerKind, Settings, Silent, Trainer};
use zoo::Model;

use common::digits;

/// Dropout draws from the one generator of the process, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A small network with all that has a state: weights, running statistics, and a dropout that draws random numbers.
struct Small {
    conv: Conv2d,
    bn: BatchNorm2d,
    dropout: Dropout,
    fc: Linear,
}

impl Small {
    fn new() -> Self {
        manual_seed(1);
        Small { conv: Conv2d::new(3, 8, 4).stride(4), bn: BatchNorm2d::new(8), dropout: Dropout::new(0.3), fc: Linear::new(8 * 64, 10) }
    }

    /// Every value of every tensor, as bits.
    fn bits(&self) -> Vec<u64> {
        let state = self.state_dict().unwrap();
        state.iter().flat_map(|(_, tensor)| tensor.to_f64_vec().unwrap()).map(f64::to_bits).collect()
    }
}

impl Module for Small {
    children!(Small { conv, bn, dropout, fc });

    fn forward(&self, x: &Var, mode: Mode) -> layers::Result<Var> {
        let x = self.bn.forward(&self.conv.forward(x, mode)?, mode)?.relu()?;
        self.fc.forward(&self.dropout.forward(&x.flatten(1, -1)?, mode)?, mode)
    }
}

impl Model for Small {
    fn arch(&self) -> &'static str {
        "small"
    }
    fn num_classes(&self) -> usize {
        self.fc.out_features
    }
    fn reset_classifier(&mut self, num_classes: usize) {
        self.fc = Linear::new(self.fc.in_features, num_classes);
    }
}

/// Saves after every epoch, and pulls the plug after one of them.
struct PlugPuller<'a> {
    checkpoint: &'a Path,
    after: usize,
}

impl Observer for PlugPuller<'_> {
    fn report(&mut self, event: &Event<'_>) -> train::Result<()> {
        match event {
            Event::EpochFinished { trainer, .. } => trainer.save(self.checkpoint),
            Event::TrainBatch { at, .. } if at.epoch > self.after && at.batch > 2 => Err(std::io::Error::other("no power").into()),
            _ => Ok(()),
        }
    }
}

/// Every bit of the model and the accuracy of each epoch, of four epochs at once and of two and two.
fn straight_and_resumed(settings: &Settings) -> [(Vec<u64>, Vec<usize>); 2] {
    let settings = Settings { epochs: 4, limit_batches: Some(7), ..settings.clone() };
    let data = digits();
    let correct = |evaluations: Vec<train::Evaluation>| evaluations.iter().map(|evaluation| evaluation.correct).collect::<Vec<_>>();

    let model = Small::new();
    let straight = Trainer::new(&model, &data, &settings).unwrap().run(&mut Silent).unwrap();
    let straight = (model.bits(), correct(straight));

    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let model = Small::new();
    let mut plug = PlugPuller { checkpoint: &checkpoint, after: 2 };
    let error = Trainer::new(&model, &data, &settings).unwrap().run(&mut plug).unwrap_err();
    assert!(matches!(error, Error::Observer(_)), "{error}");

    // Another process has another model and other random numbers.
    let model = Small::new();
    manual_seed(99);
    let mut trainer = Trainer::new(&model, &data, &settings).unwrap();
    trainer.resume(&checkpoint).unwrap();
    assert_eq!(trainer.epochs_done(), 2);
    let last = trainer.run(&mut Silent).unwrap();
    let resumed = (model.bits(), [straight.1[..2].to_vec(), correct(last)].concat());
    [straight, resumed]
}

#[test]
fn two_and_two_epochs_are_four() {
    let _alone = alone();
    let schedule = |scheduler| ScheduleSettings { scheduler, warmup_epochs: 1, ..ScheduleSettings::default() };
    let plain = Settings { learning_rate: 0.01, ..Settings::default() };
    // Every epoch whose loss does not fall by half lowers the rate, but for one after each time.
    let plateau = ScheduleSettings { patience: 0, threshold: 0.5, cooldown: 1, gamma: 0.3, ..schedule(SchedulerKind::ReduceOnPlateau) };
    let cases = [
        ("the defaults", plain.clone()),
        ("one cycle", Settings { schedule: schedule(SchedulerKind::OneCycle), ..plain.clone() }),
        ("cosine, clipped", Settings { schedule: schedule(SchedulerKind::Cosine), clip_grad_norm: Some(0.5), ..plain.clone() }),
        ("AdamW, averaged", Settings { optimizer: OptimizerKind::AdamW, ema_decay: Some(0.9), ..plain.clone() }),
        ("mixed, accumulated", Settings { mixup_alpha: 0.2, cutmix_alpha: 1.0, accumulate: 3, ..plain.clone() }),
        ("lowered", Settings { schedule: plateau, ..plain.clone() }),
        ("two cycles", Settings { schedule: schedule(SchedulerKind::OneCycle), unfreeze_after: Some(2), ..plain.clone() }),
        ("unfrozen", Settings { unfreeze_after: Some(3), optimizer: OptimizerKind::RmsProp, ..plain }),
    ];
    for (name, settings) in cases {
        let [straight, resumed] = straight_and_resumed(&settings);
        assert_eq!(straight.1, resumed.1, "{name}");
        assert!(straight.0 == resumed.0, "{name}: the weights differ");
    }
}

#[test]
fn a_finished_training_that_is_resumed_ends_with_its_averages_too() {
    let _alone = alone();
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let settings = Settings { limit_batches: Some(3), ema_decay: Some(0.9), ..Settings::default() };
    let model = Small::new();
    Trainer::new(&model, &data, &settings).unwrap().run(&mut PlugPuller { checkpoint: &checkpoint, after: 1 }).unwrap();

    let again = Small::new();
    let mut trainer = Trainer::new(&again, &data, &settings).unwrap();
    trainer.resume(&checkpoint).unwrap();
    assert!(again.bits() != model.bits(), "what is trained on is not the average");
    assert!(trainer.run(&mut Silent).unwrap().is_empty());
    assert!(again.bits() == model.bits());
}

#[test]
fn a_resumed_training_takes_its_rate_from_the_settings() {
    let _alone = alone();
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let mut settings = Settings { limit_batches: Some(2), ..Settings::default() };
    let model = Small::new();
    Trainer::new(&model, &data, &settings).unwrap().run(&mut PlugPuller { checkpoint: &checkpoint, after: 1 }).unwrap();

    settings = Settings { epochs: 2, learning_rate: 0.5, ..settings };
    let mut trainer = Trainer::new(&model, &data, &settings).unwrap();
    trainer.resume(&checkpoint).unwrap();
    let mut rates = Rates(Vec::new());
    trainer.run(&mut rates).unwrap();
    assert_eq!(rates.0, [0.5; 2]);
}

#[test]
fn what_the_schedule_remembers_of_the_losses_is_resumed() {
    let _alone = alone();
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    // No loss falls to nothing: after the first, every other epoch lowers the rate.
    let schedule = ScheduleSettings { scheduler: SchedulerKind::ReduceOnPlateau, patience: 1, threshold: 0.999, ..Default::default() };
    let settings = Settings { epochs: 6, limit_batches: Some(1), learning_rate: 0.1, schedule, ..Settings::default() };
    let rates = |model: &Small, resumed: bool, until: usize| {
        let settings = Settings { epochs: until, ..settings.clone() };
        let mut trainer = Trainer::new(model, &data, &settings).unwrap();
        if resumed {
            trainer.resume(&checkpoint).unwrap();
        }
        let mut rates = Rates(Vec::new());
        trainer.run(&mut rates).unwrap();
        trainer.save(&checkpoint).unwrap();
        rates.0
    };
    let expected = [0.1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1, 0.1 * 0.1 * 0.1];
    assert_eq!(rates(&Small::new(), false, 6), expected);
    for until in 1..6 {
        let first = rates(&Small::new(), false, until);
        assert_eq!([first, rates(&Small::new(), true, 6)].concat(), expected);
    }
}

/// Keeps the learning rate of each batch.
struct Rates(Vec<f64>);

impl Observer for Rates {
    fn report(&mut self, event: &Event<'_>) -> train::Result<()> {
        if let Event::TrainBatch { learning_rate, .. } = event {
            self.0.push(*learning_rate);
        }
        Ok(())
    }
}

#[test]
fn what_cannot_be_resumed_is_one_clear_error() {
    let _alone = alone();
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let settings = Settings { limit_batches: Some(1), ..Settings::default() };
    let model = Small::new();
    let resume = |model: &Small| Trainer::new(model, &data, &settings).unwrap().resume(&path).unwrap_err().to_string();

    let error = resume(&model);
    assert!(error.contains("checkpoint") && !error.contains('\n'), "{error}");
    zoo::save_as(&path, zoo::checkpoint::Format::Pth, &model, &zoo::Metadata::default()).unwrap();
    let error = resume(&model);
    assert!(error.contains("checkpoint: cannot be resumed: it holds weights alone"), "{error}");

    Trainer::new(&model, &data, &settings).unwrap().save(&path).unwrap();
    let mut wider = Small::new();
    wider.reset_classifier(12);
    let error = resume(&wider);
    assert!(error.contains("fc.weight [10, 512] where [12, 512] is needed"), "{error}");
}
