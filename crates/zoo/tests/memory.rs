//! Loading a large file takes the model's own memory and little more. Alone in its process, whose memory it watches.
#![cfg(target_os = "linux")]

#[allow(dead_code)] // the tests of the formats use more of it
#[path = "../src/checkpoint/tests/containers.rs"]
mod containers;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use layers::{Conv2d, Mode, Module, Result, Slot, Var};
use rawzip::CompressionMethod;
use tensor::cpu;
use zoo::{Strictness, checkpoint::CheckpointReader};

/// The weight's shape: 64 MiB, in blocks of 32 output channels.
const SHAPE: [i32; 4] = [1024, 1024, 4, 4];
const STRIDES: [i32; 4] = [16 << 10, 16, 4, 1];
const BYTES: usize = 64 << 20;

/// A module with one large tensor, named as the hand-made files name theirs.
struct Large(Conv2d);

impl Module for Large {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.0.forward(x, mode)
    }
    fn class_name(&self) -> &'static str {
        "Large"
    }
    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        vec![("w", Slot::Parameter(&self.0.weight))]
    }
}

/// A figure of this process in bytes: `VmRSS`, its memory now, or `VmHWM`, the most it ever had.
fn memory(figure: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

/// A file that ends in so many zeros, which take no memory on the way.
fn write(path: &Path, start: &[u8], zeros: usize) {
    let mut file = File::create(path).unwrap();
    file.write_all(start).unwrap();
    file.set_len((start.len() + zeros) as u64).unwrap();
}

fn legacy(path: &Path) {
    let object = containers::dict_of(&containers::tensor(&containers::storage("Float", 0), 0, &SHAPE, &STRIDES));
    write(path, &containers::legacy(&object, &[("0", BYTES as u64 / 4, &[])]), BYTES);
}

fn safetensors(path: &Path) {
    let header = format!(r#"{{"w":{{"dtype":"F32","shape":{SHAPE:?},"data_offsets":[0,{BYTES}]}}}}"#);
    write(path, &[&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat(), BYTES);
}

fn zip(path: &Path) {
    let object = containers::dict_of(&containers::tensor(&containers::storage("Float", 0), 0, &SHAPE, &STRIDES));
    let records: [(&str, &[u8]); 2] = [("a/data.pkl", &object), ("a/data/0", &vec![0; BYTES])];
    containers::write_zip(File::create(path).unwrap(), &records, CompressionMethod::STORE);
}

#[test]
fn no_format_needs_the_tensor_twice() {
    let folder = tempfile::tempdir().unwrap();
    for (name, write) in [("legacy", legacy as fn(&Path)), ("safetensors", safetensors), ("zip", zip)] {
        let path = folder.path().join(name);
        write(&path);
        cpu::release_idle();
        let before = memory("VmRSS");
        let model = Large(Conv2d::new(SHAPE[1] as usize, SHAPE[0] as usize, 4).bias(false));
        zoo::load_into(&model, &CheckpointReader::open(&path).unwrap(), Strictness::Strict).unwrap();
        let grown = memory("VmRSS") - before;
        assert!(grown >= BYTES, "{name}: the weight itself takes memory, yet only {grown} bytes came");
        let peak = memory("VmHWM") - before;
        assert!(peak <= BYTES + BYTES / 5, "{name}: {peak} bytes for a weight of {BYTES}");
    }
}
