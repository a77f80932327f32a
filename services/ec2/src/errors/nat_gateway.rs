//! NAT gateways.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::nothing_named;
use crate::state::id::NatGatewayId;

pub fn nat_gateway_not_found(id: impl Display) -> Error {
    nothing_named::<NatGatewayId>("NatGatewayMalformed", id, |id| {
        Error::new(Kind::NotFound, "NatGatewayNotFound", format!("NAT gateway {id} was not found"))
    })
}

pub fn nat_gateway_limit() -> Error {
    let message = "Performing this operation would exceed the limit of 5 NAT gateways";
    Error::new(Kind::Limit, "NatGatewayLimitExceeded", message)
}
