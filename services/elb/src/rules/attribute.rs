//! Attributes of load balancers.

use api_elb as api;
use kernel::Result;

use crate::errors;
use crate::state::load_balancer::{AccessLog, Attributes};

/// The one attribute that has no member of its own.
const DESYNC: &str = "elb.http.desyncmitigationmode";

/// As they are while nobody has said anything.
pub fn usual() -> Attributes {
    Attributes {
        cross_zone: false,
        draining_s: None,
        draining_timeout_s: 300,
        idle_s: 60,
        log: None,
        desync: "defensive".to_owned(),
    }
}

/// Changes what a request names.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`.
pub fn set(of: &mut Attributes, given: &api::LoadBalancerAttributes) -> Result<()> {
    if let Some(cross_zone) = &given.cross_zone_load_balancing {
        of.cross_zone = cross_zone.enabled;
    }
    if let Some(draining) = &given.connection_draining {
        let timeout = draining.timeout.unwrap_or(of.draining_timeout_s);
        check("ConnectionDraining Timeout", timeout, 1, 3_600)?;
        of.draining_timeout_s = timeout;
        of.draining_s = draining.enabled.then_some(timeout);
    }
    if let Some(settings) = &given.connection_settings {
        check("IdleTimeout", settings.idle_timeout, 1, 4_000)?;
        of.idle_s = settings.idle_timeout;
    }
    if let Some(log) = &given.access_log {
        of.log = if log.enabled { Some(check_log(log)?) } else { None };
    }
    for one in given.additional_attributes.iter().flatten() {
        let (key, value) = (one.key.as_deref().unwrap_or_default(), one.value.as_deref().unwrap_or_default());
        if key != DESYNC || !matches!(value, "monitor" | "defensive" | "strictest") {
            return Err(errors::configuration(format!("'{key}' with the value '{value}' is no attribute")));
        }
        value.clone_into(&mut of.desync);
    }
    Ok(())
}

fn check(what: &str, seconds: i32, from: i32, to: i32) -> Result<()> {
    if (from..=to).contains(&seconds) {
        return Ok(());
    }
    Err(errors::validation(format!("{what} must be between {from} and {to} seconds")))
}

fn check_log(given: &api::AccessLog) -> Result<AccessLog> {
    let bucket = given.s3_bucket_name.clone().filter(|name| !name.is_empty());
    let bucket =
        bucket.ok_or_else(|| errors::configuration("S3BucketName must be specified for access logs"))?;
    let interval_min = given.emit_interval.unwrap_or(60);
    if !matches!(interval_min, 5 | 60) {
        return Err(errors::configuration("EmitInterval must be 5 or 60 minutes"));
    }
    let prefix = given.s3_bucket_prefix.clone().unwrap_or_default();
    if prefix.contains("AWSLogs") {
        return Err(errors::configuration("S3BucketPrefix must not contain 'AWSLogs'"));
    }
    Ok(AccessLog { bucket, prefix, interval_min })
}

/// All of them.
pub fn shown(of: &Attributes) -> api::LoadBalancerAttributes {
    let log = of.log.as_ref();
    api::LoadBalancerAttributes {
        cross_zone_load_balancing: Some(api::CrossZoneLoadBalancing { enabled: of.cross_zone }),
        access_log: Some(api::AccessLog {
            enabled: log.is_some(),
            s3_bucket_name: log.map(|log| log.bucket.clone()),
            emit_interval: log.map(|log| log.interval_min),
            s3_bucket_prefix: log.map(|log| log.prefix.clone()),
        }),
        connection_draining: Some(api::ConnectionDraining {
            enabled: of.draining_s.is_some(),
            timeout: Some(of.draining_timeout_s),
        }),
        connection_settings: Some(api::ConnectionSettings { idle_timeout: of.idle_s }),
        additional_attributes: Some(vec![api::AdditionalAttribute {
            key: Some(DESYNC.to_owned()),
            value: Some(of.desync.clone()),
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let mut of = usual();
        let draining = api::ConnectionDraining { enabled: true, timeout: Some(7) };
        let given = api::LoadBalancerAttributes { connection_draining: Some(draining), ..Default::default() };
        set(&mut of, &given).unwrap();
        assert_eq!((of.draining_s, of.idle_s), (Some(7), 60));
        let log = api::AccessLog { enabled: true, emit_interval: Some(7), ..Default::default() };
        let given = api::LoadBalancerAttributes { access_log: Some(log), ..Default::default() };
        assert!(set(&mut of, &given).is_err(), "it has no bucket");
    }
}
