//! Legends: a square of each line's colour with its label, below or beside the chart.

use super::canvas::{Area, Canvas, Size, fitted};
use super::{Line, Theme};
use crate::rules::widget::LegendPlace;

const ROW: f64 = 20.0;
const SQUARE: f64 = 10.0;
const GAP: f64 = 16.0;
/// Of the picture, what a legend may take of it.
const SHARE_MAX: f64 = 0.4;

/// Draws it into `area` and gives what is left for the chart. Lines for which there is no room have no label.
pub fn draw(canvas: &mut Canvas, lines: &[Line], place: LegendPlace, theme: Theme, area: Area) -> Area {
    match place {
        LegendPlace::Hidden => area,
        LegendPlace::Right => beside(canvas, lines, theme, area),
        LegendPlace::Bottom => below(canvas, lines, theme, area),
    }
}

fn label_width(line: &Line) -> f64 {
    SQUARE + 6.0 + Size::Normal.width(&line.label)
}

fn label(canvas: &mut Canvas, line: &Line, theme: Theme, (left, top): (f64, f64), width: f64) {
    let square = Area { left, top: top + 5.0, right: left + SQUARE, bottom: top + 5.0 + SQUARE };
    canvas.fill(square, line.color, 1.0);
    let text = fitted(&line.label, width - SQUARE - 6.0, Size::Normal);
    canvas.text((left + SQUARE + 6.0, top + 2.0), &text, theme.ink, Size::Normal);
}

fn beside(canvas: &mut Canvas, lines: &[Line], theme: Theme, area: Area) -> Area {
    let widest = lines.iter().map(label_width).fold(0.0, f64::max);
    let width = widest.min((area.right - area.left) * SHARE_MAX);
    let left = area.right - width;
    let mut top = area.top;
    for line in lines {
        if top + ROW > area.bottom {
            break;
        }
        label(canvas, line, theme, (left, top), width);
        top += ROW;
    }
    Area { right: left - GAP, ..area }
}

fn below(canvas: &mut Canvas, lines: &[Line], theme: Theme, area: Area) -> Area {
    let width = area.right - area.left;
    // Each label's row and place in it.
    let (mut row, mut left, mut places) = (0.0_f64, 0.0_f64, Vec::new());
    for line in lines {
        let own = label_width(line).min(width);
        if left > 0.0 && left + own > width {
            (row, left) = (row + 1.0, 0.0);
        }
        places.push((row, left, own));
        left += own + GAP;
    }
    let rows_max = ((area.bottom - area.top) * SHARE_MAX / ROW).floor();
    let rows = if lines.is_empty() { 0.0 } else { (row + 1.0).min(rows_max) };
    let top = area.bottom - rows * ROW;
    for (line, (row, left, own)) in lines.iter().zip(places).filter(|(_, (row, ..))| *row < rows) {
        label(canvas, line, theme, (area.left + left, top + row * ROW), own);
    }
    Area { bottom: top - 4.0, ..area }
}
