//! How far the scrubber has come, and what it found damaged.

use kernel::house::HOUSE_SCOPE;
use kernel::key::KeyReader;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::bytes::BLOBS;

static PROGRESS: Table<Progress> = Table::new("s3/scrub");
/// By segment: blobs that are damaged, or gone although a record names them.
static DAMAGED: Table<Damage> = Table::new("s3/damaged");

/// A round through all blobs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The row of the last blob that was looked at; none at the beginning of a round.
    pub after: Option<Vec<u8>>,
    pub begun_at: Millis,
    /// In this round.
    pub blobs: u64,
    pub bytes: u64,
    /// When the last whole round ended.
    pub ended_at: Option<Millis>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Damage {
    pub found_at: Millis,
    pub what: String,
}

pub fn progress(from: &mut impl Reader) -> Result<Progress> {
    Ok(PROGRESS.get(from, &HOUSE_SCOPE, ())?.unwrap_or_default())
}

pub fn put_progress(tx: &mut Tx<'_, '_>, progress: &Progress) -> Result<()> {
    PROGRESS.put(tx, &HOUSE_SCOPE, (), progress)
}

/// Blobs that records name behind a row: the row, and the scope and segment.
pub fn blobs(
    from: &mut impl Reader,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Scope, String)>> {
    let rows = BLOBS.list_all(from, after, limit)?;
    let place = |row: &[u8]| {
        let mut key = KeyReader(row);
        Some((row.to_vec(), key.scope()?, key.text()?))
    };
    Ok(rows.iter().filter_map(|(row, ())| place(row)).collect())
}

/// Notes what is wrong with a segment; nothing any more with `None`.
pub fn note(tx: &mut Tx<'_, '_>, scope: &Scope, segment: &str, damage: Option<&Damage>) -> Result<()> {
    match damage {
        Some(damage) => DAMAGED.put(tx, scope, segment, damage),
        None => DAMAGED.delete(tx, scope, segment),
    }
}

/// What is damaged, at most `limit` segments.
pub fn damaged(from: &mut impl Reader, limit: usize) -> Result<Vec<(Scope, String, Damage)>> {
    let rows = DAMAGED.list_all(from, None, limit)?;
    let read = |(row, damage): (bytes::Bytes, Damage)| {
        let mut key = KeyReader(&row);
        Some((key.scope()?, key.text()?, damage))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
