//! Which target groups there may be.

use kernel::Result;

use crate::errors;
use crate::state::load_balancer::AddressType;
use crate::state::target_group::TargetType;

pub const TARGET_GROUPS_MAX: usize = 3_000;
pub const TARGETS_MAX: usize = 1_000;

/// # Errors
/// By name what is not served: targets that are functions or load balancers.
pub fn check_target_type(given: Option<&str>) -> Result<TargetType> {
    match given {
        None | Some("instance") => Ok(TargetType::Instance),
        Some("ip") => Ok(TargetType::Ip),
        Some(other) => Err(errors::unsupported(format_args!("The target type '{other}'"))),
    }
}

/// # Errors
/// `ValidationError`.
pub fn check_address_type(given: Option<&str>) -> Result<AddressType> {
    match given {
        None | Some("ipv4") => Ok(AddressType::Ipv4),
        Some("ipv6") => Ok(AddressType::Ipv6),
        Some(other) => Err(errors::validation(format!("The IP address type '{other}' is not valid"))),
    }
}

/// # Errors
/// `ValidationError`; GENEVE and QUIC by name.
pub fn check_protocol(given: Option<String>) -> Result<String> {
    let protocol = given.ok_or_else(|| errors::validation("A protocol must be specified"))?;
    match &*protocol {
        "HTTP" | "HTTPS" | "TCP" | "TLS" | "UDP" | "TCP_UDP" => Ok(protocol),
        "GENEVE" | "QUIC" | "TCP_QUIC" => Err(errors::unsupported(format_args!("The protocol '{protocol}'"))),
        other => Err(errors::validation(format!("Protocol '{other}' is not valid"))),
    }
}

/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`.
pub fn check_version(protocol: &str, given: Option<String>) -> Result<Option<String>> {
    let http = matches!(protocol, "HTTP" | "HTTPS");
    match given {
        None => Ok(http.then(|| "HTTP1".to_owned())),
        Some(_) if !http => Err(errors::configuration(format!(
            "Protocol version cannot be specified for protocol '{protocol}'"
        ))),
        Some(version) if matches!(&*version, "HTTP1" | "HTTP2" | "GRPC") => Ok(Some(version)),
        Some(other) => Err(errors::validation(format!("Protocol version '{other}' is not valid"))),
    }
}

/// # Errors
/// `ValidationError`.
pub fn check_port(given: Option<i32>) -> Result<i32> {
    let port = given.ok_or_else(|| errors::validation("A port must be specified"))?;
    if u16::try_from(port).is_ok_and(|port| port > 0) {
        return Ok(port);
    }
    Err(errors::validation(format!("Port '{port}' must be between 1 and 65535 inclusive")))
}
