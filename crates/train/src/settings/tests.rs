//! Which settings are refused, and what the schedules come to in epochs.

use super::*;

#[test]
fn the_first_senseless_setting_is_named() {
    let defaults = Settings::default;
    let schedule = |schedule| Settings { schedule, epochs: 3, ..defaults() };
    let multistep = ScheduleSettings { scheduler: SchedulerKind::MultiStep, ..Default::default() };
    defaults().check().unwrap();
    let senseless = [
        ("epochs", Settings { epochs: 0, ..defaults() }),
        ("batch size", Settings { batch_size: 0, ..defaults() }),
        ("batches an update", Settings { accumulate: 0, ..defaults() }),
        ("print frequency", Settings { print_freq: 0, ..defaults() }),
        ("limit of batches", Settings { limit_batches: Some(0), ..defaults() }),
        ("patience", Settings { patience: Some(0), ..defaults() }),
        ("learning rate", Settings { learning_rate: f64::NAN, ..defaults() }),
        ("learning rate", Settings { learning_rate: 0.0, ..defaults() }),
        ("early learning rate", Settings { early_lr: Some(0.0), ..defaults() }),
        ("largest gradient norm", Settings { clip_grad_norm: Some(-1.0), ..defaults() }),
        ("momentum", Settings { momentum: 1.0, ..defaults() }),
        ("label smoothing", Settings { label_smoothing: 1.5, ..defaults() }),
        ("EMA decay", Settings { ema_decay: Some(1.0), ..defaults() }),
        ("weight decay", Settings { weight_decay: -1.0, ..defaults() }),
        ("mixup alpha", Settings { mixup_alpha: f64::INFINITY, ..defaults() }),
        ("class weight", Settings { class_weights: Some(ClassWeights::Given(vec![1.0, 0.0])), ..defaults() }),
        ("epochs of warm-up", schedule(ScheduleSettings { warmup_epochs: 3, ..Default::default() })),
        ("gamma", schedule(ScheduleSettings { gamma: f64::NAN, ..Default::default() })),
        ("gamma", schedule(ScheduleSettings { scheduler: SchedulerKind::ReduceOnPlateau, gamma: 1.0, ..Default::default() })),
        ("threshold of the schedule", schedule(ScheduleSettings { threshold: -0.1, ..Default::default() })),
        ("list of milestones", schedule(multistep)),
    ];
    for (name, settings) in senseless {
        let message = settings.check().unwrap_err().to_string();
        assert!(message.starts_with(name), "{message}");
    }
}

/// The rate, as a share of the full one, at the beginning of each of ten epochs of four updates, and at the end.
fn rates(schedule: &ScheduleSettings) -> Vec<f64> {
    let schedule = schedule.build(10, 0, 4).unwrap();
    (0..=10).map(|epoch| schedule.lr(1.0, 4 * epoch)).collect()
}

fn assert_near(found: &[f64], expected: &[f64]) {
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near && found.len() >= expected.len(), "{found:?}, not {expected:?}");
}

#[test]
fn schedules_count_epochs() {
    let of = |scheduler| ScheduleSettings { scheduler, gamma: 0.5, step_size: 3, milestones: vec![1, 4], ..Default::default() };
    assert!(of(SchedulerKind::None).build(10, 0, 4).is_none());
    assert_near(&rates(&of(SchedulerKind::Step)), &[1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
    assert_near(&rates(&of(SchedulerKind::MultiStep)), &[1.0, 0.5, 0.5, 0.5, 0.25]);
    assert_near(&rates(&of(SchedulerKind::Exponential)), &[1.0, 0.5, 0.25, 0.125]);
    assert_near(&rates(&of(SchedulerKind::Polynomial)), &[1.0, 0.9, 0.8]);
    let cosine = rates(&ScheduleSettings { min_lr: 0.2, ..of(SchedulerKind::Cosine) });
    assert_near(&[cosine[0], cosine[5], cosine[10]], &[1.0, 0.6, 0.2]);
    let onecycle = of(SchedulerKind::OneCycle).build(10, 0, 4).unwrap();
    assert_near(&[onecycle.lr(1.0, 0), onecycle.lr(1.0, 11), onecycle.lr(1.0, 39)], &[0.04, 1.0, 4e-6]);
}

#[test]
fn a_warm_up_comes_before_the_schedule() {
    let warm = |scheduler| ScheduleSettings { scheduler, warmup_epochs: 2, ..Default::default() };
    let constant = warm(SchedulerKind::None).build(10, 0, 4).unwrap();
    assert_near(&[constant.lr(1.0, 0), constant.lr(1.0, 4), constant.lr(1.0, 8), constant.lr(1.0, 39)], &[0.01, 0.505, 1.0, 1.0]);
    let cosine = rates(&warm(SchedulerKind::Cosine));
    assert_near(&[cosine[0], cosine[1], cosine[2], cosine[6], cosine[10]], &[0.01, 0.505, 1.0, 0.5, 0.0]);
}

#[test]
fn one_cycle_goes_round_before_and_after_unfreezing() {
    let settings = |warmup_epochs| ScheduleSettings { scheduler: SchedulerKind::OneCycle, warmup_epochs, ..Default::default() };
    let schedule = settings(0).build(10, 5, 20).unwrap();
    let of = |steps: &[u64]| steps.iter().map(|&step| schedule.lr(1.0, step)).collect::<Vec<_>>();
    // A hundred updates up, from a 25th, to the 99th; then from a tenth up to a half at the 30th, and down.
    assert_near(&of(&[0, 49, 98, 99]), &[1.0 / 25.0, 0.52, 1.0, 1e-5]);
    assert_near(&of(&[100, 129, 199, 500]), &[0.1, 0.5, 0.5e-5, 0.5e-5]);
    assert_near(&[0, 98, 99, 100, 129, 199].map(|step| schedule.momentum(step).unwrap()), &[0.95, 0.85, 0.95, 0.95, 0.85, 0.95]);
    // After a warm-up the first cycle is shorter. Layers that are unfrozen during the warm-up, or never, make one cycle.
    let warmed = settings(2).build(10, 5, 20).unwrap();
    assert_near(&[warmed.lr(1.0, 40), warmed.lr(1.0, 100), warmed.lr(1.0, 129)], &[1.0 / 25.0, 0.1, 0.5]);
    let one = [(2, 2), (2, 10), (0, 10), (0, 0)].map(|(warmup, frozen)| settings(warmup).build(10, frozen, 20).unwrap().lr(1.0, 199));
    assert_near(&one, &[4e-6; 4]);
}

#[test]
fn settings_survive_being_written_down() {
    let settings = Settings {
        optimizer: OptimizerKind::AdamW,
        class_weights: Some(ClassWeights::Given(vec![1.0, 2.5])),
        ema_decay: Some(0.999),
        freeze: vec!["layer1.*".into()],
        seed: i64::MAX as u64,
        schedule: ScheduleSettings { scheduler: SchedulerKind::OneCycle, milestones: vec![3, 8], ..Default::default() },
        ..Settings::default()
    };
    let text = toml::to_string(&settings).unwrap();
    assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings, "{text}");
    let balanced: Settings = toml::from_str("class_weights = \"balanced\"\noptimizer = \"rmsprop\"").unwrap();
    assert_eq!((balanced.class_weights, balanced.optimizer), (Some(ClassWeights::By(Balance::Balanced)), OptimizerKind::RmsProp));
}
