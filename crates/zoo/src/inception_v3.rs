//! Inception v3 (Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015, arXiv:1512.00567).

use layers::{AdaptiveAvgPool2d, Dropout, Linear, MaxPool2d, Mode, Module, Result, Var, children};

use crate::{
    Model, TrainingOutputs,
    inception_blocks::{InceptionA, InceptionAux, InceptionB, InceptionC, InceptionD, InceptionE, conv, linear},
    inception_parts::{BasicConv2d, auxiliary_logits, chain, transform_input},
    registry::family,
};

family! {
    "Inception": Inception3 {
        /// Inception v3.
        inception_v3,
    }
}

/// The share of the auxiliary classifier's loss.
const AUXILIARY_SHARE: f64 = 0.4;
/// The standard deviation of the classifier's initial weights.
const STD: f64 = 0.1;

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 75, to `[N, num_classes]`.
#[allow(non_snake_case)] // torchvision's names
pub struct Inception3 {
    arch: &'static str,
    transform_input: bool,
    /// Stride 2.
    pub Conv2d_1a_3x3: BasicConv2d,
    /// 3x3.
    pub Conv2d_2a_3x3: BasicConv2d,
    /// 3x3.
    pub Conv2d_2b_3x3: BasicConv2d,
    /// Stride 2.
    pub maxpool1: MaxPool2d,
    /// 1x1.
    pub Conv2d_3b_1x1: BasicConv2d,
    /// 3x3.
    pub Conv2d_4a_3x3: BasicConv2d,
    /// Stride 2.
    pub maxpool2: MaxPool2d,
    /// To 256 channels.
    pub Mixed_5b: InceptionA,
    /// To 288 channels.
    pub Mixed_5c: InceptionA,
    /// To 288 channels.
    pub Mixed_5d: InceptionA,
    /// Stride 2, to 768 channels.
    pub Mixed_6a: InceptionB,
    /// To 768 channels.
    pub Mixed_6b: InceptionC,
    /// To 768 channels.
    pub Mixed_6c: InceptionC,
    /// To 768 channels.
    pub Mixed_6d: InceptionC,
    /// To 768 channels.
    pub Mixed_6e: InceptionC,
    /// A classifier for training only, where there is one.
    pub AuxLogits: Option<InceptionAux>,
    /// Stride 2, to 1280 channels.
    pub Mixed_7a: InceptionD,
    /// To 2048 channels.
    pub Mixed_7b: InceptionE,
    /// To 2048 channels.
    pub Mixed_7c: InceptionE,
    /// The mean over the picture.
    pub avgpool: AdaptiveAvgPool2d,
    /// Before the classifier.
    pub dropout: Dropout,
    /// The classifier.
    pub fc: Linear,
}

impl Inception3 {
    /// A network with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, num_classes: usize) -> Self {
        Inception3 {
            arch,
            transform_input: false,
            Conv2d_1a_3x3: conv(3, 32, 3).stride(2),
            Conv2d_2a_3x3: conv(32, 32, 3),
            Conv2d_2b_3x3: conv(32, 64, 3).padding(1),
            maxpool1: MaxPool2d::new(3).stride(2),
            Conv2d_3b_1x1: conv(64, 80, 1),
            Conv2d_4a_3x3: conv(80, 192, 3),
            maxpool2: MaxPool2d::new(3).stride(2),
            Mixed_5b: InceptionA::new(192, 32),
            Mixed_5c: InceptionA::new(256, 64),
            Mixed_5d: InceptionA::new(288, 64),
            Mixed_6a: InceptionB::new(288),
            Mixed_6b: InceptionC::new(768, 128),
            Mixed_6c: InceptionC::new(768, 160),
            Mixed_6d: InceptionC::new(768, 160),
            Mixed_6e: InceptionC::new(768, 192),
            AuxLogits: Some(InceptionAux::new(768, num_classes)),
            Mixed_7a: InceptionD::new(768),
            Mixed_7b: InceptionE::new(1280),
            Mixed_7c: InceptionE::new(2048),
            avgpool: AdaptiveAvgPool2d::new((1, 1)),
            dropout: Dropout::new(0.5),
            fc: linear(2048, num_classes, STD),
        }
    }

    /// The logits, and in training those of the auxiliary classifier.
    fn outputs(&self, x: &Var, mode: Mode) -> Result<(Var, Vec<Var>)> {
        let x = if self.transform_input { &transform_input(x)? } else { x };
        let stem: [&dyn Module; 7] = [
            &self.Conv2d_1a_3x3,
            &self.Conv2d_2a_3x3,
            &self.Conv2d_2b_3x3,
            &self.maxpool1,
            &self.Conv2d_3b_1x1,
            &self.Conv2d_4a_3x3,
            &self.maxpool2,
        ];
        let middle: [&dyn Module; 8] = [
            &self.Mixed_5b,
            &self.Mixed_5c,
            &self.Mixed_5d,
            &self.Mixed_6a,
            &self.Mixed_6b,
            &self.Mixed_6c,
            &self.Mixed_6d,
            &self.Mixed_6e,
        ];
        let x = chain(&middle, &chain(&stem, x, mode)?, mode)?;
        let auxiliary = auxiliary_logits(self.AuxLogits.as_ref(), &x, mode)?.into_iter().collect();
        let x = chain(&[&self.Mixed_7a, &self.Mixed_7b, &self.Mixed_7c, &self.avgpool, &self.dropout], &x, mode)?;
        Ok((self.fc.forward(&x.flatten(1, -1)?, mode)?, auxiliary))
    }
}

impl Module for Inception3 {
    children!(Inception3 {
        Conv2d_1a_3x3,
        Conv2d_2a_3x3,
        Conv2d_2b_3x3,
        maxpool1,
        Conv2d_3b_1x1,
        Conv2d_4a_3x3,
        maxpool2,
        Mixed_5b,
        Mixed_5c,
        Mixed_5d,
        Mixed_6a,
        Mixed_6b,
        Mixed_6c,
        Mixed_6d,
        Mixed_6e,
        AuxLogits,
        Mixed_7a,
        Mixed_7b,
        Mixed_7c,
        avgpool,
        dropout,
        fc,
    });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        Ok(self.outputs(x, mode)?.0)
    }
}

impl Model for Inception3 {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        self.fc.out_features
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        self.fc = linear(self.fc.in_features, num_classes, STD);
        if let Some(auxiliary) = &mut self.AuxLogits {
            auxiliary.reset(num_classes);
        }
    }

    fn input_size(&self) -> usize {
        299
    }

    fn training_outputs(&self, x: &Var) -> Result<TrainingOutputs> {
        let (logits, auxiliary) = self.outputs(x, Mode::Train)?;
        Ok(TrainingOutputs { logits, auxiliary, auxiliary_share: AUXILIARY_SHARE })
    }

    fn set_dropout(&mut self, p: f64) {
        self.dropout = Dropout::new(p);
    }

    fn transform_input(&self) -> bool {
        self.transform_input
    }

    fn set_transform_input(&mut self, on: bool) {
        self.transform_input = on;
    }

    fn auxiliary(&self) -> &'static [&'static str] {
        &["AuxLogits"]
    }

    fn remove_auxiliary(&mut self) {
        self.AuxLogits = None;
    }

    fn adapt_to_published(&mut self) {
        self.transform_input = true;
    }
}
