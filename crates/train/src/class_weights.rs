//! How much each class counts in the loss.

use datasets::Dataset;

use crate::{Balance, ClassWeights, Error, Result, Settings};

/// The weights of a model's classes, where the settings ask for some.
///
/// # Errors
/// Where there are not as many weights as classes, or a label cannot be read.
pub(crate) fn class_weights(settings: &Settings, dataset: &dyn Dataset, classes: usize) -> Result<Option<Vec<f64>>> {
    match &settings.class_weights {
        None => Ok(None),
        Some(ClassWeights::By(Balance::Balanced)) => balanced(dataset, classes).map(Some),
        Some(ClassWeights::Given(weights)) if weights.len() == classes => Ok(Some(weights.clone())),
        Some(ClassWeights::Given(weights)) => {
            let reason = "the model needs one weight for each of its outputs";
            Err(Error::Setting { name: "number of class weights", value: format!("{}, outputs {classes}", weights.len()), reason })
        }
    }
}

/// samples / (classes x samples of the class), where classes without samples do not count.
fn balanced(dataset: &dyn Dataset, classes: usize) -> Result<Vec<f64>> {
    let mut counts = vec![0usize; classes];
    for index in 0..dataset.len() {
        let label = usize::try_from(dataset.label(index)?).ok();
        // A label beyond the classes is the loss's to report.
        if let Some(count) = label.and_then(|label| counts.get_mut(label)) {
            *count += 1;
        }
    }
    let present = counts.iter().filter(|&&count| count > 0).count();
    let mean = dataset.len() as f64 / present.max(1) as f64;
    Ok(counts.into_iter().map(|count| if count > 0 { mean / count as f64 } else { 1.0 }).collect())
}
