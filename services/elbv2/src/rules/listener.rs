//! Which listeners there may be, and which target groups stand behind them.

use kernel::Result;

use crate::errors;
use crate::state::load_balancer::Kind;
use crate::state::target_group::TargetGroup;

pub const LISTENERS_MAX: usize = 50;
pub const RULES_MAX: usize = 100;
/// Target groups that the listeners and rules of one application load balancer name.
pub const GROUPS_MAX: usize = 100;
pub const CERTIFICATES_MAX: usize = 25;
pub const PRIORITY_MAX: i32 = 50_000;
/// What a client and a listener of TLS may agree on, by AWS's names.
const ALPN: [&str; 5] = ["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"];

/// # Errors
/// `UnsupportedProtocol`, `ValidationError`; GENEVE and QUIC by name.
pub fn check_protocol(kind: Kind, given: Option<String>) -> Result<String> {
    let protocol = given.ok_or_else(|| errors::validation("A listener protocol must be specified"))?;
    let allowed: &[&str] = match kind {
        Kind::Application => &["HTTP", "HTTPS"],
        Kind::Network => &["TCP", "TLS", "UDP", "TCP_UDP"],
    };
    if allowed.contains(&&*protocol) { Ok(protocol) } else { Err(errors::unsupported_protocol(&protocol)) }
}

/// # Errors
/// `ValidationError`.
pub fn check_port(given: Option<i32>) -> Result<i32> {
    let port = given.ok_or_else(|| errors::validation("A listener port must be specified"))?;
    if u16::try_from(port).is_ok_and(|port| port > 0) {
        return Ok(port);
    }
    Err(errors::validation(format!("Port '{port}' must be between 1 and 65535 inclusive")))
}

/// Whether TLS ends at listeners of this protocol.
pub fn is_secure(protocol: &str) -> bool {
    matches!(protocol, "HTTPS" | "TLS")
}

/// # Errors
/// `ALPNPolicyNotSupported`, `ValidationError`.
pub fn check_alpn(protocol: &str, given: Option<Vec<String>>) -> Result<Option<String>> {
    let mut given = given.unwrap_or_default().into_iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(errors::validation("Only one ALPN policy can be specified")),
        (Some(name), None) if protocol == "TLS" && ALPN.contains(&&*name) => Ok(Some(name)),
        (Some(name), None) => Err(errors::alpn_not_supported(&name)),
    }
}

/// Protocols that clients are offered.
pub fn alpn_protocols(policy: Option<&str>) -> &'static [&'static str] {
    match policy {
        Some("HTTP1Only") => &["http/1.1", "http/1.0"],
        Some("HTTP2Only") => &["h2"],
        Some("HTTP2Optional") => &["http/1.1", "http/1.0", "h2"],
        Some("HTTP2Preferred") => &["h2", "http/1.1", "http/1.0"],
        _ => &[],
    }
}

/// # Errors
/// `IncompatibleProtocols`.
pub fn check_group(protocol: &str, group: &TargetGroup) -> Result<()> {
    let is_grpc = group.protocol_version.as_deref() == Some("GRPC");
    let fits = match protocol {
        // Only TLS agrees on HTTP/2, which gRPC needs.
        "HTTP" if is_grpc => return Err(errors::grpc_needs_https()),
        "HTTP" | "HTTPS" => group.is_http(),
        "TCP" => group.protocol == "TCP",
        "TLS" => matches!(&*group.protocol, "TCP" | "TLS"),
        other => group.protocol == other,
    };
    if fits { Ok(()) } else { Err(errors::incompatible_protocols(&group.protocol, protocol)) }
}
