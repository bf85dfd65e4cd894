//! The passes of norms and pooling.

use std::any::Any;
use std::time::{Duration, Instant};

use autograd::{Parameter, Var, no_grad, ops::Fused};
use layers::{AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Call, Fusion, LayerNorm, MaxPool2d, Mode, Module, ModuleExt, Unary};
use tensor::{Tensor, random::Generator};

use super::{
    median,
    per_layer::{Candidate, Job, Pass, Planned},
};
use crate::Result;

/// A norm or a pooling layer.
#[derive(Clone, Copy)]
struct Other<'a> {
    module: &'a dyn Module,
    input: &'a [usize],
    output: &'a [usize],
    fusion: Fusion,
}

impl PartialEq for Other<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.label(), self.fusion) == (other.label(), other.fusion)
    }
}

impl<'a> Other<'a> {
    fn of(call: &'a Call<'a>) -> Option<Self> {
        let module: &dyn Any = call.module;
        let norm = module.is::<BatchNorm2d>() || module.is::<LayerNorm>();
        let pool = module.is::<MaxPool2d>() || module.is::<AvgPool2d>() || module.is::<AdaptiveAvgPool2d>();
        (norm || pool).then_some(Other { module: call.module, input: &call.input, output: &call.output, fusion: call.fusion })
    }

    fn batch_norm(&self) -> Option<&'a BatchNorm2d> {
        let module: &dyn Any = self.module;
        module.downcast_ref()
    }

    /// Whether training applies a ReLU in the same pass.
    fn relu(&self) -> bool {
        self.fusion.activation == Some(Unary::Relu)
    }

    /// As `BatchNorm2d [1, 64, 56, 56] add relu`, or with the settings of a pooling layer.
    fn label(&self) -> String {
        let settings = if self.batch_norm().is_some() { String::new() } else { format!("({})", self.module.extra_repr()) };
        let residual = if self.fusion.residual { " add" } else { "" };
        let relu = if self.relu() { " relu" } else { "" };
        format!("{}{settings} {:?}{residual}{relu}", self.module.class_name(), self.input)
    }

    /// A norm that is folded into a convolution costs nothing at inference; over one value a channel there is no training.
    fn passes(&self) -> Vec<Pass> {
        let inference = (!self.fusion.folded_norm).then_some(Pass::Inference);
        let values = self.input.iter().enumerate().filter(|&(dim, _)| dim != 1).map(|(_, &size)| size).product::<usize>();
        let training = self.batch_norm().is_none() || values > 1;
        let training = [Pass::Forward, Pass::Backward].into_iter().filter(|_| training);
        inference.into_iter().chain(training).collect()
    }

    fn bytes(&self, pass: Pass) -> usize {
        let (input, output) = (self.input.iter().product::<usize>(), self.output.iter().product::<usize>());
        let residual = if self.fusion.residual { output } else { 0 };
        let module: &dyn Any = self.module;
        let saved = if module.is::<MaxPool2d>() {
            output // the places of the largest
        } else if self.module.num_parameters() > 0 {
            input + if self.relu() { output } else { 0 }
        } else {
            0
        };
        size_of::<f32>() * (input + output + residual + if pass == Pass::Backward { saved } else { 0 })
    }

    fn planned(self, pass: Pass, count: usize) -> Planned<'a> {
        let job = Box::new(PassOf { other: self, pass });
        Planned { layer: self.label(), count, pass, flops: 0, bytes: self.bytes(pass), job }
    }
}

/// The passes of all norms and pooling layers of a network, those of inference first.
pub(super) fn plan<'a>(calls: &'a [Call<'a>]) -> Vec<Planned<'a>> {
    let others = super::per_layer::counted(calls.iter().filter_map(Other::of));
    let passes = others.into_iter().flat_map(|(other, count)| {
        let passes = other.passes().into_iter();
        passes.map(move |pass| other.planned(pass, count))
    });
    let (inference, training): (Vec<_>, Vec<_>) = passes.partition(|planned| planned.pass == Pass::Inference);
    inference.into_iter().chain(training).collect()
}

/// One pass of one layer.
struct PassOf<'a> {
    other: Other<'a>,
    pass: Pass,
}

impl Job for PassOf<'_> {
    fn candidates(&self) -> usize {
        1
    }

    fn measure(&self, budget: Duration) -> Result<Vec<Candidate>> {
        let mut generator = Generator::new(0);
        let mut random = |dims: &[usize]| -> tensor::Result<Tensor> {
            let values = Tensor::normal(dims, 0.0, 1.0, &mut generator)?;
            if dims.len() == 4 { values.channels_last() } else { Ok(values) }
        };
        let (x, dy) = (Parameter::new(random(self.other.input)?), random(self.other.output)?);
        let residual = self.other.fusion.residual.then(|| random(self.other.output)).transpose()?.map(Parameter::new);
        let time = match self.pass {
            Pass::Inference => no_grad(|| median(budget, || self.forward(&x, residual.as_ref(), Mode::Eval).map(|(_, time)| time))),
            Pass::Backward => median(budget, || {
                let (y, _) = self.forward(&x, residual.as_ref(), Mode::Train)?;
                let started = Instant::now();
                y.backward_from(dy.clone(), |_| Ok(()))?;
                let time = started.elapsed();
                let parameters = self.other.module.parameters();
                [&x].into_iter().chain(&residual).chain(&parameters).for_each(Parameter::zero_grad);
                Ok(time)
            }),
            Pass::Forward | Pass::GradInput | Pass::GradWeight => {
                median(budget, || self.forward(&x, residual.as_ref(), Mode::Train).map(|(_, time)| time))
            }
        };
        Ok(vec![Candidate { algorithm: None, time: time?, picked: true }])
    }
}

impl PassOf<'_> {
    /// The output, and the time that it took.
    fn forward(&self, x: &Parameter, residual: Option<&Parameter>, mode: Mode) -> Result<(Var, Duration)> {
        let (x, residual) = (x.var(), residual.map(Parameter::var));
        let started = Instant::now();
        let y = match self.other.batch_norm() {
            Some(norm) => norm.forward_fused(&x, Fused { residual: residual.as_ref(), relu: self.other.relu() }, mode)?,
            None => self.other.module.forward(&x, mode)?,
        };
        Ok((y, started.elapsed()))
    }
}
