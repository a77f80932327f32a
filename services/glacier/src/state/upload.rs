//! Stored uploads and their parts.

use kernel::timers::TimerKey;
use kernel::{Key, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::bytes::{self, GRACE_MS, Segment};
use crate::rules::time::DAY_MS;

/// By vault and upload.
static UPLOADS: Table<Upload> = Table::new("glacier/upload");
/// By vault, upload and first byte.
static PARTS: Table<Part> = Table::new("glacier/part");

/// Timers that end what nobody goes on with.
pub const KIND: &str = "upload";
/// How long an upload waits (developer guide, "Uploading Large Archives in Parts").
const WAITS_MS: Millis = DAY_MS;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    pub id: String,
    pub description: Option<String>,
    pub part_size: u64,
    pub created_at: Millis,
    /// What it became, told again to who asks again.
    pub done: Option<Done>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    pub archive_id: String,
    pub size: u64,
    pub tree_hash: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub start: u64,
    pub segment: Segment,
}

pub fn find(from: &mut impl Reader, scope: &Scope, vault: &str, id: &str) -> Result<Option<Upload>> {
    UPLOADS.get(from, scope, (vault, id))
}

/// Stores an upload, which then waits anew.
pub fn put(tx: &mut Tx<'_, '_>, vault: &str, upload: &Upload) -> Result<()> {
    let (ctx, scope) = (tx.ctx(), *tx.ctx().scope());
    UPLOADS.put(tx, &scope, (vault, upload.id.as_str()), upload)?;
    tx.schedule(&TimerKey::new(ctx, KIND, format!("{vault}/{}", upload.id)), ctx.now() + WAITS_MS)
}

/// Stores a part in place of the one that begins there.
pub fn put_part(tx: &mut Tx<'_, '_>, vault: &str, upload: &Upload, part: &Part) -> Result<()> {
    let (scope, due_at) = (*tx.ctx().scope(), tx.ctx().now() + GRACE_MS);
    let place = (vault, upload.id.as_str(), part.start);
    if let Some(before) = PARTS.get(tx, &scope, place)? {
        bytes::let_go(tx, &before.segment, due_at)?;
    }
    PARTS.put(tx, &scope, place, part)?;
    put(tx, vault, upload)
}

/// Parts behind the one that begins at `after`, in order.
pub fn parts(
    from: &mut impl Reader,
    scope: &Scope,
    vault: &str,
    upload: &str,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<Part>> {
    let after = after.map(|start| (vault, upload, start).to_bytes());
    let rows = PARTS.list(from, scope, (vault, upload), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, part)| part).collect())
}

/// Forgets parts; their bytes belong to somebody else now.
pub fn forget_parts(tx: &mut Tx<'_, '_>, vault: &str, upload: &str, parts: &[Part]) -> Result<()> {
    let scope = *tx.ctx().scope();
    parts.iter().try_for_each(|part| PARTS.delete(tx, &scope, (vault, upload, part.start)))
}

/// Forgets an upload, and lets go of the bytes of `parts`, which are all it has.
pub fn end(tx: &mut Tx<'_, '_>, vault: &str, id: &str, parts: &[Part]) -> Result<()> {
    let (ctx, scope) = (tx.ctx(), *tx.ctx().scope());
    let due_at = ctx.now() + GRACE_MS;
    parts.iter().try_for_each(|part| bytes::let_go(tx, &part.segment, due_at))?;
    forget_parts(tx, vault, id, parts)?;
    tx.unschedule(&TimerKey::new(ctx, KIND, format!("{vault}/{id}")))?;
    UPLOADS.delete(tx, &scope, (vault, id))
}

/// Uploads behind the one with the id `after`, in order of their ids.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    vault: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Upload>> {
    let after = after.map(|id| (vault, id).to_bytes());
    let rows = UPLOADS.list(from, scope, vault, after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, upload)| upload).collect())
}
