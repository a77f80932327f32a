//! What deleted groups and streams leave behind.

use kernel::key::KeyReader;
use kernel::{Ctx, Next, Result, Scope, Table, Tx};

use super::{chunk, group, stream};
use crate::errors::Damaged;

/// By group, and stream or 0 for all of them.
static LEFTOVERS: Table<()> = Table::new("logs/leftover");

/// Rows removed by one transaction.
const SOME: usize = 256;

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: u64, stream: u64) -> Result<()> {
    LEFTOVERS.put(tx, scope, (group, stream), &())
}

/// How a leftover is named to its controller.
pub fn name(group: u64, stream: u64) -> String {
    format!("{group}/{stream}")
}

pub async fn list(ctx: &Ctx, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = ctx.read(|snap| LEFTOVERS.list_all(snap, None, limit)).await?;
    let read = |key: &[u8]| {
        let mut key = KeyReader(key);
        Some((key.scope()?, name(key.number()?, key.number()?)))
    };
    rows.iter().map(|(key, ())| read(key).ok_or_else(|| Damaged("leftover").into())).collect()
}

/// Removes some of it.
pub async fn remove_some(ctx: &Ctx, name: &str) -> Result<Next> {
    let ids =
        name.split_once('/').and_then(|(group, stream)| Some((group.parse().ok()?, stream.parse().ok()?)));
    let Some((group, stream)) = ids else { return Ok(Next::Done) };
    let scope = *ctx.scope();
    let of_one = (stream != 0).then_some(stream);
    ctx.write(|tx| {
        let chunks = chunk::list(tx, &scope, group, of_one, SOME)?;
        for chunk in &chunks {
            chunk::delete(tx, &scope, group, chunk.stream, chunk.number)?;
        }
        let streams = match of_one {
            None if chunks.is_empty() => stream::list(tx, &scope, group, None, SOME)?,
            _ => Vec::new(),
        };
        for stream in &streams {
            stream::delete(tx, &scope, group, &stream.name)?;
        }
        if chunks.is_empty() && streams.is_empty() {
            LEFTOVERS.delete(tx, &scope, (group, stream))?;
            return Ok(Next::Done);
        }
        Ok(Next::Now)
    })
    .await
}

/// A group goes, with all it has.
pub fn bury_group(tx: &mut Tx<'_, '_>, scope: &Scope, group: &group::Group) -> Result<()> {
    group::delete(tx, scope, &group.name)?;
    put(tx, scope, group.id, 0)
}
