//! Damaged and malicious files: always an error or a modest checkpoint, never a panic.

use rawzip::CompressionMethod;

use super::{
    complaint,
    containers::{dict_of, legacy, storage, tensor, text, zip},
    golden_bytes,
};
use crate::checkpoint::load_bytes;

const INTACT: [&str; 6] = [
    "state_dict_zip.pth",
    "state_dict_legacy.pth",
    "ordered_dict_with_metadata.pth",
    "checkpoint_dict.pth",
    "expected_state_dict.safetensors",
    "expected_net.safetensors",
];

#[test]
fn truncation_at_every_byte_is_an_error() {
    for file in INTACT {
        let bytes = golden_bytes(file);
        for len in 0..bytes.len() {
            assert!(load_bytes(&bytes[..len]).is_err(), "{file} cut to {len} bytes");
        }
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

fn mutate(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
            2 => bytes[at] = random.below(256) as u8,
            _ => {
                let from = random.below(bytes.len());
                let len = random.below(9).min(bytes.len() - at).min(bytes.len() - from);
                bytes.copy_within(from..from + len, at);
            }
        }
    }
}

#[test]
fn mutations_never_panic_nor_inflate() {
    let mut random = Random(0);
    for file in INTACT {
        let intact = golden_bytes(file);
        for _ in 0..1500 {
            let mut bytes = intact.clone();
            mutate(&mut bytes, &mut random);
            if let Ok(checkpoint) = load_bytes(&bytes) {
                let loaded: usize = checkpoint.tensors.iter().map(|(_, tensor)| tensor.data.len()).sum();
                assert!(loaded <= 16 * bytes.len() + (16 << 20), "{file} became {loaded} bytes");
            }
        }
    }
}

#[test]
fn code_is_never_looked_up() {
    for (global, name) in [
        (b"cos\nsystem\n".as_slice(), "os.system"),
        (b"cbuiltins\neval\n", "builtins.eval"),
        (b"ctorch\nload\n", "torch.load"),
        (b"\x8c\x02os\x8c\x05popen\x93", "os.popen"),
    ] {
        let object = [global, &text("touch x"), b"\x85R."].concat();
        assert!(complaint(&legacy(&object, &[])).contains(name));
    }
}

#[test]
fn nesting_costs_no_stack() {
    let mut object = b"\x80\x02N".to_vec();
    object.resize(500_000, 0x85);
    object.push(b'.');
    assert!(complaint(&legacy(&object, &[])).contains("found a tuple"));
}

#[test]
fn floods_of_values_are_refused() {
    let flood = |opcode: &[u8]| legacy(&[b"\x80\x02", &opcode.repeat(2 << 20)[..], b"."].concat(), &[]);
    assert!(complaint(&flood(b"N")).contains("too many values"));
    let pairs = [b"\x80\x02](".to_vec(), b"NN\x86".repeat(1000), b"eq\x00".to_vec(), b"ccollections\nOrderedDict\nh\x00\x85R".repeat(2000)];
    assert!(complaint(&legacy(&[pairs.concat(), b".".to_vec()].concat(), &[])).contains("too many values"));
}

#[test]
fn a_list_that_holds_itself_is_only_a_list() {
    assert!(complaint(&legacy(b"\x80\x02]q\x00h\x00a.", &[])).contains("found a list"));
}

#[test]
fn stack_and_memo_are_checked() {
    for (pickle, expected) in [
        (b".".as_slice(), "more values"),
        (b"(0.", "more values"),
        (b"t.", "lacks a mark"),
        (b"h\x07.", "unknown value 7"),
        (b"}(Nu.", "key without a value"),
        (b"NNa.", "a list"),
        (b"\xf0.", "unknown opcode 0xf0"),
        (b"NQ.", "a tuple"),
        (b"X\xff\xff\xff\xff.", "ends too early"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "ends too early"),
        (b"\x80\x09.", "protocol 9"),
    ] {
        let error = complaint(&legacy(pickle, &[]));
        assert!(error.contains(expected), "{pickle:?}: {error}");
    }
}

