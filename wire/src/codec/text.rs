//! Scalars as text: what query parameters, XML elements, headers and path labels have in common.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shape::{Body, Bytes, Document, Member, Ref, Shape, Slot, TimestampFormat};

use super::check::At;
use super::timestamp;

/// Fills a scalar from text and checks it.
///
/// # Errors
/// The name of the type the text is not.
pub(super) fn read(
    text: &str,
    shape: &mut dyn Shape,
    member: &'static Member,
    place: TimestampFormat,
    at: &At<'_>,
) -> Result<(), &'static str> {
    let schema = member.schema;
    match shape.slot() {
        Slot::String(slot) => {
            at.string(schema, text);
            text.clone_into(slot);
        }
        Slot::Boolean(slot) => *slot = boolean(text).ok_or("Boolean")?,
        Slot::Integer(slot) => {
            *slot = text.trim().parse().map_err(|_| "Integer")?;
            at.number(schema, i64::from(*slot));
        }
        Slot::Long(slot) => {
            *slot = text.trim().parse().map_err(|_| "Long")?;
            at.number(schema, *slot);
        }
        Slot::Float(slot) => *slot = text.trim().parse().map_err(|_| "Float")?,
        Slot::Double(slot) => *slot = text.trim().parse().map_err(|_| "Double")?,
        Slot::Timestamp(slot) => {
            let format = timestamp::format_of(member, place);
            *slot = timestamp::parse(text, format).ok_or("Timestamp")?;
        }
        Slot::Blob(slot) => {
            *slot = Bytes::from(STANDARD.decode(text.trim()).map_err(|_| "Blob")?);
            at.count(schema, slot.len());
        }
        Slot::Stream(slot) => *slot = Body::from_bytes(text.to_owned()),
        Slot::Document(slot) => *slot = Document(serde_json::from_str(text).map_err(|_| "Document")?),
        Slot::Struct(_) => return Err("Structure"),
        Slot::List(_) => return Err("List"),
        Slot::Map(_) => return Err("Map"),
    }
    Ok(())
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "True" | "TRUE" | "1" => Some(true),
        "false" | "False" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

/// A scalar as text; `None` for what has no text of its own.
pub(super) fn write(
    value: &Ref<'_>,
    member: &Member,
    place: TimestampFormat,
    millis: bool,
) -> Option<String> {
    Some(match value {
        Ref::String(v) => (*v).to_owned(),
        Ref::Boolean(v) => v.to_string(),
        Ref::Integer(v) => v.to_string(),
        Ref::Long(v) => v.to_string(),
        Ref::Float(v) => double(f64::from(*v), v.to_string()),
        Ref::Double(v) => double(*v, v.to_string()),
        Ref::Timestamp(v) => timestamp::write(*v, timestamp::format_of(member, place), millis),
        Ref::Blob(v) => STANDARD.encode(v),
        Ref::Document(v) => v.0.to_string(),
        Ref::Stream(_) | Ref::Struct(_) | Ref::List(_) | Ref::Map(_) => return None,
    })
}

/// Numbers that are none have names of their own.
pub(super) fn double(value: f64, finite: String) -> String {
    match not_a_number(value) {
        Some(name) => name.to_owned(),
        None => finite,
    }
}

pub(super) fn not_a_number(value: f64) -> Option<&'static str> {
    match value {
        v if v.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}
