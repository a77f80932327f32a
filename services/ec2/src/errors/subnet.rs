//! Subnets.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{invalid_parameter_value, not_found};
use crate::state::id::SubnetId;

pub fn subnet_not_found(id: impl Display) -> Error {
    not_found("InvalidSubnetID.NotFound", "subnet", id)
}

pub fn no_default_subnet() -> Error {
    let message = "No default subnet for availability zone. Specify a subnet.";
    Error::new(Kind::Invalid, "MissingInput", message)
}

pub fn no_free_address(subnet: &SubnetId) -> Error {
    let message = format!(
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
    );
    Error::new(Kind::Limit, "InsufficientFreeAddressesInSubnet", message)
}

pub fn subnet_of_other_zone(subnet: &SubnetId, zone: &str) -> Error {
    invalid_parameter_value(format!("The subnet '{subnet}' is not in the availability zone '{zone}'."))
}
