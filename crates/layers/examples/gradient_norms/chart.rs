//! Line charts side by side, as SVG: the layer along, the gradient's norm up in powers of ten.

use std::fmt::Write;
use std::ops::Range;

/// One chart.
pub struct Panel {
    /// Stands above it.
    pub title: String,
    /// What it shows.
    pub lines: Vec<Line>,
}

/// One line of a chart.
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// An SVG colour.
    pub color: &'static str,
    /// Whether it is dashed.
    pub dashed: bool,
    /// A value for each layer, from the first on; those that are not above zero are left out.
    pub values: Vec<f64>,
}

const PANEL: (f64, f64) = (330.0, 260.0);
const GAP: f64 = 70.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 84.0;

/// The charts with one scale along and one scale up, and their legend below.
pub fn svg(heading: &str, panels: &[Panel]) -> String {
    let (width, height) = (panels.len() as f64 * (PANEL.0 + GAP) + 24.0, TOP + PANEL.1 + BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, (width / 2.0, 26.0), "middle", 16, heading);
    let values = || panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.values);
    let logs = || values().filter(|&&value| value > 0.0).map(|value| value.log10());
    let decades = logs().fold(f64::MAX, f64::min).floor()..logs().fold(f64::MIN, f64::max).ceil();
    let layers = panels.iter().flat_map(|panel| &panel.lines).map(|line| line.values.len()).max().unwrap_or(1);
    for (i, panel) in panels.iter().enumerate() {
        draw(&mut svg, panel, GAP + i as f64 * (PANEL.0 + GAP), &decades, layers);
    }
    let middle = TOP + PANEL.1 / 2.0;
    let _ = writeln!(svg, "<g transform=\"rotate(-90 18 {middle})\">");
    text(&mut svg, (18.0, middle), "middle", 12, "norm of the weight's gradient");
    svg += "</g>\n";
    legend(&mut svg, panels.first().map_or(&[], |panel| &panel.lines), width, height - 18.0);
    svg + "</svg>\n"
}

fn draw(svg: &mut String, panel: &Panel, left: f64, decades: &Range<f64>, layers: usize) {
    let x = |layer: f64| left + PANEL.0 * layer / layers as f64;
    let y = |log: f64| TOP + PANEL.1 * (decades.end - log) / (decades.end - decades.start);
    text(svg, (left + PANEL.0 / 2.0, TOP - 12.0), "middle", 13, &panel.title);
    let step = ((decades.end - decades.start) / 8.0).ceil();
    let mut tick = (decades.start / step).ceil() * step;
    while tick <= decades.end {
        rule(svg, (left, y(tick)), (left + PANEL.0, y(tick)));
        let power = format!("10<tspan dy=\"-4\" font-size=\"9\">{tick}</tspan>");
        text(svg, (left - 6.0, y(tick) + 4.0), "end", 11, &power);
        tick += step;
    }
    for layer in (0..=layers).step_by(20) {
        rule(svg, (x(layer as f64), TOP), (x(layer as f64), TOP + PANEL.1));
        text(svg, (x(layer as f64), TOP + PANEL.1 + 16.0), "middle", 11, &layer.to_string());
    }
    text(svg, (left + PANEL.0 / 2.0, TOP + PANEL.1 + 34.0), "middle", 12, "layer (1: next to the picture)");
    let zeros = panel.lines.iter().filter(|line| line.values.iter().all(|&value| value == 0.0));
    for (i, line) in zeros.enumerate() {
        text(svg, (left + PANEL.0 - 8.0, y(decades.start) - 26.0 - 16.0 * i as f64), "end", 12, &format!("{}: 0 everywhere", line.name));
    }
    for line in &panel.lines {
        let points = line.values.iter().enumerate().filter(|&(_, &value)| value > 0.0);
        let points = points.map(|(layer, value)| format!("{:.1},{:.1}", x(layer as f64 + 1.0), y(value.log10())));
        let (points, style) = (points.collect::<Vec<_>>().join(" "), style(line));
        let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" {style}/>");
    }
}

fn legend(svg: &mut String, lines: &[Line], width: f64, y: f64) {
    let step = (width - GAP) / lines.len().max(1) as f64;
    for (i, line) in lines.iter().enumerate() {
        let x = GAP + i as f64 * step;
        let _ = writeln!(svg, "<path d=\"M{x} {} h28\" {}/>", y - 4.0, style(line));
        text(svg, (x + 34.0, y), "start", 12, &line.name);
    }
}

fn style(line: &Line) -> String {
    let dashes = if line.dashed { " stroke-dasharray=\"5 3\"" } else { "" };
    format!("stroke=\"{}\" stroke-width=\"1.8\"{dashes}", line.color)
}

fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(svg, "<path d=\"M{} {} L{} {}\" stroke=\"#ddd\"/>", from.0, from.1, to.0, to.1);
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, size: u32, text: &str) {
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{text}</text>", at.0, at.1);
}
