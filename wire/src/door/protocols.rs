//! The codec of the house: every protocol in its own file, and the errors of object stores, which have a shape apart.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use kernel::{Error, Kind, Result};
use shape::{Body, OpDef, Protocol, ServiceDef, Struct};

use super::body::{Answer, Inbound};
use super::gate::{Codec, Dialect, Encoded};
use crate::codec::{self, Payload};

/// All protocols.
#[derive(Clone, Copy, Debug, Default)]
pub struct Protocols;

/// Refuses requests that are for nobody.
static NOBODY: ServiceDef = ServiceDef {
    name: "",
    id: "",
    signing_name: "",
    action_prefix: "",
    endpoint_prefix: "",
    target_prefix: "",
    version: "",
    protocols: &[],
    xml_namespace: "",
    error_namespace: "",
    query_compatible: false,
    checks: shape::Checks::Standard,
    routing: shape::Routing::PLAIN,
    ops: &[],
    unserved: &[],
    errors: &[],
};

impl Codec for Protocols {
    fn decode(&self, request: Encoded<'_>, input: &mut dyn Struct) -> Result<()> {
        let Encoded { protocol, service, op, parts, labels, body } = request;
        let query = match protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => Vec::new(),
            Protocol::Query | Protocol::Ec2 | Protocol::RestJson | Protocol::RestXml => {
                let text = parts.uri.query().unwrap_or_default();
                form_urlencoded::parse(text.as_bytes()).into_owned().collect()
            }
        };
        let body = match body {
            Inbound::Whole(bytes) => Payload::Whole(bytes),
            Inbound::Stream(body) => Payload::Stream(body),
        };
        let request = codec::Request { labels, query: &query, headers: &parts.headers, body };
        codec::decode(protocol, service, op, request, input)
    }

    fn encode(
        &self,
        dialect: Dialect<'_>,
        op: &'static OpDef,
        output: &dyn Struct,
    ) -> Result<Response<Answer>> {
        let service = dialect.service.unwrap_or(&NOBODY);
        Ok(answer(codec::encode(dialect.protocol, service, op, output, dialect.request_id)))
    }

    fn refuse(&self, dialect: Dialect<'_>, error: &Error) -> Response<Answer> {
        if dialect.object_store {
            return object_store_error(dialect, error);
        }
        let service = dialect.service.unwrap_or(&NOBODY);
        answer(codec::encode_error(dialect.protocol, service, error, dialect.request_id))
    }
}

fn answer(response: Response<Body>) -> Response<Answer> {
    response.map(|body| Answer::stream(&body))
}

/// Source: "Error responses", API reference of the object store.
fn object_store_error(dialect: Dialect<'_>, error: &Error) -> Response<Answer> {
    let id = dialect.request_id;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    let code = if error.kind() == Kind::Internal { "InternalError" } else { error.code() };
    // What an error names by itself is no resource besides.
    let named = error.fields().map(codec::texts_of).unwrap_or_default();
    let resource = named.is_empty().then_some(("Resource", dialect.resource));
    let named = named.iter().map(|(name, value)| (*name, value.as_str())).chain(resource);
    let lines = [("Code", code), ("Message", error.message())].into_iter().chain(named);
    for (name, value) in lines.chain([("RequestId", id), ("HostId", id)]) {
        text.extend(["<", name, ">", &codec::characters(value), "</", name, ">"]);
    }
    text.push_str("</Error>");
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // What has not changed has no content, of whatever type.
    let is_same = status == StatusCode::NOT_MODIFIED;
    let mut response = Response::new(if is_same { Answer::empty() } else { Answer::from(text) });
    *response.status_mut() = status;
    if !is_same {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    if let Some(fields) = error.fields() {
        response.headers_mut().extend(codec::headers_of(fields));
    }
    response
}
