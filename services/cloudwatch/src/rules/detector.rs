//! What an anomaly detector may be, and which one it is.

use api_cloudwatch::{
    AnomalyDetectorConfiguration, MetricDataQuery, MetricMathAnomalyDetector, SingleMetricAnomalyDetector,
};
use jiff::tz::TimeZone;
use kernel::{Millis, Result};
use serde_json::json;

use super::metric::{MetricKey, check_dimensions};
use super::query::{self, Asks, Query};
use super::statistic::Statistic;
use crate::errors;
use crate::state::alarm::ObservedQuery;
use crate::state::detector::{Configuration, Watched};

/// Time ranges of one detector that teach nothing.
const EXCLUDED_MAX: usize = 100;
/// Longest name of a zone.
const ZONE_MAX: usize = 50;

/// The ways of saying of what a detector is, two of them for one metric.
#[derive(Debug, Default)]
pub struct Named {
    pub flat: SingleMetricAnomalyDetector,
    pub single: Option<SingleMetricAnomalyDetector>,
    pub math: Option<MetricMathAnomalyDetector>,
}

/// # Errors
/// Where none or several are given, or one that cannot be.
pub fn check(named: Named) -> Result<Watched> {
    let Named { flat, single, math } = named;
    let is_flat = flat.namespace.is_some()
        || flat.metric_name.is_some()
        || flat.dimensions.is_some()
        || flat.stat.is_some();
    match (is_flat, single, math) {
        (true, None, None) => check_single(flat),
        (false, Some(single), None) => check_single(single),
        (false, None, Some(math)) => check_math(&math.metric_data_queries.unwrap_or_default()),
        (false, None, None) => Err(errors::missing(
            "Either SingleMetricAnomalyDetector or MetricMathAnomalyDetector must be specified.",
        )),
        _ => Err(errors::combination(
            "Only one of SingleMetricAnomalyDetector, MetricMathAnomalyDetector and the parameters of a single metric \
             can be specified.",
        )),
    }
}

fn check_single(single: SingleMetricAnomalyDetector) -> Result<Watched> {
    let missing = |name: &str| errors::missing(format!("The parameter {name} is required."));
    let namespace = single.namespace.ok_or_else(|| missing("Namespace"))?;
    let name = single.metric_name.ok_or_else(|| missing("MetricName"))?;
    let statistic = single.stat.ok_or_else(|| missing("Stat"))?;
    let dimensions = single.dimensions.unwrap_or_default();
    check_dimensions(&dimensions, || "Dimensions".to_owned())?;
    if Statistic::parse(&statistic).is_none() {
        return Err(errors::unsupported_statistic(&statistic, "Stat"));
    }
    Ok(Watched::Metric { metric: MetricKey::new(namespace, name, dimensions), statistic })
}

fn check_math(queries: &[MetricDataQuery]) -> Result<Watched> {
    let checked = query::check(queries.to_vec())?;
    query::in_order(&checked)?;
    let mut returned = checked.iter().enumerate().filter(|(_, query)| query.is_returned);
    let (Some((at, Query { asks: Asks::Math(..), .. })), None) = (returned.next(), returned.next()) else {
        return Err(errors::invalid(
            "Exactly one element of MetricDataQueries, an expression, must return data.",
        ));
    };
    let behind = query::behind(&checked, at)?;
    check_no_band(&checked, &behind)?;
    if behind.len() != checked.len() {
        return Err(errors::invalid("MetricDataQueries has elements that the expression does not need."));
    }
    Ok(Watched::Math(queries.iter().map(ObservedQuery::from).collect()))
}

/// Refuses a band of a band.
pub fn check_no_band(queries: &[Query], behind: &[usize]) -> Result<()> {
    let is_band = |query: &&Query| query.calls("ANOMALY_DETECTION_BAND").is_some();
    match behind.iter().filter_map(|at| queries.get(*at)).find(is_band) {
        Some(query) => Err(query::in_expression(&query.id, "ANOMALY_DETECTION_BAND is of no other band.")),
        None => Ok(()),
    }
}

/// # Errors
/// An unknown zone, ranges that end before they begin, too many of them.
pub fn check_configuration(asked: Option<AnomalyDetectorConfiguration>) -> Result<Configuration> {
    let asked = asked.unwrap_or_default();
    let zone = asked.metric_timezone;
    if let Some(zone) = &zone
        && (zone.len() > ZONE_MAX || TimeZone::get(zone).is_err())
    {
        return Err(errors::invalid_value(zone, "Configuration.MetricTimezone"));
    }
    let ranges = asked.excluded_time_ranges.unwrap_or_default();
    if ranges.len() > EXCLUDED_MAX {
        return Err(errors::collection_too_big("Configuration.ExcludedTimeRanges", EXCLUDED_MAX));
    }
    let ranges: Vec<(Millis, Millis)> =
        ranges.iter().map(|range| (range.start_time.as_millis(), range.end_time.as_millis())).collect();
    if ranges.iter().any(|(start, end)| start >= end) {
        return Err(errors::invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok(Configuration { zone, excluded: ranges })
}

/// Tells detectors from each other: what the query at `at` is of, in one text. Periods, labels and what is returned
/// count for nothing.
///
/// # Errors
/// When an expression needs itself.
pub fn identity(queries: &[Query], at: usize) -> Result<String> {
    let behind = query::behind(queries, at)?;
    let mut each: Vec<_> = behind.iter().filter_map(|at| queries.get(*at)).collect();
    each.sort_by(|a, b| a.id.cmp(&b.id));
    if let [Query { asks: Asks::Metric(reading), .. }] = each.as_slice() {
        return Ok(single_identity(&reading.metric, &reading.statistic_name));
    }
    let shown = |query: &Query| match &query.asks {
        Asks::Metric(reading) => json!([query.id, single_identity(&reading.metric, &reading.statistic_name)]),
        Asks::Math(..) => json!([query.id, query.text.split_whitespace().collect::<String>()]),
    };
    Ok(json!(each.into_iter().map(shown).collect::<Vec<_>>()).to_string())
}

pub fn single_identity(metric: &MetricKey, statistic: &str) -> String {
    json!([metric.namespace, metric.name, metric.dimensions, statistic]).to_string()
}

/// Where the bands of an expression are computed of: the id of the query, and how wide.
///
/// # Errors
/// What no band is of, in words.
pub fn band_of(call: &super::math::parse::Expression) -> std::result::Result<(&str, f64), String> {
    use super::math::parse::Expression;
    const WIDTH: f64 = 2.0;
    let Expression::Call(_, parts) = call else { return Err("It is no call.".to_owned()) };
    match parts.as_slice() {
        [Expression::Name(id)] => Ok((id, WIDTH)),
        [Expression::Name(id), Expression::Number(width)] if *width > 0.0 && width.is_finite() => {
            Ok((id, *width))
        }
        _ => Err("ANOMALY_DETECTION_BAND takes the id of a query, and a number of standard deviations \
                  greater than 0."
            .to_owned()),
    }
}
