//! Conditions of rules: read, checked, and shown again.

use api_elbv2 as api;
use ipnet::IpNet;
use kernel::Result;

use crate::errors;
use crate::state::condition::Condition;

/// Values of all conditions of a rule together (user guide, "Quotas").
const VALUES_MAX: usize = 5;
const CHARS_MAX: usize = 128;

/// # Errors
/// `ValidationError`.
pub fn check(given: Vec<api::RuleCondition>) -> Result<Vec<Condition>> {
    if given.is_empty() {
        return Err(errors::validation("A condition must be specified"));
    }
    let all = given.into_iter().map(check_one).collect::<Result<Vec<_>>>()?;
    let count: usize = all.iter().map(values).sum();
    if count > VALUES_MAX {
        return Err(errors::validation(format!("A rule can have at most {VALUES_MAX} condition values")));
    }
    for field in ["host-header", "path-pattern", "http-request-method", "source-ip"] {
        if all.iter().filter(|one| name(one) == field).count() > 1 {
            return Err(errors::validation(format!("A rule can only have one '{field}' condition")));
        }
    }
    Ok(all)
}

fn check_one(given: api::RuleCondition) -> Result<Condition> {
    let field = given.field.unwrap_or_default();
    let plain = given.values.unwrap_or_default();
    let either = |config: Option<Vec<String>>| match config {
        Some(values) if plain.is_empty() || plain == values => texts(&field, values),
        Some(_) => {
            Err(errors::validation("Values and the configuration of a condition cannot both be specified"))
        }
        None => texts(&field, plain.clone()),
    };
    match &*field {
        "host-header" => {
            either(given.host_header_config.and_then(|config| config.values)).map(Condition::Host)
        }
        "path-pattern" => {
            either(given.path_pattern_config.and_then(|config| config.values)).map(Condition::Path)
        }
        "http-request-method" => {
            let methods = given.http_request_method_config.and_then(|config| config.values);
            let methods = texts(&field, methods.unwrap_or_default())?;
            let fits =
                |method: &String| method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_');
            if !methods.iter().all(fits) {
                return Err(errors::validation(
                    "Condition values for 'http-request-method' must be upper case",
                ));
            }
            Ok(Condition::Method(methods))
        }
        "source-ip" => {
            let ranges = given.source_ip_config.and_then(|config| config.values);
            let ranges = texts(&field, ranges.unwrap_or_default())?;
            if let Some(bad) = ranges.iter().find(|range| range.parse::<IpNet>().is_err()) {
                return Err(errors::validation(format!("Condition value '{bad}' is not a CIDR block")));
            }
            Ok(Condition::Source(ranges))
        }
        "http-header" => {
            let config = given.http_header_config.unwrap_or_default();
            let name = config.http_header_name.unwrap_or_default();
            if http::HeaderName::try_from(&*name).is_err() || name.len() > 40 {
                return Err(errors::validation(format!("HTTP header name '{name}' is not valid")));
            }
            if name.eq_ignore_ascii_case("host") {
                return Err(errors::validation("Use the condition field 'host-header' for the Host header"));
            }
            Ok(Condition::Header { name, values: texts(&field, config.values.unwrap_or_default())? })
        }
        "query-string" => {
            let pairs = given.query_string_config.and_then(|config| config.values).unwrap_or_default();
            let pairs = pairs.into_iter().map(|pair| (pair.key, pair.value.unwrap_or_default()));
            let pairs: Vec<_> = pairs.collect();
            texts(&field, pairs.iter().map(|(_, value)| value.clone()).collect())?;
            Ok(Condition::Query(pairs))
        }
        other => Err(errors::validation(format!("Condition field '{other}' is not valid"))),
    }
}

fn texts(field: &str, values: Vec<String>) -> Result<Vec<String>> {
    let fits = |value: &String| !value.is_empty() && value.chars().count() <= CHARS_MAX;
    if values.is_empty() || !values.iter().all(fits) {
        return Err(errors::validation(format!(
            "Condition values for '{field}' must be given, each of at most {CHARS_MAX} characters"
        )));
    }
    Ok(values)
}

fn values(condition: &Condition) -> usize {
    match condition {
        Condition::Host(values)
        | Condition::Path(values)
        | Condition::Method(values)
        | Condition::Source(values)
        | Condition::Header { values, .. } => values.len(),
        Condition::Query(pairs) => pairs.len(),
    }
}

fn name(condition: &Condition) -> &'static str {
    match condition {
        Condition::Host(_) => "host-header",
        Condition::Path(_) => "path-pattern",
        Condition::Method(_) => "http-request-method",
        Condition::Source(_) => "source-ip",
        Condition::Header { .. } => "http-header",
        Condition::Query(_) => "query-string",
    }
}

/// As AWS shows it.
pub fn shown(condition: &Condition) -> api::RuleCondition {
    let mut shown = api::RuleCondition { field: Some(name(condition).to_owned()), ..Default::default() };
    match condition {
        Condition::Host(values) => {
            shown.values = Some(values.clone());
            let values = Some(values.clone());
            shown.host_header_config = Some(api::HostHeaderConditionConfig { values, ..Default::default() });
        }
        Condition::Path(values) => {
            shown.values = Some(values.clone());
            let values = Some(values.clone());
            shown.path_pattern_config =
                Some(api::PathPatternConditionConfig { values, ..Default::default() });
        }
        Condition::Method(values) => {
            let values = Some(values.clone());
            shown.http_request_method_config = Some(api::HttpRequestMethodConditionConfig { values });
        }
        Condition::Source(values) => {
            shown.source_ip_config = Some(api::SourceIpConditionConfig { values: Some(values.clone()) });
        }
        Condition::Header { name, values } => {
            shown.http_header_config = Some(api::HttpHeaderConditionConfig {
                http_header_name: Some(name.clone()),
                values: Some(values.clone()),
                ..Default::default()
            });
        }
        Condition::Query(pairs) => {
            let pair = |(key, value): &(Option<String>, String)| api::QueryStringKeyValuePair {
                key: key.clone(),
                value: Some(value.clone()),
            };
            let values = Some(pairs.iter().map(pair).collect());
            shown.query_string_config = Some(api::QueryStringConditionConfig { values });
        }
    }
    shown
}
