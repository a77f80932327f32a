//! Draws what metric widgets show: pixels, text, charts, and the PNG of it all.

pub mod axis;
pub mod canvas;
pub mod chart;
pub mod legend;
pub mod number;
pub mod png;

use kernel::Millis;
use time::UtcOffset;

use self::canvas::Color;
use crate::rules::widget::{Annotations, AxisAsked, LegendPlace, Side};

/// What is drawn: a widget, with what was read for it.
#[derive(Debug)]
pub struct Picture<'p> {
    pub width: usize,
    pub height: usize,
    pub title: Option<&'p str>,
    pub is_stacked: bool,
    pub is_dark: bool,
    pub legend: LegendPlace,
    pub axes: &'p [AxisAsked; 2],
    pub annotations: &'p Annotations,
    pub offset: UtcOffset,
    pub from: Millis,
    pub to: Millis,
    pub lines: Vec<Line>,
}

/// One time series of a picture.
#[derive(Clone, Debug)]
pub struct Line {
    pub label: String,
    pub color: Color,
    pub side: Side,
    pub period_ms: Millis,
    /// Ascending.
    pub points: Vec<(Millis, f64)>,
}

/// The colours of a picture, beside those of its lines.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    pub ground: Color,
    pub ink: Color,
    pub grid: Color,
}

impl Theme {
    pub fn new(is_dark: bool) -> Self {
        let of = |ground, ink, grid| Self { ground: Color(ground), ink: Color(ink), grid: Color(grid) };
        match is_dark {
            true => of([0x2a, 0x2e, 0x33], [0xd5, 0xdb, 0xdb], [0x44, 0x4b, 0x52]),
            false => of([0xff, 0xff, 0xff], [0x54, 0x5b, 0x64], [0xe6, 0xe8, 0xea]),
        }
    }
}

/// Colours of lines that name none, in turn.
pub const PALETTE: [Color; 10] = [
    Color([0x1f, 0x77, 0xb4]),
    Color([0xff, 0x7f, 0x0e]),
    Color([0x2c, 0xa0, 0x2c]),
    Color([0xd6, 0x27, 0x28]),
    Color([0x94, 0x67, 0xbd]),
    Color([0x8c, 0x56, 0x4b]),
    Color([0xe3, 0x77, 0xc2]),
    Color([0x7f, 0x7f, 0x7f]),
    Color([0xbc, 0xbd, 0x22]),
    Color([0x17, 0xbe, 0xcf]),
];
