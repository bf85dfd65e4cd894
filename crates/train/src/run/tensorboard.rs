//! TensorBoard's event files: records of protocol-buffer messages, each guarded by checksums.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use zoo::protobuf::Message;

use crate::{Error, Result};

/// The field numbers of TensorFlow's `event.proto` and `summary.proto`.
mod field {
    pub const EVENT_WALL_TIME: u32 = 1;
    pub const EVENT_STEP: u32 = 2;
    pub const EVENT_FILE_VERSION: u32 = 3;
    pub const EVENT_SUMMARY: u32 = 5;
    pub const SUMMARY_VALUE: u32 = 1;
    pub const VALUE_TAG: u32 = 1;
    pub const VALUE_SIMPLE: u32 = 2;
    pub const VALUE_IMAGE: u32 = 4;
    pub const IMAGE_HEIGHT: u32 = 1;
    pub const IMAGE_WIDTH: u32 = 2;
    pub const IMAGE_COLORSPACE: u32 = 3;
    pub const IMAGE_ENCODED: u32 = 4;
}

/// The first event of every file.
const FILE_VERSION: &str = "brain.Event:2";
/// Red, green and blue.
const RGB: i64 = 3;

/// A file that events are added to.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Makes a new file in a folder; TensorBoard reads all that are there.
    pub fn create(folder: &Path) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let (seconds, number) = (since_1970().as_secs(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.convoy.{}.{number}", process::id()));
        let file = File::create_new(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let mut events = EventFile { path, file };
        events.add(event().text(field::EVENT_FILE_VERSION, FILE_VERSION))?;
        Ok(events)
    }

    /// Adds numbers by their tags.
    pub fn scalars<'a>(&mut self, step: usize, values: impl IntoIterator<Item = (&'a str, f64)>) -> Result<()> {
        let summary = Message::default().each(values, |summary, (tag, value)| {
            let value = Message::default().text(field::VALUE_TAG, tag).float(field::VALUE_SIMPLE, value as f32);
            summary.message(field::SUMMARY_VALUE, value)
        });
        self.summary(step, summary)
    }

    /// Adds a picture of `width` x `height` pixels, a PNG file.
    pub fn picture(&mut self, step: usize, tag: &str, (width, height): (usize, usize), png: &[u8]) -> Result<()> {
        let image = Message::default()
            .int(field::IMAGE_HEIGHT, height as i64)
            .int(field::IMAGE_WIDTH, width as i64)
            .int(field::IMAGE_COLORSPACE, RGB)
            .bytes(field::IMAGE_ENCODED, png);
        let value = Message::default().text(field::VALUE_TAG, tag).message(field::VALUE_IMAGE, image);
        self.summary(step, Message::default().message(field::SUMMARY_VALUE, value))
    }

    fn summary(&mut self, step: usize, summary: Message<'_>) -> Result<()> {
        self.add(event().int(field::EVENT_STEP, step as i64).message(field::EVENT_SUMMARY, summary))
    }

    fn add(&mut self, event: Message<'_>) -> Result<()> {
        let EventFile { path, file } = self;
        let written = record(&event).and_then(|record| file.write_all(&record));
        written.map_err(|source| Error::Io { path: path.clone(), source })
    }
}

/// An event of now.
fn event<'a>() -> Message<'a> {
    Message::default().double(field::EVENT_WALL_TIME, since_1970().as_secs_f64())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A record of a TFRecord file: length, its checksum, contents, their checksum.
fn record(message: &Message<'_>) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    message.write(&mut contents)?;
    let length = (contents.len() as u64).to_le_bytes();
    Ok([&length[..], &masked_crc32c(&length).to_le_bytes(), &contents, &masked_crc32c(&contents).to_le_bytes()].concat())
}

/// The checksum as it is stored: turned and shifted, so that one over data that holds checksums stays good.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli).
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

/// What each byte does to the checksum.
const fn table() -> [u32; 256] {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn a_record_is_what_tensorboard_writes() {
        // EventFileWriter of TensorBoard 2.21 for Event(wall_time=1.5, step=3, summary of one value 0.25 called "a").
        let value = Message::default().text(field::VALUE_TAG, "a").float(field::VALUE_SIMPLE, 0.25);
        let event = Message::default()
            .double(field::EVENT_WALL_TIME, 1.5)
            .int(field::EVENT_STEP, 3)
            .message(field::EVENT_SUMMARY, Message::default().message(field::SUMMARY_VALUE, value));
        let expected: Vec<u8> = EXPECTED.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert_eq!(record(&event).unwrap(), expected);
    }

    const EXPECTED: &str =
        "17 00 00 00 00 00 00 00 e7 ce f8 1e 09 00 00 00 00 00 00 f8 3f 10 03 2a 0a 0a 08 0a 01 61 15 00 00 80 3e 2e 69 94 7b";
}
