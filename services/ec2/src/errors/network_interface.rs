//! Network interfaces and their private addresses.

use std::fmt::Display;
use std::net::Ipv4Addr;

use kernel::{Error, Kind};

use super::{malformed, not_found};
use crate::state::id::InterfaceId;

pub fn interface_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)
}

pub fn interface_malformed(text: &str) -> Error {
    malformed::<InterfaceId>("InvalidNetworkInterfaceId.Malformed", text)
}

pub fn address_outside_subnet(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} does not fall within the subnet's address range");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_reserved(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} is in subnet's reserved address range");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_in_use(address: Ipv4Addr) -> Error {
    Error::new(Kind::Conflict, "InvalidIPAddress.InUse", format!("Address {address} is in use."))
}
