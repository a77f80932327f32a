//! Egress-only internet gateways.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{not_found, nothing_named};
use crate::state::id::EgressOnlyInternetGatewayId;

pub fn egress_only_gateway_not_found(id: impl Display) -> Error {
    nothing_named::<EgressOnlyInternetGatewayId>("InvalidEgressOnlyInternetGatewayId.Malformed", id, |id| {
        not_found("InvalidEgressOnlyInternetGatewayId.NotFound", "egressOnlyInternetGateway", id)
    })
}

pub fn egress_only_gateway_there(vpc: impl Display, id: impl Display) -> Error {
    let message = format!("Network {vpc} already has the egress-only internet gateway {id} attached");
    Error::new(Kind::Conflict, "Resource.AlreadyAssociated", message)
}

pub fn egress_only_gateway_limit() -> Error {
    let message = "The maximum number of egress-only internet gateways has been reached.";
    Error::new(Kind::Limit, "EgressOnlyInternetGatewayLimitExceeded", message)
}
