//! GoogLeNet, the first Inception (Szegedy et al., "Going deeper with convolutions", 2014, arXiv:1409.4842), with batch norm as in
//! torchvision.

use layers::{AdaptiveAvgPool2d, Dropout, Linear, MaxPool2d, Mode, Module, Result, Sequential, Var, call, children, sequential};

use crate::{
    Model, TrainingOutputs,
    inception_parts::{BasicConv2d, auxiliary_logits, chain, transform_input, truncated_normal},
    registry::family,
};

family! {
    "GoogLeNet": GoogLeNet {
        /// GoogLeNet.
        googlenet,
    }
}

/// The share of an auxiliary classifier's loss, as in the paper.
const AUXILIARY_SHARE: f64 = 0.3;
/// The standard deviation of the initial weights.
const STD: f64 = 0.01;

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 15, to `[N, num_classes]`.
pub struct GoogLeNet {
    arch: &'static str,
    transform_input: bool,
    /// 7x7, stride 2.
    pub conv1: BasicConv2d,
    /// Stride 2.
    pub maxpool1: MaxPool2d,
    /// 1x1.
    pub conv2: BasicConv2d,
    /// 3x3.
    pub conv3: BasicConv2d,
    /// Stride 2.
    pub maxpool2: MaxPool2d,
    /// From 192 to 256 channels.
    pub inception3a: Inception,
    /// To 480 channels.
    pub inception3b: Inception,
    /// Stride 2.
    pub maxpool3: MaxPool2d,
    /// To 512 channels; `aux1` looks at its output.
    pub inception4a: Inception,
    /// To 512 channels.
    pub inception4b: Inception,
    /// To 512 channels.
    pub inception4c: Inception,
    /// To 528 channels; `aux2` looks at its output.
    pub inception4d: Inception,
    /// To 832 channels.
    pub inception4e: Inception,
    /// Stride 2.
    pub maxpool4: MaxPool2d,
    /// To 832 channels.
    pub inception5a: Inception,
    /// To 1024 channels.
    pub inception5b: Inception,
    /// A classifier for training only, where there is one.
    pub aux1: Option<InceptionAux>,
    /// A classifier for training only, where there is one.
    pub aux2: Option<InceptionAux>,
    /// The mean over the picture.
    pub avgpool: AdaptiveAvgPool2d,
    /// Before the classifier.
    pub dropout: Dropout,
    /// The classifier.
    pub fc: Linear,
}

impl GoogLeNet {
    /// A network with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, num_classes: usize) -> Self {
        let inception =
            |in_channels, branch1, branch2, branch3, branch4| Inception::new(in_channels, &Branches { branch1, branch2, branch3, branch4 });
        let pool = |size| MaxPool2d::new(size).stride(2).ceil_mode(true);
        GoogLeNet {
            arch,
            transform_input: false,
            conv1: conv(3, 64, 7).stride(2).padding(3),
            maxpool1: pool(3),
            conv2: conv(64, 64, 1),
            conv3: conv(64, 192, 3).padding(1),
            maxpool2: pool(3),
            inception3a: inception(192, 64, (96, 128), (16, 32), 32),
            inception3b: inception(256, 128, (128, 192), (32, 96), 64),
            maxpool3: pool(3),
            inception4a: inception(480, 192, (96, 208), (16, 48), 64),
            inception4b: inception(512, 160, (112, 224), (24, 64), 64),
            inception4c: inception(512, 128, (128, 256), (24, 64), 64),
            inception4d: inception(512, 112, (144, 288), (32, 64), 64),
            inception4e: inception(528, 256, (160, 320), (32, 128), 128),
            maxpool4: pool(2),
            inception5a: inception(832, 256, (160, 320), (32, 128), 128),
            inception5b: inception(832, 384, (192, 384), (48, 128), 128),
            aux1: Some(InceptionAux::new(512, num_classes)),
            aux2: Some(InceptionAux::new(528, num_classes)),
            avgpool: AdaptiveAvgPool2d::new((1, 1)),
            dropout: Dropout::new(0.2),
            fc: linear(1024, num_classes),
        }
    }

    /// The logits, and in training those of the two auxiliary classifiers.
    fn outputs(&self, x: &Var, mode: Mode) -> Result<(Var, Vec<Var>)> {
        let x = if self.transform_input { &transform_input(x)? } else { x };
        let x = chain(&[&self.conv1, &self.maxpool1, &self.conv2, &self.conv3, &self.maxpool2], x, mode)?;
        let x = chain(&[&self.inception3a, &self.inception3b, &self.maxpool3, &self.inception4a], &x, mode)?;
        let first = auxiliary_logits(self.aux1.as_ref(), &x, mode)?;
        let x = chain(&[&self.inception4b, &self.inception4c, &self.inception4d], &x, mode)?;
        let second = auxiliary_logits(self.aux2.as_ref(), &x, mode)?;
        let x = chain(&[&self.inception4e, &self.maxpool4, &self.inception5a, &self.inception5b, &self.avgpool], &x, mode)?;
        let x = self.dropout.forward(&x.flatten(1, -1)?, mode)?;
        Ok((self.fc.forward(&x, mode)?, first.into_iter().chain(second).collect()))
    }
}

