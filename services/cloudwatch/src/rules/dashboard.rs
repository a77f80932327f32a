//! What a dashboard may be: its name, and a body of widgets.

use api_cloudwatch::DashboardValidationMessage;
use kernel::Result;
use serde_json::{Map, Value};

use crate::errors;

const NAME_MAX: usize = 255;
const BODY_BYTES_MAX: usize = 1_048_576;
const WIDGETS_MAX: usize = 500;
/// Messages of one answer.
const MESSAGES_MAX: usize = 100;
const TYPES: [&str; 7] = ["metric", "text", "log", "alarm", "explorer", "custom", "chart"];

/// Of something among a widget's metrics that is none.
const NO_METRIC: &str = "Field \"metrics\" has to be an array of array of strings, with an optional metricRenderer object \
    as last element";
/// Of a widget of metrics that has none.
const NO_SOURCE: &str =
    "The metric widget should have specified a region and a data source or an alarm annotation";

/// # Errors
/// When it has other characters than letters, digits, dashes and underscores.
pub fn check_name(name: &str) -> Result<()> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_known) {
        return Err(errors::invalid(format!(
            "The value {name} for field DashboardName contains invalid characters. \
             It can only contain alphanumerics, dash (-) and underscore (_)."
        )));
    }
    Ok(())
}

/// # Errors
/// All that is wrong with the body, each with its place.
pub fn check_body(body: &str) -> Result<()> {
    if body.len() > BODY_BYTES_MAX {
        return Err(errors::invalid(format!(
            "The dashboard body must not be longer than {BODY_BYTES_MAX} bytes."
        )));
    }
    let mut found = Vec::new();
    match serde_json::from_str(body) {
        Ok(Value::Object(dashboard)) => check_widgets(&dashboard, &mut found),
        Ok(_) | Err(_) => say(&mut found, "", "The field DashboardBody must be a valid JSON object"),
    }
    found.truncate(MESSAGES_MAX);
    if found.is_empty() { Ok(()) } else { Err(errors::bad_dashboard(found)) }
}

fn say(found: &mut Vec<DashboardValidationMessage>, path: &str, message: &str) {
    let (data_path, message) = (Some(path.to_owned()), Some(message.to_owned()));
    found.push(DashboardValidationMessage { data_path, message });
}

fn check_widgets(dashboard: &Map<String, Value>, found: &mut Vec<DashboardValidationMessage>) {
    match dashboard.get("widgets") {
        None => say(found, "", "Should have required property 'widgets'"),
        Some(Value::Array(widgets)) => {
            if widgets.len() > WIDGETS_MAX {
                say(found, "/widgets", &format!("Should NOT have more than {WIDGETS_MAX} items"));
            }
            for (at, widget) in widgets.iter().enumerate() {
                check_widget(widget, &format!("/widgets/{at}"), found);
            }
        }
        Some(_) => say(found, "/widgets", "Should be array"),
    }
}

fn check_widget(widget: &Value, path: &str, found: &mut Vec<DashboardValidationMessage>) {
    let Value::Object(widget) = widget else { return say(found, path, "Should be object") };
    for (name, least, most) in [("x", 0, 23), ("y", 0, i64::MAX), ("width", 1, 24), ("height", 1, 1_000)] {
        let Some(value) = widget.get(name) else { continue };
        let place = format!("{path}/{name}");
        match value.as_i64() {
            None => say(found, &place, "Should be integer"),
            Some(value) if value < least => say(found, &place, &format!("Should be >= {least}")),
            Some(value) if value > most => say(found, &place, &format!("Should be <= {most}")),
            Some(_) => {}
        }
    }
    let kind = match widget.get("type").map(Value::as_str) {
        None => return say(found, path, "Should have required property 'type'"),
        Some(kind) => kind.unwrap_or_default(),
    };
    if !TYPES.contains(&kind) {
        return say(found, &format!("{path}/type"), "Should be equal to one of the allowed values");
    }
    let properties = match widget.get("properties") {
        Some(Value::Object(properties)) => properties,
        Some(_) => return say(found, &format!("{path}/properties"), "Should be object"),
        None => return say(found, path, "Should have required property 'properties'"),
    };
    let needed: &[&str] = match kind {
        "metric" => &["region"],
        "text" => &["markdown"],
        "log" => &["query", "region"],
        "alarm" => &["alarms"],
        _ => &[],
    };
    let place = format!("{path}/properties");
    for name in needed.iter().filter(|name| !properties.contains_key(**name)) {
        say(found, &place, &format!("Should have required property '{name}'"));
    }
    let has_metrics = properties.contains_key("metrics") || properties.contains_key("annotations");
    if kind == "metric" && !has_metrics {
        for words in [
            "Should have required property 'metrics'",
            NO_SOURCE,
            "Should have required property 'annotations'",
        ] {
            say(found, &place, words);
        }
    }
    if kind == "alarm" && properties.get("alarms").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        say(found, &format!("{place}/alarms"), "Should NOT have less than 1 items");
    }
    match properties.get("metrics") {
        Some(Value::Array(metrics)) if kind == "metric" => {
            for (at, metric) in metrics.iter().enumerate() {
                check_metric(metric, &format!("{place}/metrics/{at}"), found);
            }
        }
        None | Some(Value::Array(_)) => {}
        Some(_) => say(found, &format!("{place}/metrics"), "Should be array"),
    }
}