#[test]
fn tensors_stay_within_their_storage() {
    for (offset, shape, strides) in [(0, &[5][..], &[1][..]), (1, &[4], &[1]), (0, &[2, 2], &[3, 1]), (0, &[2, 2], &[1])] {
        let file = legacy(&dict_of(&tensor(&storage("Float", 4), offset, shape, strides)), &[("0", 4, &[0; 16])]);
        assert!(complaint(&file).contains("`w` lies outside its storage"), "{offset} {shape:?} {strides:?}");
    }
}

#[test]
fn false_sizes_cost_no_memory() {
    let object = dict_of(&tensor(&storage("Float", 4), 0, &[4], &[1]));
    assert!(complaint(&legacy(&object, &[("0", 1 << 40, &[0; 16])])).contains("ends too early"));
    assert!(complaint(&legacy(&object, &[("0", u64::MAX, &[0; 16])])).contains("overflows"));
    assert!(complaint(&legacy(&object, &[("1", 4, &[0; 16])])).contains("storage `1` is unknown"));
    assert!(complaint(&legacy(&object, &[])).contains("storage `0` is missing"));

    let expanded = dict_of(&tensor(&storage("Float", 4), 0, &[255; 5], &[0; 5]));
    assert!(complaint(&legacy(&expanded, &[("0", 4, &[0; 16])])).contains("refused"));
    let overflowing = dict_of(&tensor(&storage("Float", 4), 0, &[255; 9], &[0; 9]));
    assert!(complaint(&legacy(&overflowing, &[("0", 4, &[0; 16])])).contains("outside its storage"));
}

#[test]
fn archives_without_their_storage_are_refused() {
    let pickle = dict_of(&tensor(&storage("Float", 4), 0, &[4], &[1]));
    let missing = zip(&[("a/data.pkl", &pickle)], CompressionMethod::STORE);
    assert!(complaint(&missing).contains("no record `data/0`"));
    let short = zip(&[("a/data.pkl", &pickle), ("a/data/0", &[0; 15])], CompressionMethod::STORE);
    assert!(complaint(&short).contains("outside its storage"));
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

#[test]
fn safetensors_headers_are_checked() {
    let entry = |shape: &str, start: u64, end: u64| format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#);
    let one = |entry: String| format!(r#"{{"w":{entry}}}"#);
    let two = |first: String, second: String| format!(r#"{{"v":{first},"w":{second}}}"#);
    for (header, data, expected) in [
        (one(entry("[2]", 0, 8)), 9, "describes 8 bytes of data, it has 9"),
        (one(entry("[3]", 0, 8)), 8, "`w` has other than the F32 elements"),
        (one(entry("[2]", 8, 0)), 8, "`w` has other than the F32 elements"),
        (one(entry("[2]", 0, u64::MAX)), 8, "`w` has other than the F32 elements"),
        (one(entry("[4294967295,4294967295,4294967295]", 0, 8)), 8, "`w` has other than the F32 elements"),
        (one(entry("[2]", 4, 12)), 12, "gap or overlap at byte 0"),
        (two(entry("[2]", 0, 8), entry("[2]", 4, 12)), 12, "gap or overlap at byte 8"),
        (two(entry("[2]", 0, 8), entry("[-1]", 8, 12)), 12, "safetensors header"),
        (format!(r#"{{"w":{0},"w":{0}}}"#, entry("[2]", 0, 8)), 8, "`w` stands there twice"),
        (one(entry("[2]", 0, 8)).replace("F32", "F8_E4M3"), 8, "dtype `F8_E4M3`, which is not supported"),
        (one(entry("[2]", 0, 8)) + "x", 8, "safetensors header"),
        (r#"{"__metadata__":{"convoy":"[]"}}"#.into(), 0, "unreadable `convoy` record"),
    ] {
        let error = complaint(&safetensors(&header, data));
        assert!(error.contains(expected), "{header}: {error}");
    }
    let claim = [&(1u64 << 40).to_le_bytes()[..], b"{}"].concat();
    assert!(complaint(&claim).contains("header claims"));
}
