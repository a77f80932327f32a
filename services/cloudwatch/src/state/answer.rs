//! Answers queries: reads what they ask for, and computes what is made of it.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{Ctx, Millis, Result};

use super::band;
use super::read::each_sample;
use super::series::AllSeries;
use crate::errors;
use crate::rules::bins::Bins;
use crate::rules::math::budget::Budget;
use crate::rules::math::evaluate::{Given, is_read};
use crate::rules::math::parse::Expression;
use crate::rules::math::series::{Range, TimeSeries, Value};
use crate::rules::metric::MetricKey;
use crate::rules::period;
use crate::rules::query::{Asks, Query, Reading, in_expression};
use crate::rules::search::Search;
use crate::rules::statistic::Statistic;
use crate::rules::tier::floor;

/// Points that one query may have, so that memory stays bounded.
const POINTS_MAX: i64 = 1_000_000;
/// Metrics that one SEARCH finds.
const FOUND_MAX: usize = 500;
/// Metrics without newer samples are not found.
const FOUND_MS: Millis = 14 * 86_400_000;

/// What is asked, and of which time.
pub struct Asked<'a> {
    pub ctx: &'a Ctx,
    pub queries: &'a [Query],
    pub from: Millis,
    pub to: Millis,
    pub budget: Budget,
}

/// Answers one query, of what it needs and what `values` has already.
///
/// # Errors
/// What cannot be read or computed, in words for the caller.
pub async fn compute(asked: &Asked<'_>, query: &Query, values: &HashMap<String, Value>) -> Result<Value> {
    let (expression, period_ms) = match &query.asks {
        Asks::Metric(reading) => {
            let series = Value::One(read(asked, reading).await?);
            asked.budget.take(&series).map_err(|why| in_expression(&query.id, &why))?;
            return Ok(series);
        }
        Asks::Math(expression, period_ms) => (expression, *period_ms),
    };
    let mut calls = Vec::new();
    expression.visit(&mut |part| {
        if matches!(part, Expression::Call(name, _) if is_read(name)) {
            calls.push(part.clone());
        }
    });
    let mut found = Vec::new();
    for call in calls {
        let is_search = matches!(&call, Expression::Call(name, _) if name == "SEARCH");
        let series = match is_search {
            true => search(asked, query, &call, period_ms).await?,
            // A band learns of what is computed here.
            false => Box::pin(band::read(asked, query, &call)).await?,
        };
        found.push((call, series));
    }
    let metrics = asked.queries.iter().filter(|query| matches!(query.asks, Asks::Metric(_)));
    let metric_ids: Vec<String> = metrics.map(|query| query.id.clone()).collect();
    // What is made of series has the coarsest of their periods.
    let periods = values
        .values()
        .filter_map(|value| if let Value::One(one) = value { Some(one.period_ms) } else { None });
    let period_ms = periods.max().unwrap_or(period_ms);
    let given = Given {
        range: Range { start: floor(asked.from, period_ms), end: asked.to },
        values,
        metric_ids: &metric_ids,
        found: &found,
        budget: &asked.budget,
        period_ms,
    };
    given.evaluate(expression).map_err(|why| in_expression(&query.id, &why))
}

/// The statistic of a metric by periods, all units together.
pub async fn read(asked: &Asked<'_>, reading: &Reading) -> Result<TimeSeries> {
    let Reading { metric, statistic, statistic_name, period_ms, unit } = reading;
    let start = floor(period::start(asked.from, *period_ms, asked.ctx.now()), *period_ms);
    let wanted = asked.to.saturating_sub(start) / period_ms;
    if wanted > POINTS_MAX {
        return Err(errors::too_many_datapoints(wanted, POINTS_MAX));
    }
    let series = asked.ctx.own::<AllSeries>().find(asked.ctx.scope(), metric, unit.as_deref());
    let points = match series.is_empty() {
        true => Vec::new(),
        false => {
            let mut bins = Bins::new(start, asked.to, *period_ms, statistic.needs_spread());
            each_sample(asked.ctx, &series, start, asked.to, |_, at, sample| bins.add(at, sample)).await?;
            bins.finish();
            bins.of(*statistic).collect()
        }
    };
    let of = Some((metric.clone(), statistic_name.clone()));
    Ok(TimeSeries { label: metric.name.clone(), period_ms: *period_ms, points, of })
}

/// `SEARCH('expression', 'statistic', period)`
async fn search(
    asked: &Asked<'_>,
    query: &Query,
    call: &Expression,
    period_ms: Millis,
) -> Result<Vec<TimeSeries>> {
    let refuse = |why: &str| in_expression(&query.id, why);
    let Expression::Call(_, parts) = call else { return Ok(Vec::new()) };
    let [Expression::Text(text), Expression::Text(name), rest @ ..] = parts.as_slice() else {
        return Err(refuse(
            "SEARCH takes a search expression and a statistic, in quotation marks, and a period.",
        ));
    };
    let search = Search::parse(text).map_err(|why| refuse(&why))?;
    let statistic =
        Statistic::parse(name).ok_or_else(|| refuse(&format!("The statistic {name} is not supported.")))?;
    let period_ms = match rest {
        [] => period_ms,
        [Expression::Number(period)] => {
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked then")]
            let period_s = *period as i32;
            period::check(period_s, "Period").map_err(|error| refuse(error.message()))?
        }
        _ => return Err(refuse("The period of SEARCH is a number.")),
    };
    let oldest = asked.ctx.now() - FOUND_MS;
    let metrics: Vec<Arc<MetricKey>> =
        asked.ctx.own::<AllSeries>().list(asked.ctx.scope(), None, FOUND_MAX, |key, newest| {
            (newest >= oldest && search.fits(key)).then(|| key.clone())
        });
    let mut found = Vec::with_capacity(metrics.len());
    for metric in metrics {
        let values = metric.dimensions.iter().map(|(_, value)| value.as_str());
        let own = values.chain([metric.name.as_str()]).collect::<Vec<_>>().join(" ");
        let reading =
            Reading { metric, statistic, statistic_name: Arc::from(name.as_str()), period_ms, unit: None };
        let series = TimeSeries { label: own, ..read(asked, &reading).await? };
        asked.budget.take_points(series.points.len()).map_err(|why| refuse(&why))?;
        found.push(series);
    }
    Ok(found)
}
