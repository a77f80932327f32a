//! Messages that nobody can see any more, of queues that were deleted or purged, until they are cleared away.

use kernel::{Ctx, Millis, Next, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::index::Sequence;
use super::lease::LEASES;
use super::message::MESSAGES;
use super::sent::SENT;

/// By queue id.
static LEFTOVERS: Table<Leftover> = Table::new("sqs/leftover");

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Leftover {
    pub queue_id: u64,
    /// Messages with a lower number are to go.
    pub below: Sequence,
    /// Looked at until then: a message may have been on its way.
    pub until: Millis,
}

/// How long a message can be on its way.
pub const ON_ITS_WAY_MS: Millis = 60_000;

/// Rows removed by one transaction.
const BATCH: usize = 1_000;

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, leftover: &Leftover) -> Result<()> {
    LEFTOVERS.put(tx, scope, leftover.queue_id, leftover)
}

/// All there are, as the controller names them.
pub async fn list(ctx: &Ctx, limit: usize) -> Result<Vec<(Scope, String)>> {
    let rows = ctx.read(|snap| LEFTOVERS.list_all(snap, None, limit)).await?;
    let named = rows
        .into_iter()
        .filter_map(|(key, leftover)| Some((kernel::key::KeyReader(&key).scope()?, name(leftover.queue_id))));
    Ok(named.collect())
}

/// How the controller names a leftover.
pub fn name(queue_id: u64) -> String {
    format!("{queue_id:016x}")
}

/// Removes some.
pub async fn remove_some(ctx: &Ctx, name: &str) -> Result<Next> {
    let Ok(queue_id) = u64::from_str_radix(name, 16) else { return Ok(Next::Done) };
    let scope = *ctx.scope();
    let Some(leftover) = ctx.read(|snap| LEFTOVERS.get(snap, &scope, queue_id)).await? else {
        return Ok(Next::Done);
    };
    let mut more = false;
    for table in [&MESSAGES, &LEASES, &SENT] {
        let rows = ctx.read(|snap| table.list(snap, &scope, queue_id, None, BATCH)).await?;
        let sequences = rows.iter().filter_map(|(key, _)| sequence_of(key));
        let gone: Vec<_> = sequences.filter(|sequence| *sequence < leftover.below).collect();
        if gone.is_empty() {
            continue;
        }
        more |= gone.len() == BATCH;
        ctx.write(|tx| gone.iter().try_for_each(|s| table.delete(tx, &scope, (queue_id, *s)))).await?;
    }
    if more {
        return Ok(Next::Now);
    }
    let now = ctx.now();
    if now < leftover.until {
        return Ok(Next::After(leftover.until - now));
    }
    // A purge meanwhile may have raised the bound: then it is looked at again.
    ctx.write(|tx| match LEFTOVERS.get(tx, &scope, queue_id)? {
        Some(now) if now.below == leftover.below => LEFTOVERS.delete(tx, &scope, queue_id),
        _ => Ok(()),
    })
    .await?;
    Ok(Next::Done)
}

/// The sequence at the end of a key of queue id and sequence.
pub fn sequence_of(key: &[u8]) -> Option<Sequence> {
    let mut key = kernel::key::KeyReader(key);
    key.number()?;
    key.number()
}
