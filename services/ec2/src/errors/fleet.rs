//! Fleets.

use kernel::{Error, Kind};

pub fn fleet_not_found(id: &str) -> Error {
    let message = format!("The fleet ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidFleetId.NotFound", message)
}

/// The request was made before, and its fleet has been forgotten since.
pub fn fleet_gone() -> Error {
    let message = "The fleet that an earlier request with this client token made is no more.";
    Error::new(Kind::Conflict, "IdempotentParameterMismatch", message)
}
