//! The golden folder's deterministic tensors: `det.py`, exactly.

use tensor::Tensor;

/// The 64-bit FNV-1a hash of a text.
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// `n` numbers in [0, 1): splitmix64 of the name's hash plus 0, 1, …, its top 24 bits over 2²⁴.
pub fn unit(name: &str, n: usize) -> Vec<f32> {
    let hash = fnv1a(name);
    let number = |i: u64| {
        let z = hash.wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 24) as f32
    };
    (0..n as u64).map(number).collect()
}

/// Numbers in [-1, 1).
pub fn signed(name: &str, shape: &[usize]) -> Tensor {
    mapped(name, shape, |u| u)
}

/// The value of the state-dict entry `key`; its numbers come from the hash of `key` and `suffix`.
pub fn parameter(key: &str, suffix: &str, shape: &[usize]) -> Tensor {
    if key.ends_with("num_batches_tracked") {
        return Tensor::scalar(0i64);
    }
    let name = format!("{key}{suffix}");
    if key.ends_with("running_var") {
        mapped(&name, shape, |u| 1.0 + 0.25 * u)
    } else if key.ends_with("running_mean") || key.ends_with("bias") {
        mapped(&name, shape, |u| 0.1 * u)
    } else if shape.len() == 1 {
        mapped(&name, shape, |u| 1.0 + 0.1 * u)
    } else {
        let fan_in: usize = shape.iter().skip(1).product();
        let bound = (6.0 / fan_in as f64).sqrt() as f32;
        mapped(&name, shape, |u| bound * u)
    }
}

fn mapped(name: &str, shape: &[usize], f: impl Fn(f32) -> f32) -> Tensor {
    let values = unit(name, shape.iter().product()).into_iter().map(|u| f(u * 2.0 - 1.0)).collect();
    Tensor::from_vec::<f32>(values, shape).expect("as many values as the shape has elements")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_det_py() {
        assert_eq!(fnv1a("a"), 0xAF63_DC4C_8601_EC8C);
        // det.unit("input", 3) and det.parameter("conv1.weight", (1, 2, 1, 1)).
        assert_eq!(unit("input", 3), [0.20361328, 0.89964265, 0.05125028]);
        assert_eq!(parameter("conv1.weight", "", &[1, 2, 1, 1]).to_vec::<f32>().unwrap(), [0.2667099, -1.6651716]);
    }
}
