//! The passes of convolutions and of linear layers, which are convolutions of one pixel.

use std::any::Any;
use std::fmt::Write;
use std::time::{Duration, Instant};

use autograd::conv_method;
use layers::{Call, Conv2d, Fusion, Linear};
use tensor::{
    DType, Layout, Tensor,
    cpu::{ConvAlgorithm, ConvPass, conv2d_algorithm, conv2d_speedup},
    ops::{Conv2dOptions, ConvMethod, ConvShape, Epilogue},
    random::Generator,
};

use super::{
    median,
    per_layer::{Candidate, Job, Pass, Planned, SCALING_THREADS, counted},
};
use crate::Result;

/// What may be asked for; some ask for the same kernels.
const METHODS: [ConvMethod; 3] = [ConvMethod::Direct, ConvMethod::Winograd, ConvMethod::Bf16];

/// A convolution or a linear layer.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Product {
    class: &'static str,
    shape: ConvShape,
    bias: bool,
    fusion: Fusion,
    /// Whether training asks for the input's gradient.
    grad_input: bool,
}

impl Product {
    /// The product that a layer computes in a network with input `network_input`; `None` where it is no product.
    fn of(call: &Call<'_>, network_input: &[usize]) -> Option<tensor::Result<Self>> {
        let module: &dyn Any = call.module;
        let (shape, bias) = if let Some(conv) = module.downcast_ref::<Conv2d>() {
            (ConvShape::new(&call.input, &conv.weight.shape(), &conv.options), conv.bias.is_some())
        } else {
            let linear = module.downcast_ref::<Linear>()?;
            let rows = call.input.iter().rev().skip(1).product();
            let weight = [linear.out_features, linear.in_features, 1, 1];
            (ConvShape::new(&[rows, linear.in_features, 1, 1], &weight, &Conv2dOptions::default()), linear.bias.is_some())
        };
        let (class, fusion, grad_input) = (call.module.class_name(), call.fusion, call.input != network_input);
        Some(shape.map(|shape| Product { class, shape, bias, fusion, grad_input }))
    }

    /// What the layer is in training, where nothing but the bias runs in one pass with it.
    fn alone(self) -> Self {
        Product { fusion: Fusion::default(), ..self }
    }

    fn passes(&self) -> Vec<Pass> {
        let grad_input = self.grad_input.then_some(Pass::GradInput);
        [Some(Pass::Forward), grad_input, Some(Pass::GradWeight)].into_iter().flatten().collect()
    }

    /// As `Conv2d 64->128 3x3/2 56x56 norm relu`.
    fn label(&self) -> String {
        let ConvShape { n, c, input, k, kernel, options, .. } = self.shape;
        let mut label = format!("{} {c}->{k}", self.class);
        // Writing to a string cannot fail.
        let _ = match self.class {
            "Linear" => write!(label, " rows {n}"),
            _ => write!(label, " {}x{}/{} {}x{}", kernel.0, kernel.1, options.stride.0, input.0, input.1),
        };
        let groups = (options.groups > 1).then(|| format!("groups {}", options.groups));
        let dilation = (options.dilation != (1, 1)).then(|| format!("dilation {}", options.dilation.0));
        let norm = self.fusion.folded_norm.then(|| "norm".to_owned());
        let residual = self.fusion.residual.then(|| "add".to_owned());
        let activation = self.fusion.activation.map(|op| op.name().to_owned());
        for part in [groups, dilation, norm, residual, activation].into_iter().flatten() {
            let _ = write!(label, " {part}");
        }
        label
    }

    fn planned(self, pass: Pass, count: usize) -> Planned<'static> {
        let s = &self.shape;
        let tensors = [s.input_dims(), s.weight_dims(), s.output_dims()].map(|dims| dims.iter().product::<usize>());
        let residual = if self.fusion.residual { tensors[2] } else { 0 };
        Planned {
            layer: self.label(),
            count,
            pass,
            flops: 2 * s.inside_multiply_adds(),
            bytes: size_of::<f32>() * (tensors.iter().sum::<usize>() + residual),
            job: Box::new(PassOf { product: self, pass }),
        }
    }
}

