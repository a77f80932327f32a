//! Network ACLs.

use std::fmt::Display;

use kernel::Error;

use super::not_found;

pub fn network_acl_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkAclID.NotFound", "networkAcl", id)
}
