//! Charts over time: lines or stacked areas between two axes, with annotations.

use std::collections::BTreeMap;

use kernel::Millis;

use super::axis::{Scale, times, written};
use super::canvas::{Area, Canvas, Color, Size, fitted, pixels};
use super::{Line, Picture, Theme, legend};
use crate::rules::widget::{AxisAsked, Fill, Horizontal, LegendPlace, Side, Vertical};

const MARGIN: f64 = 10.0;
const THICK: f64 = 1.6;
/// For the labels of axes, above their highest marks.
const LABEL_ROOM: f64 = 26.0;
/// How much of what lies behind an area shows through it.
const AREA_SHARE: f64 = 0.75;
const BAND_SHARE: f64 = 0.15;
const ANNOTATION: Color = Color([0xd1, 0x32, 0x12]);

pub fn draw(picture: &Picture<'_>) -> Canvas {
    let theme = Theme::new(picture.is_dark);
    let mut canvas = Canvas::new(picture.width, picture.height, theme.ground);
    let (width, height) = (pixels(picture.width), pixels(picture.height));
    let mut area = Area { left: MARGIN, top: MARGIN, right: width - MARGIN, bottom: height - MARGIN };
    if let Some(title) = picture.title {
        let title = fitted(title, area.right - area.left, Size::Normal);
        let left = (width - Size::Normal.width(&title)) / 2.0;
        canvas.text((left, area.top), &title, theme.ink, Size::Normal);
        area.top += Size::Normal.height() + 8.0;
    }
    let place = if picture.lines.is_empty() { LegendPlace::Hidden } else { picture.legend };
    let area = legend::draw(&mut canvas, &picture.lines, place, theme, area);
    let plot = Plot::new(picture, theme, area);
    plot.grid(&mut canvas);
    if picture.is_stacked {
        plot.stack(&mut canvas);
    } else {
        picture.lines.iter().for_each(|line| plot.line(&mut canvas, line));
    }
    plot.annotate(&mut canvas);
    canvas
}

/// Where values and instants lie on the canvas.
struct Plot<'p> {
    picture: &'p Picture<'p>,
    theme: Theme,
    /// Between the axes.
    area: Area,
    scales: [Option<Scale>; 2],
}

