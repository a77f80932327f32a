//! Volumes.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::malformed;
use crate::state::id::VolumeId;

pub fn volume_not_found(id: impl Display) -> Error {
    Error::new(Kind::NotFound, "InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
}

pub fn volume_malformed(text: &str) -> Error {
    malformed::<VolumeId>("InvalidVolumeID.Malformed", text)
}
