//! Single values: the newest of each line, large, with its label.

use super::axis::written;
use super::canvas::{Area, Canvas, Size, fitted, pixels};
use super::{Picture, Theme};

const MARGIN: f64 = 10.0;

pub fn draw(picture: &Picture<'_>) -> Canvas {
    let theme = Theme::new(picture.is_dark);
    let mut canvas = Canvas::new(picture.width, picture.height, theme.ground);
    let mut area = Area {
        left: MARGIN,
        top: MARGIN,
        right: pixels(picture.width) - MARGIN,
        bottom: pixels(picture.height) - MARGIN,
    };
    if let Some(title) = picture.title {
        let title = fitted(title, area.right - area.left, Size::Normal);
        canvas.text((area.left, area.top), &title, theme.ink, Size::Normal);
        area.top += Size::Normal.height() + 8.0;
    }
    // As near to square cells as the picture allows.
    let count = pixels(picture.lines.len().max(1));
    let (width, height) = (area.right - area.left, area.bottom - area.top);
    let columns = (count * width / (height * 2.0).max(1.0)).sqrt().ceil().clamp(1.0, count);
    let rows = (count / columns).ceil();
    let (cell_width, cell_height) = (width / columns, height / rows);
    for (n, line) in picture.lines.iter().enumerate() {
        let (column, row) = (pixels(n) % columns, (pixels(n) / columns).floor());
        let (left, top) = (area.left + column * cell_width, area.top + row * cell_height);
        let value = line.points.last().map_or_else(|| "--".to_owned(), |(_, value)| written(*value));
        let both = Size::Large.height() + Size::Normal.height() + 4.0;
        let top = top + ((cell_height - both) / 2.0).max(0.0);
        let middle = |text: &str, size: Size| left + ((cell_width - size.width(text)) / 2.0).max(0.0);
        let value = fitted(&value, cell_width, Size::Large);
        canvas.text((middle(&value, Size::Large), top), &value, line.color, Size::Large);
        let label = fitted(&line.label, cell_width, Size::Normal);
        let below = top + Size::Large.height() + 4.0;
        canvas.text((middle(&label, Size::Normal), below), &label, theme.ink, Size::Normal);
    }
    canvas
}
