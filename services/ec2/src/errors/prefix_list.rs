//! Managed prefix lists.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{not_found, nothing_named};
use crate::state::id::PrefixListId;

pub fn prefix_list_not_found(id: impl Display) -> Error {
    nothing_named::<PrefixListId>("InvalidPrefixListId.Malformed", id, |id| {
        not_found("InvalidPrefixListID.NotFound", "prefix list", id)
    })
}

pub fn prefix_list_managed(id: impl Display) -> Error {
    let message = format!("The prefix list '{id}' belongs to AWS and cannot be changed.");
    Error::new(Kind::Denied, "OperationNotPermitted", message)
}

pub fn prefix_list_version(given: i64, current: i64) -> Error {
    let message =
        format!("The prefix list has the incorrect version number: {given}. It is at version {current}.");
    Error::new(Kind::Conflict, "PrefixListVersionMismatch", message)
}

pub fn prefix_list_full(max: i32) -> Error {
    let message = format!("You've reached the maximum number of entries for the prefix list: {max}.");
    Error::new(Kind::Limit, "PrefixListMaxEntriesExceeded", message)
}

pub fn prefix_list_in_use(id: impl Display) -> Error {
    let message = format!("The prefix list {id} is in use by a security group.");
    Error::new(Kind::Conflict, "DependencyViolation", message)
}
