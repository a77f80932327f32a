//! The stored message: what was sent, in packed form. What happens to it later is in its lease.

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::{Millis, PackedTable, Scope};

use super::index::{Arrival, Sequence};
use super::packed::{Fields, Packer, Unreadable};

/// By queue id and sequence.
pub static MESSAGES: PackedTable = PackedTable::new("sqs/message");

const WHAT: &str = "sqs/message";
const VERSION: u8 = 1;
/// Room for the fields of fixed size and the usual short ones.
const OVERHEAD_BYTES: usize = 256;

/// A message attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    String(String),
    Binary(Bytes),
}

/// A message attribute: its type and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub data_type: String,
    pub value: Value,
}

/// By name.
pub type Attributes = BTreeMap<String, Attribute>;

/// A sealed body, and the key it opens with, itself sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub text: Bytes,
    pub wrapped: Bytes,
    /// The queue it was sent to, where the key is KMS's; `None` where it is the house's.
    pub queue_arn: Option<String>,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: u128,
    pub sent_at: Millis,
    /// The end of its delay, where it has one.
    pub visible_at: Option<Millis>,
    pub sender: String,
    /// Empty while it is sealed.
    pub body: String,
    pub sealed: Option<Sealed>,
    pub body_md5: u128,
    pub attributes: Attributes,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub trace_header: Option<String>,
    /// The queue that gave it up, when this is a dead letter.
    pub dead_from: Option<String>,
    /// Receives in the queues that gave it up.
    pub receives_before: u32,
    pub first_received_before: Option<Millis>,
}

/// The tags of the fields. A tag is never used again for anything else.
mod tag {
    pub(super) const ID: u8 = 1;
    pub(super) const SENT_AT: u8 = 2;
    pub(super) const VISIBLE_AT: u8 = 3;
    pub(super) const SENDER: u8 = 4;
    pub(super) const BODY: u8 = 5;
    pub(super) const BODY_MD5: u8 = 6;
    pub(super) const GROUP: u8 = 7;
    pub(super) const DEDUPLICATION_ID: u8 = 8;
    pub(super) const TRACE_HEADER: u8 = 9;
    pub(super) const DEAD_FROM: u8 = 10;
    pub(super) const RECEIVES_BEFORE: u8 = 11;
    pub(super) const FIRST_RECEIVED_BEFORE: u8 = 12;
    // An attribute is three fields in a row.
    pub(super) const ATTRIBUTE_NAME: u8 = 13;
    pub(super) const ATTRIBUTE_TYPE: u8 = 14;
    pub(super) const ATTRIBUTE_STRING: u8 = 15;
    pub(super) const ATTRIBUTE_BINARY: u8 = 16;
    pub(super) const SEALED_TEXT: u8 = 17;
    pub(super) const SEALED_KEY: u8 = 18;
    pub(super) const SEALED_FOR: u8 = 19;
}

impl Message {
    /// The stored form. What the index needs comes first, the body last.
    pub fn pack(&self) -> Bytes {
        let sealed_bytes = self.sealed.as_ref().map_or(0, |sealed| sealed.text.len() + sealed.wrapped.len());
        let mut out = Packer::new(VERSION, self.body.len() + sealed_bytes + OVERHEAD_BYTES);
        out.bytes(tag::ID, &self.id.to_be_bytes());
        out.number(tag::SENT_AT, self.sent_at);
        if let Some(visible_at) = self.visible_at {
            out.number(tag::VISIBLE_AT, visible_at);
        }
        out.text(tag::GROUP, self.group.as_deref());
        out.text(tag::DEDUPLICATION_ID, self.deduplication_id.as_deref());
        out.text(tag::SENDER, Some(&self.sender));
        out.text(tag::TRACE_HEADER, self.trace_header.as_deref());
        out.text(tag::DEAD_FROM, self.dead_from.as_deref());
        if self.receives_before > 0 {
            out.number(tag::RECEIVES_BEFORE, i64::from(self.receives_before));
        }
        if let Some(at) = self.first_received_before {
            out.number(tag::FIRST_RECEIVED_BEFORE, at);
        }
        for (name, attribute) in &self.attributes {
            out.text(tag::ATTRIBUTE_NAME, Some(name));
            out.text(tag::ATTRIBUTE_TYPE, Some(&attribute.data_type));
            match &attribute.value {
                Value::String(text) => out.text(tag::ATTRIBUTE_STRING, Some(text)),
                Value::Binary(bytes) => out.bytes(tag::ATTRIBUTE_BINARY, bytes),
            }
        }
        out.bytes(tag::BODY_MD5, &self.body_md5.to_be_bytes());
        match &self.sealed {
            None => out.bytes(tag::BODY, self.body.as_bytes()),
            Some(Sealed { text, wrapped, queue_arn }) => {
                out.text(tag::SEALED_FOR, queue_arn.as_deref());
                out.bytes(tag::SEALED_KEY, wrapped);
                out.bytes(tag::SEALED_TEXT, text);
            }
        }
        out.finish()
    }

