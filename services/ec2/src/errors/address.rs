//! Elastic IP addresses.

use std::fmt::Display;
use std::net::Ipv4Addr;

use kernel::{Error, Kind};

pub fn allocation_not_found(id: impl Display) -> Error {
    let message = format!("The allocation ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidAllocationID.NotFound", message)
}

pub fn address_not_found(address: impl Display) -> Error {
    Error::new(Kind::NotFound, "InvalidAddress.NotFound", format!("Address '{address}' not found."))
}

pub fn address_association_not_found(id: impl Display) -> Error {
    let message = format!("The association ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidAssociationID.NotFound", message)
}

pub fn address_limit() -> Error {
    let message = "The maximum number of addresses has been reached.";
    Error::new(Kind::Limit, "AddressLimitExceeded", message)
}

pub fn address_not_available(address: Ipv4Addr) -> Error {
    let message = format!("The address '{address}' is not available for allocation.");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_locked(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} is in use: it is still associated.");
    Error::new(Kind::Conflict, "InvalidIPAddress.InUse", message)
}

pub fn already_associated(what: impl Display) -> Error {
    let message = format!("resource {what} is already associated with another address");
    Error::new(Kind::Conflict, "Resource.AlreadyAssociated", message)
}

pub fn address_of_gateway(address: Ipv4Addr) -> Error {
    let message = format!(
        "You do not have permission to access the specified resource: {address} belongs to a NAT gateway."
    );
    Error::new(Kind::Denied, "AuthFailure", message)
}

pub fn no_gateway_for_address(vpc: impl Display) -> Error {
    let message = format!("Network {vpc} is not attached to any internet gateway");
    Error::new(Kind::Invalid, "Gateway.NotAttached", message)
}

pub fn address_malformed(text: &str) -> Error {
    let message = format!("The address '{text}' is not valid: it has the form 55.123.45.67.");
    Error::new(Kind::Invalid, "InvalidAddress.Malformed", message)
}
