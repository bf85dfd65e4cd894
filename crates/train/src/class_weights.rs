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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datasets::{Digits, Split, Subset};

    use super::*;

    #[test]
    fn rare_classes_count_more_as_in_scikit_learn() {
        let digits: Arc<dyn Dataset> = Arc::new(Digits::new(Split::Train).unwrap());
        let of_class = |class: i64, count| (0..digits.len()).filter(|&index| digits.label(index).unwrap() == class).take(count).collect();
        let indices: Vec<Vec<usize>> = vec![of_class(0, 6), of_class(2, 3), of_class(3, 1)];
        let subset = Subset::new(Arc::clone(&digits), indices.concat()).unwrap();
        // compute_class_weight("balanced", …): 10 / (3 x 6), 10 / (3 x 3), 10 / (3 x 1).
        let weights = balanced(&subset, 5).unwrap();
        let expected = [10.0 / 18.0, 1.0, 10.0 / 9.0, 10.0 / 3.0, 1.0];
        assert!(weights.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{weights:?}");
    }
}
