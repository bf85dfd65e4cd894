//! Models saved and loaded again, whole and in part, with and without what rides along.

use std::{error::Error, path::PathBuf};

use layers::{CrossEntropyLoss, Linear, Mode, Module, ModuleExt, no_grad};
use tensor::{DType, Tensor, random::Generator};
use zoo::{
    Metadata, Model, Strictness, Weights,
    checkpoint::{Checkpoint, CheckpointReader, RawTensor, TorchDtype},
};

type Outcome = Result<(), Box<dyn Error>>;

/// Logits of a small picture.
fn logits(model: &(impl Module + ?Sized)) -> Vec<f64> {
    let x = Tensor::normal([1, 3, 32, 32], 0.0, 1.0, &mut Generator::new(5)).unwrap();
    no_grad(|| model.forward(&x.into(), Mode::Eval)).unwrap().value().to_f64_vec().unwrap()
}

fn metadata() -> Metadata {
    Metadata { classes: Some(vec!["cat".into(), "dog".into(), "frog".into()]), ..Metadata::default() }
}

/// A folder with a ResNet-18 of three classes in a file of this name.
fn saved(name: &str) -> (tempfile::TempDir, PathBuf, Box<dyn Model>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let model = zoo::build("resnet18", 3).unwrap();
    zoo::save(&path, &model, &metadata()).unwrap();
    (folder, path, model)
}

#[test]
fn both_formats_bring_the_model_back_with_its_name_and_classes() -> Outcome {
    for name in ["model.pth", "model.safetensors"] {
        let (_folder, path, model) = saved(name);
        let (loaded, found) = zoo::load(&path)?;
        assert_eq!((loaded.arch(), loaded.num_classes()), ("resnet18", 3));
        assert_eq!(found, Metadata { arch: Some("resnet18".into()), ..metadata() });
        assert_eq!(logits(&loaded), logits(&model));
    }
    Ok(())
}

#[test]
fn a_plain_state_dict_is_recognised_by_its_keys() -> Outcome {
    let (folder, _, model) = saved("model.pth");
    let path = folder.path().join("plain.pth");
    zoo::save_module(&path, &model, &Metadata::default())?;
    let (loaded, found) = zoo::load(&path)?;
    assert_eq!((loaded.arch(), loaded.num_classes(), found.is_empty()), ("resnet18", 3, true));
    assert_eq!(logits(&loaded), logits(&model));
    Ok(())
}

#[test]
fn weights_of_any_source_bring_their_classes() -> Outcome {
    let (_folder, path, model) = saved("model.pth");
    let from_file = zoo::resnet18(path.clone())?;
    let from_bytes = zoo::resnet18(Weights::Bytes(std::fs::read(&path)?))?;
    assert_eq!((from_file.fc.out_features, from_bytes.num_classes()), (3, 3));
    assert_eq!((logits(&from_file), logits(&from_bytes)), (logits(&model), logits(&model)));
    assert_eq!(zoo::resnet18(Weights::None)?.num_classes(), 1000);
    Ok(())
}

#[test]
fn another_number_of_classes_gets_a_fresh_head_on_the_same_body() -> Outcome {
    let (_folder, path, model) = saved("model.pth");
    let created = zoo::create("resnet18", &path.into(), 5)?;
    assert_eq!(created.num_classes(), 5);
    let (ours, theirs) = (created.state_dict()?, model.state_dict()?);
    for key in ours.keys().filter(|key| !key.starts_with("fc.")) {
        assert_eq!(ours.get(key).unwrap().to_f64_vec()?, theirs.get(key).unwrap().to_f64_vec()?, "{key}");
    }
    Ok(())
}

#[test]
fn a_head_is_replaced_by_assignment() -> Outcome {
    let mut model = zoo::resnet18(Weights::None)?;
    model.fc = Linear::new(model.fc.in_features, 10);
    assert_eq!((model.num_classes(), logits(&model).len()), (10, 10));
    Ok(())
}

