//! The public API of `layers`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// layers/src/activation.rs
#[derive(Debug, Clone, Copy, Default)]
pub struct Sigmoid;
impl Module for Sigmoid;
#[derive(Debug, Clone, Copy, Default)]
pub struct GELU;
impl Module for GELU;

// layers/src/adaptive_avg_pool2d.rs
#[derive(Debug, Clone, Copy)]
pub struct AdaptiveAvgPool2d {
    private: (),
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSize {
    Square(Option<usize>),
    Pair(Option<usize>, Option<usize>),
}
impl From<usize> for OutputSize;
impl From<(usize, usize)> for OutputSize;
impl From<(Option<usize>, Option<usize>)> for OutputSize;
impl AdaptiveAvgPool2d {
    pub fn new(output_size: impl Into<OutputSize>) -> Self;
}
impl Module for AdaptiveAvgPool2d;

// layers/src/avg_pool2d.rs
#[derive(Debug, Clone, Copy)]
pub struct AvgPool2d {
    private: (),
}
impl AvgPool2d {
    pub fn new(kernel_size: impl Into<Size2d>) -> Self;
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Self;
    pub fn padding(mut self, padding: impl Into<Size2d>) -> Self;
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self;
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self;
}
impl Module for AvgPool2d;

// layers/src/batch_norm2d.rs
#[derive(Debug)]
pub struct BatchNorm2d {
    pub num_features: usize,
    pub eps: f64,
    pub momentum: Option<f64>,
    pub weight: Option<LazyParameter>,
    pub bias: Option<LazyParameter>,
    pub running_mean: Buffer,
    pub running_var: Buffer,
    pub num_batches_tracked: Buffer,
    private: (),
}
impl BatchNorm2d {
    pub fn new(num_features: usize) -> Self;
    pub fn eps(mut self, eps: f64) -> Self;
    pub fn momentum(mut self, momentum: impl Into<Option<f64>>) -> Self;
    pub fn affine(mut self, affine: bool) -> Self;
    pub fn weight_init(mut self, init: Init) -> Self;
    pub fn forward_fused(&self, x: &Var, fused: Fused<'_>, mode: Mode) -> Result<Var>;
    pub fn is_frozen(&self) -> bool;
}
impl Module for BatchNorm2d;

// layers/src/branch.rs
#[derive(Clone, Copy)]
pub enum Branch<'a> {
    Module(&'a dyn Module, &'a Var),
    ConvNormAct(ConvNormAct<'a>, &'a Var),
    Value(&'a Var),
}
pub fn cat_branches(branches: &[Branch<'_>], mode: Mode) -> Result<Var>;

// layers/src/buffer.rs
#[derive(Debug)]
pub struct Buffer {
    private: (),
}
impl Buffer {
    pub fn new(value: Tensor) -> Self;
    pub fn optional(value: Tensor) -> Self;
    pub fn is_optional(&self) -> bool;
    pub fn value(&self) -> Tensor;
    pub fn set_value(&self, value: Tensor);
    pub fn load(&self, value: &Tensor) -> Result<()>;
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> R) -> R;
}

// layers/src/conv2d.rs
#[derive(Debug)]
pub struct Conv2d {
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel_size: (usize, usize),
    pub options: Conv2dOptions,
    pub weight: LazyParameter,
    pub bias: Option<LazyParameter>,
}
impl Conv2d {
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: impl Into<Size2d>,
    ) -> Self;
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Self;
    pub fn padding(mut self, padding: impl Into<Size2d>) -> Self;
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Self;
    pub fn groups(mut self, groups: usize) -> Self;
    pub fn bias(mut self, bias: bool) -> Self;
    pub fn weight_init(mut self, init: Init) -> Self;
    pub fn bias_init(mut self, init: Init) -> Self;
}
impl Module for Conv2d;

// layers/src/conv2d_norm_activation.rs
#[derive(Debug)]
pub struct Conv2dNormActivation {
    private: (),
}
impl Conv2dNormActivation {
    pub fn new(conv: Conv2d, norm: impl Module) -> Self;
    pub fn activation(self, activation: impl Module) -> Self;
}
impl Module for Conv2dNormActivation;

// layers/src/conv_norm_act.rs
pub fn conv_norm_act<'a>(
    conv: &Conv2d,
    norm: impl Into<Option<&'a BatchNorm2d>>,
    x: &Var,
    residual: Option<Var>,
    activation: impl Into<Option<Unary>>,
    mode: Mode,
) -> Result<Var>;
#[derive(Debug, Clone, Copy)]
pub struct ConvNormAct<'a> {
    pub conv: &'a Conv2d,
    pub norm: Option<&'a BatchNorm2d>,
    pub activation: Option<Unary>,
}
pub fn conv_norm_act_pair(
    first: ConvNormAct<'_>,
    second: ConvNormAct<'_>,
    x: &Var,
    mode: Mode,
) -> Result<Var>;
pub fn conv_norm_act_pair_with_means(
    first: ConvNormAct<'_>,
    second: ConvNormAct<'_>,
    x: &Var,
    mode: Mode,
) -> Result<(Var, Var)>;
pub fn conv_norm_act_scaled(
    layers: ConvNormAct<'_>,
    x: &Var,
    factors: &Var,
    residual: Option<Var>,
    mode: Mode,
) -> Result<Var>;

