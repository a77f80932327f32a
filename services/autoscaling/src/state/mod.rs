//! How groups and what belongs to them are stored.

pub mod activity;
pub mod group;
pub mod hook;
pub mod instance;
pub mod kept;
pub mod launch_configuration;
pub mod policy;
pub mod refresh;
pub mod scheduled_action;

use kernel::key::KeyReader;
use kernel::table::Record;
use kernel::{Key, Reader, Result, Scope, Table};
use shape::Bytes;

/// Rows read at once.
const BATCH: usize = 1_000;

/// Every record below a prefix.
pub(crate) fn all<R: Record>(
    table: &Table<R>,
    from: &mut impl Reader,
    scope: &Scope,
    prefix: impl Key + Copy,
) -> Result<Vec<R>> {
    let mut found = Vec::new();
    let mut after: Option<Bytes> = None;
    loop {
        let rows = table.list(from, scope, prefix, after.as_deref(), BATCH)?;
        let full = rows.len() == BATCH;
        after = rows.last().map(|(key, _)| key.clone());
        found.extend(rows.into_iter().map(|(_, record)| record));
        if !full {
            return Ok(found);
        }
    }
}

/// Every record of every account, with its scope.
pub(crate) fn all_scopes<R: Record>(table: &Table<R>, from: &mut impl Reader) -> Result<Vec<(Scope, R)>> {
    let mut found = Vec::new();
    let mut after: Option<Bytes> = None;
    loop {
        let rows = table.list_all(from, after.as_deref(), BATCH)?;
        let full = rows.len() == BATCH;
        after = rows.last().map(|(key, _)| key.clone());
        for (key, record) in rows {
            found.extend(KeyReader(&key).scope().map(|scope| (scope, record)));
        }
        if !full {
            return Ok(found);
        }
    }
}
