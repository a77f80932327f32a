//! NAT gateways.

use std::fmt::Display;

use kernel::{Error, Kind};

pub fn nat_gateway_not_found(id: impl Display) -> Error {
    let message = format!("NAT gateway {id} was not found");
    Error::new(Kind::NotFound, "NatGatewayNotFound", message)
}

pub fn nat_gateway_limit() -> Error {
    let message = "Performing this operation would exceed the limit of 5 NAT gateways";
    Error::new(Kind::Limit, "NatGatewayLimitExceeded", message)
}
