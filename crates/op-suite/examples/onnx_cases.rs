//! `onnx_cases DIR MODEL…` makes what `xtask/peers/onnx_check.py` compares: for each model `DIR/MODEL.pth`, with the golden folder's
//! deterministic weights, and `DIR/MODEL.safetensors`, with an `input` of three pictures and their `logits`.

use std::{env, error::Error, path::Path};

use layers::{Mode, Module, ModuleExt, no_grad};
use op_suite::det;
use zoo::{
    Metadata,
    checkpoint::{self, Checkpoint},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let folder = args.next().ok_or("usage: onnx_cases DIR MODEL…")?;
    args.try_for_each(|name| make(Path::new(&folder), &name))
}

fn make(folder: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let mut model = zoo::build(name, zoo::IMAGENET_CLASSES)?;
    // As with the published weights of those networks that can.
    model.set_transform_input(true);
    for (key, slot) in model.named_tensors() {
        slot.load(&det::parameter(&key, "", &slot.shape()))?;
    }
    zoo::save(folder.join(name).with_extension("pth"), &model, &Metadata::default())?;

    let side = model.input_size();
    let input = det::signed("input", &[3, 3, side, side]);
    let logits = no_grad(|| model.forward(&(&input).into(), Mode::Eval))?.into_value();
    let tensors = vec![("input".to_owned(), zoo::from_tensor(&input)?), ("logits".to_owned(), zoo::from_tensor(&logits)?)];
    let case = Checkpoint { tensors, metadata: Metadata::default() };
    Ok(checkpoint::save(folder.join(name).with_extension("safetensors"), &case)?)
}
