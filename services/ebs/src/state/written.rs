//! The checksums of the blocks written so far, until their snapshot is completed.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub snapshot: String,
    pub index: u32,
    pub sha256: [u8; 32],
}

static WRITTEN: Table<Written> = Table::new("ebs/written");
const STEP: usize = 1_000;

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, snapshot: &str, index: u32, sha256: [u8; 32]) -> Result<()> {
    let written = Written { snapshot: snapshot.to_owned(), index, sha256 };
    WRITTEN.put(tx, scope, (snapshot, u64::from(index)), &written)
}

/// Those of a snapshot, in the order of its blocks.
pub fn all(from: &mut impl Reader, scope: &Scope, snapshot: &str) -> Result<Vec<[u8; 32]>> {
    let mut found = Vec::new();
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let rows = WRITTEN.list(from, scope, snapshot, after.as_deref(), STEP)?;
        let is_last = rows.len() < STEP;
        after = rows.last().map(|(row, _)| row.clone());
        found.extend(rows.into_iter().map(|(_, written)| written.sha256));
        if is_last {
            return Ok(found);
        }
    }
}

/// Forgets some of a snapshot's. True when there may be more.
pub fn forget_some(tx: &mut Tx<'_, '_>, scope: &Scope, snapshot: &str) -> Result<bool> {
    let rows = WRITTEN.list(tx, scope, snapshot, None, STEP)?;
    let more = rows.len() == STEP;
    for (_, written) in rows {
        WRITTEN.delete(tx, scope, (snapshot, u64::from(written.index)))?;
    }
    Ok(more)
}

/// Snapshots with their places, and the row to go on after.
pub type Listed = (Vec<(Scope, String)>, Option<bytes::Bytes>);

/// The snapshots that blocks are kept of, after a row.
pub fn some(from: &mut impl Reader, after: Option<&[u8]>) -> Result<Listed> {
    let rows = WRITTEN.list_all(from, after, STEP)?;
    let next = rows.last().filter(|_| rows.len() == STEP).map(|(row, _)| row.clone());
    let mut found: Vec<(Scope, String)> = rows
        .into_iter()
        .filter_map(|(row, written)| Some((kernel::key::KeyReader(&row).scope()?, written.snapshot)))
        .collect();
    found.dedup();
    Ok((found, next))
}
