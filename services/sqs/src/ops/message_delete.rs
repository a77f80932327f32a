//! Deleting received messages.

use std::sync::Arc;

use api_sqs::{
    DeleteMessageBatchRequest, DeleteMessageBatchResult, DeleteMessageBatchResultEntry, DeleteMessageRequest,
};
use kernel::{Ctx, Result};

use super::{open_receipt, queue_at};
use crate::errors;
use crate::rules::batch;
use crate::state::index::Sequence;
use crate::state::lease::LEASES;
use crate::state::message::MESSAGES;
use crate::state::open::OpenQueue;

pub async fn delete_message(ctx: &Ctx, input: DeleteMessageRequest) -> Result<()> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    match find(ctx, &queue, &input.receipt_handle)? {
        Some(sequence) => delete(ctx, &queue, &[sequence]).await,
        None => Ok(()),
    }
}

pub async fn delete_message_batch(
    ctx: &Ctx,
    input: DeleteMessageBatchRequest,
) -> Result<DeleteMessageBatchResult> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    let ids = input.entries.iter().map(|entry| entry.id.as_str());
    batch::check("DeleteMessageBatchRequestEntry", ids)?;
    let (mut successful, mut failed, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    for entry in input.entries {
        match find(ctx, &queue, &entry.receipt_handle) {
            Ok(sequence) => {
                sequences.extend(sequence);
                successful.push(DeleteMessageBatchResultEntry { id: entry.id });
            }
            Err(error) => failed.push(batch::failed(entry.id, &error)),
        }
    }
    if !sequences.is_empty() {
        delete(ctx, &queue, &sequences).await?;
    }
    Ok(DeleteMessageBatchResult { successful: batch::some(successful), failed: batch::some(failed) })
}

/// The message a handle allows to delete; `None` when it is gone already.
fn find(ctx: &Ctx, queue: &OpenQueue, handle: &str) -> Result<Option<Sequence>> {
    let receipt = open_receipt(ctx, queue, handle)?;
    let mut index = queue.index();
    index.wake(ctx.now());
    if !index.contains(receipt.sequence) {
        return Ok(None);
    }
    // In a FIFO queue only who has the message may delete it; in others any handle will do.
    let has_it = index.is_in_flight(receipt.sequence)
        && index.lease(receipt.sequence).is_some_and(|lease| lease.receives == receipt.receive);
    match queue.fifo && !has_it {
        true => Err(errors::expired_receipt_handle(handle)),
        false => Ok(Some(receipt.sequence)),
    }
}

async fn delete(ctx: &Ctx, queue: &Arc<OpenQueue>, sequences: &[Sequence]) -> Result<()> {
    ctx.write(|tx| {
        sequences.iter().try_for_each(|sequence| {
            MESSAGES.delete(tx, &queue.scope, (queue.id, *sequence))?;
            LEASES.delete(tx, &queue.scope, (queue.id, *sequence))
        })
    })
    .await?;
    queue.used.deleted(sequences.len());
    let mut index = queue.index();
    sequences.iter().for_each(|sequence| index.remove(*sequence));
    let next_of_group = queue.fifo && index.has_ready();
    drop(index);
    if next_of_group {
        queue.ring(1);
    }
    Ok(())
}
