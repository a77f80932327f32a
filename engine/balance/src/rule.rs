//! Which rule a request falls under.

use std::net::IpAddr;

use http::HeaderMap;
use http::request::Parts;

use crate::spec::{Action, Condition, DoorSpec};

/// A request as rules see it.
pub(crate) struct Seen<'r> {
    pub(crate) parts: &'r Parts,
    /// Without the port.
    pub(crate) host: &'r str,
    pub(crate) source: IpAddr,
}

/// The action of the first rule that fits, and how many were looked at.
pub(crate) fn decide<'d>(door: &'d DoorSpec, seen: &Seen<'_>) -> (&'d Action, usize) {
    for (at, rule) in door.rules.iter().enumerate() {
        if rule.conditions.iter().all(|condition| holds(condition, seen)) {
            return (&rule.action, at + 1);
        }
    }
    (&door.otherwise, door.rules.len())
}

fn holds(condition: &Condition, seen: &Seen<'_>) -> bool {
    match condition {
        Condition::Host(patterns) => patterns.iter().any(|pattern| pattern.fits(seen.host)),
        Condition::Path(patterns) => {
            let path = seen.parts.uri.path();
            patterns.iter().any(|pattern| pattern.fits(path))
        }
        Condition::Header(name, patterns) => {
            let values = seen.parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.into_iter().any(|value| patterns.iter().any(|pattern| pattern.fits(value)))
        }
        Condition::Method(methods) => methods.iter().any(|method| method == seen.parts.method.as_str()),
        Condition::Query(wanted) => {
            let pairs =
                || seen.parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
            wanted.iter().any(|(key, value)| {
                pairs()
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .any(|(name, text)| key.as_ref().is_none_or(|key| key.fits(name)) && value.fits(text))
            })
        }
        Condition::Source(ranges) => ranges.iter().any(|range| range.contains(&seen.source)),
    }
}

/// The host a request is for, without its port.
pub(crate) fn host<'r>(parts: &'r Parts, headers: &'r HeaderMap) -> Option<&'r str> {
    let given = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    given.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str)).map(without_port)
}

pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}
