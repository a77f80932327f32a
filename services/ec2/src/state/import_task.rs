//! The stored import of a disk, or of the disks of an image.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::encryption::Seal;
use super::id::{ImageId, SnapshotId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportTask {
    /// `import-ami-` or `import-snap-` and digits.
    pub id: String,
    pub description: String,
    /// The role that reads the objects.
    pub role_arn: String,
    /// An image's root first.
    pub disks: Vec<Disk>,
    /// What is made of the disks, where that is an image.
    pub image: Option<ImageId>,
    pub started_at: Millis,
    pub cancelled: bool,
    /// Only the controller writes this.
    pub ended: Option<Ended>,
}

/// A disk that is imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// As the request says it.
    pub format: String,
    pub source: Source,
    pub description: String,
    pub device: Option<String>,
    /// What it becomes: chosen before the first try. An image's root becomes an image of the engine instead.
    pub snapshot: SnapshotId,
    pub seal: Option<Seal>,
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub bucket: String,
    pub key: String,
    /// By which it was named, if by one.
    pub url: Option<String>,
}

/// How it ended: well without a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Millis,
    pub failure: Option<String>,
    /// How long the objects were, in the disks' order.
    pub read_bytes: Vec<u64>,
}

impl ImportTask {
    /// The engine's image that is made of the root of an image.
    pub fn base(&self) -> Option<compute::ImageId> {
        self.image.as_ref().map(|_| compute::ImageId(format!("{BASE}{}", self.id)))
    }
}

/// What stands before a task's id in the name of the engine's image.
pub const BASE: &str = "oci-";

static TASKS: Table<ImportTask> = Table::new("ec2/import-task");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<ImportTask>> {
    TASKS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<ImportTask>> {
    TASKS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, ImportTask)>> {
    TASKS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, task: &ImportTask) -> Result<()> {
    TASKS.put(tx, scope, task.id.as_str(), task)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    TASKS.delete(tx, scope, id)
}
