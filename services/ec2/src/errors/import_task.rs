//! Imports of disks.

use std::fmt::Display;

use kernel::{Error, Kind};

pub fn import_task_not_found(id: impl Display) -> Error {
    let message = format!("The import task ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidConversionTaskId", message)
}

pub fn import_task_malformed(text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\" (expecting \"import-ami-...\" or \"import-snap-...\")");
    Error::new(Kind::Invalid, "InvalidConversionTaskId.Malformed", message)
}

pub fn import_role_unusable(role: &str) -> Error {
    let message =
        format!("The service role {role} provided does not exist or does not have sufficient permissions");
    Error::new(Kind::Invalid, "InvalidParameter", message)
}

pub fn import_format_unknown(format: &str) -> Error {
    let message = format!("The disk format {format} is not one of RAW, VHD, VHDX, VMDK and QCOW2.");
    Error::new(Kind::Invalid, "InvalidParameter", message)
}

pub fn import_place_unknown(url: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidParameter", format!("{url:?} does not name an object in S3."))
}

pub fn import_has_ended(id: impl Display) -> Error {
    let message = format!("The task {id} is no longer active and cannot be canceled.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn imports_too_many(most: usize) -> Error {
    let message = format!("There can be {most} active import tasks in a region at a time.");
    Error::new(Kind::Limit, "ResourceLimitExceeded", message)
}
