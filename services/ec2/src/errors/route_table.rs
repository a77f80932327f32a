//! Route tables.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{dependency, invalid_parameter_value, not_found, nothing_named};
use crate::state::id::RouteTableId;

pub fn route_table_not_found(id: impl Display) -> Error {
    nothing_named::<RouteTableId>("InvalidRouteTableId.Malformed", id, |id| {
        not_found("InvalidRouteTableID.NotFound", "routeTable", id)
    })
}

pub fn route_table_association_not_found(id: impl Display) -> Error {
    let message = format!("The association ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidAssociationID.NotFound", message)
}

pub fn route_table_in_use(id: impl Display) -> Error {
    dependency("routeTable", id)
}

pub fn main_table_association(id: impl Display) -> Error {
    invalid_parameter_value(format!("cannot disassociate the main route table association {id}"))
}

pub fn route_table_associated(subnet: impl Display) -> Error {
    let message = format!(
        "the specified association for route table conflicts with an existing association of {subnet}"
    );
    Error::new(Kind::Conflict, "Resource.AlreadyAssociated", message)
}

pub fn route_exists(to: impl Display) -> Error {
    let message = format!("The route identified by {to} already exists.");
    Error::new(Kind::Conflict, "RouteAlreadyExists", message)
}

pub fn route_not_found(table: impl Display, to: impl Display) -> Error {
    let message = format!("no route with destination-cidr-block {to} in route table {table}");
    Error::new(Kind::NotFound, "InvalidRoute.NotFound", message)
}

pub fn route_to_replace_missing(to: impl Display) -> Error {
    let message =
        format!("There is no route defined for '{to}' in the route table. Use CreateRoute instead.");
    invalid_parameter_value(message)
}

pub fn route_limit() -> Error {
    Error::new(Kind::Limit, "RouteLimitExceeded", "The maximum number of routes has been reached.")
}

pub fn route_local(to: impl Display) -> Error {
    invalid_parameter_value(format!("cannot remove local route {to} in route table"))
}

pub fn route_inside(to: impl Display) -> Error {
    let message = format!(
        "The destination CIDR block {to} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance."
    );
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn route_reserved(to: impl Display) -> Error {
    invalid_parameter_value(format!(
        "The destination CIDR block {to} is in a range that is reserved for use by AWS services."
    ))
}

pub fn route_target_missing() -> Error {
    let message = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId or instanceId";
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

pub fn route_destinations() -> Error {
    let message = "The request must contain exactly one of destinationCidrBlock or destinationIpv6CidrBlock";
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

pub fn route_family(to: impl Display) -> Error {
    let message = format!("The route's target does not carry the address family of {to}");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn gateway_of_other_network(table: impl Display, gateway: impl Display) -> Error {
    let message = format!("route table {table} and network gateway {gateway} belong to different networks");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn different_networks(a: impl Display, b: impl Display) -> Error {
    let message = format!("{a} and {b} belong to different networks");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn route_table_limit() -> Error {
    let message = "The maximum number of route tables has been reached.";
    Error::new(Kind::Limit, "RouteTableLimitExceeded", message)
}

pub fn route_gateway_not_found(id: impl Display) -> Error {
    super::not_found("InvalidGatewayID.NotFound", "gateway", id)
}

pub fn route_nat_gateway_not_found(id: impl Display) -> Error {
    super::not_found("InvalidNatGatewayID.NotFound", "natGateway", id)
}
