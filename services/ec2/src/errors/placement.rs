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

pub fn placement_group_limit() -> Error {
    let message = "You have reached the limit of placement groups in this region.";
    Error::new(Kind::Limit, "PlacementGroupLimitExceeded", message)
}

pub fn host_limit(family: &str, most: usize) -> Error {
    let message = format!("You have reached the limit of {most} dedicated hosts of the family {family}.");
    Error::new(Kind::Limit, "HostLimitExceeded", message)
}

pub fn host_quantity(given: i32) -> Error {
    Error::new(Kind::Invalid, "InvalidQuantity", format!("The quantity of hosts {given} is not valid."))
}

pub fn auto_placement_invalid(given: &str) -> Error {
    let message = format!("The value '{given}' for auto-placement is not valid: it is on or off.");
    Error::new(Kind::Invalid, "InvalidAutoPlacement", message)
}

pub fn host_configuration(what: &str) -> Error {
    let message = format!("A dedicated host with {what} is not supported: this cloud has no other host.");
    Error::new(Kind::Invalid, "UnsupportedHostConfiguration", message)
}

pub fn affinity_invalid(given: &str) -> Error {
    let message = format!("The affinity '{given}' is not valid: it is default or host.");
    Error::new(Kind::Invalid, "InvalidAffinity", message)
}

pub fn host_released(id: impl Display) -> Error {
    let message = format!("The host '{id}' is not in the 'available' state.");
    Error::new(Kind::Conflict, "InvalidHostState", message)
}

pub fn type_not_on_host(instance_type: &str, id: impl Display) -> Error {
    let message = format!("The host '{id}' does not take instances of {instance_type}.");
    Error::new(Kind::Invalid, "UnsupportedInstanceTypeOnHost", message)
}

pub fn host_of_other_zone(id: impl Display, zone: &str) -> Error {
    let message = format!("The host '{id}' is not in the availability zone {zone} of the instance.");
    Error::new(Kind::Invalid, "ZonesMismatched", message)
}

pub fn no_host(instance_type: &str, zone: &str) -> Error {
    let message = format!("There is no dedicated host in {zone} that takes instances of {instance_type}.");
    Error::new(Kind::Unavailable, "UnavailableHostRequirements", message).status_is(400)
}

pub fn tenancy_fixed(id: impl Display, from: &str, to: &str) -> Error {
    let message = format!("The tenancy of the instance '{id}' cannot be changed from {from} to {to}.");
    Error::new(Kind::Invalid, "InvalidTenancy", message)
}
