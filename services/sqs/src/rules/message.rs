//! Messages: what may be sent, and what a receiver sees.

use std::collections::BTreeMap;

use api_sqs::{Message as Shown, MessageAttributeValue, MessageSystemAttributeValue};
use aws_lc_rs::digest;
use kernel::{Kind, Result};

use super::message_attributes;
use crate::errors;
use crate::state::index::{Lease, Sequence};
use crate::state::message::{Attributes, Message};
use crate::state::queue::Queue;

/// Bytes of all messages of a batch.
pub const BATCH_BYTES_MAX: usize = 1_048_576;
const DELAY_MAX_S: i32 = 900;
const FIFO_ID_MAX: usize = 128;
/// FIFO sequence numbers have twenty digits.
const SEQUENCE_BASE: u128 = 10_000_000_000_000_000_000;
const SYSTEM_ATTRIBUTES: [&str; 10] = [
    "All",
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

/// A message as a sender gives it, alone or in a batch.
#[derive(Default)]
pub struct Draft {
    pub body: String,
    pub delay_seconds: Option<i32>,
    pub attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    pub system_attributes: Option<BTreeMap<String, MessageSystemAttributeValue>>,
    pub deduplication_id: Option<String>,
    pub group: Option<String>,
}

/// A message that may be sent; who sends it when is not yet in it.
#[derive(Debug)]
pub struct Checked {
    pub message: Message,
    pub delay_s: u32,
    pub attributes_md5: Option<u128>,
    pub system_attributes_md5: Option<u128>,
    pub bytes: usize,
}

/// Checks a message for a queue. Every refusal of a single message is here.
pub fn check(draft: Draft, queue: &Queue) -> Result<Checked> {
    let Draft { body, delay_seconds, attributes, system_attributes, deduplication_id, group } = draft;
    if body.is_empty() {
        return Err(errors::missing("MessageBody"));
    }
    if !is_all_allowed(&body) {
        return Err(errors::bad_characters());
    }
    let attributes = attributes.map_or(Ok(Attributes::new()), message_attributes::check)?;
    let attributes_md5 = message_attributes::digest(attributes.iter());
    let bytes = body.len() + message_attributes::size(&attributes);
    if u32::try_from(bytes).map_or(true, |bytes| bytes > queue.settings.message_bytes_max) {
        return Err(errors::message_too_long(queue.settings.message_bytes_max));
    }
    let (trace_header, system_attributes_md5) =
        system_attributes.map_or(Ok((None, None)), message_attributes::check_system)?;
    check_fifo_id(deduplication_id.as_deref(), "MessageDeduplicationId")?;
    check_fifo_id(group.as_deref(), "MessageGroupId")?;
    let delay_s = check_delay(delay_seconds, queue)?;
    let deduplication_id = check_kind(queue, &body, group.as_deref(), deduplication_id)?;
    let body_md5 = u128::from_be_bytes(fast_md5::digest(body.as_bytes()));
    let message = Message {
        id: 0,
        sent_at: 0,
        visible_at: None,
        sender: String::new(),
        body,
        sealed: None,
        body_md5,
        attributes,
        group,
        deduplication_id,
        trace_header,
        dead_from: None,
        receives_before: 0,
        first_received_before: None,
    };
    Ok(Checked { message, delay_s, attributes_md5, system_attributes_md5, bytes })
}

/// Whether a text holds nothing that a message may not. Most are plain ASCII, which is seen eight bytes at a time.
pub fn is_all_allowed(text: &str) -> bool {
    const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
    const HIGHEST_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, rest) = text.as_bytes().as_chunks();
    // What is less than a blank borrows, also of its neighbour, which is then looked at in vain.
    let odd = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        (word | word.wrapping_sub(BLANKS)) & HIGHEST_BITS
    };
    let is_plain = words.iter().fold(0, |all, word| all | odd(word)) == 0;
    (is_plain && rest.iter().all(|byte| (b' '..=b'\x7f').contains(byte))) || text.chars().all(is_allowed)
}

