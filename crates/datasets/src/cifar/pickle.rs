//! Reads a batch of CIFAR-10's Python version: the few instructions of the pickle format it needs, none of which runs code.

use std::borrow::Cow;
use std::collections::HashMap;

/// Containers in containers, as deep as a batch has them and a little more.
const MAX_DEPTH: usize = 8;

/// What is wrong with a pickle.
type Result<T> = std::result::Result<T, String>;

/// The contents of one file.
pub(super) struct Batch<'a> {
    /// The array's values, row by row.
    pub data: Cow<'a, [u8]>,
    /// Its rows and columns.
    pub shape: [usize; 2],
    /// The class of each row.
    pub labels: Vec<i64>,
}

/// Reads the entries `data` and `labels` of a pickled dictionary, of protocol 2 or later.
pub(super) fn read_batch(bytes: &[u8]) -> Result<Batch<'_>> {
    let Value::Dict(entries) = Machine::new(bytes).run()? else {
        return Err("it holds no dictionary".to_owned());
    };
    let (mut data, mut labels) = (None, None);
    for (key, value) in entries {
        match key.as_bytes() {
            Some(b"data") => data = Some(value),
            Some(b"labels") => labels = Some(value),
            _ => {}
        }
    }
    let Some(Value::Array(array)) = data else {
        return Err("it has no array `data`".to_owned());
    };
    let Some(Value::List(labels)) = labels else {
        return Err("it has no list `labels`".to_owned());
    };
    Ok(Batch { data: array.data, shape: array.shape, labels: labels.iter().map(Value::as_int).collect::<Result<_>>()? })
}

/// The functions and classes a batch names; naming another is an error.
#[derive(Clone, Copy)]
enum Global {
    Reconstruct,
    FromBuffer,
    Ndarray,
    Dtype,
    Encode,
}

impl Global {
    fn named(module: &[u8], name: &[u8]) -> Result<Self> {
        match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Ok(Self::Reconstruct),
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Ok(Self::FromBuffer),
            (b"numpy", b"ndarray") => Ok(Self::Ndarray),
            (b"numpy", b"dtype") => Ok(Self::Dtype),
            (b"_codecs", b"encode") => Ok(Self::Encode),
            _ => Err(format!(
                "it asks for {}.{}, which no batch needs; nothing was run",
                String::from_utf8_lossy(module).escape_default(),
                String::from_utf8_lossy(name).escape_default()
            )),
        }
    }
}

/// An array of unsigned bytes with two dimensions.
#[derive(Default)]
struct Array<'a> {
    shape: [usize; 2],
    data: Cow<'a, [u8]>,
}

impl<'a> Array<'a> {
    fn new(shape: &Value<'_>, columns_first: bool, data: Value<'a>) -> Result<Self> {
        let Value::Tuple(sides) = shape else {
            return Err("an array's shape is no tuple".to_owned());
        };
        let [rows, columns] = sides.as_slice() else {
            return Err(format!("an array has {} dimensions, not 2", sides.len()));
        };
        let side = |value: &Value<'_>| usize::try_from(value.as_int()?).map_err(|_| "an array has a negative side".to_owned());
        let (rows, columns) = (side(rows)?, side(columns)?);
        let (Value::Bytes(data) | Value::Text(data)) = data else {
            return Err("an array has no bytes".to_owned());
        };
        if rows.checked_mul(columns) != Some(data.len()) {
            return Err(format!("an array of {rows} x {columns} has {} bytes", data.len()));
        }
        let data = if columns_first {
            let transposed = |i| data[i % columns * rows + i / columns];
            (0..data.len()).map(transposed).collect()
        } else {
            data
        };
        Ok(Self { shape: [rows, columns], data })
    }
}

