//! The operations.

pub mod data_key;
pub mod dead_letter;
pub mod inspect;
pub mod message_delete;
pub mod message_receive;
pub mod message_send;
pub mod message_visibility;
pub mod move_task;
pub mod permission;
pub mod queue;
pub mod queue_attributes;
pub mod tags;

use std::sync::Arc;

use kernel::{Ctx, Result, Scope};

use crate::errors;
use crate::rules::address::Address;
use crate::rules::receipt::Receipt;
use crate::state::index::Sequence;
use crate::state::open::{OpenQueue, Queues};

/// The queue behind a URL.
pub(crate) async fn queue_at(ctx: &Ctx, url: &str) -> Result<Arc<OpenQueue>> {
    let address = Address::of_url(ctx.scope(), url);
    queue_by_address(ctx, &address).await?.ok_or_else(errors::no_such_queue)
}

pub(crate) async fn queue_by_address(ctx: &Ctx, address: &Address) -> Result<Option<Arc<OpenQueue>>> {
    ctx.own::<Queues>().find(ctx, &address.scope, &address.name).await
}

/// The URL by which this caller finds the queue again.
pub(crate) fn url_of(ctx: &Ctx, scope: &Scope, name: &str) -> String {
    let address = Address { scope: *scope, name: name.to_owned() };
    address.url(ctx.authority(), ctx.caller())
}

const RECEIPT: &str = "sqs/receipt";

/// Handles are sealed in the scope of their queue.
fn ctx_of(ctx: &Ctx, queue: &OpenQueue) -> Ctx {
    if *ctx.scope() == queue.scope { ctx.clone() } else { ctx.in_scope(queue.scope) }
}

pub(crate) fn seal_receipt(ctx: &Ctx, queue: &OpenQueue, sequence: Sequence, receive: u32) -> String {
    let receipt = Receipt { queue_id: queue.id, sequence, receive };
    ctx_of(ctx, queue).seal_page(RECEIPT, &receipt.to_bytes())
}

/// # Errors
/// When the handle is none of this queue's.
pub(crate) fn open_receipt(ctx: &Ctx, queue: &OpenQueue, handle: &str) -> Result<Receipt> {
    let receipt = ctx_of(ctx, queue).open_page(RECEIPT, handle).and_then(|bytes| Receipt::of_bytes(&bytes));
    let receipt = receipt.filter(|receipt| receipt.queue_id == queue.id);
    receipt.ok_or_else(|| errors::bad_receipt_handle(handle))
}
