//! What the host has room for.

use kernel::{Error, Kind};

pub fn no_capacity(instance_type: &str) -> Error {
    let message = format!(
        "We currently do not have sufficient {instance_type} capacity: this host has fewer processors or less memory than the type."
    );
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}

pub fn no_room(instance_type: &str) -> Error {
    let message = format!(
        "We currently do not have sufficient {instance_type} capacity: the memory of this host is promised to other instances."
    );
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}

pub fn no_machines(why: &str) -> Error {
    let message = format!("This host cannot run instances: {why}");
    Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", message).status_is(500)
}
