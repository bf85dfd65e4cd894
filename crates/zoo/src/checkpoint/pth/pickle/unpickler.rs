//! The pickle machine: a stack of values, driven by opcodes, for protocols 2 to 5.

use std::{
    collections::HashMap,
    io::{BufReader, Read},
};

use super::{
    globals::Global,
    opcode as op,
    rebuild::Outcome,
    value::{Id, MAX_VALUES, Pickle, Value},
};
use crate::checkpoint::error::Reason;

/// Longest pickle that is read, in bytes: a state dict takes about 150 a tensor.
/// It also bounds the machine's stack and marks.
const MAX_LENGTH: u64 = 64 << 20;
/// Longest Python module or class name.
const MAX_LINE: usize = 1024;
/// Newest protocol whose opcodes are known.
const MAX_PROTOCOL: u8 = 5;

/// A stream of pickles that knows how far it has been read.
pub(in crate::checkpoint::pth) struct Bytes<R> {
    reader: BufReader<std::io::Take<R>>,
    position: u64,
}

impl<R: Read> Bytes<R> {
    pub(in crate::checkpoint::pth) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader.take(MAX_LENGTH)), position: 0 }
    }

    /// Bytes read so far.
    pub(in crate::checkpoint::pth) fn position(&self) -> u64 {
        self.position
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let mut array = [0; N];
        self.reader.read_exact(&mut array)?;
        self.position += N as u64;
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, Reason> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Reason> {
        self.array().map(u32::from_le_bytes)
    }

    /// `len` bytes; memory grows as they arrive, so a false length costs nothing.
    fn bytes(&mut self, len: u64) -> Result<Vec<u8>, Reason> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(len).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < len {
            return Err(Reason::damaged("its pickle ends too early"));
        }
        self.position += len;
        Ok(bytes)
    }

    /// Text, or what Python 2 wrote for it.
    fn text(&mut self, len: u64) -> Result<String, Reason> {
        let bytes = self.bytes(len)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn line(&mut self) -> Result<String, Reason> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
                _ if line.len() >= MAX_LINE => return Err(Reason::damaged("its pickle has an endless name")),
                byte => line.push(byte),
            }
        }
    }
}

/// Reads one pickle, and leaves the stream behind it.
pub(in crate::checkpoint::pth) fn unpickle<R: Read>(bytes: &mut Bytes<R>) -> Result<Pickle, Reason> {
    let mut machine = Unpickler::default();
    loop {
        let at = bytes.position();
        match bytes.byte()? {
            op::STOP => {
                let root = machine.pop()?;
                machine.pickle.set_root(root);
                return Ok(machine.pickle);
            }
            opcode => machine.step(opcode, bytes, at)?,
        }
    }
}

