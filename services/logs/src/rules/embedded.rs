//! Metrics that events bring with them (CloudWatch user guide, "Specification: Embedded metric format").

use std::collections::BTreeMap;

use kernel::Millis;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::metric::Point;

const METRICS_MAX: usize = 100;
const VALUES_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 30;
/// Points of one event: a hundred metrics by thirty sets of dimensions.
const OF_EVENT_MAX: usize = 3_000;
/// Points of one put; what later events bring is not told.
const POINTS_MAX: usize = 30_000;
/// Values that a point holds, as many as CloudWatch takes in one datum.
const OF_POINT_MAX: usize = 150;
const SECOND_MS: Millis = 1_000;

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "Timestamp")]
    at: Millis,
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

/// What an event says of its members.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: String,
    unit: Option<String>,
    storage_resolution: Option<i64>,
}

/// What tells points from each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: Millis,
    namespace: String,
    name: String,
    dimensions: Vec<(String, String)>,
    unit: Option<String>,
    is_fine: bool,
}

/// The points that events bring. One that does not follow the specification brings none.
pub fn points<'m>(messages: impl Iterator<Item = &'m str>) -> Vec<Point> {
    let mut values: BTreeMap<Place, Vec<f64>> = BTreeMap::new();
    for message in messages {
        // Few events are read for it.
        if !message.contains("\"_aws\"") || values.len() >= POINTS_MAX {
            continue;
        }
        for (place, more) in of_event(message).unwrap_or_default() {
            values.entry(place).or_default().extend(more);
        }
    }
    let point = |(place, values): (Place, Vec<f64>)| {
        let chunks: Vec<Point> = values.chunks(OF_POINT_MAX).map(|values| place.point(values)).collect();
        chunks
    };
    values.into_iter().flat_map(point).collect()
}

/// `None` where the specification is not followed.
fn of_event(message: &str) -> Option<Vec<(Place, Vec<f64>)>> {
    let root: Map<String, Value> = serde_json::from_str(message).ok()?;
    let metadata = Metadata::deserialize(root.get("_aws")?).ok()?;
    let mut points = Vec::new();
    for directive in &metadata.directives {
        if directive.metrics.len() > METRICS_MAX || directive.namespace.starts_with("AWS/") {
            return None;
        }
        for set in &directive.dimensions {
            let dimensions = dimensions(&root, set)?;
            for definition in &directive.metrics {
                let values = numbers(root.get(&definition.name)?)?;
                if points.len() >= OF_EVENT_MAX {
                    return None;
                }
                points.push((definition.place(directive, &dimensions, metadata.at), values));
            }
        }
    }
    Some(points)
}

fn dimensions(root: &Map<String, Value>, set: &[String]) -> Option<Vec<(String, String)>> {
    if set.len() > DIMENSIONS_MAX {
        return None;
    }
    let mut dimensions: Vec<(String, String)> = set
        .iter()
        .map(|name| Some((name.clone(), root.get(name)?.as_str()?.to_owned())))
        .collect::<Option<_>>()?;
    dimensions.sort();
    Some(dimensions)
}

/// A number, or an array of them.
fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(all) if all.len() <= VALUES_MAX => all.iter().map(Value::as_f64).collect(),
        other => other.as_f64().map(|number| vec![number]),
    }
}

impl Definition {
    fn place(&self, of: &Directive, dimensions: &[(String, String)], at: Millis) -> Place {
        let is_fine = self.storage_resolution == Some(1);
        let step = if is_fine { SECOND_MS } else { 60 * SECOND_MS };
        Place {
            at: at - at.rem_euclid(step),
            namespace: of.namespace.clone(),
            name: self.name.clone(),
            dimensions: dimensions.to_vec(),
            unit: self.unit.clone(),
            is_fine,
        }
    }
}

