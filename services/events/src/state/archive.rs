//! Archives of buses, and the events they keep.

use kernel::{Key, Millis, Reader, Result, Row, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::arn;
use crate::rules::envelope::Envelope;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    pub name: String,
    /// The bus's name.
    pub bus: String,
    pub description: Option<String>,
    pub pattern: Option<String>,
    /// For ever where it is 0.
    pub retention_days: i32,
    pub created_at: Millis,
}

impl Archive {
    pub fn arn(&self, scope: &Scope) -> String {
        arn::archive(scope, &self.name)
    }
}

/// An event that is kept, with its time in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub at: Millis,
    pub event: Envelope,
}

/// Events counted to show how many an archive has.
pub const COUNTED_MAX: usize = 100_000;

static ARCHIVES: Table<Archive> = Table::new("events/archive");
/// By archive, time and id.
static KEPT: Table<Kept> = Table::new("events/archived");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Archive>> {
    ARCHIVES.get(from, scope, name)
}

/// By name.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Archive>> {
    ARCHIVES.all(from, scope, ())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, archive: &Archive) -> Result<()> {
    ARCHIVES.put(tx, scope, &*archive.name, archive)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    ARCHIVES.delete(tx, scope, name)
}

pub fn keep(tx: &mut Tx<'_, '_>, scope: &Scope, archive: &str, at: Millis, event: &Envelope) -> Result<()> {
    let kept = Kept { at, event: event.clone() };
    KEPT.put(tx, scope, (archive, at, event.id.as_str()), &kept)
}

/// Those kept from `after` on, in the order of their times.
pub fn kept(
    from: &mut impl Reader,
    scope: &Scope,
    archive: &str,
    after: &[u8],
    limit: usize,
) -> Result<Vec<Row<Kept>>> {
    KEPT.list(from, scope, archive, Some(after), limit)
}

/// Where those of a time begin.
pub fn position(archive: &str, at: Millis) -> Vec<u8> {
    (archive, at, "").to_bytes()
}

/// Forgets the oldest before `until`, at most `limit`; gives how many.
pub fn forget(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    archive: &str,
    until: Millis,
    limit: usize,
) -> Result<usize> {
    let rows = KEPT.list(tx, scope, archive, None, limit)?;
    let old: Vec<_> = rows.into_iter().filter(|(_, kept)| kept.at < until).collect();
    for (_, kept) in &old {
        KEPT.delete(tx, scope, (archive, kept.at, kept.event.id.as_str()))?;
    }
    Ok(old.len())
}

/// Archives of all accounts, and those of which only events are left.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Archive)>> {
    let rows = ARCHIVES.list_all(from, None, COUNTED_MAX)?;
    let scope = |key: &[u8]| kernel::key::KeyReader(key).scope();
    Ok(rows.into_iter().filter_map(|(key, archive)| Some((scope(&key)?, archive))).collect())
}
