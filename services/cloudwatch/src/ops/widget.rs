//! GetMetricWidgetImage: a widget drawn of what its metrics have now.

use std::collections::HashMap;

use api_cloudwatch::{GetMetricWidgetImageInput, GetMetricWidgetImageOutput};
use kernel::{Ctx, Result};

use super::metric_data::label_of;
use crate::errors;
use crate::rules::draw::{Line, PALETTE, Picture, chart, number, png};
use crate::rules::math::budget::Budget;
use crate::rules::math::series::{TimeSeries, Value};
use crate::rules::query::{self, Query, in_expression};
use crate::rules::widget::{View, Widget};
use crate::state::answer::{Asked, compute};

pub async fn get_metric_widget_image(
    ctx: &Ctx,
    input: GetMetricWidgetImageInput,
) -> Result<GetMetricWidgetImageOutput> {
    if let Some(format) = input.output_format.filter(|format| format != "png") {
        return Err(errors::validation(format!("OutputFormat {format} is not supported here; png is.")));
    }
    let widget = Widget::parse(&input.metric_widget, ctx.scope(), ctx.now())?;
    let lines = lines(ctx, &widget).await?;
    let drawn = tokio::task::spawn_blocking(move || draw(&widget, lines));
    let png = drawn.await.map_err(kernel::Error::internal)?.map_err(kernel::Error::internal)?;
    Ok(GetMetricWidgetImageOutput { metric_widget_image: Some(png.into()) })
}

fn draw(widget: &Widget, lines: Vec<Line>) -> std::io::Result<Vec<u8>> {
    let picture = Picture {
        width: widget.width,
        height: widget.height,
        title: widget.title.as_deref(),
        is_stacked: widget.is_stacked,
        is_dark: widget.is_dark,
        legend: widget.legend,
        axes: &widget.axes,
        annotations: &widget.annotations,
        offset: widget.offset,
        from: widget.from,
        to: widget.to,
        lines,
    };
    png::encode(&match widget.view {
        View::TimeSeries => chart::draw(&picture),
        View::SingleValue => number::draw(&picture),
    })
}

/// What is to be seen, in the order of the metrics.
async fn lines(ctx: &Ctx, widget: &Widget) -> Result<Vec<Line>> {
    let period_s = widget.is_one_period.then(|| {
        let minutes = (widget.to - widget.from).div_euclid(60_000).max(1);
        i32::try_from(minutes).unwrap_or(i32::MAX / 60).saturating_mul(60)
    });
    let each = widget.metrics.iter().enumerate();
    let queries = each.map(|(at, metric)| {
        metric.query(metric.id.clone().unwrap_or_else(|| format!("widget_metric_{at}")), period_s)
    });
    let queries: Vec<_> = queries.collect();
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let queries = query::check(queries)?;
    let budget = Budget::default();
    let asked = Asked { ctx, queries: &queries, from: widget.from, to: widget.to, budget };
    let mut values = HashMap::new();
    for query in query::in_order(&queries)?.into_iter().filter_map(|at| queries.get(at)) {
        let value = compute(&asked, query, &values).await?;
        values.insert(query.id.clone(), value);
    }
    let mut lines = Vec::new();
    for (metric, query) in widget.metrics.iter().zip(&queries).filter(|(metric, _)| metric.is_visible) {
        for series in all(query, values.remove(&query.id))? {
            let next = PALETTE.get(lines.len() % PALETTE.len()).copied();
            let color = metric.color.or(next).unwrap_or(crate::rules::draw::canvas::Color([0; 3]));
            lines.push(line(ctx, widget, query, series, (color, metric.side)));
        }
    }
    Ok(lines)
}

/// With whether there are several.
fn all(query: &Query, value: Option<Value>) -> Result<Vec<(TimeSeries, bool)>> {
    match value {
        Some(Value::One(series)) => Ok(vec![(series, false)]),
        Some(Value::Many(all)) => {
            let is_many = all.len() > 1;
            Ok(all.into_iter().map(|series| (series, is_many)).collect())
        }
        Some(Value::Scalar(_)) => {
            Err(in_expression(&query.id, "It comes to a number, not to a time series."))
        }
        None => Ok(Vec::new()),
    }
}

fn line(
    ctx: &Ctx,
    widget: &Widget,
    query: &Query,
    (mut series, is_many): (TimeSeries, bool),
    (color, side): (crate::rules::draw::canvas::Color, crate::rules::widget::Side),
) -> Line {
    let label = label_of(ctx, query, &series, is_many, widget.offset);
    let now = ctx.now();
    if !widget.is_live {
        series.points.retain(|(at, _)| at + series.period_ms <= now);
    }
    // What began before the widget does is its first point.
    series.points.retain(|(at, _)| *at < widget.to);
    Line { label, color, side, period_ms: series.period_ms, points: series.points }
}
