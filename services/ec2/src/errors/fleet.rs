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

pub fn fleet_instant(id: &str) -> Error {
    let message = format!(
        "Fleet {id} is instant fleet. Describe fleet instances is not supported by this type of fleet"
    );
    Error::new(Kind::Invalid, "Unsupported", message)
}

pub fn fleet_not_modifiable(id: &str) -> Error {
    let message = format!("The fleet {id} is not an active fleet of type maintain.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn spot_fleet_config(name: &str, value: impl std::fmt::Display) -> Error {
    let message = format!("Parameter: SpotFleetRequestConfig.{name} is invalid: {value}");
    Error::new(Kind::Invalid, "InvalidSpotFleetRequestConfig", message)
}

pub fn spot_fleet_without_launches() -> Error {
    let message = "A Spot Fleet request has either LaunchSpecifications or LaunchTemplateConfigs.";
    Error::new(Kind::Invalid, "InvalidSpotFleetRequestConfig", message)
}

pub fn spot_fleet_malformed(text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\" (expecting \"sfr-...\")");
    Error::new(Kind::Invalid, "InvalidSpotFleetRequestId.Malformed", message)
}

pub fn spot_fleet_not_found(id: &str) -> Error {
    let message = format!("The spot fleet request ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidSpotFleetRequestId.NotFound", message)
}

pub fn spot_fleet_not_modifiable(id: &str) -> Error {
    let message = format!("The spot fleet request {id} is not an active request of type maintain.");
    Error::new(Kind::Conflict, "FleetNotInModifiableState", message)
}

pub fn spot_fleet_not_cancellable(id: &str) -> Error {
    let message = format!("The spot fleet request {id} is not in a cancellable state.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn spot_fleet_limit() -> Error {
    let message = "You have reached the limit of Spot Fleet requests in this region.";
    Error::new(Kind::Limit, "MaxSpotFleetRequestCountExceeded", message)
}
