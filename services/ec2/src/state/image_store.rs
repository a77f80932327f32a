//! Images on their way into S3 and back.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{ImageId, SnapshotId};
use super::import_task::Source;
use crate::rules::image_store::Head;

/// An image that is stored in S3, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreTask {
    /// Such that the latest is the first.
    pub id: String,
    pub image: ImageId,
    pub bucket: String,
    /// The upload that the caller began.
    pub upload: String,
    pub head: Head,
    /// Whose snapshots they are, and which, in the order of the head's disks.
    pub place: Scope,
    pub snapshots: Vec<SnapshotId>,
    /// The engine's image whose files go before them, where they do.
    #[serde(default)]
    pub base: Option<String>,
    pub started_at: Millis,
    /// Only the controller writes these.
    pub done: Done,
    pub ended: Option<Ended>,
}

/// What is in S3 already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Of the parts.
    pub etags: Vec<String>,
    /// The disk, and the block of it, to go on with.
    pub disk: usize,
    pub block: u32,
    pub blocks: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Millis,
    pub failure: Option<String>,
}

/// An image that comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTask {
    pub image: ImageId,
    pub source: Source,
    /// Of the object that the caller may read.
    pub etag: Option<String>,
    pub version: Option<String>,
    /// In the order of the head's disks.
    pub snapshots: Vec<SnapshotId>,
    /// The engine's image that is made of the files before them, where there are some.
    #[serde(default)]
    pub base: Option<String>,
    pub size_gib: u64,
}

static STORES: Table<StoreTask> = Table::new("ec2/store-image-task");
static RESTORES: Table<RestoreTask> = Table::new("ec2/restore-image-task");

pub fn find_store(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<StoreTask>> {
    STORES.get(from, scope, id)
}

pub fn stores(from: &mut impl Reader, scope: &Scope) -> Result<Vec<StoreTask>> {
    STORES.all(from, scope, ())
}

pub fn all_stores(from: &mut impl Reader) -> Result<Vec<(Scope, StoreTask)>> {
    STORES.all_scopes(from)
}

pub fn put_store(tx: &mut Tx<'_, '_>, scope: &Scope, task: &StoreTask) -> Result<()> {
    STORES.put(tx, scope, task.id.as_str(), task)
}

pub fn delete_store(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    STORES.delete(tx, scope, id)
}

pub fn find_restore(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Option<RestoreTask>> {
    RESTORES.get(from, scope, id)
}

pub fn restores(from: &mut impl Reader, scope: &Scope) -> Result<Vec<RestoreTask>> {
    RESTORES.all(from, scope, ())
}

pub fn all_restores(from: &mut impl Reader) -> Result<Vec<(Scope, RestoreTask)>> {
    RESTORES.all_scopes(from)
}

pub fn put_restore(tx: &mut Tx<'_, '_>, scope: &Scope, task: &RestoreTask) -> Result<()> {
    RESTORES.put(tx, scope, &task.image, task)
}

pub fn delete_restore(tx: &mut Tx<'_, '_>, scope: &Scope, id: &ImageId) -> Result<()> {
    RESTORES.delete(tx, scope, id)
}
