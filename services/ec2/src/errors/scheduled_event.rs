//! Scheduled events.

use std::fmt::Display;

use kernel::{Error, Kind};

pub fn event_not_found(id: impl Display) -> Error {
    let message = format!("The instance event ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidInstanceEventIDNotFound", message)
}

pub fn event_start_invalid(id: impl Display) -> Error {
    let message = format!("The event '{id}' cannot be moved to that time");
    Error::new(Kind::Invalid, "InvalidInstanceEventStartTime", message)
}

pub fn event_fixed(id: impl Display) -> Error {
    let message = format!("The start time of the event '{id}' cannot be changed");
    Error::new(Kind::Conflict, "InstanceEventStartTimeCannotChange", message)
}
