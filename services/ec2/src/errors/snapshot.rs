//! Snapshots.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::malformed;
use crate::state::id::SnapshotId;

pub fn snapshot_not_found(id: impl Display) -> Error {
    Error::new(Kind::NotFound, "InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."))
}

pub fn snapshot_malformed(text: &str) -> Error {
    malformed::<SnapshotId>("InvalidSnapshotID.Malformed", text)
}

pub fn snapshot_pending(id: impl Display) -> Error {
    Error::new(Kind::Conflict, "IncorrectState", format!("Snapshot is in invalid state - {id} is pending"))
}

pub fn snapshot_in_use(id: impl Display, image: impl Display) -> Error {
    let message = format!("The snapshot {id} is currently in use by {image}");
    Error::new(Kind::Conflict, "InvalidSnapshot.InUse", message)
}
