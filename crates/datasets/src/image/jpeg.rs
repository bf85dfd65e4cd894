//! Tells a whole JPEG file from a truncated one, which the decoder would fill up with gray.

/// Whether the end-of-image marker follows the pictures' data.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
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
