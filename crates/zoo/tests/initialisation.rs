//! Random weights are drawn as torchvision draws them.

use layers::ModuleExt;
use tensor::{Tensor, random::manual_seed};

/// Standard deviations of a fresh model's tensors: `getattr(torchvision.models, model)(weights=None).state_dict()[key].std()`.
const TORCHVISION: [(&str, &str, f64); 22] = [
    ("mobilenet_v2", "features.18.0.weight", 0.03950),
    ("mobilenet_v2", "features.17.conv.1.0.weight", 0.01517),
    ("mobilenet_v2", "classifier.1.weight", 0.01000),
    ("mobilenet_v3_small", "features.12.0.weight", 0.05907),
    ("mobilenet_v3_small", "features.11.block.2.fc1.weight", 0.11748),
    ("mobilenet_v3_small", "classifier.0.weight", 0.01000),
    ("mobilenet_v3_small", "classifier.3.weight", 0.01000),
    ("mobilenet_v3_large", "features.15.block.1.0.weight", 0.00910),
    ("shufflenet_v2_x1_0", "conv5.0.weight", 0.02679),
    ("shufflenet_v2_x1_0", "stage4.1.branch2.3.weight", 0.19037),
    ("shufflenet_v2_x1_0", "fc.weight", 0.01804),
    ("shufflenet_v2_x1_0", "fc.bias", 0.01791),
    ("mnasnet1_0", "layers.14.weight", 0.03957),
    ("mnasnet1_0", "layers.12.1.layers.3.weight", 0.00836),
    ("mnasnet1_0", "classifier.1.weight", 0.03163),
    ("efficientnet_b0", "features.8.0.weight", 0.03946),
    ("efficientnet_b0", "features.7.0.block.2.fc2.weight", 0.04168),
    ("efficientnet_b0", "features.7.0.block.1.0.weight", 0.01402),
    ("efficientnet_b0", "classifier.1.weight", 0.01826),
    ("convnext_tiny", "features.7.1.block.3.weight", 0.02000),
    ("convnext_tiny", "features.7.0.block.0.weight", 0.02015),
    ("convnext_tiny", "classifier.2.weight", 0.01999),
];

/// A tensor of a fresh model.
fn fresh(model: &str, key: &str) -> Tensor {
    manual_seed(1);
    let model = zoo::build(model, 1000).unwrap();
    let tensors = model.named_tensors();
    tensors.iter().find(|(name, _)| name == key).unwrap_or_else(|| panic!("no tensor {key}")).1.value()
}

#[test]
fn weights_spread_as_torchvisions_do() {
    for (model, key, expected) in TORCHVISION {
        let values = fresh(model, key).to_f64_vec().unwrap();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Both are draws: four standard errors of each, of a normal distribution.
        let tolerance = 8.0 / (2.0 * n).sqrt() + 1e-3;
        assert!((std / expected - 1.0).abs() < tolerance, "{model} {key}: {std} where torchvision has {expected}");
    }
}

#[test]
fn convolutions_of_squeeze_and_excitation_and_classifiers_begin_without_bias() {
    for (model, key) in [
        ("mobilenet_v2", "classifier.1.bias"),
        ("mobilenet_v3_large", "features.15.block.2.fc1.bias"),
        ("mnasnet1_0", "classifier.1.bias"),
        ("efficientnet_b0", "features.7.0.block.2.fc2.bias"),
        ("convnext_tiny", "features.7.1.block.0.bias"),
    ] {
        assert!(fresh(model, key).to_f64_vec().unwrap().iter().all(|&x| x == 0.0), "{model} {key}");
    }
}

#[test]
fn a_block_of_convnext_begins_as_nearly_nothing() {
    assert_eq!(fresh("convnext_tiny", "features.1.0.layer_scale").to_vec::<f32>().unwrap(), [1e-6; 96]);
}
