//! The stored snapshot.

use kernel::clock::Millis;
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{AccountId, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::block_public_access::{self, Blocked};
use super::encryption::Seal;
use super::id::{Id, SnapshotId, VolumeId};
use super::snapshot_lock::Lock;
use super::snapshot_tier::Tier;
use super::snapshot_use;
use crate::rules::storage_usage::{of_end, of_snapshot};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    /// For a copy, AWS's placeholder.
    pub volume: VolumeId,
    pub size_gib: u32,
    /// Of the volume, if that was a root.
    pub base: Option<String>,
    pub description: String,
    pub started_at: Millis,
    /// What it is stored as the difference to.
    pub parent: Option<SnapshotId>,
    /// What it is a copy of.
    pub copied: Option<SnapshotId>,
    /// Its key, if it is encrypted.
    #[serde(default)]
    pub seal: Option<Seal>,
    /// That of what it is a copy of.
    #[serde(default)]
    pub copied_seal: Option<Seal>,
    /// Until when its blocks may be written from outside, and nothing of it is taken or stored.
    #[serde(default)]
    pub open_until: Option<Millis>,
    /// It waits until its instance is quiet, and is taken then.
    pub waits: bool,
    pub deleted: bool,
    pub shared: Shared,
    pub observed: Observed,
    /// Where it is kept, if it was ever asked to be archived.
    #[serde(default)]
    pub tier: Option<Tier>,
    #[serde(default)]
    pub lock: Option<Lock>,
}

impl Snapshot {
    /// One that begins now, of which nothing is there yet: plain, of no other, nobody else's.
    pub fn new(id: SnapshotId, volume: VolumeId, size_gib: u32, started_at: Millis) -> Self {
        Self {
            id,
            volume,
            size_gib,
            base: None,
            description: String::new(),
            started_at,
            parent: None,
            copied: None,
            seal: None,
            copied_seal: None,
            open_until: None,
            waits: false,
            deleted: false,
            shared: Shared::default(),
            observed: Observed::default(),
            tier: None,
            lock: None,
        }
    }

    /// Its blocks are not in the archive alone.
    pub fn is_here(&self) -> bool {
        self.tier.as_ref().is_none_or(|tier| tier.seen.is_here)
    }
}

/// What the controller has seen. Only it writes this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// It holds what the volume was, and volumes can be made from it.
    pub taken: bool,
    /// All of it is in the store since then.
    pub stored_at: Option<Millis>,
    /// Bytes read and added to the store.
    pub read_bytes: u64,
    pub stored_bytes: u64,
    pub blocks: u64,
    pub failure: Option<String>,
}

/// Who else may use something of an account's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    pub everybody: bool,
    pub accounts: Vec<String>,
}

impl Shared {
    pub fn admits(&self, account: AccountId) -> bool {
        self.everybody || self.accounts.contains(&account.to_string())
    }
}

static SNAPSHOTS: Table<Snapshot> = Table::new("ec2/snapshot");
/// Whose a snapshot is, for who knows no more than its id: it may be shared.
static PLACES: Table<Scope> = Table::new("ec2/snapshot-place");
/// Those that wait for their instance to be quiet: few, so that each start may look.
static WAITING: Table<SnapshotId> = Table::new("ec2/snapshot-waiting");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<Option<Snapshot>> {
    SNAPSHOTS.get(from, scope, id)
}

/// A snapshot of `scope` that nobody has deleted.
pub fn find_own(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<Option<Snapshot>> {
    Ok(find(from, scope, id)?.filter(|one| !one.deleted))
}

/// A snapshot that `scope` may use: its own, or one shared with it.
pub fn find_usable(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<Option<Snapshot>> {
    Ok(find_placed(from, scope, id)?.map(|(_, snapshot)| snapshot))
}

/// The same, with whose it is.
pub fn find_placed(
    from: &mut impl Reader,
    scope: &Scope,
    id: &SnapshotId,
) -> Result<Option<(Scope, Snapshot)>> {
    let Some(place) = PLACES.get(from, &HOUSE_SCOPE, id)? else { return Ok(None) };
    let Some(mut found) = find_own(from, &place, id)? else { return Ok(None) };
    if place != *scope {
        hide_from_everybody(from, &place, &mut found)?;
    }
    let may = place == *scope || place.region == scope.region && found.shared.admits(scope.account);
    Ok(may.then_some((place, found)))
}

/// Where an account has blocked all sharing with everybody, others see none of it.
pub fn hide_from_everybody(from: &mut impl Reader, place: &Scope, one: &mut Snapshot) -> Result<()> {
    if one.shared.everybody {
        one.shared.everybody = block_public_access::get(from, place)?.snapshots != Blocked::All;
    }
    Ok(())
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Snapshot>> {
    SNAPSHOTS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Snapshot)>> {
    SNAPSHOTS.all_scopes(from)
}

/// Those that wait to be taken.
pub fn waiting(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Snapshot>> {
    let mut found = Vec::new();
    for id in WAITING.all(from, scope, ())? {
        found.extend(find(from, scope, &id)?);
    }
    Ok(found)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, snapshot: &Snapshot) -> Result<()> {
    PLACES.put(tx, &HOUSE_SCOPE, &snapshot.id, scope)?;
    if snapshot.waits {
        WAITING.put(tx, scope, &snapshot.id, &snapshot.id)?;
    } else {
        WAITING.delete(tx, scope, &snapshot.id)?;
    }
    let made_of = snapshot.copied.iter().chain(&snapshot.parent);
    let observed = &snapshot.observed;
    let is_made = snapshot.deleted || observed.stored_at.is_some() || observed.failure.is_some();
    snapshot_use::note(tx, snapshot.id.as_str(), made_of, !is_made)?;
    SNAPSHOTS.put(tx, scope, &snapshot.id, snapshot)
}

/// Stores what `change` makes of the snapshot. `None` when there is none.
pub fn update<T>(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &SnapshotId,
    change: impl FnOnce(&mut Snapshot) -> Result<T>,
) -> Result<Option<T>> {
    let Some(mut snapshot) = find(tx, scope, id)? else { return Ok(None) };
    let answer = change(&mut snapshot)?;
    put(tx, scope, &snapshot)?;
    Ok(Some(answer))
}

/// Brings its usage line up to date.
pub fn note_usage(tx: &mut Tx<'_, '_>, snapshot: &Snapshot) -> Result<()> {
    let now = tx.ctx().now();
    of_snapshot(snapshot, now).iter().try_for_each(|line| tx.meter(line))
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &SnapshotId) -> Result<()> {
    if let Some(snapshot) = find(tx, scope, id)? {
        note_usage(tx, &snapshot)?;
        of_end(&snapshot, tx.ctx().now()).iter().try_for_each(|line| tx.meter(line))?;
        let made_of = snapshot.copied.iter().chain(&snapshot.parent);
        snapshot_use::note(tx, id.as_str(), made_of, false)?;
    }
    PLACES.delete(tx, &HOUSE_SCOPE, id)?;
    WAITING.delete(tx, scope, id)?;
    SNAPSHOTS.delete(tx, scope, id)
}
