//! What a metric widget asks to be drawn (CloudWatch API, "GetMetricWidgetImage: Metric widget structure and syntax").
//! What is not drawn here is refused by its name.

mod annotations;
mod fields;
mod metrics;
mod span;

#[cfg(test)]
mod tests;

use kernel::{Millis, Result, Scope};
use time::UtcOffset;

pub use self::annotations::{Annotations, Fill, Horizontal, Vertical};
use self::fields::{Fields, refuse};
pub use self::metrics::{Asked, Of};
use super::label;

/// Longer is no widget.
const WIDGET_BYTES_MAX: usize = 256 * 1_024;
const SIDE_MAX: i64 = 2_000;
const WIDTH: usize = 600;
const HEIGHT: usize = 400;
/// Seconds.
const PERIOD_S: i32 = 300;

/// A widget, read.
#[derive(Debug)]
pub struct Widget {
    pub width: usize,
    pub height: usize,
    pub title: Option<String>,
    pub view: View,
    pub is_stacked: bool,
    pub is_dark: bool,
    pub legend: LegendPlace,
    /// Left and right.
    pub axes: [AxisAsked; 2],
    pub annotations: Annotations,
    pub offset: UtcOffset,
    pub from: Millis,
    pub to: Millis,
    /// Periods that are not over yet are shown.
    pub is_live: bool,
    /// One period is as long as the widget.
    pub is_one_period: bool,
    pub metrics: Vec<Asked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    TimeSeries,
    SingleValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegendPlace {
    Bottom,
    Right,
    Hidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left = 0,
    Right = 1,
}

impl Side {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "left" => Some(Self::Left),
            "right" => Some(Self::Right),
            _ => None,
        }
    }
}

/// What is asked of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AxisAsked {
    pub label: Option<String>,
    pub least: Option<f64>,
    pub most: Option<f64>,
}

impl Widget {
    /// # Errors
    /// What is no widget, and what of it is not drawn here.
    pub fn parse(text: &str, scope: &Scope, now: Millis) -> Result<Self> {
        if text.len() > WIDGET_BYTES_MAX {
            return Err(refuse("", &format!("must not be longer than {WIDGET_BYTES_MAX} bytes")));
        }
        let value = serde_json::from_str(text).map_err(|_| refuse("", "must be a valid JSON object"))?;
        let mut fields = Fields::new("", value)?;
        let side = |fields: &mut Fields, name: &str, default| -> Result<usize> {
            let Some(pixels) = fields.whole(name)? else { return Ok(default) };
            usize::try_from(pixels)
                .ok()
                .filter(|_| (1..=SIDE_MAX).contains(&pixels))
                .ok_or_else(|| fields.refuse(name, &format!("must be between 1 and {SIDE_MAX}")))
        };
        let (width, height) = (side(&mut fields, "width", WIDTH)?, side(&mut fields, "height", HEIGHT)?);
        let view =
            fields.one_of("view", &[("timeSeries", View::TimeSeries), ("singleValue", View::SingleValue)])?;
        let theme = fields.one_of("theme", &[("light", false), ("dark", true)])?;
        let region = fields.text("region")?;
        if let Some(region) = region.filter(|region| region != scope.region.as_str()) {
            return Err(fields.refuse("region", &format!("must be {}, not {region}", scope.region)));
        }
        let zone = fields.text("timezone")?;
        let offset = zone
            .map(|zone| label::offset(&zone).ok_or_else(|| fields.refuse("timezone", "must be like +0130")));
        let (from, to) = span::read(&mut fields, now)?;
        let defaults = metrics::Defaults {
            period_s: fields.whole("period")?.map_or(Ok(PERIOD_S), |period| {
                i32::try_from(period).map_err(|_| fields.refuse("period", "is too long"))
            })?,
            statistic: fields.text("stat")?.unwrap_or_else(|| "Average".to_owned()),
        };
        let widget = Self {
            width,
            height,
            title: fields.text("title")?,
            view: view.unwrap_or(View::TimeSeries),
            is_stacked: fields.truth("stacked")?.unwrap_or(false),
            is_dark: theme.unwrap_or(false),
            legend: legend(&mut fields)?,
            axes: axes(&mut fields)?,
            annotations: Annotations::read(&mut fields)?,
            offset: offset.transpose()?.unwrap_or(UtcOffset::UTC),
            from,
            to,
            is_live: fields.truth("liveData")?.unwrap_or(true),
            is_one_period: fields.truth("setPeriodToTimeRange")?.unwrap_or(false),
            metrics: metrics::read(fields.list("metrics")?, &defaults, scope)?,
        };
        fields.finish()?;
        if widget.is_one_period && widget.view != View::SingleValue {
            return Err(refuse("/setPeriodToTimeRange", "is for the view singleValue"));
        }
        Ok(widget)
    }
}

fn legend(fields: &mut Fields) -> Result<LegendPlace> {
    let places =
        [("bottom", LegendPlace::Bottom), ("right", LegendPlace::Right), ("hidden", LegendPlace::Hidden)];
    let Some(mut legend) = fields.object("legend")? else { return Ok(LegendPlace::Bottom) };
    let place = legend.one_of("position", &places)?;
    legend.finish()?;
    Ok(place.unwrap_or(LegendPlace::Bottom))
}

fn axes(fields: &mut Fields) -> Result<[AxisAsked; 2]> {
    let Some(mut both) = fields.object("yAxis")? else { return Ok(Default::default()) };
    let mut axis = |side: &str| -> Result<AxisAsked> {
        let Some(mut axis) = both.object(side)? else { return Ok(AxisAsked::default()) };
        let read =
            AxisAsked { label: axis.text("label")?, least: axis.number("min")?, most: axis.number("max")? };
        if axis.truth("showUnits")? == Some(true) {
            return Err(axis.refuse("showUnits", "is not drawn here"));
        }
        axis.finish()?;
        Ok(read)
    };
    let read = [axis("left")?, axis("right")?];
    both.finish()?;
    Ok(read)
}
