//! Every operation on a CUDA device against the same on the CPU, over random shapes: `CONVOY_TEST_DEVICE=cuda` chooses a device (an emulated
//! one where `CONVOY_CUDA_EMULATOR` names its library); they fail where it is not set. Beside them, what a machine without a device is told.

mod elementwise;
mod products;
mod reductions;

use std::env;

use tensor::{DType, Device, Layout, Tensor, ops::Conv2dOptions, random::Generator};

/// The device under test.
fn device() -> Device {
    let name =
        env::var("CONVOY_TEST_DEVICE").expect("CONVOY_TEST_DEVICE=cuda chooses a device, CONVOY_CUDA_EMULATOR makes it an emulated one");
    name.parse().expect("the name of a device")
}

/// Runs `f` on the CPU and on the device. Results must agree in shape, type and memory order, and within `tolerance` of their norm.
fn check(name: &str, tolerance: f64, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> tensor::Result<Vec<Tensor>>) {
    let device = device();
    let expected = f(inputs).unwrap_or_else(|e| panic!("{name} on the CPU: {e}"));
    let there: Vec<Tensor> = inputs.iter().map(|t| t.to_device(device).expect("an upload")).collect();
    let found = f(&there).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(found.len(), expected.len(), "{name}");
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.device(), device, "{name} {i}");
        assert_eq!((found.dims(), found.dtype()), (expected.dims(), expected.dtype()), "{name} {i}");
        assert_eq!(found.layout(), expected.layout(), "{name} {i}");
        let host = found.to_host().expect("a download");
        if host.layout() == Layout::Blocked {
            let round = host.contiguous().unwrap().to_layout(Layout::Blocked).unwrap();
            assert!(host.data::<f32>().is_err() || host.data::<f32>().unwrap() == round.data::<f32>().unwrap(), "{name} {i}: padding");
        }
        let (a, b) = (host.to_f64_vec().unwrap(), expected.to_f64_vec().unwrap());
        let differ = |&(a, b): &(f64, f64)| !(a == b || (a.is_nan() && b.is_nan()));
        let wrong: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).filter(differ).collect();
        let norm = b.iter().filter(|b| b.is_finite()).map(|b| b * b).sum::<f64>().sqrt();
        let error = wrong.iter().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let shown = &wrong[..wrong.len().min(3)];
        let (wrong, all) = (wrong.len(), a.len());
        assert!(wrong == 0 || error <= tolerance * norm, "{name} {i}: error {error:e} of {norm:e}, {wrong} of {all} differ: {shown:?}");
    }
}

struct Random(Generator);

impl Random {
    fn new(seed: u64) -> Self {
        Random(Generator::new(seed))
    }
    fn below(&mut self, n: usize) -> usize {
        self.0.below(n)
    }
    fn between(&mut self, a: usize, b: usize) -> usize {
        a + self.0.below(b - a + 1)
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.below(of.len())]
    }
    fn tensor(&mut self, dims: &[usize]) -> Tensor {
        Tensor::normal(dims, 0.0, 1.0, &mut self.0).unwrap()
    }
    fn last(&mut self, dims: &[usize]) -> Tensor {
        self.tensor(dims).channels_last().unwrap()
    }
    fn laid_out(&mut self, dims: &[usize], layout: Layout) -> Tensor {
        self.tensor(dims).to_layout(layout).unwrap()
    }
    fn positive(&mut self, dims: &[usize]) -> Tensor {
        self.tensor(dims).abs().unwrap().add_scalar(0.1).unwrap()
    }
}

const FLOATS: [DType; 2] = [DType::F32, DType::F64];

/// The inputs in each float type, with the tolerance of that type.
fn in_floats(inputs: &[Tensor]) -> Vec<(DType, f64, Vec<Tensor>)> {
    let cast = |dtype| inputs.iter().map(|t| if t.dtype().is_float() { t.to_dtype(dtype).unwrap() } else { t.clone() }).collect();
    FLOATS.into_iter().map(|dtype| (dtype, if dtype == DType::F32 { 3e-6 } else { 1e-13 }, cast(dtype))).collect()
}