#[test]
fn what_does_not_fit_is_listed_and_nothing_is_loaded() -> Outcome {
    let (_folder, path, _) = saved("model.pth");
    let (checkpoint, other) = (CheckpointReader::open(&path)?, zoo::build("resnet34", 3)?);
    let before = logits(&other);
    let error = zoo::load_into(&other, &checkpoint, Strictness::Strict).unwrap_err().to_string();
    assert!(error.contains("model.pth: the state dict does not fit ResNet: missing: layer1.2.conv1.weight"), "{error}");
    assert!(!error.contains('\n'));
    assert_eq!(logits(&other), before);

    let report = zoo::load_into(&other, &checkpoint, Strictness::Partial)?;
    assert!(!report.missing.is_empty() && report.unexpected.is_empty() && report.misshapen.is_empty());
    assert_ne!(logits(&other), before);
    Ok(())
}

#[test]
fn a_file_of_another_model_is_refused_under_a_models_name() {
    let (_folder, path, _) = saved("model.pth");
    let error = zoo::resnet50(path).err().unwrap().to_string();
    assert!(error.contains("does not fit ResNet") && error.contains("wrong shape: ") && !error.contains('\n'), "{error}");
}

#[test]
fn tensors_of_no_model_are_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("linear.pth");
    zoo::save_module(&path, &Linear::new(2, 2), &Metadata::default())?;
    let error = zoo::load(&path).err().unwrap().to_string();
    assert!(error.ends_with("linear.pth: its tensors are those of no model in the zoo; say which model it is"), "{error}");
    Ok(())
}

/// Networks with auxiliary classifiers, and what the keys of those begin with.
const WITH_AUXILIARY: [(&str, &str); 2] = [("inception_v3", "AuxLogits."), ("googlenet", "aux")];

#[test]
fn a_file_without_auxiliary_classifiers_is_a_model_without_them() -> Outcome {
    // What torchvision writes of a model made with `aux_logits=False`.
    for (name, prefix) in WITH_AUXILIARY {
        let mut model = zoo::build(name, 3)?;
        assert!(model.state_dict()?.keys().any(|key| key.starts_with(prefix)));
        model.remove_auxiliary();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.pth");
        zoo::save_module(&path, &model, &Metadata::default())?;
        for loaded in [zoo::load(&path)?.0, zoo::create(name, &path.into(), None)?] {
            assert_eq!((loaded.arch(), loaded.num_classes()), (name, 3));
            assert!(!loaded.state_dict()?.keys().any(|key| key.starts_with(prefix)), "{name}");
            let x = Tensor::normal([2, 3, 96, 96], 0.0, 1.0, &mut Generator::new(5))?.into();
            let loss = loaded.training_loss(&x, &Tensor::arange(2, DType::I64)?, &CrossEntropyLoss::new())?;
            assert!(loss.item()?.is_finite());
        }
    }
    Ok(())
}

#[test]
fn a_file_with_half_of_an_auxiliary_classifier_is_refused() -> Outcome {
    for (name, prefix) in WITH_AUXILIARY {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.safetensors");
        zoo::save_module(&path, &zoo::build(name, 3)?, &Metadata::default())?;
        let mut checkpoint = zoo::checkpoint::load(&path)?;
        let first = checkpoint.tensors.iter().position(|(key, _)| key.starts_with(prefix)).unwrap();
        let (gone, _) = checkpoint.tensors.remove(first);
        zoo::checkpoint::save(&path, &checkpoint)?;
        let error = zoo::load(&path).err().unwrap().to_string();
        assert!(error.contains(&format!("missing: {gone}")), "{error}");
    }
    Ok(())
}