// layers/src/dropout.rs
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    private: (),
}
impl Dropout {
    pub fn new(p: f64) -> Self;
    pub fn inplace(self, inplace: bool) -> Self;
}
impl Module for Dropout;

// layers/src/error.rs
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    Tensor(tensor::Error),
    Config { layer: String, reason: String },
    StateDict { module: &'static str, report: LoadReport },
    Pattern { pattern: String, hint: String },
    Child { module: &'static str, name: String, children: String },
    OptimizerState(String),
}
pub type Result<T> = std::result::Result<T, Error>;

// layers/src/flatten.rs
#[derive(Debug, Clone, Copy)]
pub struct Flatten {
    private: (),
}
impl Flatten {
    pub fn new() -> Self;
    pub fn start_dim(self, start_dim: isize) -> Self;
    pub fn end_dim(self, end_dim: isize) -> Self;
}
impl Default for Flatten;
impl Module for Flatten;

// layers/src/identity.rs
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity;
impl Module for Identity;

// layers/src/init.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    Zeros,
    Ones,
    Constant(f64),
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, std: f64 },
    TruncNormal { mean: f64, std: f64, low: f64, high: f64 },
    KaimingUniform { mode: FanMode, nonlinearity: Nonlinearity },
    KaimingNormal { mode: FanMode, nonlinearity: Nonlinearity },
    XavierUniform { gain: f64 },
    XavierNormal { gain: f64 },
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FanMode {
    FanIn,
    FanOut,
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nonlinearity {
    Linear,
    Sigmoid,
    Tanh,
    ReLU,
    LeakyReLU(f64),
}
impl Nonlinearity {
    pub fn gain(self) -> f64;
}
impl Init {
    pub const DEFAULT_WEIGHT: Init = Init::KaimingUniform {
        mode: FanMode::FanIn,
        nonlinearity: Nonlinearity::LeakyReLU(2.236_067_977_499_79),
    };
    pub fn default_bias(weight: &Shape) -> Init;
    pub fn draw(&self, shape: &Shape, generator: &mut Generator) -> Result<Tensor>;
}

// layers/src/layer_norm.rs
#[derive(Debug)]
pub struct LayerNorm {
    pub normalized_shape: Shape,
    pub eps: f64,
    pub weight: Option<LazyParameter>,
    pub bias: Option<LazyParameter>,
}
impl LayerNorm {
    pub fn new(normalized_shape: impl Into<Shape>) -> Self;
    pub fn eps(self, eps: f64) -> Self;
    pub fn elementwise_affine(self, elementwise_affine: bool) -> Self;
}
impl Module for LayerNorm;

// layers/src/lazy_parameter.rs
pub struct LazyParameter {
    private: (),
}
impl LazyParameter {
    pub fn new(shape: impl Into<Shape>, init: Init) -> Self;
    pub fn with_init(self, init: Init) -> Self;
    pub fn shape(&self) -> Shape;
    pub fn dtype(&self) -> DType;
    pub fn layout(&self) -> Layout;
    pub fn init(&self, init: &Init) -> Result<()>;
    pub fn device(&self) -> Device;
    pub fn load(&self, value: &Tensor) -> Result<()>;
}
impl Deref for LazyParameter;
impl From<Parameter> for LazyParameter;
impl fmt::Debug for LazyParameter;

// layers/src/lib.rs
pub mod repr;
pub mod suggest;
pub mod init;
pub mod loss;
pub mod optim;
pub use activation::{GELU, Hardsigmoid, Hardswish, ReLU, ReLU6, SiLU, Sigmoid};
pub use adaptive_avg_pool2d::{AdaptiveAvgPool2d, OutputSize};
pub use autograd::{Parameter, Var, autocast_bf16, no_grad};
pub use avg_pool2d::AvgPool2d;
pub use batch_norm2d::BatchNorm2d;
pub use branch::{Branch, cat_branches};
pub use buffer::Buffer;
pub use conv_norm_act::{
    ConvNormAct, conv_norm_act, conv_norm_act_pair, conv_norm_act_pair_with_means,
    conv_norm_act_scaled,
};
pub use conv2d::Conv2d;
pub use conv2d_norm_activation::Conv2dNormActivation;
pub use dropout::Dropout;
pub use error::{Error, Result};
pub use flatten::Flatten;
pub use identity::Identity;
pub use layer_norm::LayerNorm;
pub use lazy_parameter::LazyParameter;
pub use linear::Linear;
pub use loss::{CrossEntropyLoss, one_hot};
pub use max_pool2d::MaxPool2d;
pub use module::{ChannelGate, Mode, Module, Slot};
pub use module_ext::ModuleExt;
pub use permute::Permute;
pub use sequential::Sequential;
pub use size::Size2d;
pub use squeeze_excitation::SqueezeExcitation;
pub use state_dict::{LoadReport, Matching, Misshapen, StateDict};
pub use stochastic_depth::StochasticDepth;
pub use summary::Summary;
pub use tensor::ops::Unary;
pub use trace::{Call, Fusion, call, call_owned, calls};

// layers/src/linear.rs
#[derive(Debug)]
pub struct Linear {
    pub in_features: usize,
    pub out_features: usize,
    pub weight: LazyParameter,
    pub bias: Option<LazyParameter>,
}
impl Linear {
    pub fn new(in_features: usize, out_features: usize) -> Self;
    pub fn bias(mut self, bias: bool) -> Self;
    pub fn weight_init(mut self, init: Init) -> Self;
    pub fn bias_init(mut self, init: Init) -> Self;
}
impl Module for Linear;

// layers/src/loss/cross_entropy.rs
#[derive(Debug, Clone, Default)]
pub struct CrossEntropyLoss {
    private: (),
}
impl CrossEntropyLoss {
    pub fn new() -> Self;
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self;
    pub fn weight(mut self, weight: impl Into<Vec<f64>>) -> Self;
    pub fn reduction(mut self, reduction: Reduction) -> Self;
    pub fn forward(&self, logits: &Var, targets: &Tensor) -> Result<Var>;
    pub fn forward_probabilities(&self, logits: &Var, targets: &Tensor) -> Result<Var>;
}

// layers/src/loss/mod.rs
pub use cross_entropy::CrossEntropyLoss;
pub use one_hot::one_hot;

// layers/src/loss/one_hot.rs
pub fn one_hot(classes: &Tensor, num_classes: usize) -> Result<Tensor>;

// layers/src/max_pool2d.rs
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d {
    private: (),
}
impl MaxPool2d {
    pub fn new(kernel_size: impl Into<Size2d>) -> Self;
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Self;
    pub fn padding(mut self, padding: impl Into<Size2d>) -> Self;
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Self;
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self;
}
impl Module for MaxPool2d;

// layers/src/module.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    Train,
    Eval,
}
pub trait Module: Any + Send + Sync {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var>;
    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        ..
    }
    fn class_name(&self) -> &'static str;
    fn extra_repr(&self) -> String {
        ..
    }
    fn activation(&self) -> Option<Unary> {
        ..
    }
    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        ..
    }
    fn channel_gate(&self) -> Option<&dyn ChannelGate> {
        ..
    }
    fn children(&self) -> Vec<(String, &dyn Module)> {
        ..
    }
    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        ..
    }
}
pub trait ChannelGate {
    fn factors(&self, means: &Var, mode: Mode) -> Result<Var>;
}
#[derive(Debug, Clone, Copy)]
pub enum Slot<'a> {
    Parameter(&'a LazyParameter),
    Buffer(&'a Buffer),
}
impl Slot<'_> {
    pub fn value(&self) -> Tensor;
    pub fn shape(&self) -> Shape;
    pub fn dtype(&self) -> DType;
    pub fn layout(&self) -> Layout;
    pub fn device(&self) -> Device;
    pub fn is_optional(&self) -> bool;
    pub fn load(&self, value: &Tensor) -> Result<()>;
}
#[macro_export]
macro_rules! children {
    ($class:ident { $($field:ident),* $(,)? }) => {
        fn class_name(& self) -> &'static str { stringify!($class) } fn children(& self)
        -> ::std::vec::Vec < (::std::string::String, & dyn $crate::Module) > { let
        children : & [(& str, ::std::option::Option <& dyn $crate::Module >)] = &
        [$((stringify!($field), $crate::Child::module(& self.$field))),*]; children
        .iter().filter_map(|& (name, module) | ::std::option::Option::Some((name
        .to_string(), module ?))).collect() }
    };
}

