//! Arguments of `train`: each overrides a setting of the file, or its default.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use datasets::transforms::Augmentation;
use train::run::Config;
use train::{Balance, ClassWeights, OptimizerKind, Precision, SchedulerKind};

use super::{DatasetArg, MAX_BATCH, MAX_CLASSES, MAX_COUNT, MAX_SIDE, WeightsArg, named, whole};

/// Arguments of `train`.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    epochs: EpochArgs,
    #[command(flatten)]
    rule: RuleArgs,
    #[command(flatten)]
    updates: UpdateArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    regularization: RegularizationArgs,
    #[command(flatten)]
    freezing: FreezingArgs,
}

const EXAMPLES: &str = "Examples:
  convoy train                                      one epoch of ResNet-18, as in the tutorial
  convoy train --epochs 20 --lr 0.05 --scheduler onecycle --weight-decay 5e-4
  convoy train --dataset folder:pets --unfreeze-after 1 --epochs 5   the head first, then all layers
  convoy train --resume                             go on with the newest run
  convoy train --config runs/train/config.toml --seed 1   the same again with another seed";

/// Where a training begins and what is kept of it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Settings to start from, such as runs/train/config.toml; other options override them
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Go on with a run, such as runs/train [default where no RUN is named: the newest of --name in --output-dir]
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "config")]
    pub resume: Option<Option<PathBuf>>,
    /// Where run folders are made
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub output_dir: PathBuf,
    /// The run folder; where it is there already, a number is added: train2, train3
    #[arg(long, value_name = "NAME", default_value = "train")]
    pub name: String,
    /// Show a dashboard of curves, rates and the time left; where there is no terminal, lines
    #[arg(long)]
    pub tui: bool,
    /// The file to save, .pth or .safetensors [default: MODEL_DATASET_classifier.pth]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What is trained on what.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Training")]
pub struct WhatArgs {
    /// The model [default: resnet18, or the one that the weights are of]
    #[arg(long)]
    model: Option<String>,
    /// Where to start from: auto (ImageNet's weights where PyTorch's cache has them, else random), none (random), bundled
    /// (ImageNet's of squeezenet1_1) or a FILE [default: auto]
    #[arg(long, value_name = "auto|none|bundled|FILE")]
    weights: Option<WeightsArg>,
    /// Outputs of the model [default: the data set's classes]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_CLASSES>)]
    num_classes: Option<usize>,
    /// The data set: auto (cifar10 where the data folder has it, else digits), digits (bundled), cifar10 or folder:PATH
    /// [default: auto]
    #[arg(long, value_name = "auto|digits|cifar10|folder:PATH")]
    dataset: Option<DatasetArg>,
    /// The folder that holds CIFAR-10: cifar10.convoy, cifar-10-batches-bin or cifar-10-batches-py [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Height and width of the pictures as the model gets them, in pixels, such as 64 [default: the data set's: 32, folders 224]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_SIDE>)]
    img_size: Option<usize>,
    /// Pictures a batch [default: 32]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_BATCH>)]
    batch_size: Option<usize>,
    /// Decides initial weights, the order of the pictures, augmentations and dropout [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What convolutions and linear layers multiply, and activations are stored as: f32, or bf16 (sums, statistics, losses and weights stay f32) [default: f32]
    #[arg(long, value_name = "f32|bf16", value_parser = named::<Precision>)]
    dtype: Option<Precision>,
}

/// How long it goes on, and what it is measured on.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Epochs")]
struct EpochArgs {
    /// The share of the training pictures that is held back to validate on, such as 0.1; the test set is then measured once, at
    /// the end [default: none, and each epoch is measured on the test set]
    #[arg(long, value_name = "X")]
    val_split: Option<f64>,
    /// How often every picture is used [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_COUNT>)]
    epochs: Option<usize>,
    /// Train on at most N batches an epoch, to try things out [default: all]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_COUNT>)]
    limit_batches: Option<usize>,
    /// End where N epochs in a row do not raise the accuracy [default: never]
    #[arg(long, value_name = "EPOCHS", value_parser = whole::<MAX_COUNT>)]
    patience: Option<usize>,
    /// Print the mean loss every N batches [default: 100]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_COUNT>)]
    print_freq: Option<usize>,
}

/// What turns gradients into updates.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Optimiser")]
pub struct RuleArgs {
    /// What turns gradients into updates [default: sgd]
    #[arg(long, value_name = "sgd|adam|adamw|rmsprop", value_parser = named::<OptimizerKind>)]
    optimizer: Option<OptimizerKind>,
    /// The momentum of sgd and rmsprop, below 1 [default: 0.9]
    #[arg(long, value_name = "X")]
    momentum: Option<f64>,
    /// The weight decay, such as 5e-4 [default: 0]
    #[arg(long, value_name = "X")]
    weight_decay: Option<f64>,
}

