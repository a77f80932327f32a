//! Internet gateways.

use std::fmt::Display;

use kernel::Error;

use super::not_found;

pub fn internet_gateway_not_found(id: impl Display) -> Error {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}