/// Strings, and perhaps an object at the end that says how they are drawn.
fn check_metric(metric: &Value, path: &str, found: &mut Vec<DashboardValidationMessage>) {
    let Value::Array(fields) = metric else {
        say(found, path, "Should be array");
        return say(found, path, NO_METRIC);
    };
    let (names, manner) = match fields.split_last() {
        Some((Value::Object(manner), names)) => (names, Some(manner)),
        _ => (fields.as_slice(), None),
    };
    for (at, _) in names.iter().enumerate().filter(|(_, name)| !name.is_string()) {
        say(found, &format!("{path}/{at}"), "Invalid metric field type, only \"String\" type is allowed");
    }
    if manner.is_some_and(|manner| !is_manner(manner)) {
        say(found, path, &format!("Should NOT have more than {} items", names.len()));
    }
}

/// Whether an object may say how a metric is drawn; refused is what CloudWatch was seen to refuse. Dimensions are named
/// before it, and a color is written in hexadecimal.
fn is_manner(manner: &Map<String, Value>) -> bool {
    let is_color = |color: &str| {
        color.strip_prefix('#').is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    let has_dimensions = ["dimension", "dimensions"].iter().any(|name| manner.contains_key(*name));
    !has_dimensions && manner.get("color").is_none_or(|color| color.as_str().is_some_and(is_color))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(body: &str) -> String {
        match check_body(body) {
            Ok(()) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn good_bodies_pass() {
        assert_eq!(messages("{\"widgets\":[]}"), "");
        let metric = r#"{"widgets":[{"type":"metric","x":0,"y":0,"width":24,"height":6,
            "properties":{"metrics":[["AWS/EC2","CPUUtilization"]],"region":"eu-west-1"}}]}"#;
        assert_eq!(messages(metric), "");
        assert_eq!(messages(r##"{"widgets":[{"type":"text","properties":{"markdown":"# hi"}}]}"##), "");
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        for bad in ["", "[]", "{", "{}"] {
            assert!(
                messages(bad).starts_with("The dashboard body is invalid, there are 1 validation errors"),
                "{bad}"
            );
        }
        let bad =
            r#"{"widgets":[{"type":"metric","width":25,"properties":{"metrics":1}},{"type":"pie"},7,{}]}"#;
        let found = messages(bad);
        for words in [
            "there are 6 validation errors",
            "/widgets/0/width",
            "Should be <= 24",
            "'region'",
            "/widgets/1/type",
            "/widgets/2",
            "'type'",
        ] {
            assert!(found.contains(words), "{words}: {found}");
        }
        let metrics = |metrics: &str| {
            let properties = format!(r#"{{"metrics":[{metrics}],"region":"eu-west-1"}}"#);
            messages(&format!(r#"{{"widgets":[{{"type":"metric","properties":{properties}}}]}}"#))
        };
        for good in [
            r##"["N","M","D","v",{"stat":"Sum","color":"#1f77b4","label":"l"}],[".",".",".","w"]"##,
            r#"[{"expression":"SUM(METRICS())","id":"e1"}],["...","w"]"#,
        ] {
            assert_eq!(metrics(good), "");
        }
        for (bad, place, words) in [
            (r#"{"metric":"M"}"#, "metrics/0", "Should be array"),
            (r#"["N","M"],"M""#, "metrics/1", r#"Field \"metrics\" has to be an array of array of strings"#),
            (r#"["N","M",{"stat":"Sum"},{"D":"v"}]"#, "metrics/0/2", "Invalid metric field type, only"),
            (r#"["N","M","D",1]"#, "metrics/0/3", "Invalid metric field type, only"),
            (r#"["N","M",{"dimensions":{"D":"v"}}]"#, "metrics/0", "Should NOT have more than 2 items"),
            (r#"["N","M",{"color":"red"}]"#, "metrics/0", "Should NOT have more than 2 items"),
        ] {
            let said = metrics(bad);
            let place = format!("\"dataPath\": \"/widgets/0/properties/{place}\"");
            let told = said.lines().zip(said.lines().skip(1));
            assert!(
                told.into_iter().any(|(one, next)| one.contains(&place) && next.contains(words)),
                "{bad}: {said}"
            );
        }
        let empty = r#"{"widgets":[{"type":"metric","properties":{"region":"eu-west-1"}},{"type":"chart","properties":{}},
            {"type":"alarm","properties":{"alarms":[]}}]}"#;
        let places: Vec<_> = messages(empty).lines().map(str::trim).map(str::to_owned).collect();
        assert_eq!(places[0], "The dashboard body is invalid, there are 4 validation errors:");
        let told = |place: &str, words: &str| {
            let place = format!("\"dataPath\": \"{place}\",");
            let words = format!("\"message\": \"{words}\"");
            places.windows(2).any(|two| two[0] == place && two[1] == words)
        };
        assert!(told("/widgets/0/properties", "Should have required property 'metrics'"), "{places:?}");
        assert!(told("/widgets/0/properties", NO_SOURCE), "{places:?}");
        assert!(told("/widgets/0/properties", "Should have required property 'annotations'"), "{places:?}");
        assert!(told("/widgets/2/properties/alarms", "Should NOT have less than 1 items"), "{places:?}");
        assert!(check_name("a-b_9").is_ok() && check_name("a b").is_err() && check_name("").is_err());
    }
}
