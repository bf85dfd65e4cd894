//! The public API of `zoo`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// zoo/src/alexnet.rs
pub struct AlexNet {
    pub features: Sequential,
    pub avgpool: AdaptiveAvgPool2d,
    pub classifier: Sequential,
    private: (),
}
impl AlexNet {
    pub fn new(arch: &'static str, num_classes: usize) -> Self;
}
impl Module for AlexNet;
impl Model for AlexNet;

// zoo/src/categories.rs
pub fn imagenet_categories() -> impl ExactSizeIterator<Item = &'static str>;

// zoo/src/checkpoint/dtype.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TorchDtype {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}
impl TorchDtype {
    pub fn name(self) -> &'static str;
    pub fn size(self) -> usize;
    pub fn byte_len(self, shape: &[usize]) -> Option<usize>;
    pub fn from_name(name: &str) -> Option<Self>;
}
impl fmt::Display for TorchDtype;

// zoo/src/checkpoint/error.rs
#[derive(Debug, thiserror::Error)]
pub struct CheckpointError {
    pub origin: String,
    pub reason: Reason,
}
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    Read(io::Error),
    Write(io::Error),
    UnknownFormat(String),
    UnknownExtension,
    Damaged(String),
    ForbiddenGlobal(String),
    Unsupported(String),
    NoStateDict(String),
    TooLarge { claimed: u64, file: u64 },
    DataLength { name: String, expected: String, found: usize },
    DuplicateName(String),
    Metadata { record: &'static str, source: serde_json::Error },
}
impl From<io::Error> for Reason;

// zoo/src/checkpoint/metadata.rs
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub arch: Option<String>,
    pub classes: Option<Vec<String>>,
    pub preprocessing: Option<Value>,
    pub other: Map<String, Value>,
}
impl Metadata {
    pub fn is_empty(&self) -> bool;
}

// zoo/src/checkpoint/mod.rs
pub use self::{
    dtype::TorchDtype, error::{CheckpointError, Reason},
    metadata::Metadata, reader::CheckpointReader,
    tensor::{Checkpoint, RawTensor, TensorInfo, TensorSource},
    writer::{Format, save, save_tensors, write_file},
};
pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError>;
pub fn load_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError>;
pub fn inspect(path: impl AsRef<Path>) -> Result<Vec<TensorInfo>, CheckpointError>;

// zoo/src/checkpoint/pth/archive.rs
impl From<rawzip::Error> for Reason;

// zoo/src/checkpoint/reader.rs
#[derive(Debug)]
pub struct CheckpointReader<'a> {
    private: (),
}
impl CheckpointReader<'static> {
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError>;
}
impl<'a> CheckpointReader<'a> {
    pub fn from_bytes(
        bytes: &'a [u8],
        origin: impl Into<String>,
    ) -> Result<Self, CheckpointError>;
    pub fn origin(&self) -> &str;
    pub fn tensors(&self) -> &[TensorInfo];
    pub fn metadata(&self) -> &Metadata;
    pub fn extra(&self) -> &Map<String, Value>;
    pub fn read(&self, index: usize) -> Result<RawTensor, CheckpointError>;
    pub fn read_rows(
        &self,
        index: usize,
        rows: usize,
    ) -> Result<
        impl Iterator<Item = Result<RawTensor, CheckpointError>>,
        CheckpointError,
    >;
    pub fn read_named(&self, name: &str) -> Option<Result<RawTensor, CheckpointError>>;
    pub fn read_all(&self) -> Result<Checkpoint, CheckpointError>;
}

// zoo/src/checkpoint/tensor.rs
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    pub dtype: TorchDtype,
    pub shape: Vec<usize>,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTensor {
    pub dtype: TorchDtype,
    pub shape: Vec<usize>,
    pub data: Vec<u8>,
}
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    pub tensors: Vec<(String, RawTensor)>,
    pub metadata: Metadata,
}
impl Checkpoint {
    pub fn get(&self, name: &str) -> Option<&RawTensor>;
}
pub trait TensorSource {
    fn infos(&self) -> Vec<TensorInfo>;
    fn data(&self, index: usize) -> io::Result<Cow<'_, [u8]>>;
}
impl TensorSource for Checkpoint;