#[derive(Default)]
struct Unpickler {
    pickle: Pickle,
    stack: Vec<Id>,
    /// Heights of the stack at which MARK was executed.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Unpickler {
    fn step<R: Read>(&mut self, opcode: u8, bytes: &mut Bytes<R>, at: u64) -> Result<(), Reason> {
        match opcode {
            op::PROTO => match bytes.byte()? {
                ..=MAX_PROTOCOL => Ok(()),
                protocol => Err(Reason::Unsupported(format!("a pickle of protocol {protocol}"))),
            },
            op::FRAME => bytes.array::<8>().map(|_| ()),

            op::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP => self.pop().map(|_| ()),
            op::POP_MARK => self.pop_mark().map(|_| ()),
            op::DUP => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }

            op::NONE => self.push(Value::None),
            op::NEWTRUE => self.push(Value::Bool(true)),
            op::NEWFALSE => self.push(Value::Bool(false)),
            op::BININT => {
                let value = i32::from_le_bytes(bytes.array()?);
                self.push(Value::Int(value.into()))
            }
            op::BININT1 => {
                let value = bytes.byte()?;
                self.push(Value::Int(value.into()))
            }
            op::BININT2 => {
                let value = u16::from_le_bytes(bytes.array()?);
                self.push(Value::Int(value.into()))
            }
            op::LONG1 => {
                let len = bytes.byte()?;
                let value = long(&bytes.bytes(len.into())?)?;
                self.push(Value::Int(value))
            }
            op::BINFLOAT => {
                let value = f64::from_be_bytes(bytes.array()?);
                self.push(Value::Float(value))
            }

            op::SHORT_BINSTRING | op::SHORT_BINUNICODE | op::SHORT_BINBYTES => {
                let len = bytes.byte()?;
                self.push_text(bytes, len.into())
            }
            op::BINSTRING | op::BINUNICODE | op::BINBYTES => {
                let len = bytes.u32()?;
                self.push_text(bytes, len.into())
            }
            op::BINUNICODE8 | op::BINBYTES8 => {
                let len = u64::from_le_bytes(bytes.array()?);
                self.push_text(bytes, len)
            }

            op::EMPTY_TUPLE => self.push(Value::Tuple(Vec::new())),
            op::TUPLE1 => self.push_tuple(1),
            op::TUPLE2 => self.push_tuple(2),
            op::TUPLE3 => self.push_tuple(3),
            op::TUPLE => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items))
            }
            op::EMPTY_LIST | op::EMPTY_SET => self.push(Value::List(Vec::new())),
            op::LIST | op::FROZENSET => {
                let items = self.pop_mark()?;
                self.push(Value::List(items))
            }
            op::APPEND => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.pop_mark()?;
                self.append(items)
            }
            op::EMPTY_DICT => self.push(Value::Dict(Vec::new())),
            op::DICT => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(&items)
            }
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])
            }
            op::SETITEMS => {
                let items = self.pop_mark()?;
                self.set_items(&items)
            }

            op::GLOBAL => {
                let (module, name) = (bytes.line()?, bytes.line()?);
                self.push(Value::Global(Global::resolve(&module, &name)?))
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let global = Global::resolve(self.pickle.text(module)?, self.pickle.text(name)?)?;
                self.push(Value::Global(global))
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                match self.pickle.call(function, arguments)? {
                    Outcome::New(value) => self.push(value),
                    Outcome::Same(id) => {
                        self.stack.push(id);
                        Ok(())
                    }
                }
            }
            op::BUILD => {
                let state = self.pop()?;
                let object = self.top()?;
                if let Some(value) = self.pickle.build(object, state)? {
                    *self.pickle.get_mut(object) = value;
                }
                Ok(())
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = self.pickle.persistent(id)?;
                self.push(storage)
            }

            op::BINPUT => {
                let slot = bytes.byte()?;
                self.memoize(slot.into())
            }
            op::LONG_BINPUT => {
                let slot = bytes.u32()?;
                self.memoize(slot)
            }
            // The memo's length is limited far below 2^32.
            op::MEMOIZE => self.memoize(self.memo.len() as u32),
            op::BINGET => {
                let slot = bytes.byte()?;
                self.recall(slot.into())
            }
            op::LONG_BINGET => {
                let slot = bytes.u32()?;
                self.recall(slot)
            }

            _ => Err(Reason::damaged(format!("its pickle has the unknown opcode {opcode:#04x} at byte {at}"))),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), Reason> {
        let id = self.pickle.add(value)?;
        self.stack.push(id);
        Ok(())
    }

    fn push_text<R: Read>(&mut self, bytes: &mut Bytes<R>, len: u64) -> Result<(), Reason> {
        let text = bytes.text(len)?;
        self.push(Value::Text(text.into()))
    }

    fn push_tuple(&mut self, len: usize) -> Result<(), Reason> {
        let mut items = Vec::with_capacity(len);
        for _ in 0..len {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items))
    }

    /// The topmost value above the last mark.
    fn top(&self) -> Result<Id, Reason> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack[floor..].last().copied().ok_or_else(|| Reason::damaged("its pickle takes more values than it made"))
    }

    fn pop(&mut self) -> Result<Id, Reason> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Reason> {
        let mark = self.marks.pop().ok_or_else(|| Reason::damaged("its pickle lacks a mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, mut items: Vec<Id>) -> Result<(), Reason> {
        let list = self.top()?;
        match self.pickle.get_mut(list) {
            Value::List(list) => list.append(&mut items),
            other => return Err(other.unexpected("a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Reason> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Reason::damaged("its pickle has a key without a value"));
        }
        let dict = self.top()?;
        match self.pickle.get_mut(dict) {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            other => return Err(other.unexpected("a dictionary")),
        }
        Ok(())
    }

    fn memoize(&mut self, slot: u32) -> Result<(), Reason> {
        let value = self.top()?;
        if self.memo.len() >= MAX_VALUES {
            return Err(Reason::damaged("its pickle memoizes too many values"));
        }
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), Reason> {
        let value = *self.memo.get(&slot).ok_or_else(|| Reason::damaged(format!("its pickle recalls the unknown value {slot}")))?;
        self.stack.push(value);
        Ok(())
    }
}

/// A little-endian two's complement integer.
fn long(bytes: &[u8]) -> Result<i128, Reason> {
    let sign = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut extended = [if sign { 0xff } else { 0 }; size_of::<i128>()];
    let digits = extended.get_mut(..bytes.len()).ok_or_else(|| Reason::Unsupported(format!("an integer of {} bytes", bytes.len())))?;
    digits.copy_from_slice(bytes);
    Ok(i128::from_le_bytes(extended))
}
