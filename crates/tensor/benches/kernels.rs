//! The kernels of a training step, one by one: `cargo bench -p tensor`. Throughput counts multiply-adds twice, taps in the padding left
//! out, or bytes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::{
    Layout, Tensor,
    cpu::{ConvPass, conv2d_algorithm},
    ops::{Conv2dOptions, ConvMethod, ConvShape, Norm, NormBackward},
    random::Generator,
};

/// A square convolution: channels, pixels a side, output channels, kernel, stride, groups.
const CONVOLUTIONS: [(usize, usize, usize, usize, usize, usize); 9] = [
    (3, 32, 64, 7, 2, 1),
    (64, 8, 64, 3, 1, 1),
    (128, 4, 128, 3, 1, 1),
    (256, 2, 256, 3, 1, 1),
    (512, 1, 512, 3, 1, 1),
    (64, 56, 64, 3, 1, 1),
    (256, 14, 1024, 1, 1, 1),
    (96, 112, 96, 3, 2, 96),
    (192, 28, 192, 3, 1, 192),
];

/// Those of [`ConvMethod`] that name one algorithm.
const METHODS: [ConvMethod; 3] = [ConvMethod::Direct, ConvMethod::Winograd, ConvMethod::Bf16];

fn random(dims: &[usize], layout: Layout) -> Tensor {
    Tensor::uniform(dims, -1.0, 1.0, &mut Generator::new(1)).and_then(|t| t.to_layout(layout)).expect("the shapes are valid")
}

fn convolutions(c: &mut Criterion) {
    for (channels, size, outputs, kernel, stride, groups) in CONVOLUTIONS {
        let grouped = if groups > 1 { format!(" groups {groups}") } else { String::new() };
        let mut group = c.benchmark_group(format!("conv2d {channels}->{outputs} {kernel}x{kernel}/{stride} {size}px{grouped}"));
        for batch in [1, 32] {
            let options = Conv2dOptions { stride: (stride, stride), padding: (kernel / 2, kernel / 2), groups, ..Default::default() };
            let x = random(&[batch, channels, size, size], Layout::ChannelsLast);
            let w = random(&[outputs, channels / groups, kernel, kernel], Layout::Blocked);
            let shape = ConvShape::new(x.dims(), w.dims(), &options).expect("the shapes fit");
            let dy = random(&shape.output_dims(), Layout::ChannelsLast);
            group.throughput(Throughput::Elements(2 * shape.inside_multiply_adds() as u64));
            for (method, options) in METHODS.map(|method| (method, Conv2dOptions { method, ..options })) {
                let computes = |pass| conv2d_algorithm(&ConvShape { options, ..shape }, pass);
                let is_repeated = |pass| method != ConvMethod::Direct && computes(pass) == conv2d_algorithm(&direct(shape), pass);
                let id = |pass: &str| BenchmarkId::new(format!("{pass} {method:?}"), batch);
                if !is_repeated(ConvPass::Forward) {
                    group.bench_function(id("forward"), |b| b.iter(|| black_box(x.conv2d(&w, None, &options))));
                }
                if !is_repeated(ConvPass::GradInput) {
                    group.bench_function(id("grad_input"), |b| b.iter(|| black_box(dy.conv2d_grad_input(&w, x.dims(), &options))));
                }
                if !is_repeated(ConvPass::GradWeight) {
                    group.bench_function(id("grad_weight"), |b| b.iter(|| black_box(dy.conv2d_grad_weight(&x, w.dims(), &options))));
                }
            }
        }
    }
}

/// The same convolution product by product.
fn direct(shape: ConvShape) -> ConvShape {
    ConvShape { options: Conv2dOptions { method: ConvMethod::Direct, ..shape.options }, ..shape }
}

fn batch_norm(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch_norm");
    for (channels, size) in [(64, 8), (512, 1), (64, 56)] {
        let x = random(&[32, channels, size, size], Layout::ChannelsLast);
        let weight = random(&[channels], Layout::Contiguous);
        let stats = x.batch_stats().expect("there are several values a channel");
        let norm = Norm { mean: &stats.mean, var: &stats.var, weight: Some(&weight), bias: Some(&weight), eps: 1e-5 };
        let (_, mask) = x.batch_norm_relu(&norm, Some(&x)).expect("the shapes fit");
        let backward = NormBackward { norm, x: &x, relu: Some(&mask), batch_stats: true, residual: true };
        group.throughput(Throughput::Bytes(4 * x.elements() as u64));
        let id = |pass| BenchmarkId::new(pass, format!("{channels}x{size}x{size}"));
        group.bench_function(id("stats"), |b| b.iter(|| black_box(x.batch_stats())));
        group.bench_function(id("forward"), |b| b.iter(|| black_box(x.batch_norm_relu(&norm, Some(&x)))));
        group.bench_function(id("backward"), |b| b.iter(|| black_box(x.batch_norm_backward(&backward))));
    }
}

criterion_group!(benches, convolutions, batch_norm);
criterion_main!(benches);
