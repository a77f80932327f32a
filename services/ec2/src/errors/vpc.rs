//! VPCs.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{dependency, invalid_parameter_value, not_found};

pub fn vpc_not_found(id: impl Display) -> Error {
    not_found("InvalidVpcID.NotFound", "vpc", id)
}

pub fn default_vpc_exists() -> Error {
    let message = "A Default VPC already exists for this account in this region.";
    Error::new(Kind::Conflict, "DefaultVpcAlreadyExists", message)
}

pub fn no_default_vpc() -> Error {
    let message = "No default VPC for this user";
    Error::new(Kind::Invalid, "VPCIdNotSpecified", message)
}

pub fn vpc_limit() -> Error {
    Error::new(Kind::Limit, "VpcLimitExceeded", "The maximum number of VPCs has been reached.")
}

pub fn vpc_range(cidr: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid."))
}

pub fn cidr_restricted(cidr: impl Display) -> Error {
    let message = format!(
        "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR."
    );
    Error::new(Kind::Invalid, "InvalidVpc.Range", message)
}

pub fn vpc_tenancy(tenancy: &str) -> Error {
    let message = format!("The tenancy value {tenancy} is not supported.");
    Error::new(Kind::Invalid, "UnsupportedTenancy", message)
}

pub fn vpc_in_use(id: impl Display) -> Error {
    dependency("vpc", id)
}

pub fn cidr_invalid(text: &str, parameter: &str) -> Error {
    invalid_parameter_value(format!(
        "Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."
    ))
}

pub fn cidr_conflict(cidr: impl Display) -> Error {
    let message = format!("The CIDR '{cidr}' conflicts with another range of the VPC or of a peer.");
    Error::new(Kind::Conflict, "InvalidVpc.Range", message)
}

pub fn cidr_limit(id: impl Display) -> Error {
    let message = format!("This network '{id}' has met its maximum number of allowed CIDRs");
    Error::new(Kind::Limit, "CidrLimitExceeded", message)
}

pub fn cidr_association_not_found(id: impl Display) -> Error {
    not_found("InvalidVpcCidrBlockAssociationID.NotFound", "vpc CIDR block association", id)
}

pub fn cidr_primary(id: impl Display) -> Error {
    let message = format!(
        "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
    );
    Error::new(Kind::Invalid, "OperationNotPermitted", message)
}

pub fn cidr_in_use(cidr: impl Display) -> Error {
    let message = format!("The vpc CIDR block {cidr} has dependencies and cannot be disassociated.");
    Error::new(Kind::Conflict, "DependencyViolation", message)
}

pub fn dns_attributes_clash() -> Error {
    invalid_parameter_value("The enableDnsHostnames attribute needs enableDnsSupport.")
}
