//! JPEG files.

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
    let mut position = 0;
    while let Some(offset) = bytes.get(position..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)) {
        position += offset + 1;
        match bytes.get(position) {
            Some(0xd9) => return true,
            // A fill byte: the marker's code follows.
            Some(0xff) => {}
            // Markers without a segment, and the escaped 0xff of compressed data.
            Some(0x00 | 0x01 | 0xd0..=0xd8) => position += 1,
            // Skips the segment, where a thumbnail may hold markers of its own.
            Some(_) => match bytes.get(position + 1..position + 3) {
                Some(length) => {
                    position += 1 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                }
                None => return false,
            },
            None => return false,
        }
    }
    false
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