// layers/src/module_ext.rs
pub trait ModuleExt: Module {
    fn named_tensors(&self) -> Vec<(String, Slot<'_>)> {
        ..
    }
    fn named_parameters(&self) -> Vec<(String, &LazyParameter)> {
        ..
    }
    fn parameters(&self) -> Vec<Parameter> {
        ..
    }
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        ..
    }
    fn num_parameters(&self) -> usize {
        ..
    }
    fn state_dict(&self) -> Result<StateDict> {
        ..
    }
    fn load_state_dict(&self, state: &StateDict) -> Result<()> {
        ..
    }
    fn load_state_dict_partial(&self, state: &StateDict) -> Result<LoadReport> {
        ..
    }
    fn match_state<'s>(
        &self,
        entries: impl IntoIterator<Item = (&'s str, &'s [usize])>,
    ) -> Matching<'_> {
        ..
    }
    fn freeze(&self, pattern: &str) -> Result<usize> {
        ..
    }
    fn unfreeze(&self, pattern: &str) -> Result<usize> {
        ..
    }
    fn zero_grad(&self) {
        ..
    }
    fn to_dtype(&self, dtype: DType) -> Result<()> {
        ..
    }
    fn to_device(&self, device: Device) -> Result<()> {
        ..
    }
    fn device(&self) -> Device {
        ..
    }
    fn repr(&self) -> String {
        ..
    }
}

