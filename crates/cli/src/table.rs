//! Tables of text: columns as wide as what they hold.

use std::io::{self, Write};

/// Writes `lines` in columns, the first `left` of them aligned to the left, the others to the right.
pub fn write<const COLUMNS: usize>(lines: &[[String; COLUMNS]], left: usize, out: &mut dyn Write) -> io::Result<()> {
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    for line in lines {
        let cells = line.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| if column < left { format!("{cell:width$}") } else { format!("{cell:>width$}") });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

/// A number with a comma every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [["a", "bb", "1"], ["ccc", "d", "23"]].map(|line| line.map(str::to_owned));
        let mut out = Vec::new();
        write(&lines, 2, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a    bb   1\nccc  d   23\n");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 123_456, 11_689_512].map(grouped), ["0", "999", "1,000", "123,456", "11,689,512"]);
    }
}
