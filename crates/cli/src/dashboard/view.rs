//! How the dashboard looks.

use std::time::Duration;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::symbols::Marker;
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget;
use ratatui_widgets::block::Block;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use ratatui_widgets::gauge::LineGauge;
use ratatui_widgets::paragraph::Paragraph;

use super::State;

/// Rows of the head and of the numbers; the charts have the rest.
const HEAD: u16 = 2;
const NUMBERS: u16 = 3;

/// The dashboard, of this size.
pub fn render(state: &State, size: Rect) -> Buffer {
    let mut buffer = Buffer::empty(size);
    let [head, charts, numbers] = Layout::vertical([Constraint::Length(HEAD), Constraint::Min(0), Constraint::Length(NUMBERS)]).areas(size);
    head_of(state, head, &mut buffer);
    let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(charts);
    losses(state, left, &mut buffer);
    accuracies(state, right, &mut buffer);
    Paragraph::new(numbers_of(state)).render(numbers, &mut buffer);
    buffer
}

fn head_of(state: &State, area: Rect, buffer: &mut Buffer) {
    let [title, gauge] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let (epoch, epochs) = state.epochs;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    Line::from(vec![Span::styled(state.title.as_str(), bold), Span::raw(format!("  epoch {epoch} of {epochs}"))]).render(title, buffer);
    let label = format!("{:<10} {:3.0}%", state.phase, 100.0 * state.epoch_done());
    LineGauge::default()
        .filled_style(Style::new().fg(Color::Cyan))
        .unfilled_style(Style::new().fg(Color::DarkGray))
        .label(label)
        .ratio(state.epoch_done())
        .render(gauge, buffer);
}

fn numbers_of(state: &State) -> Vec<Line<'static>> {
    let left = state.time_left().map_or_else(|| "-".to_owned(), clock);
    vec![
        Line::from(format!("rate {:.0} img/s   learning rate {:.3e}   {left} left", state.rate(), state.learning_rate)),
        Line::from(format!("last  {}", state.last)),
        Line::from(format!("best  {}", state.best)),
    ]
}

fn losses(state: &State, area: Rect, buffer: &mut Buffer) {
    let (train, test) = (&state.losses.points, &state.test_losses);
    let values = train.iter().chain(test).map(|point| point.1).filter(|value| value.is_finite());
    let top = values.fold(1e-3, f64::max);
    chart("loss", [TRAIN.of(train), TEST.of(test)], top, state.epochs.1).render(area, buffer);
}

fn accuracies(state: &State, area: Rect, buffer: &mut Buffer) {
    let curves = [TRAIN.of(&state.train_accuracies), TEST.of(&state.test_accuracies)];
    chart("accuracy, %", curves, 100.0, state.epochs.1).render(area, buffer);
}

/// A chart of curves over the epochs, from 0 up to `top`.
fn chart<'a>(title: &'static str, curves: [Dataset<'a>; 2], top: f64, epochs: usize) -> Chart<'a> {
    let dim = Style::new().fg(Color::DarkGray);
    let end = epochs.max(1);
    let along = Axis::default().style(dim).bounds([0.0, end as f64]).labels(["0".to_owned(), end.to_string()]);
    let up = Axis::default().style(dim).bounds([0.0, top]).labels(["0".to_owned(), format!("{:.1}", top / 2.0), format!("{top:.1}")]);
    Chart::new(curves.into()).block(Block::bordered().border_style(dim).title(title)).x_axis(along).y_axis(up)
}

/// How a curve looks.
struct Look {
    name: &'static str,
    color: Color,
}

const TRAIN: Look = Look { name: "train", color: Color::Cyan };
const TEST: Look = Look { name: "test", color: Color::Yellow };

impl Look {
    /// The curve through these points.
    fn of<'a>(&self, points: &'a [(f64, f64)]) -> Dataset<'a> {
        let line = Dataset::default().name(self.name).marker(Marker::Braille).graph_type(GraphType::Line);
        line.style(Style::new().fg(self.color)).data(points)
    }
}

/// A duration as `1:02:03` or `02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::super::Dashboard;
    use super::*;

    fn text(size: (u16, u16)) -> String {
        let mut out = Vec::new();
        let mut dashboard = Dashboard::new(&mut out, "resnet18 on digits".to_owned(), 100, "Test");
        let state = &mut dashboard.state;
        (state.epochs, state.pictures, state.learning_rate, state.phase) = ((2, 5), (100, 40), 0.05, "Training");
        (0..20).for_each(|i| state.losses.add(f64::from(i) / 20.0, 3.0 - f64::from(i) / 10.0));
        (state.test_losses, state.test_accuracies) = (vec![(1.0, 1.5)], vec![(1.0, 71.25)]);
        (state.last, state.best) = ("top-1 71.25%".to_owned(), "71.25% in epoch 1".to_owned());
        let buffer = render(state, Rect::new(0, 0, size.0, size.1));
        buffer.content().iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn everything_is_on_it() {
        let shown = text((100, 20));
        for part in ["resnet18 on digits", "epoch 2 of 5", "Training", "40%", "loss", "accuracy, %", "5.000e-2", "left", "top-1 71.25%"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let drawn = shown.chars().filter(|c| ('\u{2801}'..='\u{28FF}').contains(c)).count();
        assert!(drawn > 10, "the curves are drawn: {drawn}");
    }

    #[test]
    fn no_terminal_is_too_small() {
        for size in [(0, 0), (1, 1), (10, 3), (20, 6), (500, 2)] {
            text(size);
        }
    }

    #[test]
    fn clocks_have_hours_where_they_need_them() {
        assert_eq!(clock(Duration::from_secs(65)), "01:05");
        assert_eq!(clock(Duration::from_secs(3 * 3600 + 61)), "3:01:01");
    }
}
