//! What the server did, in Prometheus's text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of times in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of batch sizes.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// What is counted over all models.
pub struct Metrics {
    /// By path and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// From the head of a request for a prediction to its answer.
    predict_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics { requests: Mutex::default(), predict_seconds: Histogram::new(SECONDS) }
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, path: &'static str, status: u16) {
        *lock(&self.requests).entry((path, status)).or_default() += 1;
    }

    /// Counts the time of a prediction.
    pub fn predicted(&self, time: Duration) {
        self.predict_seconds.add(time.as_secs_f64());
    }

    /// The answers so far.
    pub fn total(&self) -> u64 {
        lock(&self.requests).values().sum()
    }

    /// All of it, with what is counted of each model, by name.
    pub fn text(&self, models: &[(&str, &ModelMetrics)]) -> Result<String, fmt::Error> {
        let mut text = String::new();
        head(&mut text, "convoy_requests_total", "counter", "Requests answered.")?;
        for ((path, status), count) in lock(&self.requests).iter() {
            writeln!(text, "convoy_requests_total{{path=\"{path}\",status=\"{status}\"}} {count}")?;
        }
        head(&mut text, "convoy_predict_seconds", "histogram", "Time from a request for a prediction to its answer.")?;
        self.predict_seconds.write(&mut text, "convoy_predict_seconds", "")?;

        let labels: Vec<String> = models.iter().map(|(name, _)| format!("model=\"{}\"", escaped(name))).collect();
        let models = || labels.iter().zip(models.iter().map(|&(_, metrics)| metrics));
        head(&mut text, "convoy_queue_depth", "gauge", "Pictures that wait for the network.")?;
        for (label, metrics) in models() {
            writeln!(text, "convoy_queue_depth{{{label}}} {}", metrics.waiting.load(Ordering::Relaxed))?;
        }
        head(&mut text, "convoy_batch_size", "histogram", "Pictures that the network took at once; their sum counts all pictures.")?;
        for (label, metrics) in models() {
            metrics.batch_size.write(&mut text, "convoy_batch_size", label)?;
        }
        head(&mut text, "convoy_batch_seconds", "histogram", "Time of the network for a batch.")?;
        for (label, metrics) in models() {
            metrics.batch_seconds.write(&mut text, "convoy_batch_seconds", label)?;
        }
        Ok(text)
    }
}

/// What is counted of one model.
pub struct ModelMetrics {
    /// Pictures that wait for the network.
    pub waiting: AtomicUsize,
    batch_size: Histogram,
    batch_seconds: Histogram,
}

impl Default for ModelMetrics {
    fn default() -> Self {
        ModelMetrics { waiting: AtomicUsize::new(0), batch_size: Histogram::new(SIZES), batch_seconds: Histogram::new(SECONDS) }
    }
}

impl ModelMetrics {
    /// Counts a batch.
    pub fn computed(&self, pictures: usize, time: Duration) {
        self.batch_size.add(pictures as f64);
        self.batch_seconds.add(time.as_secs_f64());
    }
}

/// How often values lay up to each of some bounds.
struct Histogram {
    bounds: &'static [f64],
    counts: Mutex<Counts>,
}

struct Counts {
    /// Of the values up to each bound and above the one before; the last, of those above all bounds.
    buckets: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Histogram { bounds, counts: Mutex::new(Counts { buckets: vec![0; bounds.len() + 1], sum: 0.0 }) }
    }

    fn add(&self, value: f64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        let mut counts = lock(&self.counts);
        counts.buckets[bucket] += 1;
        counts.sum += value;
    }

    fn write(&self, text: &mut String, name: &str, label: &str) -> fmt::Result {
        let counts = lock(&self.counts);
        let comma = if label.is_empty() { "" } else { "," };
        let mut total = 0;
        let bounds = self.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&counts.buckets) {
            total += count;
            writeln!(text, "{name}_bucket{{{label}{comma}le=\"{bound}\"}} {total}")?;
        }
        let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
        writeln!(text, "{name}_sum{label} {}\n{name}_count{label} {total}", counts.sum)
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn escaped(label: &str) -> String {
    label.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What a thread that panicked left is still good: values change in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let (metrics, model) = (Metrics::default(), ModelMetrics::default());
        metrics.answered("/v1/predict", 200);
        metrics.answered("/v1/predict", 200);
        metrics.answered("/healthz", 200);
        metrics.predicted(Duration::from_millis(30));
        model.computed(3, Duration::from_millis(250));
        model.computed(8, Duration::from_secs(60));
        let text = metrics.text(&[("a\"b\\c", &model)]).unwrap();
        for line in [
            "# TYPE convoy_requests_total counter",
            "convoy_requests_total{path=\"/v1/predict\",status=\"200\"} 2",
            "convoy_predict_seconds_bucket{le=\"0.025\"} 0",
            "convoy_predict_seconds_bucket{le=\"0.05\"} 1",
            "convoy_predict_seconds_count 1",
            r#"convoy_batch_size_bucket{model="a\"b\\c",le="2"} 0"#,
            r#"convoy_batch_size_bucket{model="a\"b\\c",le="4"} 1"#,
            r#"convoy_batch_size_bucket{model="a\"b\\c",le="8"} 2"#,
            r#"convoy_batch_size_sum{model="a\"b\\c"} 11"#,
            r#"convoy_batch_seconds_bucket{model="a\"b\\c",le="0.25"} 1"#,
            r#"convoy_batch_seconds_bucket{model="a\"b\\c",le="10"} 1"#,
            r#"convoy_batch_seconds_bucket{model="a\"b\\c",le="+Inf"} 2"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(metrics.total(), 3);
    }
}
