//! rpc-v2-cbor: CBOR both ways.

use kernel::{Error, Kind, Result};
use minicbor::data::{Tag, Type};
use minicbor::decode::Error as Malformed;
use minicbor::{Decoder, Encoder};
use shape::{Bytes, Member, Ref, Schema, Shape, Slot, Struct};

use super::check::{At, Check, Given, find};
use super::timestamp;

/// Reads a request. An empty body is an empty structure.
pub(super) fn decode(body: &[u8], input: &mut dyn Struct, check: &Check) -> Result<()> {
    let root = check.root();
    if body.is_empty() {
        root.require(input.schema(), &Given::default());
        return Ok(());
    }
    let mut from = Decoder::new(body);
    let read = structure(&mut from, input, &root);
    read.map_err(|error| {
        Error::new(Kind::Invalid, "SerializationException", format!("Malformed CBOR: {error}"))
    })
}

fn structure(from: &mut Decoder<'_>, into: &mut dyn Struct, at: &At<'_>) -> Result<(), Malformed> {
    let schema = into.schema();
    let (mut given, mut hint) = (Given::default(), 0);
    let mut left = from.map()?;
    while more(from, &mut left)? {
        let name = string(from)?;
        match find(schema.members, &mut hint, |m| m.wire == name) {
            _ if is_null(from)? => from.skip()?,
            Some((i, member)) => {
                value(from, into.get_mut(i), member.schema, &at.member(member))?;
                given.add(i);
            }
            None => from.skip()?,
        }
    }
    at.require(schema, &given);
    Ok(())
}

