//! The work that is compared, and the commands that do it.

use std::ffi::OsString;
use std::path::PathBuf;

/// A precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    F32,
    Bf16,
}

impl Dtype {
    /// What `convoy` and the peers' engines call it.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
        }
    }

    /// The precision in an engine's name, such as `torch_f32_cl`.
    pub fn of_engine(engine: &str) -> Option<Self> {
        [Dtype::F32, Dtype::Bf16].into_iter().find(|dtype| engine.split('_').any(|part| part == dtype.name()))
    }

    /// The modes of PyTorch that train in it.
    fn training_modes(self) -> &'static [&'static str] {
        match self {
            Dtype::F32 => &["fp32", "fp32+fused", "fp32-cl", "fp32-cl+fused", "fp32-compile", "fp32-compile+fused"],
            Dtype::Bf16 => &["bf16-cl", "bf16-cl+fused"],
        }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Train {
        model: &'static str,
        size: usize,
        batch: usize,
        dtype: Dtype,
    },
    /// At the size of the published weights.
    Infer {
        model: &'static str,
        batch: usize,
        dtype: Dtype,
    },
    /// A whole process that loads ResNet-18 from a file and a picture.
    Predict,
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    pub work: Work,
    /// Whether the memory is a row too.
    pub memory: bool,
}

/// The rows, in the table's order.
pub const ROWS: &[Row] = &[
    Row { work: train("resnet18", 32, 32, Dtype::F32), memory: true },
    row(train("resnet18", 32, 128, Dtype::F32)),
    row(train("resnet18", 32, 32, Dtype::Bf16)),
    row(train("resnet18", 32, 128, Dtype::Bf16)),
    row(train("resnet18", 224, 16, Dtype::F32)),
    row(train("resnet18", 224, 16, Dtype::Bf16)),
    row(train("resnet50", 224, 16, Dtype::F32)),
    row(train("resnet50", 224, 16, Dtype::Bf16)),
    row(infer("resnet18", 1, Dtype::F32)),
    row(infer("vgg16", 1, Dtype::F32)),
    row(infer("resnet50", 1, Dtype::F32)),
    row(infer("resnet152", 1, Dtype::F32)),
    row(infer("inception_v3", 1, Dtype::F32)),
    row(infer("alexnet", 1, Dtype::F32)),
    row(infer("mobilenet_v2", 1, Dtype::F32)),
    row(infer("efficientnet_b0", 1, Dtype::F32)),
    row(infer("squeezenet1_1", 1, Dtype::F32)),
    row(infer("resnet18", 1, Dtype::Bf16)),
    row(infer("resnet50", 1, Dtype::Bf16)),
    row(infer("vgg16", 1, Dtype::Bf16)),
    row(infer("resnet18", 32, Dtype::F32)),
    row(infer("resnet50", 32, Dtype::F32)),
    Row { work: Work::Predict, memory: true },
];

const fn row(work: Work) -> Row {
    Row { work, memory: false }
}

const fn train(model: &'static str, size: usize, batch: usize, dtype: Dtype) -> Work {
    Work::Train { model, size, batch, dtype }
}

const fn infer(model: &'static str, batch: usize, dtype: Dtype) -> Work {
    Work::Infer { model, batch, dtype }
}

impl Row {
    /// What `--only` asks for.
    pub fn name(&self) -> String {
        match self.work {
            Work::Train { model, size, batch, dtype } => format!("train-{model}-{size}px-{batch}-{}", dtype.name()),
            Work::Infer { model, batch, dtype } => format!("infer-{model}-{batch}-{}", dtype.name()),
            Work::Predict => "predict".to_owned(),
        }
    }

    /// What the table calls it.
    pub fn title(&self) -> String {
        match self.work {
            Work::Train { model, size, batch, dtype } => format!("train {model}, {size} px, batch {batch}, {}", dtype.name()),
            Work::Infer { model, batch, dtype } => format!("infer {model}, batch {batch}, {}", dtype.name()),
            Work::Predict => "predict with a resnet18 `.pth`, whole process".to_owned(),
        }
    }
}

