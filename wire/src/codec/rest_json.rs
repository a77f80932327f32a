//! restJson1: paths, headers, and JSON where there is a body.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use kernel::Result;
use shape::{Body, OpDef, Protocol, Struct};

use super::check::{Check, Given};
use super::{Request, content_type, json, respond, rest};

/// Reads a request.
pub(super) fn decode(request: Request<'_>, input: &mut dyn Struct, check: &Check) -> Result<()> {
    let (schema, root) = (input.schema(), check.root());
    let mut given = Given::default();
    rest::read_bindings(&request, input, &mut given, check)?;
    if let Some((i, member)) = rest::payload(input) {
        let shape = input.get_mut(i);
        given.add(i);
        let document = rest::read_raw(request.body, shape, member, &root.member(member))?;
        if let Some(body) = document.filter(|body| !body.trim_ascii().is_empty()) {
            json::read_value(&body, shape, member, check)?;
        }
    } else if rest::has_body(input) {
        let body = request.body.whole();
        if !body.trim_ascii().is_empty() {
            json::read_members(&body, input, &mut given, check)?;
        }
    }
    root.require(schema, &given);
    Ok(())
}

/// Writes an answer.
pub(super) fn encode(op: &OpDef, output: &dyn Struct) -> Response<Body> {
    let mut answer = respond(op.status, Protocol::RestJson, "");
    answer.headers_mut().remove(CONTENT_TYPE);
    rest::write_bindings(&mut answer, output);
    let body = match rest::payload(output).map(|(i, member)| (output.get(i).view(), member)) {
        Some((None, _)) => return answer,
        Some((Some(view), _)) if rest::write_raw(&mut answer, &view) => return answer,
        Some((Some(view), member)) => json::encode_value(view, member),
        None if output.schema().members.iter().any(rest::answers_in_body) || op.output.members.is_empty() => {
            json::encode(output)
        }
        None => return answer,
    };
    *answer.body_mut() = Body::from_bytes(body);
    let kind = HeaderValue::from_static(content_type(Protocol::RestJson));
    answer.headers_mut().entry(CONTENT_TYPE).or_insert(kind);
    answer
}
