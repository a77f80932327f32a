//! What load balancers are called, and where they may be.

use kernel::{Ctx, Result, Scope};

use crate::errors;
use crate::state::load_balancer::{AddressType, Kind};

pub const LOAD_BALANCERS_MAX: usize = 50;
const NAME_CHARS_MAX: usize = 32;
const SECURITY_GROUPS_MAX: usize = 5;

/// # Errors
/// `ValidationError`.
pub fn check_name(name: &str, what: &str) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() {
        return Err(errors::validation(format!("{what} name cannot be empty")));
    }
    if name.len() > NAME_CHARS_MAX {
        return Err(errors::validation(format!(
            "{what} name '{name}' cannot be longer than '{NAME_CHARS_MAX}' characters"
        )));
    }
    if !name.bytes().all(word) {
        return Err(errors::validation(format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(errors::validation(format!("{what} name '{name}' cannot begin or end with '-'")));
    }
    if what == "Load balancer" && name.starts_with("internal-") {
        return Err(errors::validation(format!("{what} name '{name}' cannot start with 'internal-'")));
    }
    Ok(())
}

/// # Errors
/// `UnsupportedConfiguration` for gateway load balancers, by name.
pub fn check_kind(given: Option<&str>) -> Result<Kind> {
    match given {
        None | Some("application") => Ok(Kind::Application),
        Some("network") => Ok(Kind::Network),
        Some(other) => Err(errors::unsupported(format_args!("The load balancer type '{other}'"))),
    }
}

/// Whether it is internal.
///
/// # Errors
/// `ValidationError`.
pub fn check_scheme(given: Option<&str>) -> Result<bool> {
    match given {
        None | Some("internet-facing") => Ok(false),
        Some("internal") => Ok(true),
        Some(other) => Err(errors::validation(format!("Scheme '{other}' is not valid"))),
    }
}

/// # Errors
/// `ValidationError`; `InvalidConfigurationRequest` where there would be no public address to do without.
pub fn check_address_type(given: Option<&str>, kind: Kind, internal: bool) -> Result<AddressType> {
    match given {
        None | Some("ipv4") => Ok(AddressType::Ipv4),
        Some("dualstack") => Ok(AddressType::Dualstack),
        Some("dualstack-without-public-ipv4") if kind == Kind::Application && !internal => {
            Ok(AddressType::DualstackWithoutPublicIpv4)
        }
        Some(word @ "dualstack-without-public-ipv4") => Err(errors::configuration(format!(
            "The IP address type '{word}' is only for internet-facing Application Load Balancers"
        ))),
        Some(other) => Err(errors::validation(format!("The IP address type '{other}' is not valid"))),
    }
}

/// Whether these subnets and these protocols of listeners are fit for IPv6, where it is wanted.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`.
pub fn check_six<'a>(
    wanted: AddressType,
    have_six: bool,
    mut protocols: impl Iterator<Item = &'a str>,
) -> Result<()> {
    if !wanted.has_six() {
        return Ok(());
    }
    if !have_six {
        return Err(errors::validation("You must specify subnets with an associated IPv6 CIDR block"));
    }
    match protocols.find(|protocol| matches!(*protocol, "UDP" | "TCP_UDP")) {
        Some(protocol) => {
            Err(errors::unsupported(format_args!("The protocol '{protocol}' of dualstack load balancers")))
        }
        None => Ok(()),
    }
}

/// # Errors
/// `InvalidConfigurationRequest` when there are too many, or too few.
pub fn check_groups(groups: &[String]) -> Result<()> {
    if groups.len() > SECURITY_GROUPS_MAX {
        return Err(errors::configuration(format!(
            "A load balancer has at most {SECURITY_GROUPS_MAX} security groups"
        )));
    }
    Ok(())
}

/// The name that clients know it by.
pub fn dns_name(ctx: &Ctx, kind: Kind, internal: bool, name: &str, id: &str) -> String {
    let region = ctx.region();
    let lower = name.to_ascii_lowercase();
    match kind {
        Kind::Application => {
            let number = u64::from_str_radix(id, 16).unwrap_or_default() % 9_000_000_000 + 1_000_000_000;
            let head = if internal { "internal-" } else { "" };
            format!("{head}{lower}-{number}.{region}.elb.amazonaws.com")
        }
        Kind::Network => format!("{lower}-{id}.elb.{region}.amazonaws.com"),
    }
}

/// Every name under which requests at the house's own port are for it.
pub fn names(scope: &Scope, name: &str, dns_name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut names = vec![dns_name.to_ascii_lowercase()];
    for domain in ["localhost", "localhost.localstack.cloud"] {
        names.push(format!("{lower}.elb.{domain}"));
        names.push(format!("{lower}.{}.elb.{domain}", scope.region));
        names.push(format!("{}.{domain}", dns_name.trim_end_matches(".amazonaws.com")));
    }
    names
}

/// Hosted zones of load balancers' names: one a kind, since Route 53 takes any here.
pub fn hosted_zone(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "Z35SXDOTRQ7X7K",
        Kind::Network => "Z26RNL4JYFTOTI",
    }
}
