//! Reads the index of a legacy `.pth`: five pickles, then the storages, each behind its element count.

use std::{collections::HashMap, rc::Rc};

use super::{
    pickle::{Bytes, Pickle, Storage, Value, unpickle},
    state_dict::StateDict,
};
use crate::checkpoint::{
    error::{Reason, quote},
    index::Index,
    metadata::Metadata,
    source::{Blob, Source},
};

/// What the first pickle of such a file holds.
const MAGIC_NUMBER: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// What the second one holds.
const PROTOCOL_VERSION: i128 = 1001;

/// Reads what a legacy `.pth` holds, without the tensors' data.
pub(in crate::checkpoint) fn read(source: &Source<'_>) -> Result<Index, Reason> {
    let mut bytes = Bytes::new(source.reader_from(0));
    if !matches!(unpickle(&mut bytes)?.root(), &Value::Int(MAGIC_NUMBER)) {
        return Err(Reason::Unsupported("a pickle that torch.save did not write".into()));
    }
    if !matches!(unpickle(&mut bytes)?.root(), &Value::Int(PROTOCOL_VERSION)) {
        return Err(Reason::Unsupported("an unknown version of PyTorch's legacy format".into()));
    }
    // Byte order and integer sizes of the machine; the data is little-endian whatever they are.
    let _system = unpickle(&mut bytes)?;
    let pickle = unpickle(&mut bytes)?;
    let state_dict = StateDict::find(&pickle)?;
    let keys = unpickle(&mut bytes)?;
    let blobs = locate_storages(source, &keys, &pickle, bytes.position())?;
    let tensors = state_dict.locate(false, |storage| {
        let missing = || Reason::damaged(format!("the storage `{}` is missing", quote(&storage.key)));
        blobs.get(&storage.key).copied().ok_or_else(missing)
    })?;
    Ok(Index { tensors, metadata: Metadata::default(), extra: state_dict.extra })
}

/// Finds the storages' data, which follows the pickles from `position` in the order of `keys`.
fn locate_storages(source: &Source<'_>, keys: &Pickle, pickle: &Pickle, mut position: u64) -> Result<HashMap<Rc<str>, Blob>, Reason> {
    let Value::List(keys_in_order) = keys.root() else {
        return Err(Reason::damaged("the list of storages is missing"));
    };
    let element_sizes: HashMap<&str, usize> = pickle.storages().map(|storage| (&*storage.key, storage.dtype.size())).collect();
    let mut blobs = HashMap::new();
    for &key in keys_in_order {
        let key = keys.text(key)?;
        let size = *element_sizes.get(&**key).ok_or_else(|| Reason::damaged(format!("the storage `{}` is unknown", quote(key))))?;
        let mut count = [0; 8];
        source.read_at(position, &mut count)?;
        let len = u64::from_le_bytes(count).checked_mul(size as u64).ok_or_else(|| Reason::damaged("a storage's size overflows"))?;
        let blob = Blob { offset: position + 8, len, deflated: None, crc: None };
        source.check(&blob)?;
        position = blob.offset + len;
        blobs.insert(key.clone(), blob);
    }
    Ok(blobs)
}

impl Pickle {
    fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.values().filter_map(|value| match value {
            Value::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }
}
