//! Saving, loading, freezing and listing what a network of one's own is made of.

use layers::{
    BatchNorm2d, Buffer, Conv2d, LazyParameter, Linear, Misshapen, Mode, Module, ModuleExt, ReLU, Result, Sequential, Slot, StateDict, Var,
    children,
    init::{FanMode, Init, Nonlinearity},
    no_grad, sequential,
};
use tensor::{DType, Layout, Tensor, cpu::stats, random::manual_seed};

struct Net {
    features: Sequential,
    absent: Option<Linear>,
    scale: Scale,
    fc: Linear,
}

impl Net {
    fn new(classes: usize) -> Self {
        let features = sequential![Conv2d::new(3, 4, 3).bias(false), BatchNorm2d::new(4), ReLU::new()];
        Net { features, absent: None, scale: Scale::new(4), fc: Linear::new(4, classes) }
    }
}

impl Module for Net {
    children!(Net { features, absent, scale, fc });
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.features.forward(x, mode)?.mean(&[2, 3], false)?;
        self.fc.forward(&self.scale.forward(&x, mode)?, mode)
    }
}

/// A module with a parameter and a buffer of its own.
struct Scale {
    gamma: LazyParameter,
    seen: Buffer,
}

impl Scale {
    fn new(features: usize) -> Self {
        Scale { gamma: LazyParameter::new([features], Init::Constant(2.0)), seen: Buffer::new(Tensor::scalar(0i64)) }
    }
}

impl Module for Scale {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        self.seen.update(|seen| seen.data_mut::<i64>().map(|n| n[0] += 1))?;
        Ok(x.mul(&self.gamma.var())?)
    }
    fn class_name(&self) -> &'static str {
        "Scale"
    }
    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        vec![("gamma", Slot::Parameter(&self.gamma)), ("seen", Slot::Buffer(&self.seen))]
    }
}

const KEYS: [&str; 10] = [
    "features.0.weight",
    "features.1.weight",
    "features.1.bias",
    "features.1.running_mean",
    "features.1.running_var",
    "features.1.num_batches_tracked",
    "scale.gamma",
    "scale.seen",
    "fc.weight",
    "fc.bias",
];

fn picture() -> Var {
    Var::from(Tensor::arange(2 * 3 * 5 * 5, DType::F32).unwrap().mul_scalar(0.01).unwrap().reshape([2, 3, 5, 5]).unwrap())
}

fn output(net: &Net) -> Vec<f64> {
    no_grad(|| net.forward(&picture(), Mode::Eval)).unwrap().value().to_f64_vec().unwrap()
}

#[test]
fn keys_come_in_pytorchs_order_and_tensors_row_major() {
    let state = Net::new(2).state_dict().unwrap();
    assert_eq!(state.keys().collect::<Vec<_>>(), KEYS);
    assert!(state.iter().all(|(_, tensor)| tensor.layout() == Layout::Contiguous));
    assert_eq!(Net::new(2).num_parameters(), 4 * 27 + 8 + 4 + 10);
}

#[test]
fn loading_makes_one_network_the_other() {
    let (a, b) = (Net::new(2), Net::new(2));
    a.forward(&picture(), Mode::Train).unwrap();
    assert_ne!(output(&a), output(&b));
    b.load_state_dict(&a.state_dict().unwrap()).unwrap();
    assert_eq!(output(&a), output(&b));
    assert_eq!(b.features.state_dict().unwrap().get("1.num_batches_tracked").unwrap().item().unwrap(), 1.0);
}

#[test]
fn a_state_dict_that_does_not_fit_is_refused_as_a_whole() {
    let net = Net::new(2);
    let before = output(&net);
    let mut state: StateDict = Net::new(3).state_dict().unwrap().into_iter().filter(|(key, _)| key != "scale.gamma").collect();
    state.insert("head.weight", Tensor::scalar(1f32));
    let error = net.load_state_dict(&state).unwrap_err().to_string();
    let expected = "the state dict does not fit Net: missing: scale.gamma; unexpected: head.weight; \
                    wrong shape: fc.weight [3, 4] where [2, 4] is needed, fc.bias [3] where [2] is needed";
    assert_eq!(error, expected);
    assert_eq!(output(&net), before);
}

#[test]
fn partial_loading_takes_what_fits_and_tells_the_rest() {
    let (net, other) = (Net::new(2), Net::new(3));
    let report = net.load_state_dict_partial(&other.state_dict().unwrap()).unwrap();
    let misshapen =
        |key: &str, expected: &[usize], found: &[usize]| Misshapen { key: key.to_string(), expected: expected.into(), found: found.into() };
    assert_eq!(report.misshapen, [misshapen("fc.weight", &[2, 4], &[3, 4]), misshapen("fc.bias", &[2], &[3])]);
    assert!(report.missing.is_empty() && report.unexpected.is_empty() && !report.fits());
    let weight = |net: &Net| net.state_dict().unwrap().get(KEYS[0]).unwrap().to_f64_vec().unwrap();
    assert_eq!(weight(&net), weight(&other));
    let strange: StateDict = [("strange", Tensor::scalar(1f32))].into_iter().collect();
    assert!(net.load_state_dict_partial(&strange).unwrap_err().to_string().contains("unexpected: strange"));
}

#[test]
fn files_from_before_num_batches_tracked_still_load() {
    let state: StateDict = Net::new(2).state_dict().unwrap().into_iter().filter(|(key, _)| !key.ends_with("tracked")).collect();
    Net::new(2).load_state_dict(&state).unwrap();
}