// zoo/src/checkpoint/writer.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pth,
    Safetensors,
}
impl Format {
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, CheckpointError>;
}
pub fn save(
    path: impl AsRef<Path>,
    checkpoint: &Checkpoint,
) -> Result<(), CheckpointError>;
pub fn save_tensors(
    path: impl AsRef<Path>,
    format: Format,
    source: &dyn TensorSource,
    metadata: &Metadata,
) -> Result<(), CheckpointError>;
pub fn write_file(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CheckpointError>;

// zoo/src/convnext.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvNeXtConfig {
    pub stages: [Stage; 4],
    pub stochastic_depth: f64,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    pub channels: usize,
    pub blocks: usize,
}
pub struct ConvNeXt {
    pub features: Sequential,
    pub avgpool: AdaptiveAvgPool2d,
    pub classifier: Sequential,
    private: (),
}
impl ConvNeXt {
    pub fn new(arch: &'static str, config: &ConvNeXtConfig, num_classes: usize) -> Self;
}
impl Module for ConvNeXt;
impl Model for ConvNeXt;
pub struct CNBlock {
    pub layer_scale: LazyParameter,
    pub block: Sequential,
    pub stochastic_depth: StochasticDepth,
}
impl CNBlock {
    pub fn new(channels: usize, drop: f64) -> Self;
}
impl Module for CNBlock;
pub struct LayerNorm2d {
    private: (),
}
impl LayerNorm2d {
    pub fn new(channels: usize) -> Self;
}
impl Module for LayerNorm2d;

// zoo/src/densenet.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseNetConfig {
    pub growth_rate: usize,
    pub layers: [usize; 4],
    pub stem_channels: usize,
}
pub struct DenseNet {
    pub features: Sequential,
    pub classifier: Linear,
    private: (),
}
impl DenseNet {
    pub fn new(arch: &'static str, config: &DenseNetConfig, num_classes: usize) -> Self;
}
impl Module for DenseNet;
impl Model for DenseNet;

// zoo/src/efficientnet.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EfficientNetConfig {
    pub stages: &'static [MBConvConfig],
    pub dropout: f64,
    pub stochastic_depth: f64,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MBConvConfig {
    pub expand_ratio: usize,
    pub kernel: usize,
    pub stride: usize,
    pub out_channels: usize,
    pub blocks: usize,
}
pub struct EfficientNet {
    pub features: Sequential,
    pub avgpool: AdaptiveAvgPool2d,
    pub classifier: Sequential,
    private: (),
}
impl EfficientNet {
    pub fn new(
        arch: &'static str,
        config: &EfficientNetConfig,
        num_classes: usize,
    ) -> Self;
}
impl Module for EfficientNet;
impl Model for EfficientNet;
pub struct MBConv {
    pub block: Sequential,
    pub stochastic_depth: StochasticDepth,
    private: (),
}
impl MBConv {
    pub fn new(in_channels: usize, config: &MBConvConfig, drop: f64) -> Self;
}
impl Module for MBConv;

// zoo/src/error.rs
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    UnknownModel { name: String, hint: String },
    NoClasses { arch: &'static str },
    UnknownWeights { arch: String, name: String, known: String },
    NotBundled { arch: String },
    Unavailable { arch: String, path: PathBuf, source: Box<hub::Error> },
    NoCache(hub::Error),
    UnknownArch { origin: String, nearest: String },
    Misfit { origin: String, source: layers::Error },
    Onnx { module: &'static str, reason: String },
    Checkpoint(CheckpointError),
    Layers(layers::Error),
    Tensor(tensor::Error),
}
pub type Result<T> = std::result::Result<T, Error>;

// zoo/src/googlenet.rs
pub struct GoogLeNet {
    pub conv1: BasicConv2d,
    pub maxpool1: MaxPool2d,
    pub conv2: BasicConv2d,
    pub conv3: BasicConv2d,
    pub maxpool2: MaxPool2d,
    pub inception3a: Inception,
    pub inception3b: Inception,
    pub maxpool3: MaxPool2d,
    pub inception4a: Inception,
    pub inception4b: Inception,
    pub inception4c: Inception,
    pub inception4d: Inception,
    pub inception4e: Inception,
    pub maxpool4: MaxPool2d,
    pub inception5a: Inception,
    pub inception5b: Inception,
    pub aux1: Option<InceptionAux>,
    pub aux2: Option<InceptionAux>,
    pub avgpool: AdaptiveAvgPool2d,
    pub dropout: Dropout,
    pub fc: Linear,
    private: (),
}
impl GoogLeNet {
    pub fn new(arch: &'static str, num_classes: usize) -> Self;
}
impl Module for GoogLeNet;
impl Model for GoogLeNet;
pub struct Inception {
    pub branch1: BasicConv2d,
    pub branch2: Sequential,
    pub branch3: Sequential,
    pub branch4: Sequential,
}
impl Module for Inception;
pub struct InceptionAux {
    pub conv: BasicConv2d,
    pub fc1: Linear,
    pub fc2: Linear,
    pub dropout: Dropout,
}
impl Module for InceptionAux;

// zoo/src/inception_blocks.rs
pub struct InceptionA {
    private: (),
}
impl Module for InceptionA;
pub struct InceptionB {
    private: (),
}
impl Module for InceptionB;
pub struct InceptionC {
    private: (),
}
impl Module for InceptionC;
pub struct InceptionD {
    private: (),
}
impl Module for InceptionD;
pub struct InceptionE {
    private: (),
}
impl Module for InceptionE;
pub struct InceptionAux {
    private: (),
}
impl Module for InceptionAux;

// zoo/src/inception_parts.rs
pub struct BasicConv2d {
    pub conv: Conv2d,
    pub bn: BatchNorm2d,
}
impl Module for BasicConv2d;

// zoo/src/inception_v3.rs
pub struct Inception3 {
    pub Conv2d_1a_3x3: BasicConv2d,
    pub Conv2d_2a_3x3: BasicConv2d,
    pub Conv2d_2b_3x3: BasicConv2d,
    pub maxpool1: MaxPool2d,
    pub Conv2d_3b_1x1: BasicConv2d,
    pub Conv2d_4a_3x3: BasicConv2d,
    pub maxpool2: MaxPool2d,
    pub Mixed_5b: InceptionA,
    pub Mixed_5c: InceptionA,
    pub Mixed_5d: InceptionA,
    pub Mixed_6a: InceptionB,
    pub Mixed_6b: InceptionC,
    pub Mixed_6c: InceptionC,
    pub Mixed_6d: InceptionC,
    pub Mixed_6e: InceptionC,
    pub AuxLogits: Option<InceptionAux>,
    pub Mixed_7a: InceptionD,
    pub Mixed_7b: InceptionE,
    pub Mixed_7c: InceptionE,
    pub avgpool: AdaptiveAvgPool2d,
    pub dropout: Dropout,
    pub fc: Linear,
    private: (),
}
impl Inception3 {
    pub fn new(arch: &'static str, num_classes: usize) -> Self;
}
impl Module for Inception3;
impl Model for Inception3;

// zoo/src/lib.rs
pub mod checkpoint;
pub mod onnx;
pub mod protobuf;
pub mod registry;
pub mod alexnet;
pub mod convnext;
pub mod densenet;
pub mod efficientnet;
pub mod googlenet;
pub mod inception_v3;
pub mod mnasnet;
pub mod mobilenet_v2;
pub mod mobilenet_v3;
pub mod resnet;
pub mod shufflenet_v2;
pub mod squeezenet;
pub mod vgg;
pub use {layers, tensor};
pub use alexnet::alexnet;
pub use categories::imagenet_categories;
pub use checkpoint::Metadata;
pub use convnext::convnext_tiny;
pub use densenet::{densenet121, densenet161, densenet169, densenet201};
pub use efficientnet::efficientnet_b0;
pub use error::{Error, Result};
pub use googlenet::googlenet;
pub use inception_blocks::{
    InceptionA, InceptionAux, InceptionB, InceptionC, InceptionD, InceptionE,
};
pub use inception_parts::BasicConv2d;
pub use inception_v3::inception_v3;
pub use mnasnet::mnasnet1_0;
pub use mobilenet_v2::mobilenet_v2;
pub use mobilenet_v3::{mobilenet_v3_large, mobilenet_v3_small};
pub use model::{Model, TrainingOutputs};
pub use published::{cached, fetch_weights};
pub use registry::{IMAGENET_CLASSES, build, names};
pub use resnet::{
    resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d,
    resnext101_32x8d, resnext101_64x4d, wide_resnet50_2, wide_resnet101_2,
};
pub use shufflenet_v2::shufflenet_v2_x1_0;
pub use squeezenet::{squeezenet1_0, squeezenet1_1};
pub use state::{
    Strictness, from_checkpoint, from_tensor, load, load_into, load_state_dict, save,
    save_as, save_module, save_state_dict, to_tensor,
};
pub use vgg::{vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn};
pub use weights::{BUNDLED, Weights, create};

// zoo/src/mnasnet.rs
pub struct MNASNet {
    pub layers: Sequential,
    pub classifier: Sequential,
    private: (),
}
impl MNASNet {
    pub fn new(arch: &'static str, num_classes: usize) -> Self;
}
impl Module for MNASNet;
impl Model for MNASNet;

// zoo/src/mobilenet_v2.rs
pub struct MobileNetV2 {
    pub features: Sequential,
    pub classifier: Sequential,
    private: (),
}
impl MobileNetV2 {
    pub fn new(arch: &'static str, num_classes: usize) -> Self;
}
impl Module for MobileNetV2;
impl Model for MobileNetV2;
pub struct InvertedResidual {
    pub conv: Sequential,
    private: (),
}
impl InvertedResidual {
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        stride: usize,
        expand_ratio: usize,
    ) -> Self;
}
impl Module for InvertedResidual;

// zoo/src/mobilenet_v3.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MobileNetV3Config {
    pub blocks: &'static [InvertedResidualConfig],
    pub last_channels: usize,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvertedResidualConfig {
    pub kernel: usize,
    pub expanded: usize,
    pub out: usize,
    pub squeeze: bool,
    pub activation: Activation,
    pub stride: usize,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    ReLU,
    Hardswish,
}
pub struct MobileNetV3 {
    pub features: Sequential,
    pub avgpool: AdaptiveAvgPool2d,
    pub classifier: Sequential,
    private: (),
}
impl MobileNetV3 {
    pub fn new(
        arch: &'static str,
        config: &MobileNetV3Config,
        num_classes: usize,
    ) -> Self;
}
impl Module for MobileNetV3;
impl Model for MobileNetV3;
pub struct InvertedResidual {
    pub block: Sequential,
    private: (),
}
impl InvertedResidual {
    pub fn new(in_channels: usize, config: &InvertedResidualConfig) -> Self;
}
impl Module for InvertedResidual;

// zoo/src/model.rs
pub trait Model: Module {
    fn arch(&self) -> &'static str;
    fn num_classes(&self) -> usize;
    fn reset_classifier(&mut self, num_classes: usize);
    fn input_size(&self) -> usize {
        ..
    }
    fn training_outputs(&self, x: &Var) -> Result<TrainingOutputs> {
        ..
    }
    fn training_loss(
        &self,
        x: &Var,
        targets: &Tensor,
        criterion: &CrossEntropyLoss,
    ) -> Result<Var> {
        ..
    }
    fn set_dropout(&mut self, _p: f64) {
        ..
    }
    fn transform_input(&self) -> bool {
        ..
    }
    fn set_transform_input(&mut self, _on: bool) {
        ..
    }
    fn auxiliary(&self) -> &'static [&'static str] {
        ..
    }
    fn remove_auxiliary(&mut self) {
        ..
    }
    fn adapt_to_published(&mut self) {
        ..
    }
}
#[derive(Debug, Clone)]
pub struct TrainingOutputs {
    pub logits: Var,
    pub auxiliary: Vec<Var>,
    pub auxiliary_share: f64,
}
impl TrainingOutputs {
    pub fn loss(&self, criterion: impl Fn(&Var) -> Result<Var>) -> Result<Var>;
}

// zoo/src/onnx/mod.rs
pub fn save(
    path: impl AsRef<Path>,
    model: &(impl Model + ?Sized),
    [height,
    width,
    ]: [usize; 2],
    metadata: &Metadata,
) -> Result<()>;
pub fn save_module(
    path: impl AsRef<Path>,
    module: &(impl Module + ?Sized),
    input: [usize; 3],
    metadata: &Metadata,
) -> Result<()>;

// zoo/src/protobuf.rs
pub trait Payload {
    fn len(&self) -> u64;
    fn is_empty(&self) -> bool {
        ..
    }
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}
#[derive(Default)]
pub struct Message<'a>(Vec<(u32, Value<'a>)>);
impl<'a> Message<'a> {
    pub fn int(self, field: u32, value: i64) -> Self;
    pub fn float(self, field: u32, value: f32) -> Self;
    pub fn double(self, field: u32, value: f64) -> Self;
    pub fn text(self, field: u32, value: &str) -> Self;
    pub fn bytes(self, field: u32, value: &[u8]) -> Self;
    pub fn message(self, field: u32, value: Message<'a>) -> Self;
    pub fn payload(self, field: u32, value: &'a dyn Payload) -> Self;
    pub fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        add: impl Fn(Self, T) -> Self,
    ) -> Self;
    pub fn len(&self) -> u64;
    pub fn is_empty(&self) -> bool;
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

// zoo/src/published.rs
pub fn fetch_weights(
    arch: &str,
    name: Option<&str>,
    progress: &mut dyn Progress,
) -> Result<PathBuf>;
pub fn cached(arch: &str) -> Option<PathBuf>;

// zoo/src/registry.rs
pub const IMAGENET_CLASSES: usize = 1000;
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub family: &'static str,
    private: (),
}
pub fn models() -> impl Iterator<Item = &'static Entry>;
pub fn names() -> impl Iterator<Item = &'static str>;
pub fn find(name: &str) -> Result<&'static Entry>;
pub fn build(name: &str, num_classes: usize) -> Result<Box<dyn Model>>;
impl Entry {
    pub fn build(&self, num_classes: usize) -> Result<Box<dyn Model>>;
}

// zoo/src/resnet.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNetConfig {
    pub block: Block,
    pub layers: [usize; 4],
    pub groups: usize,
    pub width_per_group: usize,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    Basic,
    Bottleneck,
}
pub struct ResNet {
    pub conv1: Conv2d,
    pub bn1: BatchNorm2d,
    pub relu: ReLU,
    pub maxpool: MaxPool2d,
    pub layer1: Sequential,
    pub layer2: Sequential,
    pub layer3: Sequential,
    pub layer4: Sequential,
    pub avgpool: AdaptiveAvgPool2d,
    pub fc: Linear,
    private: (),
}
impl ResNet {
    pub fn new(arch: &'static str, config: &ResNetConfig, num_classes: usize) -> Self;
}
impl Module for ResNet;
impl Model for ResNet;
impl Block {
    pub fn expansion(self) -> usize;
}
pub struct BasicBlock {
    pub conv1: Conv2d,
    pub bn1: BatchNorm2d,
    pub relu: ReLU,
    pub conv2: Conv2d,
    pub bn2: BatchNorm2d,
    pub downsample: Option<Sequential>,
}
impl BasicBlock {
    pub fn new(in_channels: usize, width: usize, stride: usize) -> Self;
}
impl Module for BasicBlock;
pub struct Bottleneck {
    pub conv1: Conv2d,
    pub bn1: BatchNorm2d,
    pub conv2: Conv2d,
    pub bn2: BatchNorm2d,
    pub conv3: Conv2d,
    pub bn3: BatchNorm2d,
    pub relu: ReLU,
    pub downsample: Option<Sequential>,
}
impl Bottleneck {
    pub fn new(
        in_channels: usize,
        width: usize,
        stride: usize,
        config: &ResNetConfig,
    ) -> Self;
}
impl Module for Bottleneck;

// zoo/src/shufflenet_v2.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShuffleNetV2Config {
    pub stage_channels: [usize; 3],
    pub last_channels: usize,
}
pub struct ShuffleNetV2 {
    pub conv1: Sequential,
    pub maxpool: MaxPool2d,
    pub stage2: Sequential,
    pub stage3: Sequential,
    pub stage4: Sequential,
    pub conv5: Sequential,
    pub fc: Linear,
    private: (),
}
impl ShuffleNetV2 {
    pub fn new(
        arch: &'static str,
        config: &ShuffleNetV2Config,
        num_classes: usize,
    ) -> Self;
}
impl Module for ShuffleNetV2;
impl Model for ShuffleNetV2;
pub struct InvertedResidual {
    pub branch1: Sequential,
    pub branch2: Sequential,
    private: (),
}
impl InvertedResidual {
    pub fn halving(in_channels: usize, out_channels: usize) -> Self;
    pub fn keeping(channels: usize) -> Self;
}
impl Module for InvertedResidual;

// zoo/src/squeezenet.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqueezeNetConfig {
    pub stem_channels: usize,
    pub stem_kernel: usize,
    pub squeezes: [&'static [usize]; 3],
}
pub struct SqueezeNet {
    pub features: Sequential,
    pub classifier: Sequential,
    private: (),
}
impl SqueezeNet {
    pub fn new(
        arch: &'static str,
        config: &SqueezeNetConfig,
        num_classes: usize,
    ) -> Self;
}
impl Module for SqueezeNet;
impl Model for SqueezeNet;
pub struct Fire {
    pub squeeze: Conv2d,
    pub squeeze_activation: ReLU,
    pub expand1x1: Conv2d,
    pub expand1x1_activation: ReLU,
    pub expand3x3: Conv2d,
    pub expand3x3_activation: ReLU,
}
impl Fire {
    pub fn new(in_channels: usize, squeeze: usize, expand: usize) -> Self;
}
impl Module for Fire;

// zoo/src/state.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    Strict,
    Partial,
}
pub fn load_into(
    module: &(impl Module + ?Sized),
    checkpoint: &CheckpointReader<'_>,
    strictness: Strictness,
) -> Result<LoadReport>;
pub fn from_checkpoint(checkpoint: &CheckpointReader<'_>) -> Result<Box<dyn Model>>;
pub fn load(path: impl AsRef<Path>) -> Result<(Box<dyn Model>, Metadata)>;
pub fn save(
    path: impl AsRef<Path>,
    model: &(impl Model + ?Sized),
    metadata: &Metadata,
) -> Result<()>;
pub fn save_as(
    path: impl AsRef<Path>,
    format: Format,
    model: &(impl Model + ?Sized),
    metadata: &Metadata,
) -> Result<()>;
pub fn save_module(
    path: impl AsRef<Path>,
    module: &(impl Module + ?Sized),
    metadata: &Metadata,
) -> Result<()>;
pub fn save_state_dict(
    path: impl AsRef<Path>,
    format: Format,
    state: &StateDict,
    metadata: &Metadata,
) -> Result<()>;
pub fn load_state_dict(path: impl AsRef<Path>) -> Result<(StateDict, Metadata)>;
pub fn to_tensor(raw: &RawTensor) -> Result<Tensor>;
pub fn from_tensor(tensor: &Tensor) -> Result<RawTensor>;

// zoo/src/vgg.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VggConfig {
    pub convolutions: [usize; 5],
    pub batch_norm: bool,
}
pub struct VGG {
    pub features: Sequential,
    pub avgpool: AdaptiveAvgPool2d,
    pub classifier: Sequential,
    private: (),
}
impl VGG {
    pub fn new(arch: &'static str, config: &VggConfig, num_classes: usize) -> Self;
}
impl Module for VGG;
impl Model for VGG;

// zoo/src/weights.rs
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Weights {
    None,
    Default,
    Named(String),
    Bundled,
    File(PathBuf),
    Bytes(Vec<u8>),
}
pub const BUNDLED: &str = "squeezenet1_1";
impl From<PathBuf> for Weights;
pub fn create(
    name: &str,
    weights: &Weights,
    num_classes: impl Into<Option<usize>>,
) -> Result<Box<dyn Model>>;