impl<'p> Plot<'p> {
    fn new(picture: &'p Picture<'p>, theme: Theme, outer: Area) -> Self {
        let marks = ((outer.bottom - outer.top) / 60.0).clamp(2.0, 10.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to 10")]
        let marks = marks as usize;
        let scales = [Side::Left, Side::Right].map(|side| scale(picture, side, marks));
        let room = |side: Side| {
            let Some(Some(scale)) = scales.get(side as usize) else { return 0.0 };
            let widest = scale.marks.iter().map(|mark| Size::Normal.width(&written(*mark)));
            widest.fold(0.0, f64::max) + 8.0
        };
        let has_label = picture.axes.iter().any(|axis| axis.label.is_some());
        let area = Area {
            left: outer.left + room(Side::Left),
            top: outer.top + if has_label { LABEL_ROOM } else { 8.0 },
            right: outer.right - room(Side::Right),
            bottom: outer.bottom - Size::Normal.height() - 6.0,
        };
        Self { picture, theme, area, scales }
    }

    fn scale(&self, side: Side) -> Option<&Scale> {
        self.scales.get(side as usize)?.as_ref()
    }

    fn x(&self, at: Millis) -> f64 {
        let Picture { from, to, .. } = *self.picture;
        #[expect(clippy::cast_precision_loss, reason = "spans of time are far below")]
        let share = (at - from) as f64 / (to - from).max(1) as f64;
        self.area.left + share * (self.area.right - self.area.left)
    }

    fn y(&self, side: Side, value: f64) -> f64 {
        let share = self.scale(side).map_or(0.0, |scale| scale.share(value));
        // Far outside is outside: places stay such that lines to them can be drawn.
        (self.area.bottom - share * (self.area.bottom - self.area.top)).clamp(-1e5, 1e5)
    }

    fn grid(&self, canvas: &mut Canvas) {
        let Area { left, top, right, bottom } = self.area;
        let half = Size::Normal.height() / 2.0;
        for side in [Side::Right, Side::Left] {
            let Some(scale) = self.scale(side) else { continue };
            for mark in &scale.marks {
                let (y, text) = (self.y(side, *mark), written(*mark));
                if side == Side::Left || self.scale(Side::Left).is_none() {
                    canvas.line(
                        (left, y),
                        (right, y),
                        1.0,
                        self.theme.grid,
                        Area { bottom: bottom + 1.0, ..self.area },
                    );
                }
                let x = if side == Side::Left { left - 6.0 - Size::Normal.width(&text) } else { right + 6.0 };
                canvas.text((x, y - half), &text, self.theme.ink, Size::Normal);
            }
            if let Some(label) = self.picture.axes.get(side as usize).and_then(|axis| axis.label.as_deref()) {
                let label = fitted(label, (right - left) / 2.0, Size::Normal);
                let x = if side == Side::Left { MARGIN } else { right - Size::Normal.width(&label) };
                canvas.text((x, top - LABEL_ROOM), &label, self.theme.ink, Size::Normal);
            }
        }
        let most = ((right - left) / 80.0).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a canvas has 2,000 pixels"
        )]
        let most = most as usize;
        for (at, text) in times(self.picture.from, self.picture.to, most, self.picture.offset) {
            let x = self.x(at);
            canvas.line(
                (x, bottom),
                (x, bottom + 4.0),
                1.0,
                self.theme.ink,
                Area { bottom: bottom + 5.0, ..self.area },
            );
            let left = x - Size::Normal.width(&text) / 2.0;
            if left + Size::Normal.width(&text) <= pixels(self.picture.width) {
                canvas.text((left, bottom + 5.0), &text, self.theme.ink, Size::Normal);
            }
        }
        canvas.line(
            (left, bottom),
            (right, bottom),
            1.0,
            self.theme.ink,
            Area { bottom: bottom + 1.0, ..self.area },
        );
    }

    /// Points that follow each other are joined; where some are missing there is a gap.
    fn line(&self, canvas: &mut Canvas, line: &Line) {
        let points = thin(&line.points, self.picture.width);
        let mut before: Option<(Millis, (f64, f64))> = None;
        let gap_ms = line.period_ms.max((self.picture.to - self.picture.from) / 1_000);
        for (n, (at, value)) in points.iter().enumerate() {
            let place = (self.x(*at), self.y(line.side, *value));
            let joined = before.filter(|(before, _)| at - before <= gap_ms);
            let is_alone = joined.is_none() && points.get(n + 1).is_none_or(|(next, _)| next - at > gap_ms);
            if let Some((_, from)) = joined {
                canvas.line(from, place, THICK, line.color, self.area);
            } else if is_alone {
                canvas.line(place, place, 4.0, line.color, self.area);
            }
            before = Some((*at, place));
        }
    }

    /// Each line on top of those before it, filled down to them.
    fn stack(&self, canvas: &mut Canvas) {
        let mut below: BTreeMap<Millis, f64> = BTreeMap::new();
        for line in &self.picture.lines {
            let points: Vec<(Millis, f64)> =
                line.points.iter().map(|(at, value)| (*at, *value + level(&below, *at))).collect();
            for pair in points.windows(2) {
                let [from, to] = pair else { continue };
                if to.0 - from.0 <= line.period_ms {
                    self.fill_between(
                        canvas,
                        line,
                        (*from, *to),
                        (level(&below, from.0), level(&below, to.0)),
                    );
                }
            }
            self.line(canvas, &Line { points: points.clone(), ..line.clone() });
            below.extend(points);
        }
    }

    fn fill_between(
        &self,
        canvas: &mut Canvas,
        line: &Line,
        (from, to): ((Millis, f64), (Millis, f64)),
        under: (f64, f64),
    ) {
        let (left, right) = (self.x(from.0), self.x(to.0));
        let mut x = left.max(self.area.left).ceil();
        while x < right.min(self.area.right) {
            let share = ((x - left) / (right - left)).clamp(0.0, 1.0);
            let between = |from: f64, to: f64| self.y(line.side, from + (to - from) * share);
            let (top, bottom) = (between(from.1, to.1), between(under.0, under.1));
            let column = Area {
                left: x,
                right: x + 1.0,
                top: top.min(bottom).max(self.area.top),
                bottom: top.max(bottom).min(self.area.bottom),
            };
            canvas.fill(column, line.color, AREA_SHARE);
            x += 1.0;
        }
    }

    fn annotate(&self, canvas: &mut Canvas) {
        for annotation in &self.picture.annotations.horizontal {
            self.horizontal(canvas, annotation);
        }
        for annotation in &self.picture.annotations.vertical {
            self.vertical(canvas, annotation);
        }
    }

    fn horizontal(&self, canvas: &mut Canvas, annotation: &Horizontal) {
        let Horizontal { value, until, label, color, fill, side } = annotation;
        if self.scale(*side).is_none() {
            return;
        }
        let color = color.unwrap_or(ANNOTATION);
        let Area { left, right, .. } = self.area;
        let ys: Vec<f64> =
            [Some(*value), *until].into_iter().flatten().map(|value| self.y(*side, value)).collect();
        for y in &ys {
            canvas.line((left, *y), (right, *y), THICK, color, self.area);
        }
        let y = self.y(*side, *value);
        let (top, bottom) = match (until.map(|until| self.y(*side, until)), fill) {
            (Some(other), _) => (y.min(other), y.max(other)),
            (None, Fill::After) => (self.area.top, y),
            (None, Fill::Before) => (y, self.area.bottom),
            (None, Fill::None) => (y, y),
        };
        self.band(canvas, Area { top, bottom, ..self.area }, color);
        let Some(label) = label else { return };
        let label = fitted(label, right - left, Size::Normal);
        let top = (y - Size::Normal.height() - 1.0).max(self.area.top);
        canvas.text((right - Size::Normal.width(&label) - 2.0, top), &label, color, Size::Normal);
    }

    fn vertical(&self, canvas: &mut Canvas, annotation: &Vertical) {
        let Vertical { at, until, label, color, fill } = annotation;
        let color = color.unwrap_or(ANNOTATION);
        let Area { top, bottom, .. } = self.area;
        for at in [Some(*at), *until].into_iter().flatten() {
            canvas.line((self.x(at), top), (self.x(at), bottom), THICK, color, self.area);
        }
        let x = self.x(*at);
        let (left, right) = match (until.map(|until| self.x(until)), fill) {
            (Some(other), _) => (x.min(other), x.max(other)),
            (None, Fill::After) => (x, self.area.right),
            (None, Fill::Before) => (self.area.left, x),
            (None, Fill::None) => (x, x),
        };
        self.band(canvas, Area { left, right, ..self.area }, color);
        let Some(label) = label.as_ref().filter(|_| (self.area.left..=self.area.right).contains(&x)) else {
            return;
        };
        let room = self.area.right - x - 4.0;
        canvas.text((x + 4.0, top), &fitted(label, room, Size::Normal), color, Size::Normal);
    }

    fn band(&self, canvas: &mut Canvas, band: Area, color: Color) {
        let Area { left, top, right, bottom } = self.area;
        let within = Area {
            left: band.left.max(left),
            top: band.top.max(top),
            right: band.right.min(right),
            bottom: band.bottom.min(bottom),
        };
        canvas.fill(within, color, BAND_SHARE);
    }
}

