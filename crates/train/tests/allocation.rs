//! A training step at a fixed shape takes no memory from the system. Alone in its process, whose allocator it watches.

use layers::ModuleExt;
use tensor::{DType, Tensor, cpu};
use train::{Settings, Stepper};

#[test]
fn after_two_steps_every_buffer_comes_from_the_pool() {
    let model = zoo::build("resnet18", 10).unwrap();
    let images = Tensor::ones([4, 3, 32, 32], DType::F32).unwrap().channels_last().unwrap();
    let labels = Tensor::arange(4, DType::I64).unwrap();
    let mut stepper = Stepper::new(&*model, &Settings::default()).unwrap();
    let mut allocations_after = |steps| {
        for _ in 0..steps {
            stepper.step(&images, &labels).unwrap();
        }
        cpu::stats().system_allocations
    };
    let warm = allocations_after(2);
    assert!(warm > model.parameters().len(), "the allocator counts what a step needs");
    assert_eq!(allocations_after(4), warm);
}
