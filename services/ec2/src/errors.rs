//! Every error EC2 answers, in AWS's codes and words (EC2 API reference, "Error codes").

use std::fmt::Display;
use std::net::Ipv4Addr;

use kernel::{Error, Kind};

use crate::state::id::{GroupId, Id, InterfaceId, SubnetId, VpcId};

// All operations.

/// The request would have been obeyed, had it not asked for nothing but that answer.
pub fn dry_run() -> Error {
    let message = "Request would have succeeded, but DryRun flag is set.";
    Error::new(Kind::Invalid, "DryRunOperation", message).status_is(412)
}

pub fn missing(name: &str) -> Error {
    let message = format!("The request must contain the parameter {name}");
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn invalid_value(value: impl Display, name: &str) -> Error {
    invalid_parameter_value(format!("Value ({value}) for parameter {name} is invalid."))
}

pub fn invalid_because(value: impl Display, name: &str, why: &str) -> Error {
    invalid_parameter_value(format!("Value ({value}) for parameter {name} is invalid. {why}"))
}

pub fn invalid_parameter_value(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn combination(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

/// A text that cannot be an id of this kind. `code` is the kind's own: `InvalidGroupId.Malformed`.
pub fn malformed<I: Id>(code: &'static str, text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\" (expecting \"{}...\")", I::PREFIX);
    Error::new(Kind::Invalid, code, message)
}

// Networks.

fn not_found(code: &'static str, noun: &str, id: impl Display) -> Error {
    Error::new(Kind::NotFound, code, format!("The {noun} ID '{id}' does not exist"))
}

pub fn vpc_not_found(id: impl Display) -> Error {
    not_found("InvalidVpcID.NotFound", "vpc", id)
}

pub fn subnet_not_found(id: impl Display) -> Error {
    not_found("InvalidSubnetID.NotFound", "subnet", id)
}

pub fn internet_gateway_not_found(id: impl Display) -> Error {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}

pub fn route_table_not_found(id: impl Display) -> Error {
    not_found("InvalidRouteTableID.NotFound", "routeTable", id)
}

pub fn network_acl_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkAclID.NotFound", "networkAcl", id)
}

pub fn dhcp_options_not_found(id: impl Display) -> Error {
    not_found("InvalidDhcpOptionID.NotFound", "dhcpOption", id)
}

pub fn interface_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)
}

pub fn interface_malformed(text: &str) -> Error {
    malformed::<InterfaceId>("InvalidNetworkInterfaceId.Malformed", text)
}

pub fn zone_invalid(name: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", format!("Invalid availability zone: [{name}]"))
}

pub fn no_default_subnet() -> Error {
    let message = "No default subnet for availability zone. Specify a subnet.";
    Error::new(Kind::Invalid, "MissingInput", message)
}

// Addresses.

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

pub fn no_free_address(subnet: &SubnetId) -> Error {
    let message = format!(
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
    );
    Error::new(Kind::Limit, "InsufficientFreeAddressesInSubnet", message)
}

pub fn no_public_address() -> Error {
    let message = "Insufficient public IPv4 addresses are available to satisfy the request.";
    Error::new(Kind::Unavailable, "InsufficientAddressCapacity", message)
}

// Security groups.

pub fn group_not_found(id: impl Display) -> Error {
    let message = format!("The security group '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_not_found_in_vpc(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' does not exist in VPC '{vpc}'");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_malformed(text: &str) -> Error {
    malformed::<GroupId>("InvalidGroupId.Malformed", text)
}

pub fn group_duplicate(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
    Error::new(Kind::Conflict, "InvalidGroup.Duplicate", message)
}

pub fn group_limit() -> Error {
    let message = "The maximum number of security groups has been reached.";
    Error::new(Kind::Limit, "SecurityGroupLimitExceeded", message)
}

pub fn groups_per_interface_limit() -> Error {
    let message = "The maximum number of security groups per interface has been reached.";
    Error::new(Kind::Limit, "SecurityGroupsPerInterfaceLimitExceeded", message)
}

pub fn group_of_other_network(group: &GroupId, subnet: &SubnetId) -> Error {
    let message = format!("Security group {group} and subnet {subnet} belong to different networks.");
    Error::new(Kind::Invalid, "InvalidParameter", message)
}

// Instances, images, key pairs.