impl Work {
    /// How long a turn is. Short ones follow the changes of a shared machine.
    pub fn seconds(&self) -> &'static str {
        match self {
            Work::Train { .. } => "3",
            Work::Infer { .. } | Work::Predict => "1",
        }
    }

    /// The arguments of `convoy`; `files` are the weights and the picture of a prediction.
    pub fn ours(&self, files: Option<&[PathBuf; 2]>) -> Vec<OsString> {
        let bench = |what: &str, model: &str, batch: usize, dtype: Dtype| {
            let batch = batch.to_string();
            ["bench", what, "--model", model, "--batch", &batch, "--dtype", dtype.name()].map(OsString::from).to_vec()
        };
        match *self {
            Work::Train { model, size, batch, dtype } => {
                let mut args = bench("train", model, batch, dtype);
                args.extend(["--seconds", self.seconds(), "--size"].map(OsString::from));
                args.push(size.to_string().into());
                args
            }
            Work::Infer { model, batch, dtype } => {
                let mut args = bench("infer", model, batch, dtype);
                args.extend(["--seconds", self.seconds()].map(OsString::from));
                args
            }
            Work::Predict => {
                let [weights, picture] = files.cloned().unwrap_or_default();
                let mut args = vec!["predict".into(), picture.into_os_string(), "--weights".into(), weights.into_os_string()];
                // As the peer does: the size is not in a file of PyTorch's.
                args.extend(["--trained-on", "imagenet", "--img-size", "32"].map(OsString::from));
                args
            }
        }
    }

    /// The peers, each with its name and the arguments of `peers.py`. An inference runs all engines, which name themselves.
    pub fn peers(&self, files: Option<&[PathBuf; 2]>) -> Vec<(String, Vec<OsString>)> {
        match *self {
            Work::Train { model, size, batch, dtype } => {
                let args = |mode: &str| ["train", model, &size.to_string(), &batch.to_string(), mode].map(OsString::from).to_vec();
                dtype.training_modes().iter().map(|mode| (format!("PyTorch {mode}"), args(mode))).collect()
            }
            Work::Infer { model, batch, dtype } => {
                vec![("the engines".to_owned(), ["infer", model, &batch.to_string(), dtype.name()].map(OsString::from).to_vec())]
            }
            Work::Predict => {
                let [weights, picture] = files.cloned().unwrap_or_default();
                vec![("PyTorch".to_owned(), vec!["predict".into(), weights.into_os_string(), picture.into_os_string()])]
            }
        }
    }
}

/// What the table calls an engine of `peers.py`: `torch_f32_cl` is PyTorch with channels last.
pub fn engine_label(engine: &str) -> String {
    let name = match engine.split('_').next() {
        Some("torch") => "PyTorch",
        Some("onnxruntime") => "ONNX Runtime",
        Some("openvino") => "OpenVINO",
        _ => engine,
    };
    if engine.ends_with("_cl") { format!("{name} channels-last") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let names: HashSet<String> = ROWS.iter().map(Row::name).collect();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn commands_name_the_same_work() {
        let work = train("resnet18", 224, 16, Dtype::Bf16);
        let joined = |args: &[OsString]| args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ");
        assert_eq!(joined(&work.ours(None)), "bench train --model resnet18 --batch 16 --dtype bf16 --seconds 3 --size 224");
        let peers: Vec<String> = work.peers(None).iter().map(|(name, args)| format!("{name}: {}", joined(args))).collect();
        let expected = ["PyTorch bf16-cl: train resnet18 224 16 bf16-cl", "PyTorch bf16-cl+fused: train resnet18 224 16 bf16-cl+fused"];
        assert_eq!(peers, expected);
        let files = [PathBuf::from("w.pth"), PathBuf::from("p.png")];
        assert!(joined(&Work::Predict.ours(Some(&files))).starts_with("predict p.png --weights w.pth"));
        assert_eq!(joined(&Work::Predict.peers(Some(&files))[0].1), "predict w.pth p.png");
    }

    #[test]
    fn engines_are_told_apart() {
        assert_eq!(Dtype::of_engine("torch_f32_cl"), Some(Dtype::F32));
        assert_eq!(Dtype::of_engine("openvino_bf16"), Some(Dtype::Bf16));
        assert_eq!(Dtype::of_engine("other"), None);
        let labels = ["torch_bf16_cl", "onnxruntime_f32", "openvino_f32"].map(engine_label);
        assert_eq!(labels, ["PyTorch channels-last", "ONNX Runtime", "OpenVINO"]);
    }
}
