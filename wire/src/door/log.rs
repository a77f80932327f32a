//! Requests told to a service that keeps logs of them.

use std::net::IpAddr;
use std::time::Instant;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Response, Version};
use http_body::Body as _;
use kernel::request_log::Requested;
use kernel::{BoxFuture, Caller};

use super::body::Answer;
use super::{Door, Trace};
use crate::headers::authority;
use crate::route::Routed;
use crate::sigv4::header_text;

/// A request that is to be told of.
pub(super) struct Logged {
    path: String,
    caller: Option<Caller>,
    at: kernel::Millis,
}

impl Trace {
    pub(super) fn note_caller(&mut self, caller: &Caller) {
        if let Some(logged) = &mut self.logged {
            logged.caller = Some(caller.clone());
        }
    }
}

impl Door {
    /// Whether somebody wants to hear of it.
    pub(super) fn logged(&self, parts: &Parts, routed: &Routed<'_>) -> Option<Logged> {
        let path = routed.whole_path.as_deref().unwrap_or(parts.uri.path());
        let log = self.gate.request_log(routed.service.def.name)?;
        log.wants(path).then(|| Logged { path: path.to_owned(), caller: None, at: self.verifier.now() })
    }

    /// Tells of a request that was answered.
    pub(super) fn log<'a>(
        &'a self,
        parts: &'a Parts,
        (trace, logged): (&'a Trace, &'a Logged),
        response: &'a Response<Answer>,
        (peer, begun): (IpAddr, Instant),
    ) -> BoxFuture<'a, ()> {
        let service = trace.service.map(|service| service.name).unwrap_or_default();
        let length = |headers: &HeaderMap, name: &str| header_text(headers, name)?.parse().ok();
        let decoded = length(&parts.headers, "x-amz-decoded-content-length");
        let requested = Requested {
            caller: logged.caller.as_ref(),
            peer: peer.to_canonical(),
            request_id: &trace.request_id,
            operation: &trace.operation,
            method: parts.method.as_str(),
            path: &logged.path,
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()),
            version: if parts.version == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" },
            host: authority(parts),
            referer: header_text(&parts.headers, REFERER),
            user_agent: header_text(&parts.headers, USER_AGENT),
            signed: signed(parts),
            secure: logged.caller.as_ref().is_some_and(|caller| caller.secure),
            received_bytes: decoded.or_else(|| length(&parts.headers, CONTENT_LENGTH.as_str())),
            status: response.status().as_u16(),
            code: trace.code,
            sent_bytes: length(response.headers(), CONTENT_LENGTH.as_str())
                .or_else(|| response.body().size_hint().exact()),
            content_range: header_text(response.headers(), CONTENT_RANGE),
            version_id: header_text(response.headers(), "x-amz-version-id"),
            at: logged.at,
            took_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        self.gate.note_request(service, requested)
    }
}

/// By which version of the signature, and where it stood.
fn signed(parts: &Parts) -> Option<(&'static str, &'static str)> {
    if parts.headers.contains_key(AUTHORIZATION) {
        return Some(("SigV4", "AuthHeader"));
    }
    let query = parts.uri.query()?;
    let has = |name: &str| query.split('&').any(|pair| pair.starts_with(name));
    match (has("X-Amz-Signature="), has("Signature=")) {
        (true, _) => Some(("SigV4", "QueryString")),
        (_, true) => Some(("SigV2", "QueryString")),
        _ => None,
    }
}
