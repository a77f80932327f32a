//! Regions and their zones.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::invalid_parameter_value;

pub fn region_invalid(name: impl Display) -> Error {
    invalid_parameter_value(format!("Invalid region provided: {name}"))
}

pub fn zone_invalid(name: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", format!("Invalid availability zone: [{name}]"))
}

/// Of a volume.
pub fn zone_not_found(name: &str) -> Error {
    Error::new(Kind::NotFound, "InvalidZone.NotFound", format!("The zone '{name}' does not exist."))
}

/// Of what is copied.
pub fn source_region_invalid(name: impl Display) -> Error {
    Error::new(Kind::Invalid, "InvalidRegion", format!("The source region '{name}' is not valid."))
}
