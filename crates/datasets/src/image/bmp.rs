//! Windows bitmaps: up to 8 bits a pixel with a palette, as they are or in runs, and 16 to 32 bits with three masks.

use std::array;

use super::decode::{Source, little_endian};
use super::{CHANNELS, Image};
use crate::Result;

/// The bytes before the header.
const FILE_HEADER: usize = 14;
/// The lengths of the headers there are. OS/2's first has shorter fields; the others begin with the same ones.
const HEADERS: [usize; 7] = [OS2_HEADER, 40, 52, 56, 64, 108, 124];
const OS2_HEADER: usize = 12;

// Compressions.
const NONE: u32 = 0;
const RUNS_OF_BYTES: u32 = 1;
const RUNS_OF_NIBBLES: u32 = 2;
const MASKS: u32 = 3;

const TRUNCATED: &str = "the BMP file is truncated";

type Color = [u8; CHANNELS];

/// What the bits of a pixel mean.
enum Colors {
    /// They are a colour's number.
    Palette([Color; 256]),
    /// They hold red, green and blue.
    Channels([Channel; CHANNELS]),
}

/// Decodes the picture.
pub(super) fn decode(source: &Source<'_>) -> Result<Image> {
    let damaged = |reason: &str| source.damaged(reason);
    let number = |at, len| little_endian(source.bytes, at, len).ok_or_else(|| damaged(TRUNCATED));
    let header = number(FILE_HEADER, 4)? as usize;
    if !HEADERS.contains(&header) {
        return Err(source.damaged(format_args!("a BMP file has no header of {header} bytes")));
    }
    let os2 = header == OS2_HEADER;
    let (width, height, bits, compression, used_colors) = if os2 {
        (number(18, 2)?, number(20, 2)?, number(24, 2)?, NONE, 0)
    } else {
        (number(18, 4)?, number(22, 4)?, number(28, 2)?, number(30, 4)?, number(46, 4)?)
    };
    let height = height as i32;
    let bottom_up = height > 0;
    let (width, height) = (width as usize, height.unsigned_abs() as usize);
    let area = source.area(width, height)?;

    let colors = match (compression, bits) {
        (NONE, 1 | 2 | 4 | 8) | (RUNS_OF_BYTES, 8) | (RUNS_OF_NIBBLES, 4) => {
            let entries = source.bytes.get(FILE_HEADER + header..).unwrap_or_default();
            palette(entries, if os2 { 3 } else { 4 }, used_colors as usize, 1 << bits)
        }
        (NONE, 16) => channels([0x7c00, 0x03e0, 0x001f], bits),
        (NONE, 24 | 32) => channels([0xff_0000, 0x00_ff00, 0x00_00ff], bits),
        (MASKS, 16 | 32) => channels([number(54, 4)?, number(58, 4)?, number(62, 4)?], bits),
        _ => return Err(source.damaged(format_args!("a BMP file of compression {compression} has no pixels of {bits} bits"))),
    };
    let pixels = source.bytes.get(number(10, 4)? as usize..).unwrap_or_default();

    let mut data = vec![0; area * CHANNELS];
    let mut rows: Vec<&mut [Color]> = data.chunks_exact_mut(width * CHANNELS).map(|row| row.as_chunks_mut().0).collect();
    if bottom_up {
        rows.reverse();
    }
    match colors.map_err(damaged)? {
        Colors::Palette(palette) if compression != NONE => unpack(pixels, bits as usize, &palette, &mut rows),
        colors => convert(pixels, bits as usize, &colors, &mut rows),
    }
    .map_err(damaged)?;
    Ok(Image::from_parts(width, height, data))
}

/// The palette of `used` colours of `len` bytes, of all that pixels can name where that is 0; the others are black.
fn palette(entries: &[u8], len: usize, used: usize, most: usize) -> Result<Colors, &'static str> {
    if used > most {
        return Err("the BMP file's palette has more colours than its pixels can name");
    }
    let used = if used == 0 { most } else { used };
    let entries = entries.get(..used * len).ok_or(TRUNCATED)?;
    let mut palette = [[0; CHANNELS]; 256];
    for (color, entry) in palette.iter_mut().zip(entries.chunks_exact(len)) {
        *color = [entry[2], entry[1], entry[0]];
    }
    Ok(Colors::Palette(palette))
}

/// Red, green and blue where the masks of pixels of `bits` bits say.
fn channels(masks: [u32; CHANNELS], bits: u32) -> Result<Colors, &'static str> {
    let [red, green, blue] = masks.map(|mask| Channel::new(mask, bits).ok_or("the BMP file's masks do not tell where its colours are"));
    Ok(Colors::Channels([red?, green?, blue?]))
}

