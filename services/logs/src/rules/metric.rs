//! Metric filters: what a filter may be, and which metrics events make (user guide, "Creating metrics from log
//! events").

use std::collections::BTreeMap;

use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::errors;

/// Filters of one group.
pub const FILTERS_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 3;
const MINUTE_MS: Millis = 60_000;

/// Into which metric events go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transformation {
    pub name: String,
    pub namespace: String,
    /// A number, or a selector.
    pub value: String,
    pub default: Option<f64>,
    /// Name to selector.
    pub dimensions: BTreeMap<String, String>,
    pub unit: Option<String>,
}

/// Samples of one minute or second, put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
    pub unit: Option<String>,
    pub at: Millis,
    pub count: f64,
    pub sum: f64,
    pub least: f64,
    pub most: f64,
    /// Each of them, where they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// Of a second, not of a minute.
    #[serde(default)]
    pub is_fine: bool,
}

fn is_selector(text: &str) -> bool {
    text.starts_with('$') && text.len() > 1
}

/// # Errors
/// When CloudWatch would not take what it makes, or the pattern knows nothing of what it selects.
pub fn check(made: &Transformation, pattern: &Pattern) -> Result<()> {
    if made.namespace.starts_with("AWS/") || made.namespace.is_empty() || made.name.is_empty() {
        let message = format!(
            "Invalid metric transformation: namespace and name must be of your own: {}",
            made.namespace
        );
        return Err(errors::invalid(message));
    }
    let known = |selector: &str| {
        let in_json = selector.starts_with("$.") || selector.starts_with("$[");
        is_selector(selector) && (in_json || pattern.has_column(selector))
    };
    let is_number = made.value.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_number && !known(&made.value) {
        return Err(errors::invalid(format!(
            "Invalid metric transformation: metricValue {} is neither a number nor a field of the filter pattern",
            made.value
        )));
    }
    if let Some(unknown) = made.dimensions.values().find(|selector| !known(selector)) {
        return Err(errors::invalid(format!(
            "Invalid metric transformation: dimension value {unknown} is not a field of the filter pattern"
        )));
    }
    if made.dimensions.len() > DIMENSIONS_MAX {
        return Err(errors::invalid(format!(
            "Invalid metric transformation: at most {DIMENSIONS_MAX} dimensions"
        )));
    }
    if made.default.is_some() && !made.dimensions.is_empty() {
        return Err(errors::invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive",
        ));
    }
    match made.default {
        Some(default) if !default.is_finite() => {
            Err(errors::invalid("Invalid metric transformation: defaultValue"))
        }
        _ => Ok(()),
    }
}

/// The points that events make. Those without a value to select, or without one of its dimensions, make none.
/// The flag says whether any event was meant.
pub fn points<'m>(
    made: &Transformation,
    pattern: &Pattern,
    events: impl Iterator<Item = (Millis, &'m str)>,
) -> (Vec<Point>, bool) {
    let mut points: BTreeMap<(Millis, Vec<(String, String)>), Point> = BTreeMap::new();
    let constant = made.value.parse::<f64>().ok();
    let mut any = false;
    for (at, message) in events.filter(|(_, message)| pattern.matches(message)) {
        any = true;
        let value = || pattern.value_of(&made.value, message)?.trim().parse::<f64>().ok();
        let Some(value) = constant.or_else(value).filter(|value| value.is_finite()) else { continue };
        let dimension = |(name, selector): (&String, &String)| {
            let value = pattern.value_of(selector, message).filter(|value| !value.is_empty())?;
            Some((name.clone(), value))
        };
        let Some(dimensions) = made.dimensions.iter().map(dimension).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let minute = at - at.rem_euclid(MINUTE_MS);
        let point = points.entry((minute, dimensions.clone())).or_insert_with(|| Point {
            dimensions,
            count: 0.0,
            sum: 0.0,
            ..single(made, minute, value)
        });
        point.count += 1.0;
        point.sum += value;
        point.least = point.least.min(value);
        point.most = point.most.max(value);
    }
    (points.into_values().collect(), any)
}

/// A point of one value.
pub fn single(made: &Transformation, at: Millis, value: f64) -> Point {
    Point {
        namespace: made.namespace.clone(),
        name: made.name.clone(),
        dimensions: Vec::new(),
        unit: made.unit.clone(),
        at: at - at.rem_euclid(MINUTE_MS),
        count: 1.0,
        sum: value,
        least: value,
        most: value,
        values: Vec::new(),
        is_fine: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(value: &str, dimensions: &[(&str, &str)]) -> Transformation {
        Transformation {
            name: "n".into(),
            namespace: "shop".into(),
            value: value.into(),
            default: None,
            dimensions: dimensions.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            unit: None,
        }
    }

    #[test]
    fn events_of_a_minute_are_one_point_for_each_dimension() {
        let pattern = Pattern::parse("{ $.ms > 0 }").unwrap();
        let events = [
            (60_000, r#"{"ms": 5, "path": "/a"}"#),
            (61_000, r#"{"ms": 7, "path": "/a"}"#),
            (62_000, r#"{"ms": 1, "path": "/b"}"#),
            (62_000, r#"{"ms": 1}"#),
            (120_000, r#"{"ms": 2, "path": "/a"}"#),
        ];
        let (points, any) = points(&made("$.ms", &[("Path", "$.path")]), &pattern, events.into_iter());
        assert!(any);
        let shown: Vec<_> = points
            .iter()
            .map(|p| (p.at, p.dimensions[0].1.as_str(), p.count, p.sum, p.least, p.most))
            .collect();
        assert_eq!(
            shown,
            [
                (60_000, "/a", 2.0, 12.0, 5.0, 7.0),
                (60_000, "/b", 1.0, 1.0, 1.0, 1.0),
                (120_000, "/a", 1.0, 2.0, 2.0, 2.0)
            ]
        );
    }

    #[test]
    fn what_cannot_become_a_metric_is_refused() {
        let columns = Pattern::parse("[ip, bytes]").unwrap();
        assert!(check(&made("$bytes", &[("Ip", "$ip")]), &columns).is_ok());
        assert!(check(&made("1", &[]), &columns).is_ok());
        for (value, dimensions) in
            [("x", &[][..]), ("$size", &[]), ("1", &[("Ip", "ip")]), ("1", &[("Ip", "$x")])]
        {
            assert!(check(&made(value, dimensions), &columns).is_err(), "{value} {dimensions:?}");
        }
        assert!(check(&Transformation { namespace: "AWS/EC2".into(), ..made("1", &[]) }, &columns).is_err());
        let both = Transformation { default: Some(0.0), ..made("1", &[("Ip", "$ip")]) };
        assert!(check(&both, &columns).is_err());
    }
}
