//! `convoy eval`: the accuracy of a trained model.

use std::io::Write;
use std::sync::Arc;

use ::train::{Evaluation, evaluate};
use anyhow::bail;
use datasets::{Dataset, Loader, LoaderOptions, Split};
use layers::ModuleExt;
use tensor::Device;
use zoo::checkpoint::write_file;

use crate::args::{DatasetArg, DatasetArgs, EvalArgs};
use crate::classifier::Classifier;
use crate::progress::Report;
use crate::source::Source;

mod report;
mod results_file;

use results_file::Results;

/// The most classes that are listed one by one without being asked for.
const FEW_CLASSES: usize = 20;

pub fn run(args: &EvalArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<()> {
    args.results_file.as_deref().map_or(Ok(()), results_file::check)?;
    let classifier = Classifier::load(Some(&args.weights), &args.trained)?;
    classifier.model.to_device(device)?;
    let source = source(&args.dataset, classifier.dataset.as_deref())?;
    let dataset = source.open(Split::Test)?;
    check_classes(&classifier, &source, &*dataset)?;

    let options = LoaderOptions { batch_size: args.batch_size, ..LoaderOptions::default() };
    let (pictures, names) = (dataset.len(), dataset.classes().to_vec());
    let loader = Loader::new(dataset, Arc::new(classifier.preset.transform()?), options)?;
    let evaluation = args.precision.run(|| evaluate(&*classifier.model, &loader, &mut Report::new(out, pictures, "Test")))?;
    write_result(&evaluation, out)?;

    let classes = evaluation.class_scores(names.len()).len();
    if args.per_class || classes <= FEW_CLASSES {
        report::write_class_report(&evaluation, &names, out)?;
    }
    if classes <= FEW_CLASSES {
        report::write_confusion_matrix(&evaluation, &names, out)?;
    }
    if let Some(path) = &args.confusion_matrix {
        let png = evaluation.confusion_matrix(&names, false)?.to_png()?;
        write_file(path, |file| file.write_all(&png))?;
    }
    if let Some(path) = &args.results_file {
        results_file::write(path, &Results::of(&classifier, &source, &evaluation))?;
    }
    Ok(())
}

/// The data set asked for, by default the one that the model was trained on.
fn source(args: &DatasetArgs, trained_on: Option<&str>) -> anyhow::Result<Source> {
    match (&args.dataset, trained_on) {
        (DatasetArg::Auto, Some("digits")) => Ok(Source::Digits),
        (DatasetArg::Auto, Some("cifar10")) => Ok(Source::Cifar10(args.data_dir.clone())),
        (DatasetArg::Auto, Some(name)) => bail!("the model was trained on {name}: say where its pictures lie with --dataset folder:PATH"),
        _ => Ok(Source::choose(&args.dataset, &args.data_dir)),
    }
}

/// An error where the model was trained to tell other classes apart than the data set's.
fn check_classes(classifier: &Classifier, source: &Source, dataset: &dyn Dataset) -> anyhow::Result<()> {
    let (name, classes) = (source.name(), dataset.classes());
    let outputs = classifier.model.num_classes();
    if outputs < classes.len() {
        bail!("{name} has {} classes, the model {outputs} outputs: it was trained on something else", classes.len());
    }
    let differing = classifier.classes.iter().zip(classes).find(|(known, class)| known != class);
    match differing {
        Some((known, class)) => bail!("the model was trained on other classes than {name}'s: {known} where that has {class}"),
        None => Ok(()),
    }
}

fn write_result(evaluation: &Evaluation, out: &mut dyn Write) -> anyhow::Result<()> {
    let Evaluation { samples, correct, correct_top5, .. } = evaluation;
    writeln!(out, "Test Accuracy: {:.2}% ({correct}/{samples})", 100.0 * evaluation.accuracy())?;
    Ok(writeln!(out, "Top-5 Accuracy: {:.2}% ({correct_top5}/{samples})", 100.0 * evaluation.top5_accuracy())?)
}