/// What is stacked at an instant: nothing where no line has a point.
fn level(below: &BTreeMap<Millis, f64>, at: Millis) -> f64 {
    below.get(&at).copied().unwrap_or(0.0)
}

/// The scale of a side, where anything is on it.
fn scale(picture: &Picture<'_>, side: Side, marks: usize) -> Option<Scale> {
    let of_side: Vec<&Line> = picture.lines.iter().filter(|line| line.side == side).collect();
    if of_side.is_empty() && side == Side::Right {
        return None;
    }
    let mut values: Vec<f64> = Vec::new();
    if picture.is_stacked {
        let mut sums: BTreeMap<Millis, f64> = BTreeMap::new();
        for (at, value) in of_side.iter().flat_map(|line| &line.points) {
            *sums.entry(*at).or_default() += value;
            values.push(sums.get(at).copied().unwrap_or_default());
        }
        values.push(0.0);
    } else {
        values.extend(of_side.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value)));
    }
    let horizontal = picture.annotations.horizontal.iter().filter(|one| one.side == side);
    values.extend(horizontal.flat_map(|one| [Some(one.value), one.until]).flatten());
    let axis: &AxisAsked = picture.axes.get(side as usize)?;
    Some(Scale::new(values.into_iter(), axis.least, axis.most, marks))
}

/// As many points as can be told from each other: the least and the most of each column, where there are more.
fn thin(points: &[(Millis, f64)], columns: usize) -> Vec<(Millis, f64)> {
    if points.len() <= columns * 2 {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for part in points.chunks(points.len().div_ceil(columns.max(1)).max(1)) {
        let least = part.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = part.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut both: Vec<(Millis, f64)> = [least, most].into_iter().flatten().copied().collect();
        both.sort_by_key(|(at, _)| *at);
        both.dedup();
        kept.extend(both);
    }
    kept
}
