//! Bands: learns what a query is expected to give from its own history, and says so for a range of time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use kernel::{Millis, Result};

use super::answer::{Asked, compute};
use super::detector::{Detector, Detectors, Learned};
use crate::rules::anomaly::{HISTORY_MS, Model, Settings};
use crate::rules::detector::{band_of, check_no_band, identity};
use crate::rules::math::budget::Budget;
use crate::rules::math::parse::Expression;
use crate::rules::math::series::{Range, TimeSeries, Value};
use crate::rules::query::{self, Asks, Query, in_expression};
use crate::rules::tier::{Tier, floor};

/// What was learned is used for so long.
pub const LEARN_EVERY_MS: Millis = 3_600_000;
/// Where there was too little, it is tried again sooner.
pub const TRY_EVERY_MS: Millis = 60_000;
/// Points of the band in one answer.
const POINTS_MAX: Millis = 100_800;

/// `ANOMALY_DETECTION_BAND(id, width)`: the upper and the lower bound, at every period of the range. Both are without
/// points while there is no detector, or it has seen too little.
pub async fn read(asked: &Asked<'_>, query: &Query, call: &Expression) -> Result<Vec<TimeSeries>> {
    let refuse = |why: &str| in_expression(&query.id, why);
    let (id, width) = band_of(call).map_err(|why| refuse(&why))?;
    let at = asked.queries.iter().position(|query| query.id == id);
    let at = at.ok_or_else(|| refuse(&format!("Unrecognized identifier '{id}'.")))?;
    let behind = query::behind(asked.queries, at)?;
    check_no_band(asked.queries, &behind)?;
    let period_ms = period_of(asked.queries, &behind);
    if period_ms < Tier::Minute.step_ms() {
        return Err(refuse("ANOMALY_DETECTION_BAND is of periods of 60 seconds and longer."));
    }
    let range = Range { start: floor(asked.from, period_ms), end: asked.to };
    if (range.end - range.start) / period_ms > POINTS_MAX {
        return Err(crate::errors::too_many_datapoints((range.end - range.start) / period_ms, POINTS_MAX));
    }
    let found = asked.ctx.own::<Detectors>().find(asked.ctx.scope(), &identity(asked.queries, at)?);
    let model = match found {
        Some(detector) => learn(asked, &detector, (at, &behind), period_ms).await?,
        None => None,
    };
    let named = asked.queries.get(at).map(|query| match &query.asks {
        Asks::Metric(reading) => reading.metric.name.clone(),
        Asks::Math(..) => query.id.clone(),
    });
    let named = named.unwrap_or_default();
    let series = |side: &str, of: &dyn Fn((f64, f64)) -> f64| {
        let points = model.iter().flat_map(|model| {
            range.instants(period_ms).map(|instant| (instant, of(model.band(instant, width))))
        });
        TimeSeries { label: format!("{named} {side}"), period_ms, points: points.collect(), of: None }
    };
    Ok(vec![series("High", &|(_, high)| high), series("Low", &|(low, _)| low)])
}

/// The coarsest period of what a query is computed of.
pub fn period_of(queries: &[Query], behind: &[usize]) -> Millis {
    let metrics = behind.iter().filter_map(|at| match &queries.get(*at)?.asks {
        Asks::Metric(reading) => Some(reading.period_ms),
        Asks::Math(..) => None,
    });
    let own = behind.last().and_then(|at| queries.get(*at)).map(|query| match &query.asks {
        Asks::Metric(reading) => reading.period_ms,
        Asks::Math(_, period_ms) => *period_ms,
    });
    metrics.max().or(own).unwrap_or_default()
}

/// What a detector has learned for points of this period: of late, or now.
///
/// # Errors
/// When its queries cannot be answered.
pub async fn learn(
    asked: &Asked<'_>,
    detector: &Arc<Detector>,
    (at, behind): (usize, &[usize]),
    period_ms: Millis,
) -> Result<Option<Arc<Model>>> {
    let (ctx, detectors) = (asked.ctx, asked.ctx.own::<Detectors>());
    let now = ctx.now();
    if let Some(learned) = detectors.learned(ctx.scope(), detector, period_ms) {
        let lasts_ms = if learned.model.is_some() { LEARN_EVERY_MS } else { TRY_EVERY_MS };
        if now - learned.at < lasts_ms {
            return Ok(learned.model);
        }
    }
    let to = floor(now, period_ms);
    let budget = Budget::default();
    let history = Asked { ctx, queries: asked.queries, from: to - HISTORY_MS, to, budget };
    let mut values = HashMap::new();
    for query in behind.iter().filter_map(|at| history.queries.get(*at)) {
        let value = compute(&history, query, &values).await?;
        values.insert(query.id.clone(), value);
    }
    let named = asked.queries.get(at).and_then(|query| values.remove(&query.id));
    let Some(Value::One(mut series)) = named else {
        let id = asked.queries.get(at).map(|query| query.id.as_str()).unwrap_or_default();
        return Err(in_expression(id, "ANOMALY_DETECTION_BAND is of one time series."));
    };
    let excluded = &detector.configuration.excluded;
    series.points.retain(|(at, _)| !excluded.iter().any(|(start, end)| (start..end).contains(&at)));
    let zone = detector.configuration.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok());
    let settings = Settings {
        zone: zone.unwrap_or(TimeZone::UTC),
        has_spikes: detector.has_spikes == Some(true),
        period_ms,
    };
    let model = Model::train(&series.points, &settings).map(Arc::new);
    let learned = Learned { by: detector.clone(), model: model.clone(), at: now };
    detectors.set_learned(ctx.scope(), period_ms, learned);
    Ok(model)
}
