//! Bytes to typed input, typed output to bytes: one file per protocol, none of them generic over shapes.

mod cbor;
mod check;
mod ec2;
mod error;
mod honoured;
mod json;
mod query;
mod rest;
mod rest_json;
mod rest_xml;
mod text;
mod timestamp;
mod xml;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use kernel::Result;
use shape::{Body, Bytes, OpDef, Protocol, ServiceDef, Struct};

use crate::headers::{AMZN_REQUEST_ID, SMITHY_PROTOCOL};

pub use error::encode_error;
pub use rest::{headers_of, texts_of};
pub use xml::characters;

use check::Check;

/// Structures, lists and maps nested deeper than this are refused, whatever the protocol.
pub const DEPTH_MAX: u32 = 100;

/// The parts of an HTTP request a codec reads.
#[derive(Debug)]
pub struct Request<'a> {
    /// What the `{labels}` of the path matched, decoded.
    pub labels: &'a [(&'a str, String)],
    /// The query string's parameters, decoded.
    pub query: &'a [(String, String)],
    pub headers: &'a HeaderMap,
    pub body: Payload,
}

/// A request's body: gathered already, or still coming in.
#[derive(Debug)]
pub enum Payload {
    Whole(Bytes),
    /// Only for operations whose payload is a stream ([`streams_in`]).
    Stream(Body),
}

impl Payload {
    fn whole(self) -> Bytes {
        match self {
            Payload::Whole(bytes) => bytes,
            Payload::Stream(_) => Bytes::new(),
        }
    }
}

/// Whether the body of a request is to be handed on as a stream.
pub fn streams_in(op: &OpDef) -> bool {
    op.input.members.iter().any(|m| m.payload && m.schema.kind == shape::Kind::Stream)
}

/// Reads a request into an operation's input, checks it against the model, and refuses what is not honoured.
///
/// # Errors
/// In AWS's words: what cannot be parsed, what breaks the model, what is not honoured.
pub fn decode(
    protocol: Protocol,
    service: &ServiceDef,
    op: &OpDef,
    request: Request<'_>,
    input: &mut dyn Struct,
) -> Result<()> {
    let check = Check::new(service);
    match protocol {
        Protocol::Json10 | Protocol::Json11 => json::decode(&request.body.whole(), input, &check),
        Protocol::Query => query::decode(&request.body.whole(), request.query, input, &check),
        Protocol::Ec2 => ec2::decode(&request.body.whole(), request.query, input, &check),
        Protocol::RestJson => rest_json::decode(request, input, &check),
        Protocol::RestXml => rest_xml::decode(request, input, &check),
        Protocol::Cbor => cbor::decode(&request.body.whole(), input, &check),
    }?;
    check.finish()?;
    honoured::check(op, input)
}

/// Reads an input that did not come over the wire: a JSON document, its members named as SDKs write them.
///
/// # Errors
/// As [`decode`]; and for members there are none of.
pub fn read_named(service: &ServiceDef, op: &OpDef, document: &[u8], input: &mut dyn Struct) -> Result<()> {
    let check = Check::by_name(service);
    json::decode(document, input, &check)?;
    check.finish()?;
    honoured::check(op, input)
}

/// Writes an operation's output as the protocol's answer.
pub fn encode(
    protocol: Protocol,
    service: &ServiceDef,
    op: &OpDef,
    output: &dyn Struct,
    request_id: &str,
) -> Response<Body> {
    let mut answer = match protocol {
        Protocol::Json10 | Protocol::Json11 => match events(output) {
            Some(events) => events,
            None => respond(op.status, protocol, json::encode(output)),
        },
        Protocol::Query => respond(op.status, protocol, query::encode(service, op, output, request_id)),
        Protocol::Ec2 => respond(op.status, protocol, ec2::encode(service, op, output, request_id)),
        Protocol::RestJson => rest_json::encode(op, output),
        Protocol::RestXml => rest_xml::encode(service, op, output),
        Protocol::Cbor => respond(op.status, protocol, cbor::encode(output)),
    };
    identify(&mut answer, protocol, request_id);
    answer
}

/// An answer that is a stream of events: who answers has put the members beside it into the first of them.
fn events(output: &dyn Struct) -> Option<Response<Body>> {
    let at = output.schema().members.iter().position(|member| member.schema.kind == shape::Kind::Stream)?;
    let Some(shape::Ref::Stream(stream)) = output.get(at).view() else { return None };
    let mut answer = Response::new(Body::new(stream.take()));
    let kind = HeaderValue::from_static("application/vnd.amazon.eventstream");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    Some(answer)
}

/// An answer with the protocol's content type.
fn respond(status: u16, protocol: Protocol, body: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(Body::from_bytes(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type(protocol)));
    answer
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::Query => "text/xml",
        Protocol::Ec2 => "text/xml;charset=UTF-8",
        Protocol::RestJson => "application/json",
        Protocol::RestXml => "application/xml",
        Protocol::Cbor => "application/cbor",
    }
}

/// Adds what every answer of a protocol bears.
fn identify(answer: &mut Response<Body>, protocol: Protocol, request_id: &str) {
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(&AMZN_REQUEST_ID, id);
    }
    if protocol == Protocol::Cbor {
        headers.insert(&SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
    }
}
