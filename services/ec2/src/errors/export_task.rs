//! Exports of images.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::malformed;
use crate::state::id::ExportImageTaskId;

pub fn export_task_not_found(id: impl Display) -> Error {
    let message = format!("The export task ID '{id}' does not exist");
    Error::new(Kind::NotFound, "InvalidExportTaskID.NotFound", message)
}

pub fn export_task_malformed(text: &str) -> Error {
    malformed::<ExportImageTaskId>("InvalidExportTaskID.Malformed", text)
}

pub fn export_has_ended(id: impl Display) -> Error {
    let message = format!("The task {id} is no longer active and cannot be canceled.");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn exports_too_many(most: usize) -> Error {
    let message = format!("There can be {most} active export tasks in a region at a time.");
    Error::new(Kind::Limit, "ResourceLimitExceeded", message)
}

pub fn export_encrypted(image: impl Display) -> Error {
    let message = format!("The image {image} has encrypted snapshots in its block device mapping.");
    Error::new(Kind::Conflict, "NotExportable", message)
}