/// The passes of all products of a network, those of inference first.
pub(super) fn plan(calls: &[Call<'_>], network_input: &[usize]) -> Result<Vec<Planned<'static>>> {
    let products: Vec<Product> = calls.iter().filter_map(|call| Product::of(call, network_input)).collect::<tensor::Result<_>>()?;
    // What the gradient needs plays no part at inference.
    let inference = counted(products.iter().map(|&product| Product { grad_input: false, ..product }));
    let training = counted(products.iter().map(|product| product.alone()));
    let inference = inference.into_iter().map(|(product, count)| product.planned(Pass::Inference, count));
    let training = training.into_iter().flat_map(|(product, count)| {
        let passes = product.passes().into_iter();
        passes.map(move |pass| product.planned(pass, count))
    });
    Ok(inference.chain(training).collect())
}

/// One pass of one product.
struct PassOf {
    product: Product,
    pass: Pass,
}

impl PassOf {
    fn with_method(&self, method: ConvMethod) -> ConvShape {
        let shape = self.product.shape;
        ConvShape { options: Conv2dOptions { method, ..shape.options }, ..shape }
    }

    fn conv_pass(&self) -> ConvPass {
        match self.pass {
            Pass::GradInput => ConvPass::GradInput,
            Pass::GradWeight => ConvPass::GradWeight,
            Pass::Inference | Pass::Forward | Pass::Backward => ConvPass::Forward,
        }
    }

    fn algorithm(&self, method: ConvMethod) -> ConvAlgorithm {
        conv2d_algorithm(&self.with_method(method), self.conv_pass())
    }

    /// A method for each different algorithm.
    fn methods(&self) -> Vec<(ConvMethod, ConvAlgorithm)> {
        let mut methods: Vec<(ConvMethod, ConvAlgorithm)> = Vec::new();
        for (method, algorithm) in METHODS.map(|method| (method, self.algorithm(method))) {
            if methods.iter().all(|&(_, other)| other != algorithm) {
                methods.push((method, algorithm));
            }
        }
        methods
    }

    /// What the layers ask for here and now: the precision is the caller's.
    fn picked_method(&self) -> ConvMethod {
        conv_method(self.product.shape.options.method, self.pass == Pass::Forward)
    }

    fn picked(&self) -> ConvAlgorithm {
        self.algorithm(self.picked_method())
    }
}

impl Job for PassOf {
    fn candidates(&self) -> usize {
        self.methods().len()
    }

    fn measure(&self, budget: Duration) -> Result<Vec<Candidate>> {
        let mut operands = Operands::new(&self.product)?;
        let picked = self.picked();
        let candidate = |(method, algorithm)| {
            let time = operands.median(self.pass, &self.with_method(method), budget)?;
            Ok(Candidate { algorithm: Some(algorithm), time, picked: algorithm == picked })
        };
        self.methods().into_iter().map(candidate).collect()
    }

    fn scaling(&self) -> Vec<f64> {
        let shape = self.with_method(self.picked_method());
        let speedup = |threads| conv2d_speedup(&shape, self.conv_pass(), threads);
        SCALING_THREADS.into_iter().map(speedup).collect::<Option<_>>().unwrap_or_default()
    }
}

/// Random values for all passes of a product.
struct Operands {
    x: Tensor,
    weight: Tensor,
    dy: Tensor,
    scale: Option<Tensor>,
    shift: Option<Tensor>,
    residual: Option<Tensor>,
    fusion: Fusion,
}

impl Operands {
    fn new(product: &Product) -> tensor::Result<Self> {
        let Product { shape, bias, fusion, .. } = *product;
        let mut generator = Generator::new(0);
        let mut random = |dims: &[usize], layout| Tensor::normal(dims, 0.0, 1.0, &mut generator)?.to_layout(layout);
        Ok(Operands {
            x: random(&shape.input_dims(), Layout::ChannelsLast)?,
            weight: random(&shape.weight_dims(), Layout::Blocked)?,
            dy: random(&shape.output_dims(), Layout::ChannelsLast)?,
            scale: fusion.folded_norm.then(|| random(&[shape.k], Layout::Contiguous)).transpose()?,
            shift: (bias || fusion.folded_norm).then(|| random(&[shape.k], Layout::Contiguous)).transpose()?,
            residual: fusion.residual.then(|| random(&shape.output_dims(), Layout::ChannelsLast)).transpose()?,
            fusion,
        })
    }

    fn median(&mut self, pass: Pass, shape: &ConvShape, budget: Duration) -> Result<Duration> {
        self.store_for(shape.options.method)?;
        median(budget, || {
            if pass != Pass::Inference {
                // The optimiser has just written them: nothing that was made of them before is of use.
                self.weight.data_mut::<f32>()?;
            }
            let started = Instant::now();
            self.run(pass, shape)?;
            Ok(started.elapsed())
        })
    }

    /// Has activations and their gradients stored as networks of this method store them; the first input too, which they leave as it is.
    fn store_for(&mut self, method: ConvMethod) -> tensor::Result<()> {
        let dtype = if method == ConvMethod::Bf16 { DType::Bf16 } else { DType::F32 };
        for activation in [&mut self.x, &mut self.dy].into_iter().chain(&mut self.residual) {
            *activation = activation.to_dtype(dtype)?;
        }
        Ok(())
    }

    fn run(&mut self, pass: Pass, shape: &ConvShape) -> tensor::Result<()> {
        let options = &shape.options;
        let y = match pass {
            Pass::GradInput => self.dy.conv2d_grad_input(&self.weight, self.x.dims(), options),
            Pass::GradWeight => self.dy.conv2d_grad_weight(&self.x, self.weight.dims(), options),
            Pass::Inference | Pass::Forward | Pass::Backward => {
                let (scale, shift, residual) = (self.scale.as_ref(), self.shift.as_ref(), self.residual.take());
                let adds = residual.is_some();
                let epilogue = Epilogue { scale, shift, residual, activation: self.fusion.activation, dtype: None };
                let y = self.x.conv2d_fused(&self.weight, options, epilogue);
                // As in a network, the output has taken the residual's memory: it is the next one.
                self.residual = y.as_ref().ok().filter(|_| adds).cloned();
                y
            }
        };
        y.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use autograd::autocast_bf16;
    use layers::{BatchNorm2d, calls, sequential};

    use super::*;

    #[test]
    fn equal_layers_are_one_and_the_pick_is_what_the_layers_run() {
        let conv = |inputs: usize| Conv2d::new(inputs, 64, 3).padding(1).bias(false);
        let network = sequential![conv(3), BatchNorm2d::new(64), conv(64), conv(64), Conv2d::new(64, 64, 3).groups(64)];
        let input = [1, 3, 56, 56];
        let calls = calls(&network, input).unwrap();
        let passes: Vec<(usize, Pass, usize)> =
            plan(&calls, &input).unwrap().iter().map(|planned| (planned.count, planned.pass, planned.job.candidates())).collect();
        let (inference, training) = passes.split_at(3);
        let winograd = if tensor::cpu::winograd_enabled() { 3 } else { 2 };
        assert_eq!(inference, [(1, Pass::Inference, 2), (2, Pass::Inference, winograd), (1, Pass::Inference, 1)]);
        let first = [(1, Pass::Forward, 2), (1, Pass::GradWeight, 2)];
        let second = [(2, Pass::Forward, winograd), (2, Pass::GradInput, winograd), (2, Pass::GradWeight, winograd)];
        let last = [Pass::Forward, Pass::GradInput, Pass::GradWeight].map(|pass| (1, pass, 1));
        assert_eq!(training, [&first[..], &second, &last].concat());

        let product = Product::of(&calls[2], &input).unwrap().unwrap();
        let picked = |pass| PassOf { product, pass }.picked();
        assert_eq!(autocast_bf16(|| [picked(Pass::Inference), picked(Pass::GradWeight)]), [ConvAlgorithm::Bf16; 2]);
        let fastest = if winograd == 3 { ConvAlgorithm::Winograd } else { ConvAlgorithm::Direct };
        assert_eq!(picked(Pass::GradWeight), fastest);
    }
}
