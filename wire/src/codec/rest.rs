//! What the REST protocols share: members in paths, query strings, headers and the status line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use kernel::{Error, Kind, Result};
use shape::{Body, Bytes, Location, Member, Ref, Shape, Slot, Struct, TimestampFormat};

use super::check::{At, Check, Given};
use super::timestamp;
use super::{Payload, Request, text};
use crate::detail::Detail;

fn invalid(at: &At<'_>, kind: &str) -> Error {
    let message = format!("{} can not be converted to {kind}", at.path());
    Error::new(Kind::Invalid, "SerializationException", message)
}

/// Fills what is bound outside the body.
pub(super) fn read_bindings(
    request: &Request<'_>,
    input: &mut dyn Struct,
    given: &mut Given,
    check: &Check,
) -> Result<()> {
    let root = check.root();
    for (i, member) in input.schema().members.iter().enumerate() {
        let at = root.member(member);
        let shape = input.get_mut(i);
        let found = match member.location {
            Location::Uri => match request.labels.iter().find(|(name, _)| *name == member.wire) {
                Some((_, value)) => scalar(value, shape, member, TimestampFormat::DateTime, &at)?,
                None => false,
            },
            Location::Query => from_query(request, shape, member, &at)?,
            Location::QueryMap => query_map(request, shape),
            Location::Header => from_header(request, shape, member, &at)?,
            Location::HeaderPrefix => prefixed(request, shape, member),
            Location::Body | Location::StatusCode => false,
        };
        if found {
            given.add(i);
        }
    }
    Ok(())
}

fn scalar(
    value: &str,
    shape: &mut dyn Shape,
    member: &'static Member,
    place: TimestampFormat,
    at: &At<'_>,
) -> Result<bool> {
    text::read(value, shape, member, place, at).map(|()| true).map_err(|kind| invalid(at, kind))
}

fn from_query(
    request: &Request<'_>,
    shape: &mut dyn Shape,
    member: &'static Member,
    at: &At<'_>,
) -> Result<bool> {
    let mut values = request.query.iter().filter(|(name, _)| name == member.wire).map(|(_, v)| v).peekable();
    if values.peek().is_none() {
        return Ok(false);
    }
    if let (shape::Kind::List, [element]) = (member.schema.kind, member.schema.members) {
        let Slot::List(list) = shape.slot() else { return Ok(false) };
        for value in values {
            let item = at.item(list.len());
            scalar(value, list.push(), element, TimestampFormat::DateTime, &item)?;
        }
        at.count(member.schema, list.len());
        return Ok(true);
    }
    let Some(value) = values.next() else { return Ok(false) };
    let is_bound = at.check.is_object_store()
        && member.schema.kind == shape::Kind::Integer
        && member.wire.starts_with("max-");
    // An empty bound is none.
    if is_bound && value.is_empty() {
        return Ok(false);
    }
    let read = scalar(value, shape, member, TimestampFormat::DateTime, at);
    if is_bound { read.map_err(|_| no_integer(member.wire, value)) } else { read }
}

/// Of the bounds of object stores' listings (answers of theirs quoted in versity/versitygw 1794, brekkylab/backlot 176).
fn no_integer(name: &str, value: &str) -> Error {
    let detail = Detail {
        argument_name: Some(name.to_owned()),
        argument_value: Some(value.to_owned()),
        ..Detail::default()
    };
    let message = format!("Provided {name} not an integer or within integer range");
    Error::new(Kind::Invalid, "InvalidArgument", message).with_fields(detail)
}

/// Every parameter, to values or lists of values: also those that other members have, as Smithy wants of servers.
fn query_map(request: &Request<'_>, shape: &mut dyn Shape) -> bool {
    let Slot::Map(map) = shape.slot() else { return false };
    let mut done: Vec<&str> = Vec::new();
    for (name, _) in request.query {
        if done.contains(&name.as_str()) {
            continue;
        }
        done.push(name);
        let mut values = request.query.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        match map.entry(name.clone()).slot() {
            Slot::String(slot) => slot.clone_from(values.next().unwrap_or(name)),
            Slot::List(list) => {
                for value in values {
                    if let Slot::String(slot) = list.push().slot() {
                        slot.clone_from(value);
                    }
                }
            }
            _ => return false,
        }
    }
    !done.is_empty()
}