// layers/src/optim/adam.rs
pub type Adam = RuleOptimizer<AdamRule<false>>;
pub type AdamW = RuleOptimizer<AdamRule<true>>;
#[derive(Debug, Clone, Copy)]
pub struct AdamRule<const DECOUPLED: bool> {
    private: (),
}
impl<const DECOUPLED: bool> RuleOptimizer<AdamRule<DECOUPLED>> {
    pub fn new(parameters: Vec<Parameter>, lr: f64) -> Self;
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self;
    pub fn eps(mut self, eps: f64) -> Self;
    pub fn weight_decay(self, weight_decay: f64) -> Self;
}
impl<const DECOUPLED: bool> UpdateRule for AdamRule<DECOUPLED>;

// layers/src/optim/clip_grad.rs
pub fn clip_grad_norm(parameters: &[Parameter], max_norm: f64) -> Result<f64>;

// layers/src/optim/group.rs
#[derive(Debug, Clone)]
pub struct ParamGroup {
    pub lr: f64,
    pub initial_lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    private: (),
}
impl ParamGroup {
    pub fn parameters(&self) -> &[Parameter];
}

// layers/src/optim/mod.rs
pub use adam::{Adam, AdamRule, AdamW};
pub use clip_grad::clip_grad_norm;
pub use group::ParamGroup;
pub use optimizer::{Optimizer, RuleOptimizer, State, UpdateRule};
pub use rmsprop::{RMSprop, RMSpropRule};
pub use schedule::{
    CosineAnnealingLR, ExponentialLR, LinearLR, LrScheduler, MultiStepLR, OneCycleLR,
    PlateauState, PolynomialLR, ReduceLROnPlateau, Schedule, SequentialLR, StepLR,
};
pub use sgd::{Sgd, SgdRule};

