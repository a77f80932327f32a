//! Capacity reservations.

use std::fmt::Display;

use kernel::{Error, Kind};

pub fn capacity_reservation_not_found(id: impl Display) -> Error {
    super::not_found("InvalidCapacityReservationId.NotFound", "capacity reservation", id)
}

pub fn capacity_reservation_full() -> Error {
    let message = "The requested reservation does not have sufficient compatible and available capacity for this request.";
    Error::new(Kind::Unavailable, "ReservationCapacityExceeded", message).status_is(400)
}

pub fn capacity_reservation_ended(id: impl Display, state: &str) -> Error {
    let message = format!("The capacity reservation {id} is {state} and cannot be changed.");
    Error::new(Kind::Conflict, "InvalidCapacityReservationState", message)
}

pub fn capacity_reservation_in_use(count: u32, used: u32) -> Error {
    let message =
        format!("The instance count {count} is less than the {used} instances that run in the reservation.");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}
