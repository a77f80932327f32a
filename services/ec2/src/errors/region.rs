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
