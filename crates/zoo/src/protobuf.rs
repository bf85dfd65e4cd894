//! Protocol-buffer messages, written from the outermost to the innermost: each knows its length before anything is written. ONNX files
//! and TensorBoard's logs are made of them.

use std::io::{self, Write};

/// What is too large to be held in a message, and written when its turn comes.
pub trait Payload {
    /// How many bytes [`write`](Payload::write) writes.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes them.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// A message: fields in the order in which they are written.
///
/// ```
/// use zoo::protobuf::Message;
/// let mut bytes = Vec::new();
/// Message::default().int(1, 150).write(&mut bytes)?;
/// assert_eq!(bytes, [0x08, 0x96, 0x01]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct Message<'a>(Vec<(u32, Value<'a>)>);

enum Value<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(Vec<u8>),
    Message(Message<'a>),
    Payload(&'a dyn Payload),
}

impl<'a> Message<'a> {
    /// With an integer; a negative one is written in two's complement.
    pub fn int(self, field: u32, value: i64) -> Self {
        self.with(field, Value::Varint(value as u64))
    }

    /// With a `float`.
    pub fn float(self, field: u32, value: f32) -> Self {
        self.with(field, Value::Fixed32(value.to_le_bytes()))
    }

    /// With a `double`.
    pub fn double(self, field: u32, value: f64) -> Self {
        self.with(field, Value::Fixed64(value.to_le_bytes()))
    }

    /// With a `string`.
    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// With `bytes`.
    pub fn bytes(self, field: u32, value: &[u8]) -> Self {
        self.with(field, Value::Bytes(value.to_vec()))
    }

    /// With a message in it.
    pub fn message(self, field: u32, value: Message<'a>) -> Self {
        self.with(field, Value::Message(value))
    }

    /// With `bytes` that are written when their turn comes.
    pub fn payload(self, field: u32, value: &'a dyn Payload) -> Self {
        self.with(field, Value::Payload(value))
    }

    /// With a repeated field: `add` for each item.
    pub fn each<T>(self, items: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        items.into_iter().fold(self, add)
    }

    fn with(mut self, field: u32, value: Value<'a>) -> Self {
        self.0.push((field, value));
        self
    }

    /// The bytes that it takes.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(field, value)| varint_len(value.tag(*field)) + value.len()).sum()
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`, and of payloads.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for (field, value) in &self.0 {
            write_varint(out, value.tag(*field))?;
            match value {
                Value::Varint(value) => write_varint(out, *value)?,
                Value::Fixed32(bytes) => out.write_all(bytes)?,
                Value::Fixed64(bytes) => out.write_all(bytes)?,
                Value::Bytes(bytes) => {
                    write_varint(out, bytes.len() as u64)?;
                    out.write_all(bytes)?;
                }
                Value::Message(message) => {
                    write_varint(out, message.len())?;
                    message.write(out)?;
                }
                Value::Payload(payload) => {
                    write_varint(out, payload.len())?;
                    payload.write(out)?;
                }
            }
        }
        Ok(())
    }
}

impl Value<'_> {
    /// The field's number and how its value is laid out.
    fn tag(&self, field: u32) -> u64 {
        let wire_type = match self {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) | Value::Message(_) | Value::Payload(_) => 2,
            Value::Fixed32(_) => 5,
        };
        u64::from(field) << 3 | wire_type
    }

    /// The bytes after the tag.
    fn len(&self) -> u64 {
        let delimited = |len: u64| varint_len(len) + len;
        match self {
            Value::Varint(value) => varint_len(*value),
            Value::Fixed32(bytes) => bytes.len() as u64,
            Value::Fixed64(bytes) => bytes.len() as u64,
            Value::Bytes(bytes) => delimited(bytes.len() as u64),
            Value::Message(message) => delimited(message.len()),
            Value::Payload(payload) => delimited(payload.len()),
        }
    }
}

/// Seven bits a byte, at least one.
fn varint_len(value: u64) -> u64 {
    u64::from((64 - value.leading_zeros()).div_ceil(7).max(1))
}

fn write_varint(out: &mut dyn Write, mut value: u64) -> io::Result<()> {
    const MORE: u8 = 0x80;
    while value >= u64::from(MORE) {
        out.write_all(&[value as u8 | MORE])?;
        value >>= 7;
    }
    out.write_all(&[value as u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Three;

    impl Payload for Three {
        fn len(&self) -> u64 {
            3
        }
        fn write(&self, out: &mut dyn Write) -> io::Result<()> {
            out.write_all(b"abc")
        }
    }

    #[test]
    fn messages_are_laid_out_as_the_format_has_it() {
        let inner = Message::default().int(1, 150).int(2, 0);
        let message = Message::default().message(3, inner).float(2, 1.0).text(16, "hé").payload(4, &Three).double(1, 1.0);
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        let expected = [
            &[0x1A, 5, 0x08, 0x96, 0x01, 0x10, 0][..], // from the format's documentation: field 1 is 150
            &[0x15, 0, 0, 0x80, 0x3F],
            &[0x82, 0x01, 3, b'h', 0xC3, 0xA9],
            &[0x22, 3, b'a', b'b', b'c'],
            &[0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F],
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(message.len(), bytes.len() as u64);
    }

    #[test]
    fn every_length_of_an_integer_is_foretold() {
        for value in (0..64).map(|bits| 1i64 << bits).flat_map(|n| [n.wrapping_sub(1), n, n.wrapping_neg()]) {
            let (message, mut bytes) = (Message::default().int(1, value), Vec::new());
            message.write(&mut bytes).unwrap();
            assert_eq!(message.len(), bytes.len() as u64, "{value}");
        }
    }
}
