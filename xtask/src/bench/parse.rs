//! Reads the lines that `convoy bench` and the peers print.

/// The milliseconds of `pytorch train resnet18 32px batch 32 fp32: 44.21 ms/step, 723.8 img/s` or `convoy infer … f32: 6.60 ms`,
/// the last such line of the output.
pub fn milliseconds(output: &str) -> Option<f64> {
    let of_line = |line: &str| positive(line.rsplit_once(": ")?.1.split_once(" ms")?.0);
    output.lines().rev().find_map(of_line)
}

/// The engines and milliseconds of `infer resnet18 batch 1: torch_f32=12.40ms onnxruntime_f32=7.80ms`.
pub fn engines(output: &str) -> Option<Vec<(String, f64)>> {
    let line = output.lines().rev().find(|line| line.starts_with("infer "))?;
    let engine = |word: &str| {
        let (name, ms) = word.split_once('=')?;
        Some((name.to_owned(), positive(ms.strip_suffix("ms")?)?))
    };
    let engines: Vec<_> = line.split_once(": ")?.1.split_whitespace().map(engine).collect::<Option<_>>()?;
    (!engines.is_empty()).then_some(engines)
}

/// The peak memory in MB of a process's `/proc/PID/status`, whose kB are of 1024 bytes.
pub fn peak_mb(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(positive(line.trim().strip_suffix(" kB")?)? * 1024.0 / 1e6)
}

/// The first processor's name in `/proc/cpuinfo`.
pub fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

fn positive(number: &str) -> Option<f64> {
    number.parse().ok().filter(|&number: &f64| number.is_finite() && number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_steps_and_inferences() {
        let peer = "a warning: of 3 things\npytorch train resnet18 32px batch 32 fp32+fused: 44.21 ms/step, 723.8 img/s\n";
        assert_eq!(milliseconds(peer), Some(44.21));
        assert_eq!(milliseconds("convoy infer resnet18 64px batch 1 f32: 6.60 ms\n"), Some(6.6));
        for bad in ["", "convoy infer resnet18 batch 1 f32: fast", "x: nan ms", "x: -1 ms", "error: no ms"] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_of_engines() {
        let line = "infer resnet18 batch 1: torch_f32=12.40ms openvino_bf16=4.01ms\n";
        assert_eq!(engines(line).unwrap(), [("torch_f32".to_owned(), 12.4), ("openvino_bf16".to_owned(), 4.01)]);
        for bad in ["", "infer resnet18 batch 1: ", "infer resnet18 batch 1: torch_f32=fast", "torch_f32=1.0ms"] {
            assert_eq!(engines(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_the_system_says() {
        assert_eq!(peak_mb("Name:\tpython\nVmPeak:\t  9 kB\nVmHWM:\t  125000 kB\n"), Some(128.0));
        assert_eq!(peak_mb("Name:\tpython\nState:\tZ (zombie)\n"), None);
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n"), Some("AMD EPYC"));
    }
}
