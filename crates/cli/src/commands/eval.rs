//! `convoy eval`: the accuracy of a trained model.

use std::io::Write;
use std::sync::Arc;

use ::train::{Evaluation, evaluate};
use anyhow::bail;
use datasets::{Dataset, Loader, LoaderOptions, Split};

use crate::args::{DatasetArg, DatasetArgs, EvalArgs};
use crate::classifier::Classifier;
use crate::progress::Report;
use crate::source::Source;

pub fn run(args: &EvalArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let classifier = Classifier::load(Some(&args.weights), &args.trained)?;
    let source = source(&args.dataset, classifier.dataset.as_deref())?;
    let dataset = source.open(Split::Test)?;
    check_classes(&classifier, &source, &*dataset)?;

    let options = LoaderOptions { batch_size: args.batch_size, ..LoaderOptions::default() };
    let pictures = dataset.len();
    let loader = Loader::new(dataset, Arc::new(classifier.preset.transform()?), options)?;
    let evaluation = args.precision.run(|| evaluate(&*classifier.model, &loader, &mut Report::new(out, pictures, "Test")))?;
    write_result(&evaluation, out)
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