fn from_header(
    request: &Request<'_>,
    shape: &mut dyn Shape,
    member: &'static Member,
    at: &At<'_>,
) -> Result<bool> {
    // Most of the headers that may come do not: to compare lengths is less than to hash each of their names.
    if !request.headers.keys().any(|name| name.as_str().eq_ignore_ascii_case(member.wire)) {
        return Ok(false);
    }
    let values = request.headers.get_all(member.wire);
    let joined: Vec<&str> = values
        .iter()
        .map(|v| std::str::from_utf8(v.as_bytes()).map_err(|_| invalid(at, "text")))
        .collect::<Result<_>>()?;
    let value = joined.join(", ");
    if let (shape::Kind::List, [element]) = (member.schema.kind, member.schema.members) {
        let Slot::List(list) = shape.slot() else { return Ok(false) };
        for part in header_list(&value, element).into_iter().filter(|part| !part.is_empty()) {
            let item = at.item(list.len());
            scalar(&part, list.push(), element, TimestampFormat::HttpDate, &item)?;
        }
        at.count(member.schema, list.len());
        return Ok(true);
    }
    if member.json_value {
        let decoded = STANDARD.decode(&value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.ok_or_else(|| invalid(at, "JSON in base64"))?;
        return scalar(&decoded, shape, member, TimestampFormat::HttpDate, at);
    }
    let read = scalar(&value, shape, member, TimestampFormat::HttpDate, at);
    // A condition whose date does not read is as none (RFC 9110, sections 13.1.3 and 13.1.4).
    let is_condition = ["If-Modified-Since", "If-Unmodified-Since"].contains(&member.wire);
    if read.is_err() && is_condition {
        shape.clear();
        return Ok(false);
    }
    read
}

/// The parts of a header's list: HTTP dates have a comma of their own, and strings may be quoted.
fn header_list(value: &str, element: &Member) -> Vec<String> {
    let dates = element.schema.kind == shape::Kind::Timestamp
        && timestamp::format_of(element, TimestampFormat::HttpDate) == TimestampFormat::HttpDate;
    let (mut parts, mut part, mut quoted, mut escaped, mut commas) =
        (Vec::new(), String::new(), false, false, 0);
    for c in value.chars() {
        match c {
            _ if escaped => {
                part.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                if dates && commas % 2 == 1 {
                    part.push(c);
                } else {
                    parts.push(std::mem::take(&mut part));
                }
            }
            _ => part.push(c),
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn prefixed(request: &Request<'_>, shape: &mut dyn Shape, member: &Member) -> bool {
    let prefix = member.wire.to_ascii_lowercase();
    let mut headers =
        request.headers.iter().filter(|(name, _)| name.as_str().starts_with(&prefix)).peekable();
    if headers.peek().is_none() {
        return false;
    }
    let Slot::Map(map) = shape.slot() else { return false };
    for (name, value) in headers {
        let key = name.as_str().get(prefix.len()..).unwrap_or_default();
        if let Slot::String(slot) = map.entry(key.to_owned()).slot() {
            String::from_utf8_lossy(value.as_bytes()).as_ref().clone_into(slot);
        }
    }
    true
}

/// The member that is the whole body.
pub(super) fn payload(value: &dyn Struct) -> Option<(usize, &'static Member)> {
    value.schema().members.iter().enumerate().find(|(_, member)| member.payload)
}

/// Whether any member of a request travels in the body.
pub(super) fn has_body(value: &dyn Struct) -> bool {
    value.schema().members.iter().any(|member| member.location == Location::Body)
}

/// Whether a member of an answer travels in the body: an answer has no path and no query string.
pub(super) fn answers_in_body(member: &Member) -> bool {
    matches!(member.location, Location::Body | Location::Uri | Location::Query | Location::QueryMap)
}

/// Fills a payload that is text, bytes or a stream; gives the body back when it is a document to parse.
pub(super) fn read_raw(
    body: Payload,
    shape: &mut dyn Shape,
    member: &'static Member,
    at: &At<'_>,
) -> Result<Option<Bytes>> {
    use shape::Kind as K;
    match member.schema.kind {
        K::Blob | K::Stream | K::String => {}
        _ => return Ok(Some(body.whole())),
    }
    if matches!(&body, Payload::Whole(bytes) if bytes.is_empty()) && member.schema.kind != K::Stream {
        return Ok(None);
    }
    match (shape.slot(), body) {
        (Slot::Stream(slot), Payload::Stream(stream)) => *slot = stream,
        (Slot::Stream(slot), Payload::Whole(bytes)) => *slot = Body::from_bytes(bytes),
        (Slot::Blob(slot), body) => {
            *slot = body.whole();
            at.count(member.schema, slot.len());
        }
        (Slot::String(slot), body) => {
            *slot = String::from_utf8(body.whole().into()).map_err(|_| invalid(at, "text"))?;
            at.string(member.schema, slot);
        }
        _ => {}
    }
    Ok(None)
}

/// The members of an error that stand in its body, as texts.
pub fn texts_of(fields: &dyn Struct) -> Vec<(&'static str, String)> {
    let members = fields.schema().members.iter().enumerate().filter(|(_, member)| answers_in_body(member));
    let text = |(i, member): (usize, &'static Member)| {
        let value = fields.get(i).view()?;
        Some((member.wire, text::write(&value, member, TimestampFormat::DateTime, false)?))
    };
    members.filter_map(text).collect()
}

/// What a structure says in headers.
pub fn headers_of(output: &dyn Struct) -> HeaderMap {
    let mut answer = Response::new(Body::default());
    write_bindings(&mut answer, output);
    std::mem::take(answer.headers_mut())
}

/// Writes what is bound to headers and the status line.
pub(super) fn write_bindings(answer: &mut Response<Body>, output: &dyn Struct) {
    for (i, member) in output.schema().members.iter().enumerate() {
        let Some(view) = output.get(i).view() else { continue };
        match (member.location, &view) {
            (Location::StatusCode, Ref::Integer(status)) => {
                let status = u16::try_from(*status).ok().and_then(|s| StatusCode::from_u16(s).ok());
                *answer.status_mut() = status.unwrap_or(answer.status());
            }
            (Location::HeaderPrefix, Ref::Map(map)) => map.each(&mut |key, value| {
                if let Some(Ref::String(value)) = value.view() {
                    put(answer, &format!("{}{key}", member.wire), value);
                }
            }),
            (Location::Header, Ref::List(list)) => {
                let Some(element) = member.schema.members.first() else { continue };
                let parts: Vec<String> = (0..list.len())
                    .filter_map(|i| list.at(i).and_then(Shape::view))
                    .filter_map(|view| text::write(&view, element, TimestampFormat::HttpDate, false))
                    .map(|part| quoted(part, element))
                    .collect();
                if !parts.is_empty() {
                    put(answer, member.wire, &parts.join(", "));
                }
            }
            (Location::Header, Ref::String(value)) if member.json_value => {
                put(answer, member.wire, &STANDARD.encode(value));
            }
            (Location::Header, scalar) => {
                if let Some(value) = text::write(scalar, member, TimestampFormat::HttpDate, false) {
                    put(answer, member.wire, &value);
                }
            }
            _ => {}
        }
    }
    // RFC 9110, section 15.3.7: an answer that says which range it holds is a partial one.
    if answer.status() == StatusCode::OK && answer.headers().contains_key(CONTENT_RANGE) {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
}

/// Quotes a string that would read as several.
fn quoted(part: String, element: &Member) -> String {
    if element.schema.kind == shape::Kind::String && part.contains([',', '"']) {
        format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        part
    }
}

/// A header; a value that HTTP cannot carry is left out.
fn put(answer: &mut Response<Body>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        answer.headers_mut().insert(name, value);
    }
}

/// Makes a payload of text, bytes or a stream the body; `false` when it is a document to write.
pub(super) fn write_raw(answer: &mut Response<Body>, view: &Ref<'_>) -> bool {
    let (kind, body) = match view {
        Ref::Stream(stream) => ("application/octet-stream", Body::new(stream.take())),
        Ref::Blob(bytes) => ("application/octet-stream", Body::from_bytes((*bytes).clone())),
        Ref::String(text) => ("text/plain", Body::from_bytes((*text).to_owned())),
        _ => return false,
    };
    *answer.body_mut() = body;
    // A member bound to the content type says it better.
    if !answer.headers().contains_key(CONTENT_TYPE) {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    true
}