enum Value<'a> {
    None,
    Int(i64),
    /// A string of Python 2, which is bytes, or bytes of Python 3.
    Bytes(Cow<'a, [u8]>),
    /// A Unicode string, as UTF-8.
    Text(Cow<'a, [u8]>),
    Global(Global),
    /// NumPy's type of unsigned bytes.
    UnsignedByte,
    Array(Array<'a>),
    Tuple(Vec<Value<'a>>),
    List(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
}

impl<'a> Value<'a> {
    fn as_int(&self) -> Result<i64> {
        match self {
            Self::Int(value) => Ok(*value),
            _ => Err("there is something else in place of a whole number".to_owned()),
        }
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) | Self::Text(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// What a later instruction may refer to: values that take no memory of their own.
    fn memo(&self) -> Option<Self> {
        match self {
            Self::None => Some(Self::None),
            Self::Int(value) => Some(Self::Int(*value)),
            Self::Bytes(Cow::Borrowed(bytes)) => Some(Self::Bytes(Cow::Borrowed(bytes))),
            Self::Text(Cow::Borrowed(bytes)) => Some(Self::Text(Cow::Borrowed(bytes))),
            Self::Global(global) => Some(Self::Global(*global)),
            Self::UnsignedByte => Some(Self::UnsignedByte),
            _ => None,
        }
    }

    /// How many containers lie in one another, from this one on.
    fn depth(&self) -> usize {
        match self {
            Self::Tuple(items) | Self::List(items) => 1 + deepest(items),
            Self::Dict(entries) => 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

fn deepest(items: &[Value<'_>]) -> usize {
    items.iter().map(Value::depth).max().unwrap_or(0)
}

/// The pickle machine: a stack, marks in it, and a memo.
struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Option<Value<'a>>>,
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    /// The value on the stack when the pickle stops.
    fn run(mut self) -> Result<Value<'a>> {
        loop {
            match self.byte()? {
                b'.' => return self.pop(),
                opcode => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Int(1)),
            0x89 => self.stack.push(Value::Int(0)),
            b'K' => {
                let value = self.byte()?;
                self.stack.push(Value::Int(i64::from(value)));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            b'U' | b'C' => {
                let length = self.byte()?;
                self.push_bytes(u64::from(length))?;
            }
            b'T' | b'B' => {
                let length = u32::from_le_bytes(self.array()?);
                self.push_bytes(u64::from(length))?;
            }
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.array()?);
                self.push_bytes(length)?;
            }
            0x8c => {
                let length = self.byte()?;
                self.push_text(u64::from(length))?;
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.push_text(u64::from(length))?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push_tuple(Vec::new())?,
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let start = self.stack.len().checked_sub(count).ok_or_else(malformed)?;
                let items = self.stack.split_off(start);
                self.push_tuple(items)?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push_tuple(items)?;
            }
            b']' => self.stack.push(Value::List(Vec::new())),
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b'}' => self.stack.push(Value::Dict(Vec::new())),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set_items(items)?;
            }
            b'q' => {
                let index = self.byte()?;
                self.put(u32::from(index))?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.array()?);
                self.put(index)?;
            }
            0x94 => self.put(u32::try_from(self.memo.len()).map_err(|_| malformed())?)?,
            b'h' => {
                let index = self.byte()?;
                self.get(u32::from(index))?;
            }
            b'j' => {
                let index = u32::from_le_bytes(self.array()?);
                self.get(index)?;
            }
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.stack.push(Value::Global(Global::named(module, name)?));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (module.as_bytes(), name.as_bytes()) else {
                    return Err(malformed());
                };
                self.stack.push(Value::Global(Global::named(module, name)?));
            }
            b'R' => {
                let arguments = self.pop()?;
                let callee = self.pop()?;
                self.stack.push(call(callee, arguments)?);
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.pop()?;
                self.stack.push(build(object, state)?);
            }
            _ => return Err(format!("instruction {opcode:#04x} is not one that a batch needs")),
        }
        Ok(())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(|| "it ends early, fetch it again".to_owned())?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| malformed())
    }

    fn line(&mut self) -> Result<&'a [u8]> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or_else(malformed)?;
        let line = self.take(end as u64)?;
        self.take(1)?;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        self.stack.pop().ok_or_else(malformed)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(malformed)?))
    }

    fn push_bytes(&mut self, length: u64) -> Result<()> {
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(Cow::Borrowed(bytes)));
        Ok(())
    }

    fn push_text(&mut self, length: u64) -> Result<()> {
        let bytes = self.take(length)?;
        self.stack.push(Value::Text(Cow::Borrowed(bytes)));
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value<'a>>) -> Result<()> {
        check_depth(&items)?;
        self.stack.push(Value::Tuple(items));
        Ok(())
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<()> {
        check_depth(&items)?;
        match self.stack.last_mut() {
            Some(Value::List(list)) => list.extend(items),
            _ => return Err(malformed()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value<'a>>) -> Result<()> {
        check_depth(&items)?;
        let Some(Value::Dict(entries)) = self.stack.last_mut() else {
            return Err(malformed());
        };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            entries.push((key, value));
        }
        Ok(())
    }

    fn put(&mut self, index: u32) -> Result<()> {
        let value = self.stack.last().ok_or_else(malformed)?;
        self.memo.insert(index, value.memo());
        Ok(())
    }

    fn get(&mut self, index: u32) -> Result<()> {
        let value = self.memo.get(&index).and_then(Option::as_ref).and_then(Value::memo);
        self.stack.push(value.ok_or_else(malformed)?);
        Ok(())
    }
}

fn malformed() -> String {
    "its instructions make no sense".to_owned()
}

/// An error where a container of `items` would lie deeper than any in a batch.
fn check_depth(items: &[Value<'_>]) -> Result<()> {
    if deepest(items) < MAX_DEPTH { Ok(()) } else { Err(malformed()) }
}

/// What a call of one of the known functions gives.
fn call<'a>(callee: Value<'a>, arguments: Value<'a>) -> Result<Value<'a>> {
    let (Value::Global(global), Value::Tuple(arguments)) = (callee, arguments) else {
        return Err(malformed());
    };
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().ok_or_else(malformed);
    match global {
        Global::Reconstruct => Ok(Value::Array(Array::default())),
        Global::FromBuffer => {
            let (data, dtype, shape, order) = (next()?, next()?, next()?, next()?);
            check_dtype(&dtype)?;
            let columns_first = order.as_bytes() == Some(b"F");
            Ok(Value::Array(Array::new(&shape, columns_first, data)?))
        }
        Global::Dtype => match next()?.as_bytes() {
            Some(b"u1" | b"|u1" | b"uint8") => Ok(Value::UnsignedByte),
            _ => Err("an array is not of unsigned bytes".to_owned()),
        },
        Global::Encode => latin1(&next()?),
        Global::Ndarray => Err(malformed()),
    }
}

/// An object after Python's `__setstate__`.
fn build<'a>(object: Value<'a>, state: Value<'a>) -> Result<Value<'a>> {
    match (object, state) {
        // The state says what a type of one byte has no use for: the byte order.
        (Value::UnsignedByte, _) => Ok(Value::UnsignedByte),
        (Value::Array(_), Value::Tuple(state)) => {
            let [_version, shape, dtype, columns_first, data] = <[Value<'a>; 5]>::try_from(state).map_err(|_| malformed())?;
            check_dtype(&dtype)?;
            Ok(Value::Array(Array::new(&shape, columns_first.as_int()? != 0, data)?))
        }
        _ => Err(malformed()),
    }
}

fn check_dtype(dtype: &Value<'_>) -> Result<()> {
    match dtype {
        Value::UnsignedByte => Ok(()),
        _ => Err("an array is not of unsigned bytes".to_owned()),
    }
}

/// The bytes that Python 3 writes as a string of the characters 0 to 255.
fn latin1<'a>(text: &Value<'_>) -> Result<Value<'a>> {
    let text = text.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let bytes: Option<Vec<u8>> = text.ok_or_else(malformed)?.chars().map(|character| u8::try_from(character).ok()).collect();
    Ok(Value::Bytes(Cow::Owned(bytes.ok_or_else(malformed)?)))
}
