//! A part of the terminal that is redrawn in place. Nothing has to be undone where the program is killed: no mode is switched.

use std::fmt::Write as _;
use std::io::Write;

use console::Term;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};

/// The most columns and rows that are drawn on.
const LARGEST: (u16, u16) = (140, 20);

/// The lines below the cursor's that are drawn on.
#[derive(Default)]
pub struct Screen {
    /// The rows that the last picture took.
    rows: usize,
}

impl Screen {
    /// Draws what `render` makes of the size.
    pub fn draw(&mut self, render: impl FnOnce(Rect) -> Buffer) {
        let Some((rows, columns)) = Term::stderr().size_checked() else { return };
        // The last row stays free, so that nothing scrolls.
        let size = Rect::new(0, 0, columns.min(LARGEST.0), rows.saturating_sub(1).min(LARGEST.1));
        // `NO_COLOR` and `CLICOLOR=0` turn them off.
        let lines = lines(&render(size), console::colors_enabled_stderr());
        let mut text = self.home();
        for line in &lines {
            let _ = write!(text, "\r{line}\x1b[K\n");
        }
        self.rows = lines.len();
        write(&text);
    }

    /// Takes the picture away, so that lines can be written in its place.
    pub fn clear(&mut self) {
        write(&format!("{}\r\x1b[J", self.home()));
        self.rows = 0;
    }

    /// What leads the cursor to the first row of the picture.
    fn home(&self) -> String {
        if self.rows == 0 { String::new() } else { format!("\x1b[{}A", self.rows) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.rows > 0 {
            self.clear();
        }
    }
}

/// A dashboard is not worth failing for.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// The rows of a picture with the escape sequences of their colours, or without.
fn lines(buffer: &Buffer, with_colors: bool) -> Vec<String> {
    let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
    let plain = |cells: &[Cell]| cells.iter().map(Cell::symbol).collect();
    if with_colors { rows.map(line).collect() } else { rows.map(plain).collect() }
}

fn line(cells: &[Cell]) -> String {
    let mut text = String::new();
    let mut style = (Color::Reset, false);
    for cell in cells {
        let own = (cell.fg, cell.modifier.contains(Modifier::BOLD));
        if own != style {
            let _ = write!(text, "\x1b[0{}{}m", if own.1 { ";1" } else { "" }, foreground(own.0));
            style = own;
        }
        text += cell.symbol();
    }
    if style != (Color::Reset, false) {
        text += "\x1b[0m";
    }
    text
}

/// The colours that the dashboard uses.
fn foreground(color: Color) -> &'static str {
    match color {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::Blue => ";34",
        Color::Cyan => ";36",
        Color::DarkGray => ";90",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use ratatui_core::style::Style;

    use super::*;

    #[test]
    fn colours_begin_and_end_where_they_should() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 2));
        buffer.set_string(0, 0, "ab", Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD));
        buffer.set_string(2, 0, "c", Style::new());
        buffer.set_string(0, 1, "plain", Style::new());
        assert_eq!(lines(&buffer, true), ["\x1b[0;1;36mab\x1b[0mc   ", "plain "]);
        assert_eq!(lines(&buffer, false), ["abc   ", "plain "]);
    }
}
