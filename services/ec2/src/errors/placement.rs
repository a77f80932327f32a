//! Placement groups and dedicated hosts.

use std::fmt::Display;

use kernel::{Error, Kind};

pub fn placement_group_unknown(name: &str) -> Error {
    let message = format!("The Placement Group '{name}' is unknown.");
    Error::new(Kind::NotFound, "InvalidPlacementGroup.Unknown", message)
}

pub fn placement_group_exists(name: &str) -> Error {
    let message = format!("The Placement Group '{name}' already exists.");
    Error::new(Kind::Conflict, "InvalidPlacementGroup.Duplicate", message)
}

pub fn placement_group_in_use(name: &str) -> Error {
    let message = format!("The placement group '{name}' is in use and may not be deleted.");
    Error::new(Kind::Conflict, "InvalidPlacementGroup.InUse", message)
}

pub fn no_hardware(strategy: &str) -> Error {
    let message = format!(
        "We currently do not have sufficient capacity: this cloud is one host, and a {strategy} placement group wants another for this instance."
    );
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}

pub fn host_not_found(id: impl Display) -> Error {
    super::not_found("InvalidHostID.NotFound", "host", id)
}

pub fn no_cores(wanted: u32) -> Error {
    let message = format!(
        "We currently do not have sufficient capacity: {wanted} processors cannot be set apart while one is left for all others."
    );
    Error::new(Kind::Unavailable, "InsufficientHostCapacity", message).status_is(500)
}

pub fn host_full(instance_type: &str) -> Error {
    let message = format!("There is no dedicated host with room for an instance of {instance_type}.");
    Error::new(Kind::Unavailable, "InsufficientCapacityOnHost", message).status_is(400)
}