#[test]
fn a_published_file_is_set_up_as_torchvision_does() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (name, file, keeps_auxiliary) in
        [("inception_v3", "inception_v3_google-0cc3c7bd.pth", true), ("googlenet", "googlenet-1378be20.pth", false)]
    {
        let path = folder.path().join(file);
        zoo::save_module(&path, &zoo::build(name, 3)?, &Metadata::default())?;
        let (model, _) = zoo::load(&path)?;
        let has_auxiliary = model.named_modules().iter().any(|(name, _)| model.auxiliary().contains(&name.as_str()));
        assert_eq!((model.transform_input(), has_auxiliary), (true, keeps_auxiliary), "{name}");
    }
    Ok(())
}

#[test]
fn unknown_weights_are_told_with_those_that_there_are() {
    let error = zoo::resnet50(Weights::Named("IMAGENET1K_V9".into())).err().unwrap().to_string();
    assert_eq!(error, "resnet50 has no weights named \"IMAGENET1K_V9\": there are IMAGENET1K_V1, IMAGENET1K_V2");
}

#[test]
fn an_unknown_extension_is_refused_before_anything_is_written() {
    let (folder, _, model) = saved("model.pth");
    let error = zoo::save(folder.path().join("model.bin"), &model, &Metadata::default()).unwrap_err().to_string();
    assert!(error.contains("model.bin: does not say which format to write"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn every_element_type_of_a_checkpoint_becomes_one_to_compute_with() -> Outcome {
    let half = |x: f32| half::f16::from_f32(x).to_le_bytes();
    let cases: [(TorchDtype, Vec<u8>, DType, f64); 10] = [
        (TorchDtype::F64, (-1.5f64).to_le_bytes().to_vec(), DType::F64, -1.5),
        (TorchDtype::F32, 1.5f32.to_le_bytes().to_vec(), DType::F32, 1.5),
        (TorchDtype::F16, half(-0.25).to_vec(), DType::F32, -0.25),
        (TorchDtype::BF16, vec![0x80, 0xBF], DType::Bf16, -1.0),
        (TorchDtype::I64, (-7i64).to_le_bytes().to_vec(), DType::I64, -7.0),
        (TorchDtype::I32, (-7i32).to_le_bytes().to_vec(), DType::I64, -7.0),
        (TorchDtype::I16, (-7i16).to_le_bytes().to_vec(), DType::I64, -7.0),
        (TorchDtype::I8, vec![0xF9], DType::I64, -7.0),
        (TorchDtype::U8, vec![0xF9], DType::U8, 249.0),
        (TorchDtype::Bool, vec![1], DType::U8, 1.0),
    ];
    for (from, data, to, value) in cases {
        let tensor = zoo::to_tensor(&RawTensor { dtype: from, shape: vec![1], data })?;
        assert_eq!((tensor.dtype(), tensor.item()?), (to, value), "{from}");
        let back = zoo::from_tensor(&tensor)?;
        assert_eq!(zoo::to_tensor(&back)?.item()?, value, "{from}");
    }
    Ok(())
}

#[test]
fn data_that_does_not_fit_its_shape_is_an_error() {
    for bytes in [4, 7, 12] {
        let raw = RawTensor { dtype: TorchDtype::F32, shape: vec![2], data: vec![0; bytes] };
        assert!(zoo::to_tensor(&raw).is_err(), "{bytes} bytes");
    }
}

#[test]
fn half_precision_weights_are_loaded_in_the_models_own_type() -> Outcome {
    let layer = Linear::new(2, 1).bias(false);
    let data = [1.5f32, -2.0].map(|x| half::f16::from_f32(x).to_le_bytes()).concat();
    let raw = RawTensor { dtype: TorchDtype::F16, shape: vec![1, 2], data };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("half.safetensors");
    let checkpoint = Checkpoint { tensors: vec![("weight".into(), raw)], metadata: Metadata::default() };
    zoo::checkpoint::save(&path, &checkpoint)?;
    zoo::load_into(&layer, &CheckpointReader::open(&path)?, Strictness::Strict)?;
    assert_eq!(layer.weight.value().to_vec::<f32>()?, [1.5, -2.0]);
    Ok(())
}
