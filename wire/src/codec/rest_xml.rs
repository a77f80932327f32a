//! restXml: paths, headers, and XML where there is a body.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use kernel::{Error, Kind, Result};
use shape::{Body, Member, OpDef, Protocol, Ref, ServiceDef, Struct};

use super::check::{Check, Given};
use super::xml::{self, Dialect, Writer};
use super::{Request, content_type, respond, rest, text};

/// Reads a request.
pub(super) fn decode(request: Request<'_>, input: &mut dyn Struct, check: &Check) -> Result<()> {
    let (schema, root) = (input.schema(), check.root());
    let mut given = Given::default();
    rest::read_bindings(&request, input, &mut given, check).map_err(argument)?;
    if let Some((i, member)) = rest::payload(input) {
        let (at, shape) = (root.member(member), input.get_mut(i));
        given.add(i);
        let document = rest::read_raw(request.body, shape, member, &at)?;
        if let Some(body) = document.filter(|body| !body.trim_ascii().is_empty()) {
            // A member's own name is the root's where the model says so, which it may do in the very same word.
            let root = xml::parse_as(&[root_of(member), member.wire], &body)?;
            xml::read_value(&root, shape, member, &at)?;
        }
    } else if rest::has_body(input) {
        let body = request.body.whole();
        if !body.trim_ascii().is_empty() {
            xml::read_members(&xml::parse(&body)?, input, &mut given, &root)?;
        }
    }
    root.require(schema, &given);
    Ok(())
}

/// What stands in a path, a query or a header and is not of its type, in the words of those who speak XML.
fn argument(error: Error) -> Error {
    match error.kind() {
        Kind::Invalid if error.code() != "InvalidArgument" => {
            Error::new(Kind::Invalid, "InvalidArgument", error.message())
        }
        _ => error,
    }
}

/// Writes an answer.
pub(super) fn encode(service: &ServiceDef, op: &OpDef, output: &dyn Struct) -> Response<Body> {
    let mut answer = respond(op.status, Protocol::RestXml, "");
    answer.headers_mut().remove(CONTENT_TYPE);
    rest::write_bindings(&mut answer, output);
    let namespace = Some(service.xml_namespace).filter(|uri| !uri.is_empty());
    let mut w = Writer::new(Dialect::REST);
    match rest::payload(output).map(|(i, member)| (output.get(i).view(), member)) {
        Some((None, _)) => return answer,
        Some((Some(view), _)) if rest::write_raw(&mut answer, &view) => return answer,
        Some((Some(Ref::Struct(value)), member)) => {
            w.structure(root_of(member), value, member, member.xml_namespace.or(namespace));
        }
        Some((Some(view), member)) => {
            w.text(root_of(member), &text::write(&view, member, member.timestamp, false).unwrap_or_default());
        }
        None if unwrapped(op, output).is_some() => {
            let value = unwrapped(op, output).and_then(|(i, member)| Some((output.get(i).view()?, member)));
            let value = value.and_then(|(view, member)| text::write(&view, member, member.timestamp, false));
            w.within(op.output_root.unwrap_or_default(), namespace, |w| {
                w.characters(&value.unwrap_or_default());
            });
        }
        None if output.schema().members.iter().any(rest::answers_in_body) => {
            let root = op.output_root.or(op.output.xml_name).unwrap_or(op.output.name);
            w.structure(root, output, &Member::PLAIN, namespace.or(op.output.xml_namespace));
        }
        None => return answer,
    }
    *answer.body_mut() = Body::from_bytes(w.finish());
    let kind = HeaderValue::from_static(content_type(Protocol::RestXml));
    answer.headers_mut().entry(CONTENT_TYPE).or_insert(kind);
    answer
}

/// The only member of an answer whose root bears that member's name: the root is the member.
fn unwrapped(op: &OpDef, output: &dyn Struct) -> Option<(usize, &'static Member)> {
    let mut members = output.schema().members.iter().enumerate().filter(|(_, m)| rest::answers_in_body(m));
    let only = members.next().filter(|_| members.next().is_none());
    only.filter(|(_, member)| op.output_root == Some(member.wire))
}

/// A payload's element: the name its member gives, or its shape.
fn root_of(member: &Member) -> &'static str {
    match member.schema.xml_name {
        _ if member.wire != member.name => member.wire,
        Some(name) => name,
        None => member.schema.name,
    }
}
