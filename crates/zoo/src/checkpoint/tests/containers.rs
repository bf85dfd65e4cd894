//! Builds checkpoint files around hand-written pickles, for the other tests.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// A pickle of `torch.save`'s legacy header: magic number, version, an empty description of the system.
const LEGACY_HEADER: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";

/// A legacy file: the object's pickle, and the storages by key, with their number of elements.
pub(super) fn legacy(object: &[u8], storages: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let mut file = [LEGACY_HEADER, object, b"\x80\x02]("].concat();
    for (key, ..) in storages {
        file.extend(text(key));
    }
    file.extend(b"e.");
    for (_, count, data) in storages {
        file.extend(count.to_le_bytes());
        file.extend(*data);
    }
    file
}

/// A zip archive of these records.
pub(super) fn zip(records: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut file = Vec::new();
    write_zip(&mut file, records, method);
    file
}

/// Writes a zip archive of these records.
pub(super) fn write_zip(file: impl Write, records: &[(&str, &[u8])], method: CompressionMethod) {
    let mut archive = ZipArchiveWriter::new(file);
    for (name, data) in records {
        let (mut entry, config) = archive.new_file(*name).compression_method(method).start().unwrap();
        let descriptor = if method == CompressionMethod::DEFLATE {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            writer.write_all(data).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(data).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
}

/// A pickled text.
pub(super) fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// The pickle of `{"w": tensor}`, given the pickled tensor.
pub(super) fn dict_of(tensor: &[u8]) -> Vec<u8> {
    [b"\x80\x02}", &text("w")[..], tensor, b"s."].concat()
}

/// The pickled persistent id of a storage with the key `0`, at most 255 elements long.
pub(super) fn storage(class: &str, numel: u8) -> Vec<u8> {
    let class = format!("ctorch\n{class}Storage\n");
    [b"(", &text("storage")[..], class.as_bytes(), &text("0"), &text("cpu"), &[b'K', numel], b"tQ"].concat()
}

/// The pickled call of `_rebuild_tensor_v2` for a float tensor.
pub(super) fn tensor(storage: &[u8], offset: u8, shape: &[i32], strides: &[i32]) -> Vec<u8> {
    let number = |number: &i32| [&b"J"[..], &number.to_le_bytes()].concat();
    let tuple = |numbers: &[i32]| [b"(".to_vec(), numbers.iter().flat_map(number).collect(), b"t".to_vec()].concat();
    let global = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    [global, storage, &[b'K', offset], &tuple(shape), &tuple(strides), b"\x89ccollections\nOrderedDict\n)RtR"].concat()
}
