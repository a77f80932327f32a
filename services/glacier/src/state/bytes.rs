//! Where bytes lie: sealed, as blobs. The order is always bytes, then record, then answer; and away with the record
//! before the bytes. A blob that no row of [`HELD`] names is nobody's, and the sweep takes it.

use std::sync::Arc;

use blob::chunk::{ChunkKey, Secret};
use blob::{BlobId, Blobs};
use kernel::key::KeyReader;
use kernel::{Error, Millis, PackedTable, Reader, Result, Scope, Sealer, Table, Tx};
use serde::{Deserialize, Serialize};

use super::vault::Vault;
use crate::errors;
use crate::rules::tree_hash::Hash;

/// How long bytes stay after their record has gone: for those who read them just now.
pub const GRACE_MS: Millis = 30_000;
const PURPOSE: &[u8] = b"cloudlet glacier segment";

/// By segment: blobs that a record names.
static HELD: Table<()> = Table::new("glacier/held");
/// By segment: blobs that no record names any more, with the time to remove them.
static LEFTOVERS: Table<Millis> = Table::new("glacier/leftover");
/// By segment: the hash of each mebibyte, one behind the other.
static LEAVES: PackedTable = PackedTable::new("glacier/leaves");
/// By what they belong to: an archive or a job.
static SEGMENTS: Table<Vec<Segment>> = Table::new("glacier/segments");

/// What the service keeps bytes with.
pub struct Strongroom {
    pub blobs: Blobs,
    pub sealer: Arc<dyn Sealer>,
}

impl Strongroom {
    /// A new vault's secret, sealed.
    ///
    /// # Errors
    /// When the sealing key cannot be used.
    pub fn seal(&self, vault_id: &str, secret: &Secret) -> Result<Vec<u8>> {
        Ok(self.sealer.seal(belongs_to(vault_id).as_bytes(), secret)?)
    }

    /// The key of one of the vault's segments.
    ///
    /// # Errors
    /// When the vault's secret was sealed under another key.
    pub fn key(&self, vault: &Vault, segment: &str) -> Result<ChunkKey> {
        let opened = self.sealer.open(belongs_to(&vault.id).as_bytes(), &vault.secret)?;
        let secret: Secret = opened.try_into().map_err(|_| errors::damaged("a vault's secret"))?;
        Ok(ChunkKey::derive(PURPOSE, &secret, segment))
    }
}

fn belongs_to(vault_id: &str) -> String {
    format!("glacier/vault/{vault_id}")
}

/// A run of bytes under one key: a whole archive, a part of it, or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub id: String,
    /// Before sealing.
    pub size: u64,
    pub tree_hash: String,
}

/// The blob of a segment.
pub fn blob_id(scope: &Scope, segment: &str) -> Result<BlobId> {
    BlobId::new(format!("glacier/{}/{}/{segment}", scope.account, scope.region)).map_err(Error::internal)
}

/// The scope and segment of a blob; `None` for what is none of ours.
pub fn of_blob(id: &BlobId) -> Option<(Scope, String)> {
    let mut parts = id.as_str().strip_prefix("glacier/")?.split('/');
    let scope = Scope { account: parts.next()?.parse().ok()?, region: parts.next()?.parse().ok()? };
    Some((scope, parts.next()?.to_owned()))
}

/// Whether a record names the blob.
pub fn is_held(from: &mut impl Reader, scope: &Scope, segment: &str) -> Result<bool> {
    Ok(HELD.get(from, scope, segment)?.is_some() || LEFTOVERS.get(from, scope, segment)?.is_some())
}

/// Notes that a record names the segment, and the hashes under it.
pub fn hold(tx: &mut Tx<'_, '_>, segment: &Segment, leaves: &[Hash]) -> Result<()> {
    let scope = *tx.ctx().scope();
    HELD.put(tx, &scope, segment.id.as_str(), &())?;
    LEAVES.put(tx, &scope, segment.id.as_str(), leaves.concat().into())
}

/// Notes that no record names the segment any more; its bytes go at `due_at`.
pub fn let_go(tx: &mut Tx<'_, '_>, segment: &Segment, due_at: Millis) -> Result<()> {
    let scope = *tx.ctx().scope();
    HELD.delete(tx, &scope, segment.id.as_str())?;
    LEFTOVERS.put(tx, &scope, segment.id.as_str(), &due_at)
}

/// Keeps bytes until then at least, whoever lets go of them. Gives whether they are still there.
pub fn keep_until(tx: &mut Tx<'_, '_>, segment: &Segment, until: Millis) -> Result<bool> {
    let scope = *tx.ctx().scope();
    if HELD.get(tx, &scope, segment.id.as_str())?.is_some() {
        return Ok(true);
    }
    let Some(due_at) = LEFTOVERS.get(tx, &scope, segment.id.as_str())? else { return Ok(false) };
    LEFTOVERS.put(tx, &scope, segment.id.as_str(), &due_at.max(until))?;
    Ok(true)
}

/// The hashes of a segment's mebibytes.
pub fn leaves(from: &mut impl Reader, scope: &Scope, segment: &Segment) -> Result<Vec<Hash>> {
    let stored = LEAVES.get(from, scope, segment.id.as_str())?.unwrap_or_default();
    Ok(stored.as_chunks::<32>().0.to_vec())
}

/// The segments of an archive or a job, in order.
pub fn segments(from: &mut impl Reader, scope: &Scope, owner: &str) -> Result<Vec<Segment>> {
    Ok(SEGMENTS.get(from, scope, owner)?.unwrap_or_default())
}

pub fn put_segments(tx: &mut Tx<'_, '_>, owner: &str, segments: &[Segment]) -> Result<()> {
    let scope = *tx.ctx().scope();
    SEGMENTS.put(tx, &scope, owner, &segments.to_vec())
}

pub fn forget_segments(tx: &mut Tx<'_, '_>, owner: &str) -> Result<()> {
    let scope = *tx.ctx().scope();
    SEGMENTS.delete(tx, &scope, owner)
}

/// Leftovers of all scopes, at most `limit`.
pub fn leftovers(from: &mut impl Reader, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = LEFTOVERS.list_all(from, None, limit)?;
    let place = |key: &[u8]| {
        let mut key = KeyReader(key);
        Some((key.scope()?, key.text()?))
    };
    Ok(rows.iter().filter_map(|(key, _)| place(key)).collect())
}

/// When a leftover is to be removed.
pub fn leftover_due(from: &mut impl Reader, scope: &Scope, segment: &str) -> Result<Option<Millis>> {
    LEFTOVERS.get(from, scope, segment)
}

/// Notes that a leftover's bytes are gone.
pub fn forget_leftover(tx: &mut Tx<'_, '_>, scope: &Scope, segment: &str) -> Result<()> {
    LEAVES.delete(tx, scope, segment)?;
    LEFTOVERS.delete(tx, scope, segment)
}