#[test]
fn loading_converts_to_the_modules_own_type() {
    let state: StateDict = Net::new(2).state_dict().unwrap().into_iter().map(|(key, t)| (key, t.to_dtype(DType::F64).unwrap())).collect();
    let net = Net::new(2);
    net.load_state_dict(&state).unwrap();
    let types: Vec<DType> = net.state_dict().unwrap().iter().map(|(_, tensor)| tensor.dtype()).collect();
    assert!(types.iter().enumerate().all(|(i, &t)| t == if [5, 7].contains(&i) { DType::I64 } else { DType::F32 }));
}

#[test]
fn a_network_converts_to_double_precision_and_computes_in_it() {
    let net = Net::new(2);
    let single = output(&net);
    net.to_dtype(DType::F64).unwrap();
    let x = Var::from(picture().value().to_dtype(DType::F64).unwrap());
    let double = net.forward(&x, Mode::Eval).unwrap();
    assert_eq!(double.value().dtype(), DType::F64);
    assert!(double.value().to_f64_vec().unwrap().iter().zip(single).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!(net.to_dtype(DType::I64).unwrap_err().to_string().contains("floating-point"));
}

#[test]
fn freezing_by_pattern_stops_gradients_and_running_statistics() {
    let net = Net::new(2);
    assert_eq!(net.freeze("features.*").unwrap(), 3);
    let before = net.features.state_dict().unwrap().get("1.running_mean").unwrap().to_f64_vec().unwrap();
    net.forward(&picture(), Mode::Train).unwrap().sum_all().unwrap().backward().unwrap();
    let with_grad: Vec<String> = net.named_parameters().into_iter().filter(|(_, p)| p.grad().is_some()).map(|(name, _)| name).collect();
    assert_eq!(with_grad, ["scale.gamma", "fc.weight", "fc.bias"]);
    assert_eq!(net.features.state_dict().unwrap().get("1.running_mean").unwrap().to_f64_vec().unwrap(), before);
    net.zero_grad();
    assert!(net.parameters().iter().all(|p| p.grad().is_none()));
    assert_eq!(net.unfreeze("features.0").unwrap(), 1);
    assert!(net.named_parameters()[0].1.requires_grad() && !net.named_parameters()[1].1.requires_grad());
    let error = net.freeze("feature.*").unwrap_err().to_string();
    assert_eq!(error, "no parameter matches \"feature.*\"; did you mean \"features\" or \"features.0\"?");
}

#[test]
fn replacing_the_head_keeps_the_body() {
    let mut net = Net::new(1000);
    let body = net.features.state_dict().unwrap();
    net.fc = Linear::new(net.fc.in_features, 10);
    assert_eq!(net.forward(&picture(), Mode::Eval).unwrap().dims(), [2, 10]);
    assert!(
        body.iter()
            .zip(net.features.state_dict().unwrap().iter())
            .all(|((_, a), (_, b))| a.shares_memory_with(b) || a.to_f64_vec().unwrap() == b.to_f64_vec().unwrap())
    );
}

#[test]
fn a_parameter_used_twice_is_listed_once_but_saved_twice() {
    let shared = layers::Parameter::new(Tensor::ones([2], DType::F32).unwrap());
    let scale = || Scale { gamma: shared.clone().into(), seen: Buffer::new(Tensor::scalar(0i64)) };
    let twice = sequential![scale(), scale()];
    assert_eq!((twice.parameters().len(), twice.num_parameters()), (1, 2));
    assert_eq!(twice.state_dict().unwrap().len(), 4);
}

#[test]
fn values_go_by_the_seed_when_the_layer_was_made_not_by_when_they_are_used() {
    let pair = || {
        manual_seed(7);
        (Linear::new(5, 5), Linear::new(5, 5).bias_init(Init::Ones))
    };
    let values = |layer: &Linear| layer.weight.value().to_f64_vec().unwrap();
    let ((a1, b1), (a2, b2)) = (pair(), pair());
    let forwards = (values(&a1), values(&b1));
    let backwards = (values(&b2), values(&a2));
    assert_eq!(forwards, (backwards.1, backwards.0));
    assert_ne!(forwards.0, forwards.1);
    assert_eq!(b1.bias.as_ref().unwrap().value().to_f64_vec().unwrap(), [1.0; 5]);
    let initialised = LazyParameter::new([3], Init::Zeros);
    initialised.init(&Init::Normal { mean: 5.0, std: 0.1 }).unwrap();
    assert!(initialised.value().to_f64_vec().unwrap().iter().all(|x| (x - 5.0).abs() < 1.0));
    let kaiming = Init::KaimingNormal { mode: FanMode::FanOut, nonlinearity: Nonlinearity::ReLU };
    assert!(initialised.init(&kaiming).unwrap_err().to_string().contains("at least two dimensions"));
}

#[test]
fn a_layer_that_is_loaded_before_use_draws_nothing() {
    let weight = Tensor::ones([1 << 20, 16], DType::F32).unwrap();
    let before = stats().bytes_in_use;
    let layer = Linear::new(16, 1 << 20).bias(false);
    assert!(stats().bytes_in_use < before + (1 << 25), "a layer must not take memory before it is used");
    assert_eq!(layer.num_parameters(), 1 << 24);
    assert!(stats().bytes_in_use < before + (1 << 25), "nor to be counted");
    layer.weight.load(&weight).unwrap();
    assert_eq!(layer.weight.value().sum_all().unwrap().item().unwrap(), f64::from(1 << 24));
    assert!(layer.weight.load(&Tensor::scalar(1f32)).unwrap_err().to_string().contains("[1048576, 16]"));
}
