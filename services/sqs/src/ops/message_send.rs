//! Sending: one message, or up to ten.

use std::sync::Arc;

use api_sqs::{
    SendMessageBatchRequest, SendMessageBatchRequestEntry, SendMessageBatchResult,
    SendMessageBatchResultEntry, SendMessageRequest, SendMessageResult,
};
use kernel::{Ctx, Millis, Principal, Result};

use super::{data_key, queue_at};
use crate::rules::message::{self, BATCH_BYTES_MAX, Checked, Draft};
use crate::rules::{batch, message_attributes};
use crate::state::arriving::{Arriving, Placed};
use crate::state::duplicates::Fingerprint;
use crate::state::message::Message;
use crate::state::open::OpenQueue;
use crate::state::queue::{DeduplicationScope, Queue};
use crate::state::used::Sizes;
use crate::{errors, meter};

pub async fn send_message(ctx: &Ctx, input: SendMessageRequest) -> Result<SendMessageResult> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    let record = queue.record();
    let draft = Draft {
        body: input.message_body,
        delay_seconds: input.delay_seconds,
        attributes: input.message_attributes,
        system_attributes: input.message_system_attributes,
        deduplication_id: input.message_deduplication_id,
        group: input.message_group_id,
    };
    let checked = message::check(draft, &record)?;
    meter::payload(ctx, checked.bytes);
    let digests = Digests::of(&checked);
    let placed = send(ctx, &queue, vec![address(ctx, &record, checked)]).await?;
    let Some(Placed { message_id, sequence }) = placed.into_iter().next() else {
        return Err(kernel::Error::internal("a sent message has no place"));
    };
    Ok(SendMessageResult {
        md5_of_message_body: Some(digests.body),
        md5_of_message_attributes: digests.attributes,
        md5_of_message_system_attributes: digests.system_attributes,
        message_id: Some(message::print_id(message_id)),
        sequence_number: record.fifo.then(|| message::print_sequence(sequence)),
    })
}

/// What the sender compares with its own.
struct Digests {
    body: String,
    attributes: Option<String>,
    system_attributes: Option<String>,
}

impl Digests {
    fn of(checked: &Checked) -> Self {
        Self {
            body: message::hex(checked.message.body_md5),
            attributes: checked.attributes_md5.map(message::hex),
            system_attributes: checked.system_attributes_md5.map(message::hex),
        }
    }
}

/// Says who sends the message, when, and under which id.
fn address(ctx: &Ctx, record: &Queue, checked: Checked) -> (Message, Option<Fingerprint>) {
    let Checked { mut message, delay_s, .. } = checked;
    let now = ctx.now();
    message.id = message_id(ctx);
    message.sent_at = now;
    message.visible_at = (delay_s > 0).then(|| now + Millis::from(delay_s) * 1_000);
    message.sender = match &ctx.caller().principal {
        Principal::Identity { unique_id, .. } => unique_id.to_string(),
        _ => ctx.caller().account.into(),
    };
    let group = match record.settings.deduplication_scope {
        DeduplicationScope::Queue => None,
        DeduplicationScope::MessageGroup => message.group.as_deref(),
    };
    let fingerprint = message.deduplication_id.as_deref().map(|id| Fingerprint::new(group, id));
    (message, fingerprint)
}

/// A fresh message id: a random UUID (RFC 9562, version 4) as a number.
fn message_id(ctx: &Ctx) -> u128 {
    let mut bytes = [0; 16];
    ctx.ids().0.fill(&mut bytes);
    let random = u128::from_be_bytes(bytes);
    random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
}

/// Stores messages; they can be received when this returns.
async fn send(
    ctx: &Ctx,
    queue: &Arc<OpenQueue>,
    mut messages: Vec<(Message, Option<Fingerprint>)>,
) -> Result<Vec<Placed>> {
    let sizes = Sizes::of(messages.iter().map(|(message, _)| message.body.len()));
    if let Some(sealing) = data_key::sealing(ctx, queue).await? {
        messages.iter_mut().try_for_each(|(message, _)| data_key::seal(&sealing, message))?;
    }
    let arriving = Arriving::begin(ctx, queue, messages).await?;
    if !arriving.is_known() {
        ctx.write(|tx| arriving.put(tx)).await?;
        queue.used.sent(sizes);
    }
    Ok(arriving.arrive())
}

pub async fn send_message_batch(ctx: &Ctx, input: SendMessageBatchRequest) -> Result<SendMessageBatchResult> {
    let queue = queue_at(ctx, &input.queue_url).await?;
    let record = queue.record();
    let entries = input.entries;
    batch::check("SendMessageBatchRequestEntry", entries.iter().map(|entry| entry.id.as_str()))?;
    for entry in &entries {
        let (group, id) = (entry.message_group_id.as_deref(), entry.message_deduplication_id.as_deref());
        message::check_fifo_entry(group, id, &record)?;
    }
    let bytes: usize = entries.iter().map(entry_bytes).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(errors::batch_too_long(BATCH_BYTES_MAX, bytes));
    }
    meter::payload(ctx, bytes);

    let (mut good, mut messages, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let (id, draft) = draft_of(entry);
        match message::check(draft, &record) {
            Ok(checked) => {
                good.push((id, Digests::of(&checked)));
                messages.push(address(ctx, &record, checked));
            }
            Err(error) => failed.push(batch::failed(id, &error)),
        }
    }
    let placed = if messages.is_empty() { Vec::new() } else { send(ctx, &queue, messages).await? };
    let successful =
        good.into_iter().zip(placed).map(|((id, digests), placed)| SendMessageBatchResultEntry {
            id,
            message_id: message::print_id(placed.message_id),
            md5_of_message_body: digests.body,
            md5_of_message_attributes: digests.attributes,
            md5_of_message_system_attributes: digests.system_attributes,
            sequence_number: record.fifo.then(|| message::print_sequence(placed.sequence)),
        });
    Ok(SendMessageBatchResult { successful: batch::some(successful.collect()), failed: batch::some(failed) })
}

fn entry_bytes(entry: &SendMessageBatchRequestEntry) -> usize {
    let attributes = entry.message_attributes.as_ref().map_or(0, message_attributes::given_size);
    entry.message_body.len() + attributes
}

fn draft_of(entry: SendMessageBatchRequestEntry) -> (String, Draft) {
    let draft = Draft {
        body: entry.message_body,
        delay_seconds: entry.delay_seconds,
        attributes: entry.message_attributes,
        system_attributes: entry.message_system_attributes,
        deduplication_id: entry.message_deduplication_id,
        group: entry.message_group_id,
    };
    (entry.id, draft)
}
