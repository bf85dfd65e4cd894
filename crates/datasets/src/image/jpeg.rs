//! JPEG files.

use std::iter;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decode::Source;
use super::{CHANNELS, Image, MAX_SIDE};
use crate::Result;

/// Decodes the picture; gray, CMYK and YCCK become RGB.
pub(super) fn decode(source: &Source<'_>) -> Result<Image> {
    if !is_complete(source.bytes) {
        return Err(source.damaged("the JPEG file is truncated"));
    }
    if first_is_largest(source.bytes) == Some(false) {
        return Err(source.damaged("the JPEG file has scans that are finer than its first"));
    }
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(MAX_SIDE).set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(source.bytes), options);
    decoder.decode_headers().map_err(|error| source.damaged(error))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let area = source.area(width, height)?;
    let mut data = vec![0; area * CHANNELS];
    decoder.decode_into(&mut data).map_err(|error| source.damaged(error))?;
    Ok(Image::from_parts(width, height, data))
}

/// Whether the end-of-image marker follows the pictures' data: the decoder would fill up a truncated file with gray.
fn is_complete(bytes: &[u8]) -> bool {
    markers(bytes).any(|(code, _)| code == 0xd9)
}

/// Whether the first channel of a picture in one scan a channel has the most samples: of others the decoder makes wrong pixels, or
/// panics. Nothing where a scan holds all channels, or the picture is progressive.
fn first_is_largest(bytes: &[u8]) -> Option<bool> {
    let mut markers = markers(bytes);
    let (_, frame) = markers.find(|&(code, _)| matches!(code, 0xc0..=0xc2)).filter(|&(code, _)| code != 0xc2)?;
    let (_, scan) = markers.find(|&(code, _)| code == 0xda)?;
    let (channels, _) = frame.get(6..)?.as_chunks::<3>();
    let &[_, first, _] = channels.first()?;
    let fits = |&[_, sampling, _]: &[u8; 3]| sampling >> 4 <= first >> 4 && sampling & 15 <= first & 15;
    (usize::from(*scan.first()?) < channels.len()).then(|| channels.iter().all(fits))
}

/// The markers of a file, each with its code and its segment, which is empty where it has none.
fn markers(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut position = 0;
    iter::from_fn(move || {
        loop {
            position += bytes.get(position..)?.iter().position(|&byte| byte == 0xff)? + 1;
            match *bytes.get(position)? {
                // A fill byte: the marker's code follows.
                0xff => {}
                // The escaped 0xff of compressed data.
                0x00 => position += 1,
                code @ (0x01 | 0xd0..=0xd9) => {
                    position += 1;
                    return Some((code, &[][..]));
                }
                // Skips the segment, where a thumbnail may hold markers of its own.
                code => {
                    let (&len, segment) = bytes.get(position + 1..)?.split_first_chunk()?;
                    let len = usize::from(u16::from_be_bytes(len));
                    position += 1 + len;
                    return Some((code, &segment[..len.saturating_sub(2).min(segment.len())]));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn a_thumbnails_end_is_not_the_pictures() {
        let head = b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9";
        let scan = b"\xff\xda\x00\x02\x12\xff\x00\x34\xff\xd0\x56";
        let cut = [&head[..], &scan[..]].concat();
        assert!(!is_complete(&cut));
        assert!(is_complete(&[&cut[..], b"\xff\xd9"].concat()));
    }
}
