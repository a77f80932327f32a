//! Network ACLs.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{dependency, not_found};

pub fn network_acl_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkAclID.NotFound", "networkAcl", id)
}

pub fn network_acl_in_use(id: impl Display) -> Error {
    dependency("networkAcl", id)
}

pub fn network_acl_default(id: impl Display) -> Error {
    let message = format!("default network ACL {id} cannot be deleted");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn acl_association_not_found(id: impl Display) -> Error {
    let message = format!("The association ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidAssociationID.NotFound", message)
}

pub fn acl_entry_exists(number: i32) -> Error {
    let message = format!("The network acl entry identified by {number} already exists.");
    Error::new(Kind::Conflict, "NetworkAclEntryAlreadyExists", message)
}

pub fn acl_entry_not_found(acl: impl Display, number: i32) -> Error {
    let message = format!("The network acl entry identified by {number} does not exist in {acl}");
    Error::new(Kind::NotFound, "InvalidNetworkAclEntry.NotFound", message)
}

pub fn acl_entry_limit() -> Error {
    let message = "The maximum number of network acl entries has been reached.";
    Error::new(Kind::Limit, "NetworkAclEntryLimitExceeded", message)
}

pub fn acl_limit() -> Error {
    Error::new(Kind::Limit, "NetworkAclLimitExceeded", "The maximum number of network acls has been reached.")
}
