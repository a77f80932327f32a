//! Changing how long received messages stay invisible.

use std::sync::Arc;

use api_sqs::{
    ChangeMessageVisibilityBatchRequest, ChangeMessageVisibilityBatchResult,
    ChangeMessageVisibilityBatchResultEntry, ChangeMessageVisibilityRequest,
};
use kernel::{Ctx, Result};

use super::{open_receipt, queue_at};
use crate::errors;
use crate::rules::{batch, limits};
use crate::state::index::{Lease, Sequence};
use crate::state::lease::LEASES;
use crate::state::open::OpenQueue;

pub async fn change_message_visibility(ctx: &Ctx, input: ChangeMessageVisibilityRequest) -> Result<()> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    match plan(ctx, &queue, &input.receipt_handle, Some(input.visibility_timeout))? {
        Some(change) => apply(ctx, &queue, &[change]).await,
        None => Ok(()),
    }
}

pub async fn change_message_visibility_batch(
    ctx: &Ctx,
    input: ChangeMessageVisibilityBatchRequest,
) -> Result<ChangeMessageVisibilityBatchResult> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    let ids = input.entries.iter().map(|entry| entry.id.as_str());
    batch::check("ChangeMessageVisibilityBatchRequestEntry", ids)?;
    let (mut successful, mut failed, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for entry in input.entries {
        match plan(ctx, &queue, &entry.receipt_handle, entry.visibility_timeout) {
            Ok(change) => {
                changes.extend(change);
                successful.push(ChangeMessageVisibilityBatchResultEntry { id: entry.id });
            }
            Err(error) => failed.push(batch::failed(entry.id, &error)),
        }
    }
    if !changes.is_empty() {
        apply(ctx, &queue, &changes).await?;
    }
    Ok(ChangeMessageVisibilityBatchResult {
        successful: batch::some(successful),
        failed: batch::some(failed),
    })
}

type Change = (Sequence, Lease);

/// The new lease; `None` when the message is visible again already, or somebody else has it.
fn plan(ctx: &Ctx, queue: &OpenQueue, handle: &str, timeout_s: Option<i32>) -> Result<Option<Change>> {
    let timeout_s = timeout_s.ok_or_else(|| errors::missing("VisibilityTimeout"))?;
    let timeout_ms = limits::visibility_ms(timeout_s)?;
    let receipt = open_receipt(ctx, queue, handle)?;
    let now = ctx.now();
    let mut index = queue.index();
    index.wake(now);
    let Some(lease) = index.lease(receipt.sequence) else { return Err(errors::message_gone(handle)) };
    let visible_at = now + timeout_ms;
    limits::check_total_visibility(timeout_s, lease.received_at, visible_at)?;
    let has_it = index.is_in_flight(receipt.sequence) && lease.receives == receipt.receive;
    Ok(has_it.then_some((receipt.sequence, Lease { visible_at, ..lease })))
}

async fn apply(ctx: &Ctx, queue: &Arc<OpenQueue>, changes: &[Change]) -> Result<()> {
    ctx.write(|tx| {
        changes.iter().try_for_each(|(sequence, lease)| {
            LEASES.put(tx, &queue.scope, (queue.id, *sequence), lease.pack())
        })
    })
    .await?;
    let now = ctx.now();
    let mut index = queue.index();
    for (sequence, lease) in changes {
        // It may have been received or deleted meanwhile: then that holds.
        let still = index.lease(*sequence).is_some_and(|now| now.receives == lease.receives);
        if still && index.is_in_flight(*sequence) {
            index.set_lease(*sequence, *lease, now);
        }
    }
    drop(index);
    // Whoever waits computes anew when to look.
    queue.ring(changes.len());
    Ok(())
}