/// How weights are updated.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Updates")]
struct UpdateArgs {
    /// The learning rate; with a scheduler the largest [default: 0.001]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Scale gradients down where the norm of all together is larger, such as 1.0 [default: never]
    #[arg(long, value_name = "NORM")]
    clip_grad_norm: Option<f64>,
    /// Batches an update, for batches larger than memory [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_COUNT>)]
    accumulate: Option<usize>,
    /// Test and save a moving average of the weights that keeps this share at each update, such as 0.999 [default: none]
    #[arg(long, value_name = "X")]
    ema_decay: Option<f64>,
}

/// How the learning rate changes.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Learning rate")]
struct ScheduleArgs {
    /// How the learning rate changes after the warm-up; onecycle with --unfreeze-after has a cycle before and one of half the rate
    /// after, as fastai's fine_tune; reduce-on-plateau goes by the validation loss [default: none]
    #[arg(
        long,
        value_name = "none|step|multistep|exponential|cosine|onecycle|polynomial|reduce-on-plateau",
        value_parser = named::<SchedulerKind>
    )]
    scheduler: Option<SchedulerKind>,
    /// Epochs in which the rate rises from a hundredth, such as 5 [default: 0]
    #[arg(long, value_name = "N", value_parser = str::parse::<usize>)]
    warmup_epochs: Option<usize>,
    /// For step: epochs between two decays [default: 30]
    #[arg(long, value_name = "EPOCHS", value_parser = whole::<MAX_COUNT>)]
    lr_step_size: Option<usize>,
    /// For multistep: the epochs after which the rate decays, such as 30,60,80
    #[arg(long, value_name = "EPOCH,…", value_delimiter = ',')]
    lr_milestones: Option<Vec<usize>>,
    /// For step, multistep, exponential (every epoch) and reduce-on-plateau: the factor [default: 0.1]
    #[arg(long, value_name = "X")]
    lr_gamma: Option<f64>,
    /// For cosine and reduce-on-plateau: the least rate [default: 0]
    #[arg(long, value_name = "X")]
    lr_min: Option<f64>,
    /// For polynomial: the power of the share of the updates that is left [default: 1]
    #[arg(long, value_name = "X")]
    lr_power: Option<f64>,
    /// For reduce-on-plateau: epochs without a smaller loss that are put up with [default: 10]
    #[arg(long, value_name = "EPOCHS", value_parser = str::parse::<usize>)]
    lr_patience: Option<usize>,
    /// For reduce-on-plateau: the share by which a loss must be smaller to count as such [default: 0.0001]
    #[arg(long, value_name = "X")]
    lr_threshold: Option<f64>,
    /// For reduce-on-plateau: epochs after a reduction that do not count [default: 0]
    #[arg(long, value_name = "EPOCHS", value_parser = str::parse::<usize>)]
    lr_cooldown: Option<usize>,
}

/// What keeps a model from learning by heart.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Regularisation")]
pub struct RegularizationArgs {
    /// Change the training pictures at random: crop (out of a padded picture), random-resized-crop (a part of any size), flip (left
    /// and right), trivialaugment, randaugment (as torchvision's), such as crop,flip,trivialaugment [default: none]
    #[arg(long, value_name = "none|crop,flip,…", value_parser = augmentations)]
    augment: Option<Augmentations>,
    /// The share of the target's probability that is spread over all classes, such as 0.1 [default: 0]
    #[arg(long, value_name = "X")]
    label_smoothing: Option<f64>,
    /// How much each class counts in the loss: balanced (rare ones more), or a number a class, such as 1,2.5,1 [default: all 1]
    #[arg(long, value_name = "balanced|X,X,…", value_parser = class_weights)]
    class_weights: Option<ClassWeights>,
    /// Blend pictures in pairs, in a proportion from the beta distribution with this parameter, such as 0.2 [default: 0, never]
    #[arg(long, value_name = "ALPHA")]
    mixup_alpha: Option<f64>,
    /// Paste a rectangle of one picture into another, of a size drawn likewise, such as 1.0 [default: 0, never]
    #[arg(long, value_name = "ALPHA")]
    cutmix_alpha: Option<f64>,
}

/// Which layers learn, and how fast.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Layers")]
pub struct FreezingArgs {
    /// Leave these parameters as they are, such as 'layer1.*' or '*.bias'; may be given several times
    #[arg(long, value_name = "PATTERN")]
    freeze: Vec<String>,
    /// Train all layers after so many epochs; until then without --freeze the last one alone [default: never]
    #[arg(long, value_name = "EPOCHS", value_parser = whole::<MAX_COUNT>)]
    unfreeze_after: Option<usize>,
    /// The learning rate of the first layer as a share of --lr, with equal ratios from layer to layer [default: 1, and 0.01 with
    /// --unfreeze-after]
    #[arg(long, value_name = "X")]
    early_lr: Option<f64>,
}