#[test]
fn bf16_is_refused_as_an_operand_of_any_operation() {
    let device = device();
    let ones = |shape: &[usize], dtype| Tensor::ones(shape, dtype).unwrap().to_device(device).unwrap();
    let (x, w) = (ones(&[1, 2, 3, 3], DType::F32), ones(&[4, 2, 1, 1], DType::F32));
    let (stored, bias) = (ones(&[1, 2, 3, 3], DType::Bf16), ones(&[4], DType::Bf16));
    let options = Conv2dOptions::default();
    for result in [
        x.add(&stored),
        stored.add(&x),
        stored.relu(),
        stored.sum_all(),
        x.conv2d(&w, Some(&bias), &options),
        stored.conv2d(&w, None, &options),
    ] {
        assert!(result.unwrap_err().to_string().contains("bfloat16"));
    }
}

#[test]
fn a_device_that_is_not_there_is_one_clear_error() {
    let error = Tensor::scalar(1f32).to_device(Device::Cuda(63)).unwrap_err().to_string();
    assert!(error.starts_with("device cuda:63: ") && error.ends_with("use --device cpu") && !error.contains('\n'), "{error}");
}

#[test]
fn tensors_come_back_as_they_went() {
    let device = device();
    let x = Random::new(1).last(&[2, 5, 3, 4]);
    let there = x.to_device(device).unwrap();
    assert_eq!((there.device(), there.layout(), there.dims()), (device, Layout::ChannelsLast, x.dims()));
    assert_eq!(there.to_host().unwrap().data::<f32>().unwrap(), x.data::<f32>().unwrap());
    assert_eq!(there.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap());
    assert_eq!(there.narrow(0, 1, 1).unwrap().to_vec::<f32>().unwrap(), x.narrow(0, 1, 1).unwrap().to_vec::<f32>().unwrap());
    assert!(there.to_device(device).unwrap().shares_memory_with(&there));
    assert_eq!(Tensor::scalar(2.5f32).to_device(device).unwrap().item().unwrap(), 2.5);
    let empty = Tensor::zeros([0, 3], DType::F32).unwrap().to_device(device).unwrap();
    assert_eq!(empty.to_vec::<f32>().unwrap(), [0f32; 0]);
    assert!(there.data::<f32>().unwrap_err().to_string().contains("to_host"));
    assert!(format!("{there:?}").starts_with("Tensor([2, 5, 3, 4]"));
    assert_eq!(there.zeros_like().unwrap().sum_all().unwrap().item().unwrap(), 0.0);
}

#[test]
fn operands_on_two_devices_are_an_error_that_names_both() {
    let device = device();
    let (here, there) = (Tensor::scalar(1f32), Tensor::scalar(1f32).to_device(device).unwrap());
    for error in [here.add(&there).unwrap_err(), there.add(&here).unwrap_err()] {
        assert!(error.to_string().contains("add: one operand is on c") && error.to_string().contains("cuda:0"), "{error}");
    }
    let (x, w) = (Tensor::ones([1, 4, 3, 3], DType::F32).unwrap(), Tensor::ones([4, 4, 3, 3], DType::F32).unwrap());
    let error = x.to_device(device).unwrap().conv2d(&w, None, &Conv2dOptions::default()).unwrap_err();
    assert!(error.to_string().contains("conv2d: one operand is on cuda:0, another on cpu"), "{error}");
}

#[test]
fn writing_to_shared_memory_copies_it_first() {
    let device = device();
    let x = Tensor::from_vec(vec![1f32, 2.0, 3.0, 4.0], [2, 2]).unwrap().to_device(device).unwrap();
    let mut row = x.narrow(0, 1, 1).unwrap();
    row.add_(&row.clone()).unwrap();
    assert_eq!((row.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap()), (vec![6.0, 8.0], vec![1.0, 2.0, 3.0, 4.0]));
}
