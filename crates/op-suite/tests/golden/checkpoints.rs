//! Files that `torch.save` wrote, and files that must be refused.

use op_suite::{Golden, compare::values};
use zoo::checkpoint::{self, CheckpointReader};

#[test]
fn golden_checkpoints_hold_what_pytorch_wrote() {
    let golden = Golden::open();
    for (file, expected) in [
        ("state_dict_zip.pth", "expected_state_dict.safetensors"),
        ("state_dict_legacy.pth", "expected_state_dict.safetensors"),
        ("ordered_dict_with_metadata.pth", "expected_net.safetensors"),
        ("checkpoint_dict.pth", "expected_net.safetensors"),
    ] {
        let (found, expected) = (golden.tensors(&format!("pth/{file}")), golden.tensors(&format!("pth/{expected}")));
        assert_eq!(found.len(), expected.len(), "{file}");
        for (key, expected) in expected {
            let tensor = found.get(&key).unwrap_or_else(|| panic!("{file}: no {key}"));
            assert_eq!((tensor.dtype(), tensor.shape()), (expected.dtype(), expected.shape()), "{file}: {key}");
            assert_eq!(values(tensor), values(&expected), "{file}: {key}");
        }
    }
}

#[test]
fn golden_checkpoints_keep_what_lies_beside_the_state_dict() {
    let reader = CheckpointReader::open(Golden::open().path("pth/checkpoint_dict.pth")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(reader.extra()["epoch"], 3);
    assert_eq!(reader.metadata().arch.as_deref(), Some("resnet18"));
}

#[test]
fn golden_bad_files_are_refused_in_one_line_that_names_them() {
    let golden = Golden::open();
    for (file, reason) in [
        ("bad_code_execution.pth", "never loaded because it could run code"),
        ("bad_whole_module.pth", "never loaded because it could run code"),
        ("bad_truncated.pth", "damaged or incomplete"),
        ("bad_not_a_checkpoint.pth", "is no checkpoint"),
    ] {
        let error = checkpoint::load(golden.path("pth").join(file)).expect_err(file).to_string();
        assert!(error.contains(file) && error.contains(reason) && !error.contains('\n'), "{error}");
    }
}
