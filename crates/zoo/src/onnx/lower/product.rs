//! Convolutions and matrix products.

use tensor::ops::Conv2dOptions;

use super::{Int, Ints, Lowered, Lowering, ints, no_input};

impl Lowering<'_> {
    pub(super) fn conv2d(&mut self, inputs: &[String], options: &Conv2dOptions, weight: &[usize]) -> String {
        let Conv2dOptions { stride, padding, dilation, groups, method: _ } = *options;
        let attributes = [
            ("kernel_shape", Ints(ints(weight.iter().skip(2).copied()))),
            ("strides", Ints(ints([stride.0, stride.1]))),
            ("pads", Ints(ints([padding.0, padding.1, padding.0, padding.1]))),
            ("dilations", Ints(ints([dilation.0, dilation.1]))),
            ("group", Int(groups as i64)),
        ];
        self.node("Conv", inputs, attributes)
    }

    /// Of an input with these sizes. Only the product of two matrices has an operator that transposes the weight; for others the
    /// transposition stands in the graph, and programs that read it fold it into the weight.
    pub(super) fn linear(&mut self, inputs: &[String], sizes: &[usize]) -> Lowered {
        if sizes.len() == 2 {
            return Ok(self.node("Gemm", inputs, [("transB", Int(1))]));
        }
        let [x, weight, bias @ ..] = inputs else { return Err(no_input()) };
        let weight = self.node("Transpose", &[weight], [("perm", Ints(vec![1, 0]))]);
        let product = self.node("MatMul", &[x, &weight], []);
        Ok(bias.first().map(|bias| self.node("Add", &[&product, bias], [])).unwrap_or(product))
    }
}