fn conv(in_channels: usize, out_channels: usize, kernel_size: usize) -> BasicConv2d {
    BasicConv2d::new(in_channels, out_channels, kernel_size, STD)
}

fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features).weight_init(truncated_normal(STD))
}

impl Module for GoogLeNet {
    children!(GoogLeNet {
        conv1,
        maxpool1,
        conv2,
        conv3,
        maxpool2,
        inception3a,
        inception3b,
        maxpool3,
        inception4a,
        inception4b,
        inception4c,
        inception4d,
        inception4e,
        maxpool4,
        inception5a,
        inception5b,
        aux1,
        aux2,
        avgpool,
        dropout,
        fc,
    });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        Ok(self.outputs(x, mode)?.0)
    }
}

impl Model for GoogLeNet {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        self.fc.out_features
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        self.fc = linear(self.fc.in_features, num_classes);
        for auxiliary in [&mut self.aux1, &mut self.aux2].into_iter().flatten() {
            auxiliary.fc2 = linear(auxiliary.fc2.in_features, num_classes);
        }
    }

    fn training_outputs(&self, x: &Var) -> Result<TrainingOutputs> {
        let (logits, auxiliary) = self.outputs(x, Mode::Train)?;
        Ok(TrainingOutputs { logits, auxiliary, auxiliary_share: AUXILIARY_SHARE })
    }

    fn set_dropout(&mut self, p: f64) {
        self.dropout = Dropout::new(p);
        for auxiliary in [&mut self.aux1, &mut self.aux2].into_iter().flatten() {
            auxiliary.dropout = Dropout::new(p);
        }
    }

    fn transform_input(&self) -> bool {
        self.transform_input
    }

    fn set_transform_input(&mut self, on: bool) {
        self.transform_input = on;
    }

    fn auxiliary(&self) -> &'static [&'static str] {
        &["aux1", "aux2"]
    }

    fn remove_auxiliary(&mut self) {
        (self.aux1, self.aux2) = (None, None);
    }

    /// The published auxiliary classifiers are not trained, so torchvision takes them off.
    fn adapt_to_published(&mut self) {
        self.transform_input = true;
        self.remove_auxiliary();
    }
}

/// The channels of an [`Inception`] module's branches; the pairs are those of the 1x1 and of the 3x3 convolution.
struct Branches {
    branch1: usize,
    branch2: (usize, usize),
    branch3: (usize, usize),
    branch4: usize,
}

/// Four branches side by side. The third has 3x3 convolutions where the paper has 5x5, as in torchvision.
pub struct Inception {
    /// 1x1.
    pub branch1: BasicConv2d,
    /// 1x1 and 3x3.
    pub branch2: Sequential,
    /// 1x1 and 3x3.
    pub branch3: Sequential,
    /// 3x3 max pooling and 1x1.
    pub branch4: Sequential,
}

impl Inception {
    fn new(in_channels: usize, branches: &Branches) -> Self {
        let double = |(inner, out)| sequential![conv(in_channels, inner, 1), conv(inner, out, 3).padding(1)];
        Inception {
            branch1: conv(in_channels, branches.branch1, 1),
            branch2: double(branches.branch2),
            branch3: double(branches.branch3),
            branch4: sequential![MaxPool2d::new(3).stride(1).padding(1).ceil_mode(true), conv(in_channels, branches.branch4, 1)],
        }
    }
}

impl Module for Inception {
    children!(Inception { branch1, branch2, branch3, branch4 });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let (a, b) = (call(&self.branch1, x, mode)?, self.branch2.forward(x, mode)?);
        let (c, d) = (self.branch3.forward(x, mode)?, self.branch4.forward(x, mode)?);
        Ok(Var::cat(&[&a, &b, &c, &d], 1)?)
    }
}

/// A classifier for training only, which brings gradients to the middle of the network.
pub struct InceptionAux {
    /// 1x1, to 128 channels.
    pub conv: BasicConv2d,
    /// From 4 x 4 x 128 features.
    pub fc1: Linear,
    /// To the classes.
    pub fc2: Linear,
    /// Between the two.
    pub dropout: Dropout,
}

impl InceptionAux {
    fn new(in_channels: usize, num_classes: usize) -> Self {
        InceptionAux {
            conv: conv(in_channels, 128, 1),
            fc1: linear(2048, 1024),
            fc2: linear(1024, num_classes),
            dropout: Dropout::new(0.7),
        }
    }
}

impl Module for InceptionAux {
    children!(InceptionAux { conv, fc1, fc2, dropout });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = call(&self.conv, &x.adaptive_avg_pool2d([Some(4); 2])?, mode)?;
        let x = self.fc1.forward(&x.flatten(1, -1)?, mode)?.relu()?;
        self.fc2.forward(&self.dropout.forward(&x, mode)?, mode)
    }
}
