//! A plug: the blocks of snapshots, which one service keeps and another one serves. No operation of AWS says it between
//! them (`docs/decisions`).

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::arn::AccountId;
use crate::clock::Millis;
use crate::{BoxFuture, Ctx, Error, Result};

/// What is known of a snapshot to who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFacts {
    pub id: String,
    pub owner: AccountId,
    pub size_gib: u32,
    pub description: String,
    pub parent: Option<String>,
    /// The ARN of its key, where it is encrypted.
    pub key: Option<String>,
    pub started_at: Millis,
    pub stage: SnapshotStage,
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotStage {
    /// Its blocks are being written, by its owner.
    Open,
    Pending,
    Completed,
    Failed,
}

/// A snapshot that is to be written block by block.
#[derive(Clone, Debug, Default)]
pub struct SnapshotWish {
    pub size_gib: u32,
    pub parent: Option<String>,
    pub description: String,
    pub tags: Vec<(String, String)>,
    pub encrypted: Option<bool>,
    pub key: Option<String>,
    /// How long it may take.
    pub timeout_ms: Millis,
}

/// The blocks of a snapshot that are not zeros: index, and a token equal for equal content.
pub type SnapshotBlocks = Vec<(u32, [u8; 32])>;

/// Snapshots by their blocks, in the name of `ctx`'s caller and in its scope.
pub trait SnapshotStore: Send + Sync + 'static {
    /// One that the caller's account may use.
    fn find<'a>(&'a self, ctx: &'a Ctx, id: &'a str) -> BoxFuture<'a, Result<Option<SnapshotFacts>>>;
    /// Whether one is a later state of what the other holds.
    fn are_related<'a>(
        &'a self,
        ctx: &'a Ctx,
        first: &'a str,
        second: &'a str,
    ) -> BoxFuture<'a, Result<bool>>;
    fn blocks<'a>(&'a self, ctx: &'a Ctx, id: &'a str) -> BoxFuture<'a, Result<SnapshotBlocks>>;
    /// In plain. The caller must be able to use the snapshot's key.
    fn read<'a>(&'a self, ctx: &'a Ctx, id: &'a str, index: u32) -> BoxFuture<'a, Result<Bytes>>;
    fn begin<'a>(&'a self, ctx: &'a Ctx, wish: SnapshotWish) -> BoxFuture<'a, Result<SnapshotFacts>>;
    fn write<'a>(&'a self, ctx: &'a Ctx, id: &'a str, index: u32, block: Bytes) -> BoxFuture<'a, Result<()>>;
    fn finish<'a>(&'a self, ctx: &'a Ctx, id: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// Where the service that keeps snapshots is found by the one that serves their blocks.
#[derive(Default)]
pub struct SnapshotDesk(OnceLock<Arc<dyn SnapshotStore>>);

impl SnapshotDesk {
    /// Taken once, by who keeps them.
    pub fn open(&self, store: Arc<dyn SnapshotStore>) {
        let _ = self.0.set(store);
    }

    /// # Errors
    /// When nobody keeps snapshots here.
    pub fn get(&self) -> Result<&dyn SnapshotStore> {
        self.0.get().map(|store| &**store).ok_or_else(|| Error::internal("no service here keeps snapshots"))
    }
}
