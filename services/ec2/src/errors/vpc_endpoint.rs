//! VPC endpoints.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::nothing_named;
use crate::state::id::EndpointId;

pub fn endpoint_not_found(id: impl Display) -> Error {
    nothing_named::<EndpointId>("InvalidVpcEndpointId.Malformed", id, |id| {
        let message = format!("The Vpc Endpoint Id '{id}' does not exist");
        Error::new(Kind::NotFound, "InvalidVpcEndpointId.NotFound", message)
    })
}

pub fn endpoint_service_unknown(name: &str) -> Error {
    let message = format!("The Vpc Endpoint Service '{name}' does not exist");
    Error::new(Kind::NotFound, "InvalidServiceName", message)
}

pub fn endpoint_kind(wanted: &str, kinds: &[&str]) -> Error {
    let message =
        format!("Endpoint type ({wanted}) does not match available service types ([{}]).", kinds.join(", "));
    endpoint_parameter(message)
}

pub fn endpoint_parameter(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameter", message)
}

pub fn endpoint_limit() -> Error {
    Error::new(
        Kind::Limit,
        "VpcEndpointLimitExceeded",
        "The maximum number of VPC endpoints has been reached.",
    )
}

pub fn endpoint_subnets_of_one_zone(subnet: impl Display) -> Error {
    let message = format!("Found another VPC endpoint subnet in the availability zone of {subnet}");
    Error::new(Kind::Invalid, "DuplicateSubnetsInSameZone", message)
}

pub fn endpoint_route_exists(table: impl Display, list: impl Display) -> Error {
    let message = format!("route table {table} already has a route with destination-prefix-list-id {list}");
    Error::new(Kind::Conflict, "RouteAlreadyExists", message)
}

pub fn policy_malformed() -> Error {
    Error::new(Kind::Invalid, "InvalidPolicyDocument", "The specified policy document is not valid.")
}

pub fn private_dns_conflict(host: &str, vpc: impl Display) -> Error {
    endpoint_parameter(format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {host} in the VPC {vpc}"
    ))
}

pub fn private_dns_without_names(vpc: impl Display) -> Error {
    endpoint_parameter(format!(
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}"
    ))
}
