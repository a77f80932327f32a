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

pub fn snapshot_archived(id: impl Display) -> Error {
    let message =
        format!("The snapshot {id} is in the archive tier: it must be restored before it can be used.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn snapshot_not_archived(id: impl Display) -> Error {
    Error::new(Kind::Conflict, "IncorrectState", format!("The snapshot {id} is not archived."))
}

pub fn snapshot_tiering(id: impl Display, status: &str) -> Error {
    Error::new(Kind::Conflict, "IncorrectState", format!("The tiering status of {id} is {status}."))
}

pub fn tierings_too_many(what: &str, most: usize) -> Error {
    let message = format!("There can be {most} {what} in progress in a region.");
    Error::new(Kind::Limit, "ResourceLimitExceeded", message)
}

pub fn snapshot_locked(id: impl Display, why: &str) -> Error {
    Error::new(Kind::Conflict, "SnapshotLocked", format!("The snapshot {id} is locked. {why}"))
}

pub fn snapshot_not_locked(id: impl Display) -> Error {
    Error::new(Kind::Conflict, "IncorrectState", format!("The snapshot {id} is not locked."))
}

pub fn public_snapshots_blocked() -> Error {
    let message = "Snapshots cannot be shared publicly because block public access for snapshots is enabled.";
    Error::new(Kind::Denied, "OperationNotPermitted", message)
}

pub fn public_images_blocked() -> Error {
    let message = "Images cannot be shared publicly because block public access for AMIs is enabled.";
    Error::new(Kind::Denied, "OperationNotPermitted", message)
}

pub fn root_is_no_data_volume(volume: impl Display) -> Error {
    super::invalid_parameter_value(format!("The volume {volume} is the boot volume: use ExcludeBootVolume."))
}

pub fn no_volumes_left(instance: impl Display) -> Error {
    super::invalid_parameter_value(format!("No volumes of {instance} are left to take snapshots of."))
}

pub fn snapshot_not_permitted(image: impl Display) -> Error {
    let message = format!("You do not have permission to access the storage of this ami: {image}");
    Error::new(Kind::Denied, "AuthFailure", message)
}

pub fn fast_restores_too_many(most: usize) -> Error {
    let message = format!("There can be {most} fast snapshot restores in a region.");
    Error::new(Kind::Limit, "ResourceLimitExceeded", message)
}

pub fn fast_restore_not_enabled(id: impl Display, zone: &str) -> Error {
    let message = format!("Fast snapshot restore is not enabled for {id} in {zone}.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn snapshots_at_once(volume: impl Display, most: usize) -> Error {
    let message =
        format!("Maximum allowed in-progress snapshots for a single volume exceeded: {volume} has {most}.");
    Error::new(Kind::Limit, "ConcurrentSnapshotLimitExceeded", message)
}

pub fn snapshot_limit() -> Error {
    let message = "You have reached the limit of snapshots in this region.";
    Error::new(Kind::Limit, "SnapshotLimitExceeded", message)
}
