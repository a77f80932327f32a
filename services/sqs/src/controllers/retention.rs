//! Removes messages past their retention, and deduplication ids past their window, of the queues in use.
//!
//! A receiver never gets such a message, swept or not; the sweep gives back its place.

use std::sync::Arc;

use kernel::{Ctx, Millis, Result};

use crate::state::duplicates::WINDOW_MS;
use crate::state::lease::LEASES;
use crate::state::leftover::sequence_of;
use crate::state::message::MESSAGES;
use crate::state::open::{OpenQueue, Queues, retention_ends};
use crate::state::sent::{self, SENT};

pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Messages looked at while the index is locked.
const LOOK: usize = 10_000;
/// Rows removed by one transaction.
const BATCH: usize = 1_000;

pub async fn sweep(ctx: &Ctx) -> Result<()> {
    for queue in ctx.own::<Queues>().all() {
        remove_old(ctx, &queue).await?;
        forget_sent(ctx, &queue).await?;
    }
    Ok(())
}

async fn remove_old(ctx: &Ctx, queue: &Arc<OpenQueue>) -> Result<()> {
    let (mut after, mut more) = (0, true);
    while more {
        let old_at = retention_ends(&queue.record(), ctx.now());
        let (old, end) = queue.index().sent_before(old_at, after, LOOK);
        for some in old.chunks(BATCH) {
            let delete = |tx: &mut kernel::Tx<'_, '_>| {
                some.iter().try_for_each(|sequence| {
                    MESSAGES.delete(tx, &queue.scope, (queue.id, *sequence))?;
                    LEASES.delete(tx, &queue.scope, (queue.id, *sequence))
                })
            };
            ctx.write(delete).await?;
            let mut index = queue.index();
            some.iter().for_each(|sequence| index.remove(*sequence));
            drop(index);
            queue.ring(1);
        }
        more = end.is_some();
        after = end.unwrap_or(after);
    }
    Ok(())
}

async fn forget_sent(ctx: &Ctx, queue: &Arc<OpenQueue>) -> Result<()> {
    if !queue.fifo {
        return Ok(());
    }
    loop {
        let rows = ctx.read(|snap| SENT.list(snap, &queue.scope, queue.id, None, BATCH)).await?;
        let mut old = Vec::new();
        for (key, row) in &rows {
            let Some(sequence) = sequence_of(key) else { continue };
            if ctx.now() - sent::unpack(sequence, row)?.1.sent_at >= WINDOW_MS {
                old.push(sequence);
            }
        }
        if !old.is_empty() {
            let delete = |sequence: &u64, tx: &mut kernel::Tx<'_, '_>| {
                SENT.delete(tx, &queue.scope, (queue.id, *sequence))
            };
            ctx.write(|tx| old.iter().try_for_each(|sequence| delete(sequence, tx))).await?;
        }
        if old.len() < BATCH {
            return Ok(());
        }
    }
}