// layers/src/optim/optimizer.rs
pub trait Optimizer {
    fn param_groups(&self) -> &[ParamGroup];
    fn param_groups_mut(&mut self) -> &mut [ParamGroup];
    fn step(&mut self) -> tensor::Result<()>;
    fn step_parameter(&mut self, parameter: &Parameter) -> tensor::Result<()>;
    fn zero_grad(&self) {
        ..
    }
    fn state_dict(&self) -> Result<StateDict>;
    fn load_state_dict(&mut self, state: &StateDict) -> Result<()>;
}
pub trait UpdateRule {
    const NAME: &'static str;
    const STATE: &'static [&'static str];
    fn check(&self, group: &ParamGroup) -> std::result::Result<(), String>;
    fn update(
        &self,
        group: &ParamGroup,
        parameter: &mut Tensor,
        grad: &Tensor,
        state: &mut State,
    ) -> tensor::Result<()>;
}
#[derive(Debug, Clone, Default)]
pub struct State {
    pub step: u64,
    pub tensors: [Option<Tensor>; 2],
}
#[derive(Debug)]
pub struct RuleOptimizer<R> {
    private: (),
}
impl<R: UpdateRule> RuleOptimizer<R> {
    pub fn group(self, parameters: Vec<Parameter>, lr: f64) -> Self;
}
impl<R: UpdateRule> Optimizer for RuleOptimizer<R>;

// layers/src/optim/rmsprop.rs
pub type RMSprop = RuleOptimizer<RMSpropRule>;
#[derive(Debug, Clone, Copy)]
pub struct RMSpropRule {
    private: (),
}
impl RMSprop {
    pub fn new(parameters: Vec<Parameter>, lr: f64) -> Self;
    pub fn alpha(mut self, alpha: f64) -> Self;
    pub fn eps(mut self, eps: f64) -> Self;
    pub fn momentum(self, momentum: f64) -> Self;
    pub fn weight_decay(self, weight_decay: f64) -> Self;
}
impl UpdateRule for RMSpropRule;

// layers/src/optim/schedule/cosine.rs
#[derive(Debug, Clone, Copy)]
pub struct CosineAnnealingLR {
    private: (),
}
impl CosineAnnealingLR {
    pub fn new(t_max: u64) -> Self;
    pub fn eta_min(self, eta_min: f64) -> Self;
}
impl Schedule for CosineAnnealingLR;

// layers/src/optim/schedule/decay.rs
#[derive(Debug, Clone, Copy)]
pub struct StepLR {
    private: (),
}
impl StepLR {
    pub fn new(step_size: u64) -> Self;
    pub fn gamma(self, gamma: f64) -> Self;
}
impl Schedule for StepLR;
#[derive(Debug, Clone)]
pub struct MultiStepLR {
    private: (),
}
impl MultiStepLR {
    pub fn new(milestones: impl Into<Vec<u64>>) -> Self;
    pub fn gamma(self, gamma: f64) -> Self;
}
impl Schedule for MultiStepLR;
#[derive(Debug, Clone, Copy)]
pub struct ExponentialLR {
    private: (),
}
impl ExponentialLR {
    pub fn new(gamma: f64) -> Self;
}
impl Schedule for ExponentialLR;
#[derive(Debug, Clone, Copy)]
pub struct PolynomialLR {
    private: (),
}
impl PolynomialLR {
    pub fn new(total_iters: u64) -> Self;
    pub fn power(self, power: f64) -> Self;
}
impl Schedule for PolynomialLR;
#[derive(Debug, Clone, Copy)]
pub struct LinearLR {
    private: (),
}
impl LinearLR {
    pub fn new(start_factor: f64, total_iters: u64) -> Self;
    pub fn end_factor(self, end_factor: f64) -> Self;
}
impl Schedule for LinearLR;

