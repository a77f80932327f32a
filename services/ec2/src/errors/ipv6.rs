//! IPv6.

use std::fmt::Display;
use std::net::Ipv6Addr;

use kernel::{Error, Kind};

use super::{invalid_parameter_value, not_found};
use crate::state::id::{InterfaceId, SubnetId};

pub fn no_ipv6_block() -> Error {
    let message = "No block of IPv6 is left.";
    Error::new(Kind::Limit, "CidrLimitExceeded", message)
}

pub fn subnet_without_ipv6(subnet: &SubnetId) -> Error {
    invalid_parameter_value(format!("The subnet '{subnet}' is not associated with an IPv6 CIDR block."))
}

pub fn ipv6_not_assignable(address: Ipv6Addr) -> Error {
    invalid_parameter_value(format!("Address {address} does not fall within the subnet's address range"))
}

pub fn ipv6_in_use(address: Ipv6Addr) -> Error {
    Error::new(Kind::Conflict, "InvalidIPAddress.InUse", format!("Address {address} is in use."))
}

pub fn ipv6_not_of_interface(address: Ipv6Addr, id: &InterfaceId) -> Error {
    invalid_parameter_value(format!("Some of [{address}] are not assigned to interface {id}"))
}

pub fn subnet_has_ipv6(subnet: &SubnetId) -> Error {
    let message = format!("The subnet '{subnet}' is already associated with an IPv6 CIDR block.");
    Error::new(Kind::Conflict, "InvalidSubnet.Conflict", message)
}

pub fn subnet_cidr_association_not_found(id: impl Display) -> Error {
    not_found("InvalidSubnetCidrBlockAssociationID.NotFound", "subnet CIDR block association", id)
}

pub fn subnet_cidr_in_use(cidr: impl Display) -> Error {
    let message = format!("The subnet CIDR block {cidr} is in use and cannot be disassociated.");
    Error::new(Kind::Conflict, "InvalidCidrBlock.InUse", message)
}
