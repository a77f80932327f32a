//! How targets are asked whether they are well: what may be said, and what is assumed.

use kernel::Result;

use crate::errors;
use crate::state::target_group::HealthCheck;

/// Codes that may be a success (API reference, Matcher), by the protocol of the target group.
const ALB_CODES: (u16, u16) = (200, 499);
const NLB_CODES: (u16, u16) = (200, 599);
const GRPC_CODES: (u16, u16) = (0, 99);

/// What a request says about health checks.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub enabled: Option<bool>,
    pub protocol: Option<String>,
    pub port: Option<String>,
    pub path: Option<String>,
    pub interval_s: Option<i32>,
    pub timeout_s: Option<i32>,
    pub healthy: Option<i32>,
    pub unhealthy: Option<i32>,
    pub matcher: Option<api_elbv2::Matcher>,
}

/// What is assumed for targets of a protocol (API reference, CreateTargetGroup).
pub fn usual(protocol: &str, version: Option<&str>) -> HealthCheck {
    let http = matches!(protocol, "HTTP" | "HTTPS");
    let is_grpc = version == Some("GRPC");
    let path = if is_grpc { "/AWS.ALB/healthcheck" } else { "/" };
    HealthCheck {
        enabled: true,
        protocol: if http { protocol } else { "TCP" }.to_owned(),
        port: "traffic-port".to_owned(),
        path: http.then(|| path.to_owned()),
        matcher: http.then(|| if is_grpc { "12" } else { "200" }.to_owned()),
        interval_s: 30,
        timeout_s: if http { 5 } else { 10 },
        healthy: 5,
        unhealthy: 2,
    }
}

/// Puts a wish in force.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`.
pub fn apply(check: &mut HealthCheck, wish: Wish, http: bool, version: Option<&str>) -> Result<()> {
    if let Some(protocol) = wish.protocol {
        let allowed: &[&str] = if http { &["HTTP", "HTTPS"] } else { &["HTTP", "HTTPS", "TCP"] };
        if !allowed.contains(&&*protocol) {
            return Err(errors::validation(format!("Health check protocol '{protocol}' is not valid here")));
        }
        let asks = protocol != "TCP";
        check.path = asks.then(|| check.path.take().unwrap_or_else(|| "/".to_owned()));
        let usual = if http { "200" } else { "200-399" };
        check.matcher = asks.then(|| check.matcher.take().unwrap_or_else(|| usual.to_owned()));
        check.protocol = protocol;
    }
    if let Some(port) = wish.port {
        let number = port.parse::<u16>().is_ok_and(|port| port > 0);
        if port != "traffic-port" && !number {
            return Err(errors::validation(format!(
                "Health check port '{port}' must be 'traffic-port' or a port"
            )));
        }
        check.port = port;
    }
    if let Some(path) = wish.path {
        if check.protocol == "TCP" {
            return Err(errors::configuration(
                "Health check path cannot be specified for health check protocol TCP",
            ));
        }
        if !path.starts_with('/') || path.len() > 1_024 || http::Uri::try_from(&*path).is_err() {
            return Err(errors::validation(format!("Health check path '{path}' must be a valid path")));
        }
        check.path = Some(path);
    }
    if let Some(matcher) = wish.matcher {
        let codes = if http { ALB_CODES } else { NLB_CODES };
        check.matcher = Some(check_matcher(matcher, &check.protocol, version, codes)?);
    }
    check.interval_s = bounded(wish.interval_s, check.interval_s, (5, 300), "Health check interval")?;
    check.timeout_s = bounded(wish.timeout_s, check.timeout_s, (2, 120), "Health check timeout")?;
    check.healthy = bounded(wish.healthy, check.healthy, (2, 10), "Healthy threshold count")?;
    check.unhealthy = bounded(wish.unhealthy, check.unhealthy, (2, 10), "Unhealthy threshold count")?;
    if wish.enabled == Some(false) {
        return Err(errors::configuration("Health checks cannot be disabled for this target type"));
    }
    if check.timeout_s >= check.interval_s {
        return Err(errors::validation("Health check timeout must be smaller than the interval"));
    }
    Ok(())
}

fn bounded(given: Option<i32>, before: i32, (least, most): (i32, i32), name: &str) -> Result<i32> {
    match given {
        None => Ok(before),
        Some(value) if (least..=most).contains(&value) => Ok(value),
        Some(value) => {
            Err(errors::validation(format!("{name} '{value}' must be between {least} and {most} inclusive")))
        }
    }
}

fn check_matcher(
    matcher: api_elbv2::Matcher,
    protocol: &str,
    version: Option<&str>,
    http_codes: (u16, u16),
) -> Result<String> {
    let is_grpc = version == Some("GRPC");
    let (given, range) = match (matcher.http_code, matcher.grpc_code) {
        (Some(codes), None) if !is_grpc && protocol != "TCP" => (codes, http_codes),
        (None, Some(codes)) if is_grpc => (codes, GRPC_CODES),
        _ => return Err(errors::configuration("The matcher does not fit the protocol of the health check")),
    };
    let fits = |(from, to): &(u16, u16)| from <= to && *from >= range.0 && *to <= range.1;
    match codes(&given) {
        Some(all) if all.iter().all(fits) => Ok(given),
        _ => Err(errors::validation(format!("Health check matcher '{given}' is not valid"))),
    }
}

/// `200,301-302` as ranges.
pub fn codes(text: &str) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| match part.trim().split_once('-') {
        Some((from, to)) => Some((from.trim().parse().ok()?, to.trim().parse().ok()?)),
        None => part.trim().parse().ok().map(|code| (code, code)),
    };
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbers_and_ranges() {
        assert_eq!(codes("200"), Some(vec![(200, 200)]));
        assert_eq!(codes("200,301-302"), Some(vec![(200, 200), (301, 302)]));
        assert_eq!(codes("ok"), None);
    }

    #[test]
    fn codes_of_success_are_bounded_by_the_kind_of_group() {
        let fits = |http_code: Option<&str>, grpc_code: Option<&str>, http, version| {
            let text = |code: Option<&str>| code.map(str::to_owned);
            let matcher = Some(api_elbv2::Matcher { http_code: text(http_code), grpc_code: text(grpc_code) });
            let protocol = Some("HTTP".to_owned());
            apply(&mut usual("HTTP", version), Wish { matcher, protocol, ..Wish::default() }, http, version)
                .is_ok()
        };
        assert!(fits(Some("200,300-499"), None, true, None) && !fits(Some("200-500"), None, true, None));
        assert!(fits(Some("200-599"), None, false, None) && !fits(Some("199"), None, false, None));
        assert!(fits(None, Some("0-99"), true, Some("GRPC")) && !fits(None, Some("100"), true, Some("GRPC")));
    }

    #[test]
    fn a_timeout_is_shorter_than_the_interval() {
        let mut check = usual("HTTP", None);
        let wish = Wish { interval_s: Some(5), ..Wish::default() };
        assert!(apply(&mut check, wish, true, None).is_err());
        let wish = Wish { interval_s: Some(5), timeout_s: Some(2), ..Wish::default() };
        let mut check = usual("HTTP", None);
        apply(&mut check, wish, true, None).unwrap();
    }
}
