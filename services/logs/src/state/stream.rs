//! Streams.

use std::sync::Arc;

use kernel::{Ctx, Key, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;

/// By group and name.
static STREAMS: Table<Stream> = Table::new("logs/stream");

const PAGE: usize = 1_000;
/// Streams that are written to at the same time, at the least.
const DOORS: u64 = 256;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its events are kept under this id.
    pub id: u64,
    pub name: String,
    pub created_at: Millis,
    pub first_at: Option<Millis>,
    pub last_at: Option<Millis>,
    pub ingested_at: Option<Millis>,
    /// The next event has this number; numbers begin with 1.
    pub next: u64,
    /// The next chunk has this number.
    pub next_chunk: u64,
}

pub fn find(from: &mut impl Reader, scope: &Scope, group: u64, name: &str) -> Result<Option<Stream>> {
    STREAMS.get(from, scope, (group, name))
}

/// # Errors
/// When there is no such stream.
pub fn get(from: &mut impl Reader, scope: &Scope, group: u64, name: &str) -> Result<Stream> {
    find(from, scope, group, name)?.ok_or_else(|| errors::not_found("log stream"))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: u64, stream: &Stream) -> Result<()> {
    STREAMS.put(tx, scope, (group, stream.name.as_str()), stream)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: u64, name: &str) -> Result<()> {
    STREAMS.delete(tx, scope, (group, name))
}

/// In the order of their names, behind the name `after`.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    group: u64,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Stream>> {
    let after = after.map(|after| (group, after).to_bytes());
    let rows = STREAMS.list(from, scope, group, after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, stream)| stream).collect())
}

/// Those of a group that `wanted` takes, in the order of their names.
pub async fn list_where(ctx: &Ctx, group: u64, wanted: impl Fn(&Stream) -> bool) -> Result<Vec<Stream>> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let rows = ctx.read(|snap| list(snap, ctx.scope(), group, after.as_deref(), PAGE)).await?;
        let is_last = rows.len() < PAGE;
        after = rows.last().map(|stream| stream.name.clone());
        found.extend(rows.into_iter().filter(&wanted));
        if is_last {
            return Ok(found);
        }
    }
}

/// One writer of a stream at a time, so that numbers follow each other without a transaction tried again.
#[derive(Debug)]
pub struct Doors(Vec<Arc<tokio::sync::Mutex<()>>>);

impl Default for Doors {
    fn default() -> Self {
        Self((0..DOORS).map(|_| Arc::default()).collect())
    }
}

impl Doors {
    pub async fn enter(&self, stream: u64) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let door = self.0.get(usize::try_from(stream % DOORS).ok()?)?.clone();
        Some(door.lock_owned().await)
    }
}
