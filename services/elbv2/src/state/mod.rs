//! How load balancers and what belongs to them are stored.

pub mod action;
pub mod condition;
pub mod listener;
pub mod load_balancer;
pub mod node;
pub mod rule;
pub mod target;
pub mod target_group;
pub mod usage;

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::key::KeyReader;
use kernel::table::Record;
use kernel::{Key, Reader, Result, Scope, Table};

/// Attributes that were set, and tags: by key.
pub type Pairs = BTreeMap<String, String>;

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