/// Where in a pixel a channel is, and its values on the scale to 255, rounded down as in Pillow.
struct Channel {
    shift: u32,
    max: u8,
    values: [u8; 256],
}

impl Channel {
    /// The channel under a mask, which must be one run of bits within the pixel; its upper 8 count.
    fn new(mask: u32, bits: u32) -> Option<Self> {
        let (shift, len) = (mask.trailing_zeros(), mask.count_ones());
        if mask == 0 || mask.leading_zeros() + bits < u32::BITS || mask >> shift != u32::MAX >> (u32::BITS - len) {
            return None;
        }
        let max = (1 << len.min(8)) - 1;
        let values = array::from_fn(|value| (value.min(max) * 255 / max) as u8);
        Some(Self { shift: shift + len.saturating_sub(8), max: max as u8, values })
    }

    fn of(&self, pixel: u32) -> u8 {
        self.values[usize::from((pixel >> self.shift) as u8 & self.max)]
    }
}

/// The number of the colour of pixel `at` in a row.
fn color_number(row: &[u8], at: usize, bits: usize) -> usize {
    let from_left = at * bits;
    usize::from(row[from_left / 8]) >> (8 - bits - from_left % 8) & ((1 << bits) - 1)
}

/// Fills the rows with pixels that lie one by one; each row of them takes a multiple of four bytes.
fn convert(pixels: &[u8], bits: usize, colors: &Colors, rows: &mut [&mut [Color]]) -> Result<(), &'static str> {
    let row_len = (rows[0].len() * bits).div_ceil(32) * 4;
    let pixels = pixels.get(..row_len * rows.len()).ok_or(TRUNCATED)?;
    for (row, pixels) in rows.iter_mut().zip(pixels.chunks_exact(row_len)) {
        match colors {
            Colors::Palette(palette) => {
                for (at, color) in row.iter_mut().enumerate() {
                    *color = palette[color_number(pixels, at, bits)];
                }
            }
            Colors::Channels(channels) => match bits {
                16 => split::<2>(pixels, channels, row),
                24 => split::<3>(pixels, channels, row),
                _ => split::<4>(pixels, channels, row),
            },
        }
    }
    Ok(())
}

/// Fills a row with the channels of pixels of `LEN` bytes.
fn split<const LEN: usize>(pixels: &[u8], channels: &[Channel; CHANNELS], row: &mut [Color]) {
    let (pixels, _) = pixels.as_chunks::<LEN>();
    for (color, pixel) in row.iter_mut().zip(pixels) {
        let pixel = pixel.iter().rev().fold(0, |pixel, &byte| pixel << 8 | u32::from(byte));
        *color = channels.each_ref().map(|channel| channel.of(pixel));
    }
}

/// Fills the rows with pixels in runs; those that are skipped have the first colour.
fn unpack(mut runs: &[u8], bits: usize, palette: &[Color; 256], rows: &mut [&mut [Color]]) -> Result<(), &'static str> {
    const OUTSIDE: &str = "the BMP file has pixels beside the picture";
    rows.iter_mut().for_each(|row| row.fill(palette[0]));
    let width = rows[0].len();
    let (mut x, mut y) = (0, 0);
    while y < rows.len() {
        match pair(&mut runs)? {
            [0, 0] => (x, y) = (0, y + 1),
            [0, 1] => break,
            [0, 2] => {
                let [right, down] = pair(&mut runs)?;
                (x, y) = (x + right, y + down);
                if x > width || y >= rows.len() {
                    return Err(OUTSIDE);
                }
            }
            [0, count] => {
                let (pixels, rest) = runs.split_at_checked((count * bits).div_ceil(16) * 2).ok_or(TRUNCATED)?;
                runs = rest;
                for (at, color) in rows[y].get_mut(x..x + count).ok_or(OUTSIDE)?.iter_mut().enumerate() {
                    *color = palette[color_number(pixels, at, bits)];
                }
                x += count;
            }
            // What other programs write is too long now and then, and ends with its row.
            [count, byte] => {
                let end = width.min(x + count);
                for (at, color) in rows[y][x..end].iter_mut().enumerate() {
                    *color = palette[color_number(&[byte as u8], at % (8 / bits), bits)];
                }
                x = end;
            }
        }
    }
    Ok(())
}

/// The next two bytes.
fn pair(bytes: &mut &[u8]) -> Result<[usize; 2], &'static str> {
    let (pair, rest) = bytes.split_first_chunk().ok_or(TRUNCATED)?;
    *bytes = rest;
    Ok(pair.map(usize::from))
}
