//! Pooling. Heights and widths are fixed, so what `ceil_mode` adds is written as padding at the end, which every reader takes alike.

use tensor::ops::{AvgPool2dOptions, MaxPool2dOptions};

use super::{Int, Ints, Lowered, Lowering, ints, only};

impl Lowering<'_> {
    pub(super) fn max_pool2d(&mut self, inputs: &[String], options: &MaxPool2dOptions, from: &[usize], to: &[usize]) -> Lowered {
        let MaxPool2dOptions { kernel_size, stride, padding, dilation, ceil_mode: _ } = *options;
        let attributes = [
            ("kernel_shape", Ints(ints(kernel_size))),
            ("strides", Ints(ints(stride))),
            ("pads", Ints(pads(kernel_size, stride, padding, dilation, from, to)?)),
            ("dilations", Ints(ints(dilation))),
        ];
        Ok(self.node("MaxPool", inputs, attributes))
    }

    pub(super) fn avg_pool2d(&mut self, inputs: &[String], options: &AvgPool2dOptions, from: &[usize], to: &[usize]) -> Lowered {
        let AvgPool2dOptions { kernel_size, stride, padding, ceil_mode: _, count_include_pad } = *options;
        let pads = pads(kernel_size, stride, padding, [1; 2], from, to)?;
        let reaches_over_the_end = pads.iter().skip(2).zip(padding).any(|(&end, padding)| end > padding as i64);
        // Places behind the padding never count.
        if reaches_over_the_end && count_include_pad && padding != [0; 2] {
            return Err("its average pooling with ceil_mode counts the padding but not what lies behind it".to_owned());
        }
        let attributes = [
            ("kernel_shape", Ints(ints(kernel_size))),
            ("strides", Ints(ints(stride))),
            ("pads", Ints(pads)),
            ("count_include_pad", Int(i64::from(count_include_pad && !reaches_over_the_end))),
        ];
        Ok(self.node("AveragePool", inputs, attributes))
    }

    /// A global mean, or a product with a matrix of shares along each dimension whose size changes.
    pub(super) fn adaptive_avg_pool2d(&mut self, inputs: &[String], from: &[usize], to: &[usize]) -> Lowered {
        let (&[_, _, h, w], &[_, _, rows, columns]) = (from, to) else { return Err(format!("it pools {from:?} to {to:?}")) };
        if [rows, columns] == [1, 1] {
            return Ok(self.node("GlobalAveragePool", inputs, []));
        }
        let mut y = only(inputs)?.to_owned();
        if rows != h {
            let shares = self.floats(shares(h, rows), [rows, h])?;
            y = self.node("MatMul", &[&shares, &y], []);
        }
        if columns != w {
            let shares = self.floats(shares(w, columns), [columns, w])?;
            let transposed = self.node("Transpose", &[shares], [("perm", Ints(vec![1, 0]))]);
            y = self.node("MatMul", &[&y, &transposed], []);
        }
        Ok(y)
    }
}

/// The padding at the start and at the end of both dimensions that gives this output.
fn pads(
    kernel_size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    from: &[usize],
    to: &[usize],
) -> Lowered<Vec<i64>> {
    let (&[_, _, h, w], &[_, _, rows, columns]) = (from, to) else { return Err(format!("it pools {from:?} to {to:?}")) };
    let end = |d: usize, input: usize, output: usize| {
        let reach = (output.max(1) - 1) * stride[d] + (kernel_size[d] - 1) * dilation[d] + 1;
        reach.saturating_sub(input + padding[d]).max(padding[d])
    };
    Ok(ints([padding[0], padding[1], end(0, h, rows), end(1, w, columns)]))
}

/// The matrix `[output, input]` whose rows are the shares that the places of an input have in the means over evenly spread windows.
fn shares(input: usize, output: usize) -> Vec<f32> {
    let row = |i: usize| {
        let window = i * input / output..((i + 1) * input).div_ceil(output);
        (0..input).map(move |place| if window.contains(&place) { 1.0 / window.len() as f32 } else { 0.0 })
    };
    (0..output).flat_map(row).collect()
}
