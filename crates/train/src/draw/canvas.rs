//! A picture to draw on: rectangles, lines, text, other pictures.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use datasets::Image;

use crate::Result;

/// Source and licence: `data/README.md`.
const FONT: &[u8] = include_bytes!("../../data/DejaVuSans-subset.ttf");

/// Red, green, blue.
pub type Color = [u8; 3];

pub const WHITE: Color = [255; 3];
pub const BLACK: Color = [34, 34, 34];
pub const GRAY: Color = [221; 3];

/// Where the given point of a text lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At its left end.
    Start,
    /// In its middle.
    Middle,
    /// At its right end.
    End,
}

/// Pixels, white at first; places are in pixels from the top left. What lies beyond is not drawn.
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        Canvas { width, height, pixels: vec![255; width * height * 3] }
    }

    /// The picture.
    pub fn into_image(self) -> Result<Image> {
        Ok(Image::from_rgb(self.width, self.height, self.pixels)?)
    }

    /// Mixes a colour into a pixel.
    fn blend(&mut self, x: isize, y: isize, color: Color, share: f32) {
        let inside = (0..self.width as isize).contains(&x) && (0..self.height as isize).contains(&y);
        if !inside || share <= 0.0 {
            return;
        }
        let place = (y as usize * self.width + x as usize) * 3;
        for (value, color) in self.pixels[place..place + 3].iter_mut().zip(color) {
            let (old, new) = (f32::from(*value), f32::from(color));
            *value = (old + (new - old) * share.min(1.0)).round() as u8;
        }
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), color: Color) {
        for y in top..(top + height).min(self.height) {
            for x in left..(left + width).min(self.width) {
                self.blend(x as isize, y as isize, color, 1.0);
            }
        }
    }

    /// Draws a straight line of this width, with soft edges.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: Color) {
        let reach = width / 2.0 + 1.0;
        let span = |a: f64, b: f64| ((a.min(b) - reach).floor() as isize, (a.max(b) + reach).ceil() as isize);
        let ((left, right), (top, bottom)) = (span(from.0, to.0), span(from.1, to.1));
        for y in top..=bottom {
            for x in left..=right {
                let distance = distance((x as f64 + 0.5, y as f64 + 0.5), from, to);
                self.blend(x, y, color, (width / 2.0 + 0.5 - distance) as f32);
            }
        }
    }

    /// Draws lines from point to point; a point that is not finite leaves a gap, one that is alone is a dot.
    pub fn polyline(&mut self, points: &[(f64, f64)], width: f64, color: Color) {
        let is_drawn = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
        for stretch in points.split(|point| !is_drawn(point)) {
            match stretch {
                [] => {}
                &[point] => self.line(point, point, 2.0 * width, color),
                _ => stretch.windows(2).for_each(|pair| self.line(pair[0], pair[1], width, color)),
            }
        }
    }

    /// Writes a line of text whose baseline is at `y`.
    pub fn text(&mut self, (x, y): (f64, f64), size: f64, align: Align, color: Color, text: &str) {
        let start = x - offset(align, size, text);
        glyphs(size, text, |along, down, share| self.blend((start + along).floor() as isize, (y + down).floor() as isize, color, share));
    }

    /// Writes a line of text upwards, whose baseline is at `x`.
    pub fn text_up(&mut self, (x, y): (f64, f64), size: f64, align: Align, color: Color, text: &str) {
        let start = y + offset(align, size, text);
        glyphs(size, text, |along, down, share| self.blend((x + down).floor() as isize, (start - along).floor() as isize, color, share));
    }

    /// Puts a picture at a place.
    pub fn image(&mut self, (left, top): (usize, usize), image: &Image) {
        let scale = 255.0 / f32::from(image.max_value());
        for (y, row) in image.data().chunks_exact(3 * image.width()).enumerate() {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                let color = [pixel[0], pixel[1], pixel[2]].map(|value| (f32::from(value) * scale).round() as u8);
                self.blend((left + x) as isize, (top + y) as isize, color, 1.0);
            }
        }
    }
}

