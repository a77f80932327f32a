//! Conditions of rules: read, checked, and shown again.

use api_elbv2 as api;
use ipnet::IpNet;
use kernel::Result;

use crate::errors;
use crate::state::condition::Condition;

/// Values of all conditions of a rule together (user guide, "Quotas").
pub const VALUES_MAX: usize = 5;
const CHARS_MAX: usize = 128;
/// `*` and `?` of all conditions of a rule together.
pub const WILDCARDS_MAX: usize = 6;
const NAME_CHARS_MAX: usize = 40;
/// No client comes from there.
const BROADCAST: &str = "255.255.255.255/32";

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
    if all.iter().map(wildcards).sum::<usize>() > WILDCARDS_MAX {
        return Err(errors::validation(format!(
            "A rule can have at most {WILDCARDS_MAX} condition wildcards"
        )));
    }
    for field in ["host-header", "path-pattern", "http-request-method", "source-ip"] {
        if all.iter().filter(|one| name(one) == field).count() > 1 {
            return Err(errors::validation(format!("A rule can only have one '{field}' condition")));
        }
    }
    Ok(all)
}

fn check_one(given: api::RuleCondition) -> Result<Condition> {
    let field = given.field.clone().unwrap_or_default();
    check_alone(&field, &given)?;
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
            let hosts = either(given.host_header_config.and_then(|config| config.values))?;
            check_each(&field, &hosts, is_host)?;
            Ok(Condition::Host(hosts))
        }
        "path-pattern" => {
            let paths = either(given.path_pattern_config.and_then(|config| config.values))?;
            check_each(&field, &paths, is_path)?;
            Ok(Condition::Path(paths))
        }
        "http-request-method" => {
            let methods = given.http_request_method_config.and_then(|config| config.values);
            let methods = texts(&field, methods.unwrap_or_default())?;
            check_each(&field, &methods, is_method)?;
            Ok(Condition::Method(methods))
        }
        "source-ip" => {
            let ranges = given.source_ip_config.and_then(|config| config.values);
            let ranges = texts(&field, ranges.unwrap_or_default())?;
            let fits = |range: &String| *range != BROADCAST && range.parse::<IpNet>().is_ok();
            if let Some(bad) = ranges.iter().find(|range| !fits(range)) {
                return Err(errors::validation(format!("Condition value '{bad}' is not a CIDR block")));
            }
            Ok(Condition::Source(ranges))
        }
        "http-header" => {
            let config = given.http_header_config.unwrap_or_default();
            let name = config.http_header_name.unwrap_or_default();
            if !is_header(&name) {
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

/// What goes with another field is not there.
fn check_alone(field: &str, given: &api::RuleCondition) -> Result<()> {
    let configs = [
        ("HostHeaderConfig", "host-header", given.host_header_config.is_some()),
        ("PathPatternConfig", "path-pattern", given.path_pattern_config.is_some()),
        ("HttpHeaderConfig", "http-header", given.http_header_config.is_some()),
        ("QueryStringConfig", "query-string", given.query_string_config.is_some()),
        ("HttpRequestMethodConfig", "http-request-method", given.http_request_method_config.is_some()),
        ("SourceIpConfig", "source-ip", given.source_ip_config.is_some()),
    ];
    if let Some((name, of, _)) = configs.into_iter().find(|(_, of, given)| *given && *of != field) {
        let message = format!("{name} can only be specified for the condition field '{of}', not '{field}'");
        return Err(errors::validation(message));
    }
    if given.values.is_some() && !matches!(field, "host-header" | "path-pattern") {
        return Err(errors::validation(format!(
            "Values cannot be specified for the condition field '{field}'"
        )));
    }
    Ok(())
}

fn check_each(field: &str, values: &[String], fits: fn(&str) -> bool) -> Result<()> {
    match values.iter().find(|value| !fits(value)) {
        Some(bad) => Err(errors::validation(format!("The '{field}' value '{bad}' is not valid"))),
        None => Ok(()),
    }
}

/// Letters, digits, hyphens, wildcards, and at least one point.
fn is_host(value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.*?".contains(&byte);
    value.contains('.') && value.bytes().all(fits)
}

fn is_path(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.$/~\"'@:+&;*?".contains(&byte))
}

/// Upper case.
fn is_method(value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || b"-_".contains(&byte);
    value.len() <= NAME_CHARS_MAX && value.bytes().all(fits)
}

/// Without wildcards, though a name could have a `*`.
fn is_header(name: &str) -> bool {
    http::HeaderName::try_from(name).is_ok() && name.len() <= NAME_CHARS_MAX && !name.contains('*')
}

fn wildcards(condition: &Condition) -> usize {
    let plain = |text: &String| text.bytes().filter(|byte| b"*?".contains(byte)).count();
    let escaped = |text: &String| plain(&text.replace(r"\\", "").replace(r"\*", "").replace(r"\?", ""));
    match condition {
        Condition::Host(values) | Condition::Path(values) | Condition::Header { values, .. } => {
            values.iter().map(plain).sum()
        }
        Condition::Query(pairs) => {
            pairs.iter().map(|(key, value)| key.as_ref().map_or(0, escaped) + escaped(value)).sum()
        }
        Condition::Method(_) | Condition::Source(_) => 0,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(field: &str) -> api::RuleCondition {
        api::RuleCondition { field: Some(field.into()), ..Default::default() }
    }

    fn plain(field: &str, value: &str) -> api::RuleCondition {
        api::RuleCondition { values: Some(vec![value.into()]), ..of(field) }
    }

    fn query(value: &str) -> api::RuleCondition {
        let pair = api::QueryStringKeyValuePair { key: None, value: Some(value.into()) };
        let config = api::QueryStringConditionConfig { values: Some(vec![pair]) };
        api::RuleCondition { query_string_config: Some(config), ..of("query-string") }
    }

    #[test]
    fn values_are_bounded() {
        let header = |name: &str| {
            let (http_header_name, values) = (Some(name.to_owned()), Some(vec!["x".to_owned()]));
            let config = api::HttpHeaderConditionConfig { http_header_name, values, ..Default::default() };
            api::RuleCondition { http_header_config: Some(config), ..of("http-header") }
        };
        let method = |name: String| {
            let config = api::HttpRequestMethodConditionConfig { values: Some(vec![name]) };
            api::RuleCondition { http_request_method_config: Some(config), ..of("http-request-method") }
        };
        let source = |range: &str| {
            let config = api::SourceIpConditionConfig { values: Some(vec![range.to_owned()]) };
            api::RuleCondition { source_ip_config: Some(config), ..of("source-ip") }
        };
        let cases = [
            (plain("host-header", "*.Example.com"), true),
            (plain("host-header", "example"), false),
            (plain("host-header", "*"), false),
            (plain("host-header", "a b.c"), false),
            (plain("path-pattern", "/img/*.p?g"), true),
            (plain("path-pattern", "/a b"), false),
            (plain("path-pattern", "/*a*b*c*d*e*"), true),
            (plain("path-pattern", "/*a*b*c*d*e*f*"), false),
            (query(r"*a*b*c*d*e*f\*"), true),
            (query(r"*a*b*c*d*e*f\\*"), false),
            (header("X-Kind"), true),
            (header("X-*"), false),
            (method("M".repeat(40)), true),
            (method("M".repeat(41)), false),
            (source("10.0.0.0/8"), true),
            (source("255.255.255.255/32"), false),
        ];
        for (at, (given, fits)) in cases.into_iter().enumerate() {
            assert_eq!(check(vec![given]).is_ok(), fits, "the case {at}");
        }
    }

    #[test]
    fn what_goes_with_another_field_is_refused() {
        let beside = api::RuleCondition {
            host_header_config: Some(api::HostHeaderConditionConfig::default()),
            ..plain("path-pattern", "/a")
        };
        assert!(check(vec![beside]).unwrap_err().message().contains("HostHeaderConfig"));
        let values = api::RuleCondition { values: Some(vec!["x".into()]), ..query("x") };
        assert!(check(vec![values]).unwrap_err().message().contains("Values"));
    }
}