/// `--augment`.
type Augmentations = Box<[Augmentation]>;

fn augmentations(text: &str) -> Result<Augmentations, String> {
    if text == "none" {
        return Ok(Box::default());
    }
    text.split(',').map(|name| named(name.trim())).collect()
}

fn class_weights(text: &str) -> Result<ClassWeights, String> {
    if let Ok(rule) = named::<Balance>(text) {
        return Ok(ClassWeights::By(rule));
    }
    let weights = text.split(',').map(|weight| weight.trim().parse().ok()).collect::<Option<Vec<f64>>>();
    weights.map(ClassWeights::Given).ok_or_else(|| "use balanced, or a number for each class with commas between".to_owned())
}

/// Replaces a setting where the command line has it.
fn set<T: Clone>(setting: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        setting.clone_from(given);
    }
}

/// Replaces a setting that may be absent.
fn set_some<T: Clone>(setting: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        setting.clone_from(given);
    }
}

impl TrainArgs {
    /// Puts what the command line says over the settings.
    pub fn apply(&self, config: &mut Config) {
        self.what.apply(config);
        self.epochs.apply(config);
        self.rule.apply(config);
        self.updates.apply(config);
        self.schedule.apply(config);
        self.regularization.apply(config);
        self.freezing.apply(config);
    }
}

impl WhatArgs {
    pub fn apply(&self, config: &mut Config) {
        set_some(&mut config.model.name, &self.model);
        set(&mut config.model.weights, &self.weights.as_ref().map(WeightsArg::to_string));
        set_some(&mut config.model.num_classes, &self.num_classes);
        set(&mut config.data.dataset, &self.dataset.as_ref().map(DatasetArg::to_string));
        set(&mut config.data.data_dir, &self.data_dir);
        set_some(&mut config.data.img_size, &self.img_size);
        set(&mut config.training.batch_size, &self.batch_size);
        set(&mut config.training.seed, &self.seed);
        set(&mut config.training.precision, &self.dtype);
    }
}

impl EpochArgs {
    fn apply(&self, config: &mut Config) {
        set_some(&mut config.data.val_split, &self.val_split);
        let settings = &mut config.training;
        set(&mut settings.epochs, &self.epochs);
        set_some(&mut settings.limit_batches, &self.limit_batches);
        set_some(&mut settings.patience, &self.patience);
        set(&mut settings.print_freq, &self.print_freq);
    }
}

impl RuleArgs {
    pub fn apply(&self, config: &mut Config) {
        let settings = &mut config.training;
        set(&mut settings.optimizer, &self.optimizer);
        set(&mut settings.momentum, &self.momentum);
        set(&mut settings.weight_decay, &self.weight_decay);
    }
}

impl UpdateArgs {
    fn apply(&self, config: &mut Config) {
        let settings = &mut config.training;
        set(&mut settings.learning_rate, &self.lr);
        set_some(&mut settings.clip_grad_norm, &self.clip_grad_norm);
        set(&mut settings.accumulate, &self.accumulate);
        set_some(&mut settings.ema_decay, &self.ema_decay);
    }
}

impl ScheduleArgs {
    fn apply(&self, config: &mut Config) {
        let schedule = &mut config.training.schedule;
        set(&mut schedule.scheduler, &self.scheduler);
        set(&mut schedule.warmup_epochs, &self.warmup_epochs);
        set(&mut schedule.step_size, &self.lr_step_size);
        set(&mut schedule.milestones, &self.lr_milestones);
        set(&mut schedule.gamma, &self.lr_gamma);
        set(&mut schedule.min_lr, &self.lr_min);
        set(&mut schedule.power, &self.lr_power);
        set(&mut schedule.patience, &self.lr_patience);
        set(&mut schedule.threshold, &self.lr_threshold);
        set(&mut schedule.cooldown, &self.lr_cooldown);
    }
}

impl RegularizationArgs {
    pub fn apply(&self, config: &mut Config) {
        if let Some(augment) = &self.augment {
            config.data.augment = augment.to_vec();
        }
        let settings = &mut config.training;
        set(&mut settings.label_smoothing, &self.label_smoothing);
        set_some(&mut settings.class_weights, &self.class_weights);
        set(&mut settings.mixup_alpha, &self.mixup_alpha);
        set(&mut settings.cutmix_alpha, &self.cutmix_alpha);
    }
}

impl FreezingArgs {
    pub fn apply(&self, config: &mut Config) {
        let settings = &mut config.training;
        if !self.freeze.is_empty() {
            settings.freeze.clone_from(&self.freeze);
        }
        set_some(&mut settings.unfreeze_after, &self.unfreeze_after);
        set_some(&mut settings.early_lr, &self.early_lr);
    }
}
