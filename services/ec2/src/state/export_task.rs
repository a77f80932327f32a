//! The stored export of an image as disks.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{ExportImageTaskId, ImageId, SnapshotId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTask {
    pub id: ExportImageTaskId,
    pub description: String,
    pub image: ImageId,
    /// The role that writes the object: its name as it was asked for, and its ARN.
    pub role: String,
    pub role_arn: String,
    pub bucket: String,
    pub prefix: String,
    /// As AWS calls it.
    pub format: String,
    /// The engine's image below the root, what was written over that, and how long the disk is.
    pub base: String,
    pub root: Option<SnapshotId>,
    pub size_gib: u32,
    /// The further volumes, in their order.
    #[serde(default)]
    pub more: Vec<Further>,
    pub started_at: Millis,
    pub cancelled: bool,
    /// Only the controller writes this.
    pub ended: Option<Ended>,
}

/// A volume besides the root: of a snapshot, or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    pub snapshot: Option<SnapshotId>,
    pub size_gib: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Millis,
    pub failure: Option<String>,
}

static TASKS: Table<ExportTask> = Table::new("ec2/export-task");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &ExportImageTaskId) -> Result<Option<ExportTask>> {
    TASKS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<ExportTask>> {
    TASKS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, ExportTask)>> {
    TASKS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, task: &ExportTask) -> Result<()> {
    TASKS.put(tx, scope, &task.id, task)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &ExportImageTaskId) -> Result<()> {
    TASKS.delete(tx, scope, id)
}
