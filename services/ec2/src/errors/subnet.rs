//! Subnets.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{dependency, invalid_parameter_value, not_found};
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

pub fn subnet_range(cidr: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid."))
}

pub fn subnet_conflict(cidr: impl Display) -> Error {
    let message = format!("The CIDR '{cidr}' conflicts with another subnet");
    Error::new(Kind::Conflict, "InvalidSubnet.Conflict", message)
}

pub fn subnet_in_use(id: &SubnetId) -> Error {
    dependency("subnet", id)
}

pub fn subnet_limit() -> Error {
    Error::new(Kind::Limit, "SubnetLimitExceeded", "The maximum number of subnets has been reached.")
}

pub fn default_subnet_exists(zone: &str) -> Error {
    let message = format!("A default subnet already exists in the Availability Zone '{zone}'.");
    Error::new(Kind::Conflict, "DefaultSubnetAlreadyExistsInAvailabilityZone", message)
}

pub fn no_room_for_subnet() -> Error {
    let message = "There is not enough free CIDR space in the default VPC to create a default subnet.";
    Error::new(Kind::Limit, "InsufficientFreeAddressesInSubnet", message)
}

pub fn default_subnet_without_vpc() -> Error {
    let message = "No default VPC exists for this account in this region.";
    Error::new(Kind::Conflict, "DefaultVpcDoesNotExist", message)
}

/// Where such an id is told from one that names nothing: with NAT gateways.
pub fn subnet_malformed(text: &str) -> Error {
    super::malformed::<SubnetId>("InvalidSubnetID.Malformed", text)
}
