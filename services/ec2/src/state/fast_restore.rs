//! The stored fast restore of a snapshot in a zone: what was asked for, and when it came to be.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{Id, SnapshotId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastRestore {
    pub snapshot: SnapshotId,
    pub zone: String,
    /// Whose the snapshot is: it may be shared.
    pub owner: String,
    /// Asked for, and asked to end.
    pub enabling_at: Millis,
    pub disabling_at: Option<Millis>,
    pub observed: Observed,
}

/// What the controller has seen. Only it writes this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub optimizing_at: Option<Millis>,
    /// The snapshot's blocks are at hand since then.
    pub enabled_at: Option<Millis>,
    pub disabled_at: Option<Millis>,
}

impl FastRestore {
    /// Its key, and what its controller knows it by.
    pub fn key(&self) -> String {
        key(&self.snapshot, &self.zone)
    }
}

pub fn key(snapshot: &SnapshotId, zone: &str) -> String {
    format!("{}/{zone}", snapshot.as_str())
}

static RESTORES: Table<FastRestore> = Table::new("ec2/fast-restore");

pub fn find(from: &mut impl Reader, scope: &Scope, key: &str) -> Result<Option<FastRestore>> {
    RESTORES.get(from, scope, key)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<FastRestore>> {
    RESTORES.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, FastRestore)>> {
    RESTORES.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &FastRestore) -> Result<()> {
    RESTORES.put(tx, scope, one.key().as_str(), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, key: &str) -> Result<()> {
    RESTORES.delete(tx, scope, key)
}

/// Whether a volume made of the snapshot in this zone now is there with all its blocks.
pub fn is_enabled(
    from: &mut impl Reader,
    scope: &Scope,
    snapshot: Option<&SnapshotId>,
    zone: &str,
) -> Result<bool> {
    let Some(snapshot) = snapshot else { return Ok(false) };
    let found = find(from, scope, &key(snapshot, zone))?;
    Ok(found.is_some_and(|one| one.observed.enabled_at.is_some() && one.disabling_at.is_none()))
}