/// `true` for characters a message may hold: those of XML 1.0.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// What FIFO queues know messages, groups and requests by.
pub fn check_fifo_id(id: Option<&str>, parameter: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
    match id {
        Some(id) if id.is_empty() || id.len() > FIFO_ID_MAX || !id.chars().all(allowed) => {
            let reason = format!(
                "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            );
            Err(errors::bad_value(id, parameter, &reason))
        }
        _ => Ok(()),
    }
}

fn check_delay(given: Option<i32>, queue: &Queue) -> Result<u32> {
    match given {
        Some(delay) if !(0..=DELAY_MAX_S).contains(&delay) => {
            Err(errors::bad_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900."))
        }
        // In a FIFO queue only the queue can delay.
        Some(delay) if delay > 0 && queue.fifo => {
            Err(errors::not_for_this_kind_of_queue(delay, "DelaySeconds"))
        }
        Some(delay) if !queue.fifo => Ok(u32::try_from(delay).unwrap_or(0)),
        _ => Ok(queue.settings.delay_s),
    }
}

/// Checks what only one kind of queue has. Gives the deduplication id, the body's digest where that stands for it.
fn check_kind(
    queue: &Queue,
    body: &str,
    group: Option<&str>,
    deduplication_id: Option<String>,
) -> Result<Option<String>> {
    match (queue.fifo, group, deduplication_id) {
        (false, _, None) => Ok(None),
        (false, _, Some(id)) => {
            let reason = "The request includes a parameter that is not valid for this queue type.";
            Err(errors::bad_value(id, "MessageDeduplicationId", reason))
        }
        (true, None, _) => Err(errors::missing("MessageGroupId")),
        (true, Some(_), Some(id)) => Ok(Some(id)),
        (true, Some(_), None) if queue.settings.content_based_deduplication => {
            let digest = digest::digest(&digest::SHA256, body.as_bytes());
            Ok(Some(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
        }
        (true, Some(_), None) => Err(errors::invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
             explicitly",
        )),
    }
}

/// In a batch for a FIFO queue these two refuse the whole of it.
pub fn check_fifo_entry(group: Option<&str>, deduplication_id: Option<&str>, queue: &Queue) -> Result<()> {
    if !queue.fifo {
        return Ok(());
    }
    match check_kind(queue, "", group, deduplication_id.map(str::to_owned)) {
        Err(error) if error.kind() == Kind::Invalid => Err(errors::invalid(error.message())),
        _ => Ok(()),
    }
}

pub fn hex(digest: u128) -> String {
    kernel::ids::print_hex(digest)
}

/// A message id as clients see it: a UUID.
pub fn print_id(id: u128) -> String {
    kernel::ids::print_uuid(id)
}

pub fn print_sequence(sequence: Sequence) -> String {
    (SEQUENCE_BASE + u128::from(sequence)).to_string()
}

/// Which attributes a receiver asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    pub system: Vec<String>,
    pub message: Vec<String>,
}

impl Wanted {
    /// Refuses names that no message has. Queue attributes were allowed here once and mean nothing.
    pub fn check(&self, is_queue_attribute: impl Fn(&str) -> bool) -> Result<()> {
        let known = |name: &&String| SYSTEM_ATTRIBUTES.contains(&name.as_str()) || is_queue_attribute(name);
        match self.system.iter().find(|name| !known(name)) {
            Some(unknown) => Err(errors::unknown_attribute(unknown)),
            None => Ok(()),
        }
    }
}

/// A message as a receiver sees it.
pub fn show(
    mut message: Message,
    sequence: Sequence,
    lease: Lease,
    fifo: bool,
    wanted: &Wanted,
    handle: String,
) -> Shown {
    let system = system_attributes(&mut message, sequence, lease, fifo, &wanted.system);
    message.attributes.retain(|name, _| message_attributes::is_wanted(name, &wanted.message));
    let digest = message_attributes::digest(message.attributes.iter());
    let attributes = message_attributes::shown(message.attributes);
    Shown {
        message_id: Some(print_id(message.id)),
        receipt_handle: Some(handle),
        md5_of_body: Some(hex(message.body_md5)),
        body: Some(message.body),
        attributes: (!system.is_empty()).then_some(system),
        md5_of_message_attributes: digest.map(hex),
        message_attributes: (!attributes.is_empty()).then_some(attributes),
    }
}

fn system_attributes(
    message: &mut Message,
    sequence: Sequence,
    lease: Lease,
    fifo: bool,
    wanted: &[String],
) -> BTreeMap<String, String> {
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let first = message.first_received_before.unwrap_or(lease.first_received_at);
    let receives = message.receives_before + lease.receives;
    let all = [
        ("SenderId", Some(std::mem::take(&mut message.sender))),
        ("SentTimestamp", Some(message.sent_at.to_string())),
        ("ApproximateReceiveCount", Some(receives.to_string())),
        ("ApproximateFirstReceiveTimestamp", (receives > 0).then(|| first.to_string())),
        ("SequenceNumber", fifo.then(|| print_sequence(sequence))),
        ("MessageGroupId", message.group.take()),
        ("MessageDeduplicationId", message.deduplication_id.take()),
        ("AWSTraceHeader", message.trace_header.take()),
        ("DeadLetterQueueSourceArn", message.dead_from.take()),
    ];
    let all_wanted = wanted.iter().any(|name| name == "All");
    let is_wanted = |name: &str| all_wanted || wanted.iter().any(|wanted| wanted == name);
    let some = all.into_iter().filter(|(name, _)| is_wanted(name));
    some.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests;
