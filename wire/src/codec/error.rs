//! Errors in each protocol's own shape.

use http::{HeaderName, HeaderValue, Response};
use kernel::Error;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use shape::{Body, Member, Protocol, ServiceDef, Struct};

use super::json::Members;
use super::xml::{Dialect, Writer};
use super::{cbor, identify, respond, rest};

/// Writes an error as the protocol's answer.
pub fn encode_error(
    protocol: Protocol,
    service: &ServiceDef,
    error: &Error,
    request_id: &str,
) -> Response<Body> {
    let status = error.status();
    let mut answer = match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            let code = format!("{}{}", service.error_namespace, error.code());
            respond(status, protocol, json_body(Some(&code), error))
        }
        Protocol::RestJson => {
            let mut answer = respond(status, protocol, json_body(None, error));
            header(&mut answer, "x-amzn-errortype", error.code());
            answer
        }
        Protocol::Cbor => {
            let code = format!("{}{}", service.error_namespace, error.code());
            let given = !error.message().is_empty() && !has_message(error.fields());
            let message = given.then(|| error.message());
            respond(status, protocol, cbor::encode_error(&code, message, error.fields()))
        }
        Protocol::Query | Protocol::RestXml => {
            respond(status, protocol, query_body(service, error, request_id))
        }
        Protocol::Ec2 => respond(status, protocol, ec2_body(error, request_id)),
    };
    if let Some(fields) = error.fields()
        && matches!(protocol, Protocol::RestJson | Protocol::RestXml)
    {
        rest::write_bindings(&mut answer, fields);
    }
    let speaks_json = matches!(protocol, Protocol::Json10 | Protocol::Json11 | Protocol::Cbor);
    if service.query_compatible && speaks_json {
        header(&mut answer, "x-amzn-query-error", &format!("{};{}", error.query_code(), fault(error)));
    }
    identify(&mut answer, protocol, request_id);
    answer
}

fn fault(error: &Error) -> &'static str {
    if error.is_sender() && error.status() < 500 { "Sender" } else { "Receiver" }
}

fn header(answer: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

fn json_body(code: Option<&str>, error: &Error) -> Vec<u8> {
    let body = ErrorBody { code, message: error.message(), fields: error.fields() };
    serde_json::to_vec(&body).unwrap_or_default()
}

struct ErrorBody<'a> {
    code: Option<&'a str>,
    message: &'a str,
    fields: Option<&'a dyn Struct>,
}

impl Serialize for ErrorBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(code) = self.code {
            map.serialize_entry("__type", code)?;
        }
        if !self.message.is_empty() && !has_message(self.fields) {
            map.serialize_entry("message", self.message)?;
        }
        if let Some(fields) = self.fields {
            Members(fields).add_to(&mut map)?;
        }
        map.end()
    }
}

fn query_body(service: &ServiceDef, error: &Error, request_id: &str) -> String {
    let mut w = Writer::new(Dialect { query_names: true, millis: false });
    let namespace = Some(service.xml_namespace).filter(|uri| !uri.is_empty());
    w.within("ErrorResponse", namespace, |w| {
        w.within("Error", None, |w| {
            w.text("Type", fault(error));
            detail(w, error.query_code(), error);
        });
        w.text("RequestId", request_id);
    });
    w.finish()
}

fn ec2_body(error: &Error, request_id: &str) -> String {
    let mut w = Writer::new(Dialect { query_names: false, millis: true });
    w.within("Response", None, |w| {
        w.within("Errors", None, |w| w.within("Error", None, |w| detail(w, error.code(), error)));
        w.text("RequestID", request_id);
    });
    w.finish()
}

fn detail(w: &mut Writer, code: &str, error: &Error) {
    w.text("Code", code);
    if !error.message().is_empty() {
        w.text("Message", error.message());
    }
    if let Some(fields) = error.fields() {
        w.members_but(fields, is_message);
    }
}

/// The member that repeats what [`Error::message`] says.
fn is_message(member: &Member) -> bool {
    member.name.eq_ignore_ascii_case("message")
}

/// Whether the modelled members bring the message under their own name.
fn has_message(fields: Option<&dyn Struct>) -> bool {
    fields.is_some_and(|fields| {
        let mut members = fields.schema().members.iter().enumerate();
        members.any(|(i, member)| is_message(member) && fields.get(i).view().is_some())
    })
}