// layers/src/optim/schedule/mod.rs
pub use cosine::CosineAnnealingLR;
pub use decay::{ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR};
pub use one_cycle::OneCycleLR;
pub use plateau::{PlateauState, ReduceLROnPlateau};
pub use sequential::SequentialLR;
pub trait Schedule {
    fn lr(&self, base: f64, step: u64) -> f64;
    fn momentum(&self, _step: u64) -> Option<f64> {
        ..
    }
    fn apply(&self, optimizer: &mut dyn Optimizer, step: u64) {
        ..
    }
}
#[derive(Debug, Clone)]
pub struct LrScheduler<S> {
    private: (),
}
impl<S: Schedule> LrScheduler<S> {
    pub fn new(schedule: S, optimizer: &mut dyn Optimizer) -> Self;
    pub fn resume(schedule: S, optimizer: &mut dyn Optimizer, last_step: u64) -> Self;
    pub fn step(&mut self, optimizer: &mut dyn Optimizer);
    pub fn last_step(&self) -> u64;
}

// layers/src/optim/schedule/one_cycle.rs
#[derive(Debug, Clone, Copy)]
pub struct OneCycleLR {
    private: (),
}
impl OneCycleLR {
    pub fn new(max_lr: f64, total_steps: u64) -> Self;
    pub fn to_own_lr(total_steps: u64) -> Self;
    pub fn pct_start(self, pct_start: f64) -> Self;
    pub fn div_factor(self, div_factor: f64) -> Self;
    pub fn final_div_factor(self, final_div_factor: f64) -> Self;
    pub fn momenta(self, momenta: Option<(f64, f64)>) -> Self;
}
impl Schedule for OneCycleLR;

// layers/src/optim/schedule/plateau.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReduceLROnPlateau {
    private: (),
}
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlateauState {
    pub best: Option<f64>,
    pub num_bad_epochs: u64,
    pub cooldown_counter: u64,
    pub reductions: u64,
}
impl Default for ReduceLROnPlateau;
impl ReduceLROnPlateau {
    pub fn new() -> Self;
    pub fn factor(self, factor: f64) -> Self;
    pub fn patience(self, patience: u64) -> Self;
    pub fn threshold(self, threshold: f64) -> Self;
    pub fn cooldown(self, cooldown: u64) -> Self;
    pub fn min_lr(self, min_lr: f64) -> Self;
    pub fn eps(self, eps: f64) -> Self;
    pub fn resume(self, state: PlateauState) -> Self;
    pub fn state(&self) -> PlateauState;
    pub fn step(&mut self, metric: f64);
    pub fn lr(&self, base: f64) -> f64;
}

