//! What a FIFO queue was sent within the deduplication window, as it is stored: it outlives the message.

use bytes::Bytes;
use kernel::{Millis, PackedTable};

use super::duplicates::{Fingerprint, Original};
use super::index::Sequence;
use super::packed::{Fields, Packer, Unreadable};

/// By queue id and sequence, so that the oldest come first.
pub static SENT: PackedTable = PackedTable::new("sqs/sent");

const WHAT: &str = "sqs/sent";
const VERSION: u8 = 1;
const CAPACITY_BYTES: usize = 64;

const FINGERPRINT: u8 = 1;
const MESSAGE_ID: u8 = 2;
const SENT_AT: u8 = 3;

pub fn pack(fingerprint: Fingerprint, message_id: u128, sent_at: Millis) -> Bytes {
    let mut out = Packer::new(VERSION, CAPACITY_BYTES);
    out.bytes(FINGERPRINT, &fingerprint.0.to_be_bytes());
    out.bytes(MESSAGE_ID, &message_id.to_be_bytes());
    out.number(SENT_AT, sent_at);
    out.finish()
}

/// # Errors
/// When the record is damaged.
pub fn unpack(sequence: Sequence, record: &[u8]) -> Result<(Fingerprint, Original), Unreadable> {
    let mut fingerprint = Fingerprint(0);
    let mut original = Original { sent_at: 0, sequence, message_id: 0, stored: true };
    let mut fields = Fields::of(WHAT, VERSION, record)?;
    while let Some((tag, value)) = fields.advance()? {
        match tag {
            FINGERPRINT => fingerprint = Fingerprint(fields.wide(value)?),
            MESSAGE_ID => original.message_id = fields.wide(value)?,
            SENT_AT => original.sent_at = fields.number(value)?,
            _ => {}
        }
    }
    Ok((fingerprint, original))
}
