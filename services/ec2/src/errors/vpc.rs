//! VPCs.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::not_found;

pub fn vpc_not_found(id: impl Display) -> Error {
    not_found("InvalidVpcID.NotFound", "vpc", id)
}

pub fn default_vpc_exists() -> Error {
    let message = "A Default VPC already exists for this account in this region.";
    Error::new(Kind::Conflict, "DefaultVpcAlreadyExists", message)
}
