//! Security groups.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{invalid_because, invalid_parameter_value, malformed};
use crate::state::id::{GroupId, SubnetId, VpcId};

pub fn group_not_found(id: impl Display) -> Error {
    let message = format!("The security group '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_not_found_in_vpc(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' does not exist in VPC '{vpc}'");
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}

pub fn group_not_found_in_default_vpc(name: &str, vpc: &VpcId) -> Error {
    let message = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
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

pub fn beyond_ascii(text: &str, parameter: &str) -> Error {
    invalid_because(text, parameter, "Character sets beyond ASCII are not supported.")
}

pub fn group_text_invalid(text: &str, parameter: &str) -> Error {
    let why =
        "Valid are strings of 1 to 255 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    invalid_because(text, parameter, why)
}

pub fn group_name_reserved(name: &str) -> Error {
    invalid_parameter_value(format!("Cannot use reserved security group name: {name}"))
}

pub fn group_name_like_id(name: &str) -> Error {
    invalid_because(name, "GroupName", "Group names may not be in the format sg-*.")
}

pub fn group_in_use(id: &GroupId) -> Error {
    let message = format!("resource {id} has a dependent object");
    Error::new(Kind::Conflict, "DependencyViolation", message)
}

pub fn group_cannot_be_deleted(id: &GroupId, name: &str) -> Error {
    let message = format!("the specified group: \"{id}\" name: \"{name}\" cannot be deleted by a user");
    Error::new(Kind::Conflict, "CannotDelete", message)
}

pub fn groups_of_other_networks() -> Error {
    let message = "You have specified two resources that belong to different networks.";
    Error::new(Kind::NotFound, "InvalidGroup.NotFound", message)
}
