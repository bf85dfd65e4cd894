//! AlexNet (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv:1404.5997).

use layers::{AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, Mode, Module, ReLU, Result, Sequential, Var, children, sequential};

use crate::{
    Model,
    model::{out_features, put},
    registry::family,
};

family! {
    "AlexNet": AlexNet {
        /// AlexNet.
        alexnet,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 63, to `[N, num_classes]`.
pub struct AlexNet {
    arch: &'static str,
    /// Five convolutions.
    pub features: Sequential,
    /// The means over 6x6 windows.
    pub avgpool: AdaptiveAvgPool2d,
    /// Three linear layers; the last, named `6`, has 4096 inputs.
    pub classifier: Sequential,
}

impl AlexNet {
    /// A network with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, num_classes: usize) -> Self {
        AlexNet {
            arch,
            features: sequential![
                Conv2d::new(3, 64, 11).stride(4).padding(2),
                ReLU::new().inplace(true),
                MaxPool2d::new(3).stride(2),
                Conv2d::new(64, 192, 5).padding(2),
                ReLU::new().inplace(true),
                MaxPool2d::new(3).stride(2),
                Conv2d::new(192, 384, 3).padding(1),
                ReLU::new().inplace(true),
                Conv2d::new(384, 256, 3).padding(1),
                ReLU::new().inplace(true),
                Conv2d::new(256, 256, 3).padding(1),
                ReLU::new().inplace(true),
                MaxPool2d::new(3).stride(2),
            ],
            avgpool: AdaptiveAvgPool2d::new((6, 6)),
            classifier: sequential![
                Dropout::new(0.5),
                Linear::new(256 * 6 * 6, 4096),
                ReLU::new().inplace(true),
                Dropout::new(0.5),
                Linear::new(4096, 4096),
                ReLU::new().inplace(true),
                Linear::new(4096, num_classes),
            ],
        }
    }
}

impl Module for AlexNet {
    children!(AlexNet { features, avgpool, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.features.forward(x, mode)?;
        let x = self.avgpool.forward(&x, mode)?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for AlexNet {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "6")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "6", Linear::new(4096, num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        for name in ["0", "3"] {
            put(&mut self.classifier, name, Dropout::new(p));
        }
    }
}
