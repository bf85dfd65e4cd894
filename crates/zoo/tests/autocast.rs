//! Every kind of network under autocast: activations are stored as bf16 wherever they come from and go to.

use layers::{CrossEntropyLoss, Mode, Module, ModuleExt, Var, autocast_bf16, no_grad};
use tensor::{
    DType, Tensor,
    random::{Generator, manual_seed},
};

/// Networks, and pixels a side that are enough for them.
const NETWORKS: [(&str, usize); 12] = [
    ("alexnet", 64),
    ("vgg11_bn", 32),
    ("resnet18", 33),
    ("resnext50_32x4d", 40),
    ("squeezenet1_1", 49),
    ("densenet121", 33),
    ("googlenet", 33),
    ("mobilenet_v2", 40),
    ("mobilenet_v3_small", 40),
    ("mnasnet1_0", 33),
    ("efficientnet_b0", 40),
    ("shufflenet_v2_x1_0", 33),
];

#[test]
fn networks_train_and_predict_in_bf16_as_in_f32() {
    for (name, size) in NETWORKS {
        manual_seed(3);
        let model = zoo::build(name, 5).unwrap();
        let x = Var::from(Tensor::normal([6, 3, size, size], 0.0, 1.0, &mut Generator::new(1)).unwrap());
        let targets = Tensor::from_vec((0..6).map(|i| i % 5).collect::<Vec<i64>>(), [6]).unwrap();
        let loss = || {
            manual_seed(4); // dropout draws the same
            CrossEntropyLoss::new().forward(&model.forward(&x, Mode::Train).unwrap(), &targets).unwrap()
        };
        let single = loss().item().unwrap();
        let half = autocast_bf16(|| {
            let loss = loss();
            loss.backward().unwrap();
            loss
        });
        assert_eq!(half.value().dtype(), DType::F32, "{name}");
        assert!((half.item().unwrap() - single).abs() < 0.2 * single, "{name}: {} where f32 has {single}", half.item().unwrap());
        for (key, parameter) in model.named_parameters() {
            // Auxiliary classifiers have no part in these logits.
            if key.starts_with("aux") {
                continue;
            }
            let gradient = parameter.grad().unwrap_or_else(|| panic!("{name} {key} has no gradient"));
            assert_eq!(gradient.dtype(), DType::F32, "{name} {key}");
            assert!(gradient.to_f64_vec().unwrap().iter().all(|g| g.is_finite()), "{name} {key}");
        }
        let logits = || no_grad(|| model.forward(&x, Mode::Eval)).unwrap().value().to_f64_vec().unwrap();
        let (single, half) = (logits(), autocast_bf16(logits));
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let error = norm(&mut single.iter().zip(&half).map(|(a, b)| a - b)) / norm(&mut single.iter().copied());
        assert!(error < 0.05, "{name}: logits deviate by {error}");
    }
}