impl Place {
    fn point(&self, values: &[f64]) -> Point {
        let Self { at, namespace, name, dimensions, unit, is_fine } = self.clone();
        let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
        let (count, sum) = values.iter().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
        Point {
            namespace,
            name,
            dimensions,
            unit,
            at,
            count,
            sum,
            least,
            most,
            values: values.to_vec(),
            is_fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(directive: &str, rest: &str) -> String {
        format!(r#"{{"_aws": {{"Timestamp": 61500, "CloudWatchMetrics": [{directive}]}}, {rest}}}"#)
    }

    fn of(directive: &str, rest: &str) -> Vec<Point> {
        points(std::iter::once(event(directive, rest).as_str()))
    }

    #[test]
    fn members_become_points_for_each_set_of_dimensions() {
        let directive = r#"{"Namespace": "shop", "Dimensions": [["Page"], ["Zone", "Page"], []],
            "Metrics": [{"Name": "ms", "Unit": "Milliseconds"}, {"Name": "hits", "StorageResolution": 1}]}"#;
        let rest = r#""Page": "/a", "Zone": "z", "ms": [5, 7.5], "hits": 1, "other": {"x": []}"#;
        let made = of(directive, rest);
        assert_eq!(made.len(), 6);
        let ms: Vec<_> = made.iter().filter(|point| point.name == "ms").collect();
        assert!(ms.iter().all(|point| point.at == 60_000 && point.values == [5.0, 7.5] && !point.is_fine));
        assert_eq!(
            (ms[0].sum, ms[0].least, ms[0].most, ms[0].unit.as_deref()),
            (12.5, 5.0, 7.5, Some("Milliseconds"))
        );
        assert!(
            ms.iter()
                .any(|point| point.dimensions == [("Page".into(), "/a".into()), ("Zone".into(), "z".into())])
        );
        let hits = made.iter().find(|point| point.name == "hits").unwrap();
        assert!(hits.is_fine && hits.at == 61_000);
    }

    #[test]
    fn events_of_a_minute_are_put_together() {
        let directive = r#"{"Namespace": "n", "Dimensions": [[]], "Metrics": [{"Name": "v"}]}"#;
        let events: Vec<String> = (0..200).map(|n| event(directive, &format!("\"v\": {n}"))).collect();
        let made = points(events.iter().map(String::as_str));
        assert_eq!(made.iter().map(|point| point.values.len()).collect::<Vec<_>>(), [150, 50]);
    }

    #[test]
    fn what_does_not_follow_the_specification_brings_nothing() {
        let good = r#"{"Namespace": "n", "Dimensions": [[]], "Metrics": [{"Name": "v"}]}"#;
        assert_eq!(of(good, "\"v\": 1").len(), 1);
        for (directive, rest) in [
            (good, "\"v\": \"one\""),
            (good, "\"w\": 1"),
            (r#"{"Namespace": "AWS/EC2", "Dimensions": [[]], "Metrics": [{"Name": "v"}]}"#, "\"v\": 1"),
            (r#"{"Namespace": "n", "Dimensions": [["d"]], "Metrics": [{"Name": "v"}]}"#, "\"v\": 1"),
            (r#"{"Namespace": "n", "Dimensions": [["v"]], "Metrics": [{"Name": "v"}]}"#, "\"v\": 1"),
            (r#"{"Namespace": "n", "Metrics": [{"Name": "v"}]}"#, "\"v\": 1"),
        ] {
            assert!(of(directive, rest).is_empty(), "{directive} {rest}");
        }
        assert!(points(["\"_aws\"", "{\"_aws\": 5}", "text \"_aws\" {}"].into_iter()).is_empty());
        // A short event cannot bring a flood.
        let sets = vec!["[]"; 5_000].join(",");
        let flood = format!(r#"{{"Namespace": "n", "Dimensions": [{sets}], "Metrics": [{{"Name": "v"}}]}}"#);
        assert!(of(&flood, "\"v\": 1").is_empty());
    }
}