    /// # Errors
    /// When the record is damaged.
    pub fn unpack(record: &[u8]) -> Result<Self, Unreadable> {
        let mut message = Self {
            id: 0,
            sent_at: 0,
            visible_at: None,
            sender: String::new(),
            body: String::new(),
            sealed: None,
            body_md5: 0,
            attributes: Attributes::new(),
            group: None,
            deduplication_id: None,
            trace_header: None,
            dead_from: None,
            receives_before: 0,
            first_received_before: None,
        };
        let mut fields = Fields::of(WHAT, VERSION, record)?;
        let (mut name, mut data_type) = (String::new(), String::new());
        let (mut wrapped, mut queue_arn) = (Bytes::new(), None);
        while let Some((tag, value)) = fields.advance()? {
            let text = || fields.text(value).map(str::to_owned);
            match tag {
                tag::ID => message.id = fields.wide(value)?,
                tag::SENT_AT => message.sent_at = fields.number(value)?,
                tag::VISIBLE_AT => message.visible_at = Some(fields.number(value)?),
                tag::SENDER => message.sender = text()?,
                tag::BODY => message.body = text()?,
                tag::BODY_MD5 => message.body_md5 = fields.wide(value)?,
                tag::GROUP => message.group = Some(text()?),
                tag::DEDUPLICATION_ID => message.deduplication_id = Some(text()?),
                tag::TRACE_HEADER => message.trace_header = Some(text()?),
                tag::DEAD_FROM => message.dead_from = Some(text()?),
                tag::RECEIVES_BEFORE => {
                    message.receives_before = u32::try_from(fields.number(value)?).unwrap_or(u32::MAX);
                }
                tag::FIRST_RECEIVED_BEFORE => message.first_received_before = Some(fields.number(value)?),
                tag::ATTRIBUTE_NAME => name = text()?,
                tag::ATTRIBUTE_TYPE => data_type = text()?,
                tag::ATTRIBUTE_STRING | tag::ATTRIBUTE_BINARY => {
                    let value = match tag {
                        tag::ATTRIBUTE_STRING => Value::String(text()?),
                        _ => Value::Binary(Bytes::copy_from_slice(value)),
                    };
                    let data_type = std::mem::take(&mut data_type);
                    message.attributes.insert(std::mem::take(&mut name), Attribute { data_type, value });
                }
                tag::SEALED_FOR => queue_arn = Some(text()?),
                tag::SEALED_KEY => wrapped = Bytes::copy_from_slice(value),
                tag::SEALED_TEXT => {
                    let (wrapped, queue_arn) = (std::mem::take(&mut wrapped), queue_arn.take());
                    message.sealed = Some(Sealed { text: Bytes::copy_from_slice(value), wrapped, queue_arn });
                }
                _ => {}
            }
        }
        Ok(message)
    }
}

/// What the index needs of a stored message, without its body.
///
/// # Errors
/// When the record is damaged.
pub fn arrival(sequence: Sequence, record: &[u8]) -> Result<Arrival<'_>, Unreadable> {
    let mut arrival = Arrival { sequence, group: None, sent_at: 0, visible_at: 0 };
    let mut fields = Fields::of(WHAT, VERSION, record)?;
    while let Some((tag, value)) = fields.advance()? {
        match tag {
            tag::SENT_AT => arrival.sent_at = fields.number(value)?,
            tag::VISIBLE_AT => arrival.visible_at = fields.number(value)?,
            tag::GROUP => arrival.group = Some(fields.text(value)?),
            tag::ID => {}
            // The fields before are all there is.
            _ => break,
        }
    }
    Ok(arrival)
}

/// The scope and id under which a queue's messages are kept. A queue made again under the same name has another id.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    pub scope: Scope,
    pub queue_id: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_and_the_index_finds_its_part() {
        let attribute = |data_type: &str, value| Attribute { data_type: data_type.into(), value };
        let message = Message {
            id: 7,
            sent_at: 1_000,
            visible_at: Some(2_000),
            sender: "000000000000".into(),
            body: "hällo".into(),
            sealed: None,
            body_md5: 9,
            attributes: BTreeMap::from([
                ("a".into(), attribute("String", Value::String("x".into()))),
                ("b".into(), attribute("Binary.gif", Value::Binary(Bytes::from_static(&[0, 255])))),
            ]),
            group: Some("g".into()),
            deduplication_id: Some("d".into()),
            trace_header: Some("Root=1".into()),
            dead_from: Some("arn".into()),
            receives_before: 3,
            first_received_before: Some(5),
        };
        let packed = message.pack();
        assert_eq!(Message::unpack(&packed).unwrap(), message);
        let arrival = arrival(4, &packed).unwrap();
        assert_eq!((arrival.group, arrival.sent_at, arrival.visible_at), (Some("g"), 1_000, 2_000));
        let text = Bytes::from_static(&[1, 2]);
        for queue_arn in [None, Some("arn".to_owned())] {
            let sealed = Some(Sealed { text: text.clone(), wrapped: text.clone(), queue_arn });
            let message = Message { body: String::new(), sealed, ..message.clone() };
            assert_eq!(Message::unpack(&message.pack()).unwrap(), message);
        }
        assert!(Message::unpack(&packed[..packed.len() - 1]).is_err());
        assert!(Message::unpack(b"\x02").is_err());
    }
}
