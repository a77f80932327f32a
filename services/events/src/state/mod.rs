//! How buses, rules and events on their way are stored.

pub mod archive;
pub mod bus;
pub mod delivery;
pub mod replay;
pub mod routes;
pub mod rule;

use bytes::Bytes;
use kernel::table::Record;
use kernel::{Key, Reader, Result, Scope, Table};

/// Rows read at once.
const BATCH: usize = 1_000;

/// Every record below a prefix.
fn all<R: Record>(
    table: &Table<R>,
    from: &mut impl Reader,
    scope: &Scope,
    prefix: impl Key + Copy,
) -> Result<Vec<R>> {
    let mut found = Vec::new();
    let mut after: Option<Bytes> = None;
    loop {
        let rows = table.list(from, scope, prefix, after.as_deref(), BATCH)?;
        let is_last = rows.len() < BATCH;
        after = rows.last().map(|(key, _)| key.clone());
        found.extend(rows.into_iter().map(|(_, record)| record));
        if is_last {
            return Ok(found);
        }
    }
}