/// The distance of a point from a stretch of a line.
fn distance((x, y): (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let share = if length > 0.0 { (((x - from.0) * dx + (y - from.1) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - from.0 - share * dx).hypot(y - from.1 - share * dy)
}

/// The font; `None` cannot be, as a test shows, and would leave out the text.
fn font() -> Option<&'static FontRef<'static>> {
    static PARSED: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    PARSED.get_or_init(|| FontRef::try_from_slice(FONT).ok()).as_ref()
}

/// How far a text begins before the point that it is aligned to.
fn offset(align: Align, size: f64, text: &str) -> f64 {
    match align {
        Align::Start => 0.0,
        Align::Middle => text_width(size, text) / 2.0,
        Align::End => text_width(size, text),
    }
}

/// The width of a text in pixels.
pub fn text_width(size: f64, text: &str) -> f64 {
    let Some(font) = font() else { return 0.0 };
    let scaled = font.as_scaled(PxScale::from(size as f32));
    text.chars().map(|c| f64::from(scaled.h_advance(font.glyph_id(c)))).sum()
}

/// The text, or its beginning with an ellipsis where it is wider than `width` pixels.
pub fn fitting(size: f64, text: &str, width: f64) -> String {
    if text_width(size, text) <= width {
        return text.to_owned();
    }
    let mut shorter = text.to_owned();
    while shorter.pop().is_some() {
        let shown = format!("{}…", shorter.trim_end());
        if text_width(size, &shown) <= width {
            return shown;
        }
    }
    String::new()
}

/// Calls `draw` with each pixel of a text: how far along it, how far below its baseline, and how much of the pixel is covered.
fn glyphs(size: f64, text: &str, mut draw: impl FnMut(f64, f64, f32)) {
    let Some(font) = font() else { return };
    let scale = PxScale::from(size as f32);
    let scaled = font.as_scaled(scale);
    let mut along = 0f32;
    for c in text.chars() {
        let id = font.glyph_id(c);
        let glyph = id.with_scale_and_position(scale, ab_glyph::point(along, 0.0));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, share| draw(f64::from(corner.x + x as f32), f64::from(corner.y + y as f32), share));
        }
        along += scaled.h_advance(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark_pixels(canvas: &Canvas) -> Vec<(usize, usize)> {
        let is_dark = |place: usize| canvas.pixels[3 * place] < 128;
        (0..canvas.width * canvas.height)
            .filter(|&place| is_dark(place))
            .map(|place| (place % canvas.width, place / canvas.width))
            .collect()
    }

    #[test]
    fn text_is_as_wide_as_it_says_and_stands_on_its_baseline() {
        let mut canvas = Canvas::new(100, 40);
        canvas.text((50.0, 30.0), 16.0, Align::Middle, BLACK, "Hill");
        let dark = dark_pixels(&canvas);
        let (left, right) = (dark.iter().map(|p| p.0).min().unwrap(), dark.iter().map(|p| p.0).max().unwrap());
        let width = text_width(16.0, "Hill");
        assert!((right - left) as f64 <= width && (right - left) as f64 > width - 6.0, "{left} {right} {width}");
        assert!((left + right).abs_diff(100) < 4, "in the middle: {left} {right}");
        assert_eq!(dark.iter().map(|p| p.1).max(), Some(29));
    }

    #[test]
    fn text_upwards_is_text_turned() {
        let (mut flat, mut up) = (Canvas::new(60, 60), Canvas::new(60, 60));
        flat.text((5.0, 40.0), 14.0, Align::Start, BLACK, "Fig");
        up.text_up((40.0, 54.0), 14.0, Align::Start, BLACK, "Fig");
        let mut turned: Vec<(usize, usize)> = dark_pixels(&flat).into_iter().map(|(x, y)| (y, 59 - x)).collect();
        let mut found = dark_pixels(&up);
        turned.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, turned);
    }

    #[test]
    fn long_texts_are_shortened() {
        let text = "a rather long name of a class";
        let shown = fitting(12.0, text, 80.0);
        assert!(shown.ends_with('…') && text_width(12.0, &shown) <= 80.0 && shown.len() > 8, "{shown}");
        assert_eq!(fitting(12.0, "cat", 80.0), "cat");
        assert_eq!(fitting(12.0, "cat", 1.0), "");
    }

    #[test]
    fn nothing_is_drawn_beyond_the_edges() {
        let mut canvas = Canvas::new(8, 8);
        canvas.line((-20.0, 4.0), (20.0, 4.0), 2.0, BLACK);
        canvas.fill((6, 6), (9, 9), BLACK);
        canvas.text((7.0, 2.0), 30.0, Align::End, BLACK, "W");
        canvas.polyline(&[(f64::NAN, 1.0), (1.0, f64::INFINITY), (2.0, 2.0)], 1.0, BLACK);
        assert!(dark_pixels(&canvas).contains(&(0, 4)) && dark_pixels(&canvas).contains(&(7, 7)));
    }
}
