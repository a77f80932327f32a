//! Stored archives.

use kernel::{Key, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::bytes::{self, GRACE_MS, Segment};
use super::vault::{self, Vault};
use crate::meter;

/// By vault and archive.
static ARCHIVES: Table<Archive> = Table::new("glacier/archive");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Archive {
    pub id: String,
    pub description: Option<String>,
    pub created_at: Millis,
    pub size: u64,
    pub tree_hash: String,
    /// Of all its segments but the last.
    pub part_size: u64,
    /// Till when jobs need its bytes, though it be deleted.
    pub needed_until: Millis,
}

pub fn find(from: &mut impl Reader, scope: &Scope, vault: &Vault, id: &str) -> Result<Option<Archive>> {
    ARCHIVES.get(from, scope, (vault.id.as_str(), id))
}

/// Puts an archive into its vault; its segments are held already.
pub fn insert(tx: &mut Tx<'_, '_>, vault: &mut Vault, archive: &Archive, segments: &[Segment]) -> Result<()> {
    vault::meter(tx, vault)?;
    vault.archives += 1;
    vault.size = vault.size.saturating_add(archive.size);
    vault.changed_at = Some(archive.created_at);
    vault::put(tx, vault)?;
    bytes::put_segments(tx, &archive.id, segments)?;
    update(tx, vault, archive)
}

pub fn update(tx: &mut Tx<'_, '_>, vault: &Vault, archive: &Archive) -> Result<()> {
    let scope = *tx.ctx().scope();
    ARCHIVES.put(tx, &scope, (vault.id.as_str(), archive.id.as_str()), archive)
}

/// Takes an archive out of its vault, and lets go of its bytes.
pub fn delete(tx: &mut Tx<'_, '_>, vault: &mut Vault, archive: &Archive) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    vault::meter(tx, vault)?;
    if let Some(owed) = meter::early_delete(&archive.id, archive.size, archive.created_at, now) {
        tx.meter(&owed)?;
    }
    vault.archives = vault.archives.saturating_sub(1);
    vault.size = vault.size.saturating_sub(archive.size);
    vault.changed_at = Some(now);
    vault::put(tx, vault)?;
    let due_at = (now + GRACE_MS).max(archive.needed_until);
    for segment in bytes::segments(tx, &scope, &archive.id)? {
        bytes::let_go(tx, &segment, due_at)?;
    }
    bytes::forget_segments(tx, &archive.id)?;
    ARCHIVES.delete(tx, &scope, (vault.id.as_str(), archive.id.as_str()))
}

/// Archives after the one with the id `after`, in order of their ids.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    vault: &Vault,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Archive>> {
    let after = after.map(|id| (vault.id.as_str(), id).to_bytes());
    let rows = ARCHIVES.list(from, scope, vault.id.as_str(), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, archive)| archive).collect())
}
