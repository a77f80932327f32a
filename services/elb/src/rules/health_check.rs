//! How instances are asked whether they are well, and how that is told.

use std::time::Duration;

use api_elb as api;
use balance::{Codes, Health, Probe, ProbeBy, Upstream};
use kernel::Result;

use crate::errors;
use crate::state::instance::Instance;
use crate::state::load_balancer::HealthCheck;

/// Asks instances under this name.
const AGENT: &str = "ELB-HealthChecker/1.0";
const PATH_CHARS_MAX: usize = 1_024;

/// What load balancers have whose owner has not said anything: a connection to the port of the first listener.
pub fn usual(instance_port: i32) -> HealthCheck {
    HealthCheck {
        target: format!("TCP:{instance_port}"),
        interval_s: 30,
        timeout_s: 5,
        unhealthy: 2,
        healthy: 10,
    }
}

/// Protocol, port and path of `HTTP:80/index.html`.
fn parts(target: &str) -> Option<(String, u16, &str)> {
    let (protocol, rest) = target.split_once(':')?;
    let (port, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (protocol, port) = (protocol.to_ascii_uppercase(), port.parse().ok().filter(|port| *port > 0)?);
    let fits = match &*protocol {
        "TCP" | "SSL" => path.is_empty(),
        "HTTP" | "HTTPS" => !path.is_empty() && path.len() <= PATH_CHARS_MAX && path.is_ascii(),
        _ => false,
    };
    fits.then_some((protocol, port, path))
}

/// # Errors
/// `ValidationError`.
pub fn check(given: &api::HealthCheck) -> Result<HealthCheck> {
    let Some((protocol, port, path)) = parts(&given.target) else {
        return Err(errors::validation(format!(
            "HealthCheck Target '{}' must be TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path",
            given.target
        )));
    };
    for (name, value, from, to) in [
        ("Interval", given.interval, 5, 300),
        ("Timeout", given.timeout, 2, 60),
        ("UnhealthyThreshold", given.unhealthy_threshold, 2, 10),
        ("HealthyThreshold", given.healthy_threshold, 2, 10),
    ] {
        if !(from..=to).contains(&value) {
            return Err(errors::validation(format!("HealthCheck {name} must be between {from} and {to}")));
        }
    }
    if given.timeout >= given.interval {
        return Err(errors::validation("HealthCheck timeout must be less than interval"));
    }
    Ok(HealthCheck {
        target: format!("{protocol}:{port}{path}"),
        interval_s: given.interval,
        timeout_s: given.timeout,
        unhealthy: given.unhealthy_threshold,
        healthy: given.healthy_threshold,
    })
}

pub fn shown(check: &HealthCheck) -> api::HealthCheck {
    api::HealthCheck {
        target: check.target.clone(),
        interval: check.interval_s,
        timeout: check.timeout_s,
        unhealthy_threshold: check.unhealthy,
        healthy_threshold: check.healthy,
    }
}

/// As the engine asks.
pub fn probe(check: &HealthCheck) -> Option<Probe> {
    let (protocol, port, path) = parts(&check.target)?;
    let by = match &*protocol {
        "TCP" => ProbeBy::Connect,
        "SSL" => ProbeBy::Handshake,
        other => ProbeBy::Http {
            path: path.to_owned(),
            tls: other == "HTTPS",
            codes: Codes(vec![(200, 200)]),
            version: Upstream::Http1,
            agent: AGENT,
        },
    };
    let time = |seconds: i32| Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
    Some(Probe {
        by,
        port: Some(port),
        every: time(check.interval_s),
        timeout: time(check.timeout_s),
        healthy_after: u32::try_from(check.healthy).unwrap_or(10),
        unhealthy_after: u32::try_from(check.unhealthy).unwrap_or(2),
    })
}

/// How an instance is told to fare, by what the probes of each listener say.
pub fn told(of: &Instance, found: &[Option<Health>]) -> api::InstanceState {
    let said = |state: &str, reason: &str, description: &str| api::InstanceState {
        instance_id: Some(of.id.clone()),
        state: Some(state.to_owned()),
        reason_code: Some(reason.to_owned()),
        description: Some(description.to_owned()),
    };
    if of.draining_since.is_some() {
        return said("InService", "ELB", "Instance deregistration currently in progress.");
    }
    if let Some(state) = &of.out_of_service {
        return said("OutOfService", "Instance", &format!("Instance is in {state} state."));
    }
    if found.iter().any(|health| matches!(health, Some(Health::Unhealthy(_)))) {
        let why =
            "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.";
        return said("OutOfService", "Instance", why);
    }
    if found.is_empty() || found.iter().any(|health| *health != Some(Health::Healthy)) {
        return said("OutOfService", "ELB", "Instance registration is still in progress.");
    }
    said("InService", "N/A", "N/A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_a_protocol_a_port_and_a_path_where_there_is_one() {
        assert_eq!(parts("http:80/a?b"), Some(("HTTP".into(), 80, "/a?b")));
        assert_eq!(parts("TCP:22"), Some(("TCP".into(), 22, "")));
        for bad in ["HTTP:80", "TCP:80/x", "TCP:0", "TCP", "UDP:53", "HTTP:x/", "HTTPS:70000/"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_listener_whose_instance_is_ill_is_enough() {
        let one = Instance {
            id: "i-1".into(),
            address: [10, 0, 0, 1].into(),
            zone: "a".into(),
            draining_since: None,
            out_of_service: None,
        };
        let state = |found: &[Option<Health>]| told(&one, found).state.unwrap();
        assert_eq!(state(&[Some(Health::Healthy)]), "InService");
        assert_eq!(state(&[Some(Health::Healthy), None]), "OutOfService");
        assert_eq!(state(&[]), "OutOfService");
        let ill = Health::Unhealthy(balance::Ailment::Timeout);
        let told = told(&one, &[Some(Health::Healthy), Some(ill)]);
        assert_eq!(told.reason_code.as_deref(), Some("Instance"));
    }
}