/// Whether a list or map goes on; `None` is one whose end is marked.
fn more(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Malformed> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if from.datatype()? == Type::Break => {
            from.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

fn is_null(from: &Decoder<'_>) -> Result<bool, Malformed> {
    Ok(matches!(from.datatype()?, Type::Null | Type::Undefined))
}

fn string(from: &mut Decoder<'_>) -> Result<String, Malformed> {
    from.str_iter()?.collect()
}

fn value(
    from: &mut Decoder<'_>,
    shape: &mut dyn Shape,
    schema: &'static Schema,
    at: &At<'_>,
) -> Result<(), Malformed> {
    if at.is_too_deep() {
        return Err(Malformed::message("nested too deeply"));
    }
    match (shape.slot(), schema.members) {
        (Slot::Boolean(slot), _) => *slot = from.bool()?,
        (Slot::Integer(slot), _) => {
            *slot = from.i32()?;
            at.number(schema, i64::from(*slot));
        }
        (Slot::Long(slot), _) => {
            *slot = from.i64()?;
            at.number(schema, *slot);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the model holds half the precision")]
        (Slot::Float(slot), _) => *slot = number(from)? as f32,
        (Slot::Double(slot), _) => *slot = number(from)?,
        (Slot::String(slot), _) => {
            *slot = string(from)?;
            at.string(schema, slot);
        }
        (Slot::Blob(slot), _) => {
            let parts: Vec<&[u8]> = from.bytes_iter()?.collect::<Result<_, _>>()?;
            *slot = Bytes::from(parts.concat());
            at.count(schema, slot.len());
        }
        (Slot::Timestamp(slot), _) => {
            if from.datatype()? == Type::Tag {
                from.tag()?;
            }
            let seconds = number(from)?;
            *slot = timestamp::from_seconds(seconds)
                .ok_or_else(|| Malformed::message("timestamp out of range"))?;
        }
        (Slot::Struct(into), _) => structure(from, into, at)?,
        (Slot::List(list), [element]) => {
            let mut left = from.array()?;
            while more(from, &mut left)? {
                if is_null(from)? {
                    from.skip()?;
                    continue;
                }
                let item = at.item(list.len());
                value(from, list.push(), element.schema, &item)?;
            }
            at.count(schema, list.len());
        }
        (Slot::Map(map), [key_member, value_member]) => {
            let mut left = from.map()?;
            while more(from, &mut left)? {
                let key = string(from)?;
                if is_null(from)? {
                    from.skip()?;
                    continue;
                }
                at.key(&key).string(key_member.schema, &key);
                value(from, map.entry(key.clone()), value_member.schema, &at.key(&key))?;
            }
            at.count(schema, map.len());
        }
        _ => return Err(Malformed::message("a value of a shape CBOR does not carry")),
    }
    Ok(())
}

/// Any number as a double.
fn number(from: &mut Decoder<'_>) -> Result<f64, Malformed> {
    match from.datatype()? {
        Type::F16 => from.f16().map(f64::from),
        Type::F32 => from.f32().map(f64::from),
        Type::F64 => from.f64(),
        #[expect(clippy::cast_precision_loss, reason = "a whole number given where a fraction is wanted")]
        _ => from.i64().map(|whole| whole as f64),
    }
}

/// Writing to memory does not fail.
type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// Writes an output.
pub(super) fn encode(output: &dyn Struct) -> Bytes {
    let mut body = Encoder::new(Vec::with_capacity(512));
    let done = write_struct(&mut body, output);
    debug_assert!(done.is_ok(), "{done:?}");
    body.into_writer().into()
}

/// Writes an error: its type and message before its other members.
pub(super) fn encode_error(code: &str, message: Option<&str>, fields: Option<&dyn Struct>) -> Bytes {
    let mut body = Encoder::new(Vec::with_capacity(256));
    let done = (|| -> Written {
        body.begin_map()?.str("__type")?.str(code)?;
        if let Some(message) = message {
            body.str("message")?.str(message)?;
        }
        fields.map_or(Ok(()), |fields| write_members(&mut body, fields))?;
        body.end()?.ok()
    })();
    debug_assert!(done.is_ok(), "{done:?}");
    body.into_writer().into()
}

fn write_struct(out: &mut Encoder<Vec<u8>>, value: &dyn Struct) -> Written {
    out.begin_map()?;
    write_members(out, value)?;
    out.end()?.ok()
}

fn write_members(out: &mut Encoder<Vec<u8>>, value: &dyn Struct) -> Written {
    for (i, member) in value.schema().members.iter().enumerate() {
        if let Some(view) = value.get(i).view() {
            out.str(member.wire)?;
            write_value(out, &view, member)?;
        }
    }
    Ok(())
}

fn write_value(out: &mut Encoder<Vec<u8>>, value: &Ref<'_>, member: &Member) -> Written {
    match value {
        Ref::Boolean(v) => out.bool(*v)?,
        Ref::Integer(v) => out.i32(*v)?,
        Ref::Long(v) => out.i64(*v)?,
        Ref::Float(v) => out.f32(*v)?,
        Ref::Double(v) => out.f64(*v)?,
        Ref::String(v) => out.str(v)?,
        Ref::Blob(v) => out.bytes(v)?,
        // Tag 1: seconds since 1970 (RFC 8949, 3.4.2).
        Ref::Timestamp(v) => out.tag(Tag::new(1))?.f64(timestamp::as_seconds(*v))?,
        Ref::Struct(v) => return write_struct(out, *v),
        Ref::List(list) => {
            out.begin_array()?;
            for view in (0..list.len()).filter_map(|i| list.at(i).and_then(Shape::view)) {
                write_value(out, &view, member.schema.members.first().unwrap_or(member))?;
            }
            out.end()?
        }
        Ref::Map(map) => {
            out.begin_map()?;
            let mut done = Ok(());
            map.each(&mut |key, value| {
                if let (Ok(()), Some(view)) = (&done, value.view()) {
                    let element = member.schema.members.get(1).unwrap_or(member);
                    done = out.str(key).map(|_| ()).and_then(|()| write_value(out, &view, element));
                }
            });
            done?;
            out.end()?
        }
        Ref::Stream(_) | Ref::Document(_) => out.null()?,
    };
    Ok(())
}
