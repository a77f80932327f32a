//! What classic load balancers are called, and where they may be.

use kernel::{Ctx, Result, Scope};

use crate::errors;
use crate::state::load_balancer::{LoadBalancer, Zone};

pub const LOAD_BALANCERS_MAX: usize = 20;
pub const INSTANCES_MAX: usize = 1_000;
const NAME_CHARS_MAX: usize = 32;
const SECURITY_GROUPS_MAX: usize = 5;
/// Of load balancers' names: one, since Route 53 takes any here.
pub const HOSTED_ZONE: &str = "Z35SXDOTRQ7X7K";

/// # Errors
/// `ValidationError`.
pub fn check_name(name: &str) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(word) {
        return Err(errors::validation(format!(
            "LoadBalancer name '{name}' must have at most {NAME_CHARS_MAX} alphanumeric characters or hyphens"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') || name.starts_with("internal-") {
        return Err(errors::validation(format!(
            "LoadBalancer name '{name}' must not begin or end with a hyphen, or begin with 'internal-'"
        )));
    }
    Ok(())
}

/// Whether it is internal.
///
/// # Errors
/// `InvalidScheme`.
pub fn check_scheme(given: Option<&str>) -> Result<bool> {
    match given {
        None | Some("internet-facing") => Ok(false),
        Some("internal") => Ok(true),
        Some(other) => Err(errors::invalid_scheme(other)),
    }
}

/// # Errors
/// `InvalidConfigurationRequest` when there are too many.
pub fn check_groups(groups: &[String]) -> Result<()> {
    if groups.len() > SECURITY_GROUPS_MAX {
        return Err(errors::configuration(format!(
            "A load balancer has at most {SECURITY_GROUPS_MAX} security groups"
        )));
    }
    Ok(())
}

/// A zone has one subnet.
///
/// # Errors
/// `InvalidConfigurationRequest`.
pub fn check_zones(zones: &[Zone]) -> Result<()> {
    for (at, one) in zones.iter().enumerate() {
        if zones.iter().skip(at + 1).any(|other| other.zone == one.zone) {
            return Err(errors::configuration(format!(
                "ELB cannot be attached to multiple subnets in the same AZ: {}",
                one.zone
            )));
        }
    }
    Ok(())
}

/// Made once more with the same settings, it is the same one.
pub fn is_same(old: &LoadBalancer, new: &LoadBalancer) -> bool {
    (old.internal, &old.zones, &old.security_groups, &old.listeners, &old.tags)
        == (new.internal, &new.zones, &new.security_groups, &new.listeners, &new.tags)
}

/// The name that clients know it by.
pub fn dns_name(ctx: &Ctx, internal: bool, name: &str, id: &str) -> String {
    let number = u64::from_str_radix(id, 16).unwrap_or_default() % 9_000_000_000 + 1_000_000_000;
    let head = if internal { "internal-" } else { "" };
    format!("{head}{name}-{number}.{}.elb.amazonaws.com", ctx.region())
}

/// Every name under which requests at the house's own port are for it.
pub fn names(scope: &Scope, name: &str, dns_name: &str) -> Vec<String> {
    let (name, dns_name) = (name.to_ascii_lowercase(), dns_name.to_ascii_lowercase());
    let mut names = vec![dns_name.clone()];
    for domain in ["localhost", "localhost.localstack.cloud"] {
        names.push(format!("{name}.elb.{domain}"));
        names.push(format!("{name}.{}.elb.{domain}", scope.region));
        names.push(format!("{}.{domain}", dns_name.trim_end_matches(".amazonaws.com")));
    }
    names
}
