//! Lines and bands that a widget has beside its metrics.

use kernel::{Millis, Result};
use serde_json::Value;

use super::fields::{Fields, refuse};
use super::{Side, span};
use crate::rules::draw::canvas::Color;

/// Annotations of one kind.
const ANNOTATIONS_MAX: usize = 100;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    pub horizontal: Vec<Horizontal>,
    pub vertical: Vec<Vertical>,
}

/// A value, or a band up to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Horizontal {
    pub value: f64,
    pub until: Option<f64>,
    pub label: Option<String>,
    pub color: Option<Color>,
    pub fill: Fill,
    pub side: Side,
}

/// An instant, or a time up to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Vertical {
    pub at: Millis,
    pub until: Option<Millis>,
    pub label: Option<String>,
    pub color: Option<Color>,
    pub fill: Fill,
}

/// What is shaded: below a value or before an instant, above or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    None,
    Before,
    After,
}

const HORIZONTAL: [(&str, Fill); 3] = [("none", Fill::None), ("below", Fill::Before), ("above", Fill::After)];
const VERTICAL: [(&str, Fill); 3] = [("none", Fill::None), ("before", Fill::Before), ("after", Fill::After)];

/// One end of an annotation.
struct End<T> {
    at: T,
    label: Option<String>,
    color: Option<Color>,
    fill: Fill,
    side: Side,
    is_visible: bool,
}

impl Annotations {
    pub fn read(fields: &mut Fields) -> Result<Self> {
        let Some(mut all) = fields.object("annotations")? else { return Ok(Self::default()) };
        let value = |fields: &mut Fields| fields.number("value");
        let instant = |fields: &mut Fields| {
            let text = fields.text("value")?;
            let at =
                |text: String| span::at(&text, 0).filter(|_| text.starts_with(|c: char| c.is_ascii_digit()));
            text.map(|text| at(text).ok_or_else(|| fields.refuse("value", "must be an instant"))).transpose()
        };
        let horizontal = list(&mut all, "horizontal", &HORIZONTAL, value)?;
        let vertical = list(&mut all, "vertical", &VERTICAL, instant)?;
        all.finish()?;
        let horizontal = horizontal.into_iter().map(|(end, until)| {
            let End { at: value, label, color, fill, side, .. } = end;
            Horizontal { value, until, label, color, fill, side }
        });
        let vertical = vertical.into_iter().map(|(end, until)| {
            let End { at, label, color, fill, .. } = end;
            Vertical { at, until, label, color, fill }
        });
        Ok(Self { horizontal: horizontal.collect(), vertical: vertical.collect() })
    }
}

/// Those to be seen: an object each, or two of them for a band.
fn list<T: Copy>(
    fields: &mut Fields,
    name: &str,
    fills: &[(&str, Fill)],
    value: impl Fn(&mut Fields) -> Result<Option<T>>,
) -> Result<Vec<(End<T>, Option<T>)>> {
    let (path, all) = (fields.place(name), fields.list(name)?);
    if all.len() > ANNOTATIONS_MAX {
        return Err(refuse(&path, &format!("must have at most {ANNOTATIONS_MAX} items")));
    }
    let mut read = Vec::new();
    for (at, one) in all.into_iter().enumerate() {
        let path = format!("{path}/{at}");
        let (first, second) = match one {
            Value::Array(pair) => match <[Value; 2]>::try_from(pair) {
                Ok([first, second]) => (first, Some(second)),
                Err(_) => return Err(refuse(&path, "must be of two objects")),
            },
            one => (one, None),
        };
        let first = end(&path, first, fills, &value)?;
        let second = second.map(|second| end(&path, second, fills, &value)).transpose()?;
        if first.is_visible {
            read.push((first, second.map(|second| second.at)));
        }
    }
    Ok(read)
}

fn end<T>(
    path: &str,
    value: Value,
    fills: &[(&str, Fill)],
    read: &impl Fn(&mut Fields) -> Result<Option<T>>,
) -> Result<End<T>> {
    let mut fields = Fields::new(path, value)?;
    let at = read(&mut fields)?.ok_or_else(|| fields.refuse("value", "is required"))?;
    let color = fields.text("color")?;
    let color =
        color.map(|text| Color::parse(&text).ok_or_else(|| fields.refuse("color", "must be like #1f77b4")));
    let side = fields.one_of("yAxis", &[("left", Side::Left), ("right", Side::Right)])?;
    let end = End {
        at,
        label: fields.text("label")?,
        color: color.transpose()?,
        fill: fields.one_of("fill", fills)?.unwrap_or(Fill::None),
        side: side.unwrap_or(Side::Left),
        is_visible: fields.truth("visible")?.unwrap_or(true),
    };
    fields.finish()?;
    Ok(end)
}
