//! What the door itself refuses: requests for nobody, and operations no model has.

use http::Version;
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::uri::Authority;
use kernel::{Error, Kind, PrivateWay};
use shape::{ErrorDef, Protocol, ServiceDef};
use time::Date;
use time::macros::format_description;

use crate::headers::{AMZ_TARGET, SMITHY_PROTOCOL};
use crate::sigv4::{Family, Scope, header_text};

static UNKNOWN: ErrorDef =
    ErrorDef { code: "UnknownOperationException", query_code: "InvalidAction", status: 400, sender: true };
static NO_ACTION: ErrorDef =
    ErrorDef { code: "MissingAction", query_code: "MissingAction", status: 400, sender: true };

/// No service here is asked.
pub(super) fn nobody(parts: &Parts, scope: Option<&Scope<'_>>) -> Error {
    let target = header_text(&parts.headers, &AMZ_TARGET);
    let named = match (scope, target) {
        (Some(scope), _) => format!("The service {} is not installed here.", scope.service),
        (None, Some(target)) => format!("No service here answers to the target {target}."),
        (None, None) => "No service here answers to this request.".to_owned(),
    };
    Error::new(Kind::Unsupported, "NotImplemented", named)
}

/// An endpoint is asked for another service than its own.
pub(super) fn not_by_this_way(way: &PrivateWay) -> Error {
    let message = format!("{} leads to {} in {} only.", way.endpoint, way.service, way.region);
    Error::new(Kind::Denied, "AccessDenied", message)
}

/// A request of HTTP/1.1 names its host, and what it names can be one (RFC 9112, section 3.2).
pub(super) fn unnamed_host(parts: &Parts) -> Result<(), Error> {
    let mut given = parts.headers.get_all(HOST).iter();
    let fits = match (given.next(), given.next()) {
        (None, _) => parts.version != Version::HTTP_11,
        (Some(host), None) => Authority::try_from(host.as_bytes()).is_ok(),
        (Some(_), Some(_)) => false,
    };
    let refused = || Error::new(Kind::Invalid, "BadRequest", "The Host header is missing or is no host.");
    if fits { Ok(()) } else { Err(refused().status_is(400)) }
}

/// A path that is no text once decoded.
pub(super) fn bad_uri() -> Error {
    Error::new(Kind::Invalid, "InvalidURI", "Couldn't parse the specified URI.").status_is(400)
}

/// What a store of objects tells who did not sign: that they may not, and nothing of what they might.
pub(super) fn unsigned(error: &Error) -> Error {
    let named = error.code() == "AccessDenied" && error.message().starts_with("User: ");
    let message = if named { "Access Denied" } else { error.message() };
    Error::new(error.kind(), error.code(), message).status_is(error.status())
}

/// A percent sign in a path is followed by two hexadecimal digits (RFC 3986, section 2.1).
pub(super) fn bad_escapes(path: &str) -> Result<(), Error> {
    let mut behind = path.split('%').skip(1);
    let is_escape =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if behind.all(is_escape) { Ok(()) } else { Err(bad_uri()) }
}

/// Whether a service can have had a version: its own, or a day before that. Clients of all ages are answered alike.
pub(super) fn has_version(service: &ServiceDef, asked: &str) -> bool {
    let is_day = Date::parse(asked, format_description!("[year]-[month]-[day]")).is_ok();
    asked == service.version || (is_day && asked < service.version)
}

/// A version that the service never had.
/// Sources: answers of AWS's quoted in public issue trackers (boto/boto3 1138, aws/aws-cli 37).
pub(super) fn other_version(name: &str, service: &ServiceDef, asked: &str, protocol: Protocol) -> Error {
    if protocol == Protocol::Ec2 {
        let message =
            format!("The requested version ({asked}) of service Amazon{} does not exist", service.id);
        return Error::new(Kind::Invalid, "NoSuchVersion", message);
    }
    not_in_version(name, asked)
}

fn not_in_version(name: &str, version: &str) -> Error {
    let message = format!("Could not find operation {name} for version {version}");
    Error::modeled(Kind::Invalid, &UNKNOWN, message)
}

/// An operation the model does not have, and the version that was asked for it.
pub(super) fn unknown(
    (name, version): (&str, Option<&str>),
    service: &ServiceDef,
    protocol: Protocol,
    family: Family,
) -> Error {
    match (family, protocol) {
        (Family::ObjectStore, _) => {
            let message = "The specified method is not allowed against this resource.";
            Error::new(Kind::Invalid, "MethodNotAllowed", message).status_is(405)
        }
        (Family::Query | Family::Ec2, Protocol::Query | Protocol::Ec2) if name.is_empty() => {
            let message = "The request is missing an action or a required parameter.";
            Error::modeled(Kind::Invalid, &NO_ACTION, message)
        }
        (Family::Ec2, _) => {
            let message = format!("The action {name} is not valid for this web service.");
            Error::new(Kind::Invalid, "InvalidAction", message)
        }
        (Family::Query, Protocol::Query) => not_in_version(name, version.unwrap_or(service.version)),
        (Family::Json, Protocol::Json10 | Protocol::Json11) => Error::modeled(
            Kind::Invalid,
            &UNKNOWN,
            "The requested operation is not recognized by the service.",
        ),
        _ => {
            let message = "The requested operation is not recognized by the service.";
            Error::modeled(Kind::Invalid, &UNKNOWN, message).status_is(404)
        }
    }
}

/// The protocol of a request that reached no service.
pub(super) fn likely_protocol(parts: &Parts) -> Protocol {
    let content_type = header_text(&parts.headers, CONTENT_TYPE).unwrap_or_default();
    if parts.headers.contains_key(&SMITHY_PROTOCOL) {
        Protocol::Cbor
    } else if parts.headers.contains_key(&AMZ_TARGET) {
        Protocol::Json10
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        Protocol::Query
    } else if content_type.starts_with("application/json") {
        Protocol::RestJson
    } else {
        Protocol::RestXml
    }
}
