//! torchvision's convolutional networks, their weights and checkpoint formats.
//!
//! ```no_run
//! use layers::{Linear, Mode, Module};
//! use zoo::Weights;
//!
//! let mut model = zoo::resnet18(Weights::Default)?; // ImageNet, fetched once
//! model.fc = Linear::new(model.fc.in_features, 10); // a new head
//! # let images = layers::Var::from(tensor::Tensor::ones([1, 3, 32, 32], tensor::DType::F32)?);
//! let logits = model.forward(&images, Mode::Eval)?;
//! zoo::save("resnet18_cifar10_classifier.pth", &model, &Default::default())?; // PyTorch reads it
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod checkpoint;
mod error;
mod model;
pub mod onnx;
pub mod protobuf;

mod categories;
mod key_layout;
mod published;
pub mod registry;
mod state;
mod weights;

pub mod alexnet;
pub mod convnext;
pub mod densenet;
pub mod efficientnet;
pub mod googlenet;
mod inception_blocks;
mod inception_parts;
pub mod inception_v3;
pub mod mnasnet;
mod mobile_parts;
pub mod mobilenet_v2;
pub mod mobilenet_v3;
pub mod resnet;
pub mod shufflenet_v2;
pub mod squeezenet;
pub mod vgg;

// What programs need beside the models, so that they need not depend on it themselves.
pub use {layers, tensor};

pub use alexnet::alexnet;
pub use categories::imagenet_categories;
pub use checkpoint::Metadata;
pub use convnext::convnext_tiny;
pub use densenet::{densenet121, densenet161, densenet169, densenet201};
pub use efficientnet::efficientnet_b0;
pub use error::{Error, Result};
pub use googlenet::googlenet;
pub use inception_blocks::{InceptionA, InceptionAux, InceptionB, InceptionC, InceptionD, InceptionE};
pub use inception_parts::BasicConv2d;
pub use inception_v3::inception_v3;
pub use mnasnet::mnasnet1_0;
pub use mobilenet_v2::mobilenet_v2;
pub use mobilenet_v3::{mobilenet_v3_large, mobilenet_v3_small};
pub use model::{Model, TrainingOutputs};
pub use published::{cached, fetch_weights};
pub use registry::{IMAGENET_CLASSES, build, names};
pub use resnet::{
    resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d, resnext101_32x8d, resnext101_64x4d, wide_resnet50_2,
    wide_resnet101_2,
};
pub use shufflenet_v2::shufflenet_v2_x1_0;
pub use squeezenet::{squeezenet1_0, squeezenet1_1};
pub use state::{
    Strictness, from_checkpoint, from_tensor, load, load_into, load_state_dict, save, save_as, save_module, save_state_dict, to_tensor,
};
pub use vgg::{vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn};
pub use weights::{BUNDLED, Weights, create};
