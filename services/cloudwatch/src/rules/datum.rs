//! What PutMetricData may put.

use api_cloudwatch::{MetricDatum, PutMetricDataInput, StatisticSet};
use kernel::{Millis, Result};

use super::metric::{MetricKey, check_dimensions};
use super::sample::{Sample, Set, Spread};
use super::tier::{Tier, floor};
use crate::errors;

/// Data of one call.
const DATA_MAX: usize = 1_000;
/// Values of one datum.
const VALUES_MAX: usize = 150;
const OLDEST_MS: Millis = 14 * 86_400_000;
const NEWEST_MS: Millis = 2 * 3_600_000;
/// Two to the power of 360: no number is farther from zero.
const NUMBER_MAX: f64 = 2.348_542_582_773_833_4e108;
/// Namespaces of AWS's own metrics begin so.
const RESERVED: &str = "AWS/";

/// A datum, ready to be stored.
#[derive(Clone, Debug)]
pub struct Datum {
    pub metric: MetricKey,
    /// One of the model's.
    pub unit: String,
    pub tier: Tier,
    pub at: Millis,
    pub sample: Sample,
}

/// All data of a call. `is_house` lets a service of the house put AWS's own metrics.
pub fn check(input: PutMetricDataInput, is_house: bool, now: Millis) -> Result<Vec<Datum>> {
    let PutMetricDataInput { namespace, metric_data, .. } = input;
    if namespace.starts_with(RESERVED) && !is_house {
        return Err(errors::invalid(format!("The value {RESERVED} for parameter Namespace is invalid.")));
    }
    if !is_name(&namespace) || namespace.starts_with(':') {
        return Err(errors::invalid_value(&namespace, "Namespace"));
    }
    let data = metric_data.filter(|data| !data.is_empty());
    let data = data.ok_or_else(|| errors::missing("The parameter MetricData is required."))?;
    if data.len() > DATA_MAX {
        return Err(errors::collection_too_big("MetricData", DATA_MAX));
    }
    let each = data.into_iter().enumerate();
    each.map(|(at, datum)| check_one(&namespace, datum, now, Place(at + 1))).collect()
}

/// Where a datum stands in its call.
#[derive(Clone, Copy)]
struct Place(usize);

impl Place {
    fn member(self, name: &str) -> String {
        format!("MetricData.member.{}.{name}", self.0)
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control())
}

fn check_one(namespace: &str, mut datum: MetricDatum, now: Millis, place: Place) -> Result<Datum> {
    if !is_name(&datum.metric_name) {
        return Err(errors::invalid_value(&datum.metric_name, &place.member("MetricName")));
    }
    let dimensions = datum.dimensions.take().unwrap_or_default();
    check_dimensions(&dimensions, || place.member("Dimensions"))?;
    let tier = match datum.storage_resolution {
        None | Some(60) => Tier::Minute,
        Some(1) => Tier::Second,
        Some(other) => {
            return Err(errors::invalid_value(&other.to_string(), &place.member("StorageResolution")));
        }
    };
    let at = datum.timestamp.map_or(now, |at| at.as_millis());
    if at < now - OLDEST_MS {
        let what = "must specify a time no more than two weeks in the past.";
        return Err(errors::invalid(format!("The parameter {} {what}", place.member("Timestamp"))));
    }
    if at > now + NEWEST_MS {
        let what = "must specify a time no more than two hours in the future.";
        return Err(errors::invalid(format!("The parameter {} {what}", place.member("Timestamp"))));
    }
    // What is too old to be kept by the second is kept by the minute from the first.
    let tier = if now - at > Tier::Second.keeps_ms() { Tier::Minute } else { tier };
    let sample = sample(&datum, place)?;
    Ok(Datum {
        metric: MetricKey::new(namespace.to_owned(), datum.metric_name, dimensions),
        unit: datum.unit.unwrap_or_else(|| "None".to_owned()),
        tier,
        at: floor(at, tier.step_ms()),
        sample,
    })
}

fn sample(datum: &MetricDatum, place: Place) -> Result<Sample> {
    let both = |a: &str, b: &str| Err(errors::exclusive(&place.member(a), &place.member(b)));
    match (datum.value, &datum.values, &datum.statistic_values) {
        (Some(_), Some(_), _) => both("Value", "Values"),
        (Some(_), _, Some(_)) => both("Value", "StatisticValues"),
        (_, Some(_), Some(_)) => both("Values", "StatisticValues"),
        (Some(value), None, None) if datum.counts.is_none() => {
            Ok(Sample::Single(number(value, || place.member("Value"))?))
        }
        (Some(_), None, None) => both("Value", "Counts"),
        (None, Some(values), None) => distribution(values, datum.counts.as_deref(), place),
        (None, None, Some(set)) => statistic_set(set, place),
        (None, None, None) => Err(errors::missing(format!(
            "At least one of the parameters {}, {} and {} must be specified.",
            place.member("Value"),
            place.member("Values"),
            place.member("StatisticValues"),
        ))),
    }
}

fn number(value: f64, parameter: impl FnOnce() -> String) -> Result<f64> {
    if value.is_finite() && value.abs() <= NUMBER_MAX {
        return Ok(value);
    }
    let shown = match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => value.to_string(),
    };
    Err(errors::invalid_value(&shown, &parameter()))
}

fn distribution(values: &[f64], counts: Option<&[f64]>, place: Place) -> Result<Sample> {
    if values.len() > VALUES_MAX {
        return Err(errors::collection_too_big(&place.member("Values"), VALUES_MAX));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        let (values, counts) = (place.member("Values"), place.member("Counts"));
        return Err(errors::invalid(format!(
            "The parameters {values} and {counts} must be of the same size."
        )));
    }
    let mut pairs = Vec::with_capacity(values.len());
    for (at, value) in values.iter().enumerate() {
        let value = number(*value, || place.member("Values"))?;
        let count = counts.and_then(|counts| counts.get(at)).copied().unwrap_or(1.0);
        let count = number(count, || place.member("Counts"))?;
        if count <= 0.0 {
            return Err(errors::invalid_value(&count.to_string(), &place.member("Counts")));
        }
        pairs.push((value, count));
    }
    let missing = || errors::missing(format!("The parameter {} must not be empty.", place.member("Values")));
    Sample::of_values(pairs).ok_or_else(missing)
}

fn statistic_set(set: &StatisticSet, place: Place) -> Result<Sample> {
    let member = |name: &str| place.member(&format!("StatisticValues.{name}"));
    let count = number(set.sample_count, || member("SampleCount"))?;
    let sum = number(set.sum, || member("Sum"))?;
    let minimum = number(set.minimum, || member("Minimum"))?;
    let maximum = number(set.maximum, || member("Maximum"))?;
    if count <= 0.0 {
        return Err(errors::invalid_value(&count.to_string(), &member("SampleCount")));
    }
    if minimum > maximum {
        let (least, most) = (member("Minimum"), member("Maximum"));
        return Err(errors::invalid(format!("The parameter {least} must not be greater than {most}.")));
    }
    let is_even = minimum.to_bits() == maximum.to_bits();
    if is_even && count == 1.0 && sum.to_bits() == minimum.to_bits() {
        return Ok(Sample::Single(minimum));
    }
    let spread = if is_even { Spread::Even } else { Spread::Unknown };
    Ok(Sample::Set(Box::new(Set { count, sum, minimum, maximum, spread })))
}