// layers/src/optim/schedule/sequential.rs
pub struct SequentialLR {
    private: (),
}
impl SequentialLR {
    pub fn new(schedule: impl Schedule + 'static) -> Self;
    pub fn then(mut self, milestone: u64, schedule: impl Schedule + 'static) -> Self;
}
impl Schedule for SequentialLR;

// layers/src/optim/sgd.rs
pub type Sgd = RuleOptimizer<SgdRule>;
#[derive(Debug, Clone, Copy, Default)]
pub struct SgdRule {
    private: (),
}
impl Sgd {
    pub fn new(parameters: Vec<Parameter>, lr: f64) -> Self;
    pub fn momentum(self, momentum: f64) -> Self;
    pub fn weight_decay(self, weight_decay: f64) -> Self;
    pub fn dampening(mut self, dampening: f64) -> Self;
    pub fn nesterov(mut self, nesterov: bool) -> Self;
}
impl UpdateRule for SgdRule;

// layers/src/permute.rs
#[derive(Debug, Clone)]
pub struct Permute {
    private: (),
}
impl Permute {
    pub fn new(dims: impl Into<Vec<isize>>) -> Self;
}
impl Module for Permute;

// layers/src/repr.rs
pub fn float(value: f64) -> String;
pub fn boolean(value: bool) -> &'static str;

// layers/src/sequential.rs
#[derive(Default)]
pub struct Sequential {
    private: (),
}
#[macro_export]
macro_rules! sequential {
    ($($module:expr),* $(,)?) => {
        $crate::Sequential::new() $(.push($module))*
    };
}
impl Sequential {
    pub fn new() -> Self;
    pub fn push(self, module: impl Module) -> Self;
    pub fn push_named(mut self, name: impl Into<String>, module: impl Module) -> Self;
    pub fn get(&self, name: impl fmt::Display) -> Option<&dyn Module>;
    pub fn set(&mut self, name: impl fmt::Display, module: impl Module) -> Result<()>;
    pub fn len(&self) -> usize;
    pub fn is_empty(&self) -> bool;
}
impl Sequential {
    pub fn forward_residual(&self, x: Var, mode: Mode) -> Result<Var>;
}
impl Module for Sequential;
impl fmt::Debug for Sequential;

// layers/src/size.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size2d {
    Square(usize),
    Pair(usize, usize),
}
impl Size2d {
    pub fn pair(self) -> (usize, usize);
}
impl From<usize> for Size2d;
impl From<(usize, usize)> for Size2d;
impl fmt::Display for Size2d;

// layers/src/squeeze_excitation.rs
pub struct SqueezeExcitation {
    pub fc1: Conv2d,
    pub fc2: Conv2d,
    private: (),
}
impl SqueezeExcitation {
    pub fn new(input_channels: usize, squeeze_channels: usize) -> Self;
    pub fn activation(self, activation: impl Module) -> Self;
    pub fn scale_activation(self, scale_activation: impl Module) -> Self;
    pub fn weight_init(self, init: Init) -> Self;
    pub fn bias_init(self, init: Init) -> Self;
}
impl ChannelGate for SqueezeExcitation;
impl Module for SqueezeExcitation;

// layers/src/state_dict.rs
#[derive(Debug, Clone, Default)]
pub struct StateDict {
    private: (),
}
impl StateDict {
    pub fn new() -> Self;
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor);
    pub fn get(&self, name: &str) -> Option<&Tensor>;
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)>;
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str>;
    pub fn len(&self) -> usize;
    pub fn is_empty(&self) -> bool;
}
impl<S: Into<String>> FromIterator<(S, Tensor)> for StateDict;
impl IntoIterator for StateDict;
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    pub missing: Vec<String>,
    pub unexpected: Vec<String>,
    pub misshapen: Vec<Misshapen>,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    pub key: String,
    pub expected: Shape,
    pub found: Shape,
}
impl LoadReport {
    pub fn fits(&self) -> bool;
}
impl fmt::Display for LoadReport;
#[derive(Debug)]
pub struct Matching<'a> {
    pub pairs: Vec<(Slot<'a>, usize)>,
    pub report: LoadReport,
}

// layers/src/stochastic_depth.rs
#[derive(Debug, Clone, Copy)]
pub struct StochasticDepth {
    private: (),
}
impl StochasticDepth {
    pub fn new(p: f64) -> Self;
}
impl Module for StochasticDepth;

// layers/src/suggest.rs
pub fn nearest<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str>;
pub fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String>;

// layers/src/summary.rs
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub name: String,
    pub class: &'static str,
    pub output: Option<Vec<usize>>,
    pub parameters: usize,
    pub parameter_bytes: usize,
    pub mult_adds: u64,
    pub activations: u64,
    pub children: Vec<Summary>,
}
impl Summary {
    pub fn of<const RANK: usize>(
        module: &dyn Module,
        input: [usize; RANK],
    ) -> Result<Self>;
}

// layers/src/trace.rs
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fusion {
    pub folded_norm: bool,
    pub residual: bool,
    pub activation: Option<Unary>,
}
#[derive(Clone)]
pub struct Call<'a> {
    pub name: String,
    pub module: &'a dyn Module,
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    pub fusion: Fusion,
}
pub fn call(module: &dyn Module, x: &Var, mode: Mode) -> Result<Var>;
pub fn call_owned(module: &dyn Module, x: Var, mode: Mode) -> Result<Var>;
pub fn calls<const RANK: usize>(
    module: &dyn Module,
    input: [usize; RANK],
) -> Result<Vec<Call<'_>>>;
