//! Rows side by side: eight bytes of one column, then eight of the next, as vectors want them.

/// Rows that are interleaved.
pub(super) const ROWS: usize = 8;

/// Exchanges `rows`, [`ROWS`] of them one after the other, for their columns. `scratch` is as long.
#[inline(always)]
pub(super) fn interleave(rows: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    for _ in 0..ROWS.ilog2() {
        let (first, second) = rows.split_at(rows.len() / 2);
        for (pair, (&a, &b)) in scratch.as_chunks_mut().0.iter_mut().zip(first.iter().zip(second)) {
            *pair = [a, b];
        }
        std::mem::swap(rows, scratch);
    }
}

/// Undoes [`interleave`].
#[inline(always)]
pub(super) fn deinterleave(columns: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    for _ in 0..ROWS.ilog2() {
        let half = columns.len() / 2;
        let (first, second) = scratch.split_at_mut(half);
        for (&[a, b], (first, second)) in columns.as_chunks().0.iter().zip(first.iter_mut().zip(second)) {
            *first = a;
            *second = b;
        }
        std::mem::swap(columns, scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_eight_rows_stand_together() {
        let rows: Vec<u8> = (0..8 * 5).collect();
        let (mut bytes, mut scratch) = (rows.clone(), vec![0; rows.len()]);
        interleave(&mut bytes, &mut scratch);
        assert_eq!(bytes[..16], [0, 5, 10, 15, 20, 25, 30, 35, 1, 6, 11, 16, 21, 26, 31, 36]);
        deinterleave(&mut bytes, &mut scratch);
        assert_eq!(bytes, rows);
    }
}
