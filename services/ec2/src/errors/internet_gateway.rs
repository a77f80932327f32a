//! Internet gateways.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{dependency, not_found};

pub fn internet_gateway_not_found(id: impl Display) -> Error {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}

pub fn gateway_attached(id: impl Display) -> Error {
    let message = format!("resource {id} is already attached to network");
    Error::new(Kind::Conflict, "Resource.AlreadyAssociated", message)
}

pub fn network_has_gateway(vpc: impl Display) -> Error {
    let message = format!("Network {vpc} already has an internet gateway attached");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn gateway_not_attached(id: impl Display, vpc: impl Display) -> Error {
    let message = format!("resource {id} is not attached to network {vpc}");
    Error::new(Kind::Invalid, "Gateway.NotAttached", message)
}

pub fn gateway_in_use(id: impl Display) -> Error {
    dependency("internetGateway", id)
}

pub fn mapped_addresses(vpc: impl Display) -> Error {
    let message = format!(
        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
    );
    Error::new(Kind::Conflict, "DependencyViolation", message)
}

pub fn gateway_limit() -> Error {
    let message = "The maximum number of internet gateways has been reached.";
    Error::new(Kind::Limit, "InternetGatewayLimitExceeded", message)
}
