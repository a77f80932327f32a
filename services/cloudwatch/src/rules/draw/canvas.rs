//! Pixels, and what is put on them: areas, lines with smooth edges, text.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

impl Color {
    /// `#rgb` and `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let wide: String = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return None,
        };
        let [_, red, green, blue] = u32::from_str_radix(&wide, 16).ok()?.to_be_bytes();
        Some(Self([red, green, blue]))
    }
}

/// A rectangle: left, top, and what lies just outside of it to the right and below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Normal,
    Large,
}

impl Size {
    fn raster(self) -> RasterHeight {
        match self {
            Self::Normal => RasterHeight::Size16,
            Self::Large => RasterHeight::Size32,
        }
    }

    /// Of a line of text, in pixels.
    pub fn height(self) -> f64 {
        pixels(self.raster().val())
    }

    /// Of a letter, in pixels.
    pub fn letter(self) -> f64 {
        pixels(get_raster_width(FontWeight::Regular, self.raster()))
    }

    pub fn width(self, text: &str) -> f64 {
        self.letter() * pixels(text.chars().count())
    }
}

/// As many letters as fit, the last of them dots where some do not.
pub fn fitted(text: &str, width: f64, size: Size) -> String {
    let most = whole(width / size.letter());
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(2)).collect();
    if most < 3 { String::new() } else { format!("{kept}..") }
}

#[expect(clippy::cast_precision_loss, reason = "a count of pixels")]
pub fn pixels(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates: a place on a canvas")]
fn whole(place: f64) -> usize {
    place.max(0.0) as usize
}

/// Rows of pixels.
#[derive(Debug)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    /// Three bytes a pixel.
    pub bytes: Vec<u8>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, ground: Color) -> Self {
        Self { width, height, bytes: ground.0.repeat(width * height) }
    }

    pub fn pixel(&self, x: usize, y: usize) -> Option<Color> {
        let at = (y * self.width + x) * 3;
        let bytes = self.bytes.get(at..at + 3).filter(|_| x < self.width)?;
        bytes.try_into().ok().map(Color)
    }

    /// Mixes a colour into a pixel: `share` is from 0 to 1. What is outside is passed over.
    pub fn mix(&mut self, x: usize, y: usize, color: Color, share: f64) {
        let at = (y * self.width + x) * 3;
        let Some(bytes) = self.bytes.get_mut(at..at + 3).filter(|_| x < self.width) else { return };
        for (byte, new) in bytes.iter_mut().zip(color.0) {
            let mixed = f64::from(*byte) * (1.0 - share) + f64::from(new) * share;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
            let mixed = mixed.round() as u8;
            *byte = mixed;
        }
    }

    pub fn fill(&mut self, area: Area, color: Color, share: f64) {
        for y in whole(area.top)..whole(area.bottom).min(self.height) {
            for x in whole(area.left)..whole(area.right).min(self.width) {
                self.mix(x, y, color, share);
            }
        }
    }

    /// A straight line with smooth edges, as far as it lies in `within`.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), thick: f64, color: Color, within: Area) {
        let ((x0, y0), (x1, y1)) = (from, to);
        let (dx, dy) = (x1 - x0, y1 - y0);
        let length = dx * dx + dy * dy;
        let reach = thick / 2.0 + 1.0;
        let columns =
            whole((x0.min(x1) - reach).max(within.left))..whole((x0.max(x1) + reach).min(within.right));
        for x in columns {
            // Only the rows that the line passes near this column.
            let (top, bottom) = rows_near(pixels(x) + 0.5, (from, to), reach);
            for y in whole(top.max(within.top))..whole((bottom + 1.0).min(within.bottom)) {
                let (px, py) = (pixels(x) + 0.5 - x0, pixels(y) + 0.5 - y0);
                let along = if length == 0.0 { 0.0 } else { ((px * dx + py * dy) / length).clamp(0.0, 1.0) };
                let away = (px - along * dx).hypot(py - along * dy);
                let share = (thick / 2.0 + 0.5 - away).clamp(0.0, 1.0);
                if share > 0.0 {
                    self.mix(x, y, color, share);
                }
            }
        }
    }

    /// Text by its left upper corner. Letters that the font lacks are shown as such.
    pub fn text(&mut self, (left, top): (f64, f64), text: &str, color: Color, size: Size) {
        let (mut left, top) = (whole(left), whole(top));
        for letter in text.chars() {
            let raster = |letter| get_raster(letter, FontWeight::Regular, size.raster());
            let Some(raster) = raster(letter).or_else(|| raster('?')) else { continue };
            for (y, row) in raster.rows().enumerate() {
                for (x, share) in row.iter().enumerate().filter(|(_, share)| **share > 0) {
                    self.mix(left + x, top + y, color, f64::from(*share) / 255.0);
                }
            }
            left += raster.width();
        }
    }
}

/// The rows near which a line passes a column.
fn rows_near(x: f64, ((x0, y0), (x1, y1)): ((f64, f64), (f64, f64)), reach: f64) -> (f64, f64) {
    let dx = x1 - x0;
    if dx.abs() < 1e-9 {
        return (y0.min(y1) - reach, y0.max(y1) + reach);
    }
    let y_at = |x: f64| y0 + (y1 - y0) * ((x - x0) / dx).clamp(0.0, 1.0);
    let (one, other) = (y_at(x - reach), y_at(x + reach));
    (one.min(other) - reach, one.max(other) + reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Color = Color([255; 3]);
    const RED: Color = Color([255, 0, 0]);

    #[test]
    fn colours_are_read() {
        assert_eq!(Color::parse("#f0c"), Some(Color([255, 0, 204])));
        assert_eq!(Color::parse("#1F77b4"), Some(Color([31, 119, 180])));
        for bad in ["", "#", "red", "#12345", "#gggggg", "123456"] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lines_stay_within_their_area() {
        let mut canvas = Canvas::new(20, 20, WHITE);
        let within = Area { left: 5.0, top: 5.0, right: 15.0, bottom: 15.0 };
        canvas.line((-50.0, -50.0), (50.0, 50.0), 2.0, RED, within);
        canvas.line((10.0, -1e6), (10.0, 1e6), 2.0, RED, within);
        assert_eq!(canvas.pixel(10, 10), Some(RED));
        assert_eq!(canvas.pixel(7, 7), Some(RED));
        assert_eq!(canvas.pixel(10, 5), Some(RED));
        for outside in [(4, 4), (15, 15), (10, 4), (10, 15), (5, 14)] {
            assert_eq!(canvas.pixel(outside.0, outside.1), Some(WHITE), "{outside:?}");
        }
    }

    #[test]
    fn text_is_drawn_and_cut() {
        let mut canvas = Canvas::new(40, 20, WHITE);
        canvas.text((2.0, 2.0), "A\u{4e2d}", RED, Size::Normal);
        assert!(canvas.bytes.contains(&0));
        canvas.text((1e9, 1e9), "far away", RED, Size::Normal);
        let width = Size::Normal.width("CPUUtil");
        assert_eq!(fitted("CPUUtil", width, Size::Normal), "CPUUtil");
        assert_eq!(fitted("CPUUtilization", width, Size::Normal), "CPUUt..");
        assert_eq!(fitted("CPU", 1.0, Size::Normal), "");
    }
}
