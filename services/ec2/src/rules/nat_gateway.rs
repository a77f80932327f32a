//! What NAT gateways can be, what they cost, and which filters find them.

use kernel::{Millis, Result, Usage};

use crate::errors;
use crate::state::nat_gateway::NatGateway;

/// AWS's default quota is 5 per zone; a VPC here has three zones.
pub const GATEWAYS_MAX: usize = 15;
/// How long a deleted gateway is still shown.
pub const SHOWN_MS: Millis = 3_600_000;

/// # Errors
/// For another word than `public` and `private`.
pub fn is_public(connectivity: Option<&str>) -> Result<bool> {
    match connectivity {
        None | Some("public") => Ok(true),
        Some("private") => Ok(false),
        Some(other) => Err(errors::invalid_value(other, "connectivityType")),
    }
}

pub fn connectivity(gateway: &NatGateway) -> &'static str {
    if gateway.shown.public.is_some() { "public" } else { "private" }
}

pub fn state(gateway: &NatGateway) -> &'static str {
    if gateway.deleted_at.is_some() { "deleted" } else { "available" }
}

/// The usage line of a gateway so far.
pub fn usage(gateway: &NatGateway, now: Millis) -> Usage {
    Usage {
        service: "ec2".to_owned(),
        usage_type: "NatGateway-Hours".to_owned(),
        resource: gateway.id.to_string(),
        start_at: gateway.created_at,
        end_at: now,
        quantity: u64::try_from((now - gateway.created_at) / 1_000).unwrap_or(0),
        unit: "Seconds".to_owned(),
    }
}

pub const FILTERS: &[&str] = &["connectivity-type", "nat-gateway-id", "state", "subnet-id", "vpc-id"];

/// What a gateway has under the name of a filter.
pub fn values(gateway: &NatGateway, name: &str) -> Vec<String> {
    vec![match name {
        "connectivity-type" => connectivity(gateway).to_owned(),
        "nat-gateway-id" => gateway.id.to_string(),
        "state" => state(gateway).to_owned(),
        "subnet-id" => gateway.subnet.to_string(),
        "vpc-id" => gateway.vpc.to_string(),
        _ => return Vec::new(),
    }]
}
