//! Comparisons that gather what failed, so that one run tells everything.

use tensor::Tensor;

/// The L2 norm of `got - expected` over that of `expected`. Infinite where shapes differ or a number is not finite.
pub fn relative_l2(got: &Tensor, expected: &Tensor) -> f64 {
    if got.shape() != expected.shape() {
        return f64::INFINITY;
    }
    let (got, expected) = (values(got), values(expected));
    let difference = got.iter().zip(&expected).map(|(g, e)| (g - e).powi(2)).sum::<f64>().sqrt();
    let error = difference / norm(&expected).max(f64::MIN_POSITIVE);
    if error.is_nan() { f64::INFINITY } else { error }
}

/// `|got - expected|` over `scale`. Infinite where a number is not finite.
pub fn relative(got: f64, expected: f64, scale: f64) -> f64 {
    let error = (got - expected).abs() / scale.abs().max(f64::MIN_POSITIVE);
    if error.is_nan() { f64::INFINITY } else { error }
}

/// The L2 norm.
pub fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The elements in row-major order.
pub fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_f64_vec().expect("readable elements")
}

/// The errors of a set of cases against their tolerances.
#[derive(Debug, Default)]
pub struct Errors {
    lines: Vec<String>,
    failed: usize,
}

impl Errors {
    /// No cases yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the error of one case.
    pub fn note(&mut self, case: &str, error: f64, tolerance: f64) {
        let fits = error <= tolerance;
        self.failed += usize::from(!fits);
        let verdict = if fits { "ok" } else { "FAILED" };
        self.lines.push(format!("{case}: error {error:.2e}, tolerance {tolerance:.2e}: {verdict}"));
    }

    /// Adds a line to the listing.
    pub fn remark(&mut self, text: String) {
        self.lines.push(text);
    }

    /// Whether every case so far is within its tolerance.
    pub fn fits(&self) -> bool {
        self.failed == 0
    }

    /// Adds the cases of another set.
    pub fn append(&mut self, mut others: Errors) {
        self.lines.append(&mut others.lines);
        self.failed += others.failed;
    }

    /// The cases and their errors, one a line.
    pub fn listing(&self) -> String {
        self.lines.join("\n")
    }

    /// Ends the comparison.
    ///
    /// # Panics
    /// Where a case failed, or there was none.
    pub fn finish(self) {
        assert!(!self.lines.is_empty(), "no case was compared");
        assert!(self.fits(), "{} of {} comparisons failed", self.failed, self.lines.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::from_slice(values, [values.len()]).unwrap()
    }

    #[test]
    fn errors_are_relative_to_what_is_expected() {
        assert_eq!(relative_l2(&tensor(&[3.0, 5.0]), &tensor(&[3.0, 4.0])), 0.2);
        assert_eq!(relative_l2(&tensor(&[1.0]), &tensor(&[1.0, 2.0])), f64::INFINITY);
        assert_eq!(relative_l2(&tensor(&[f32::NAN]), &tensor(&[1.0])), f64::INFINITY);
        assert_eq!(relative(f64::NAN, 1.0, 1.0), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "1 of 2 comparisons failed")]
    fn one_failure_fails_the_set() {
        let mut errors = Errors::new();
        errors.note("a", 1e-6, 1e-5);
        errors.note("b", f64::INFINITY, 1e-5);
        errors.finish();
    }

    #[test]
    #[should_panic(expected = "no case was compared")]
    fn an_empty_set_fails() {
        Errors::new().finish();
    }
}
