//! Beside operations: browsers that ask across origins, and pages of sites.

use std::borrow::Cow;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use kernel::beside::{CrossOrigin, Headers, SiteAnswer, SiteRequest};
use kernel::bill::Billed;
use kernel::{Error, Kind};

use super::body::Answer;
use super::caller::{Connection, anonymous};
use super::{Door, Trace};
use crate::route::Routed;
use crate::sigv4::{Signing, header_text};

/// What a page of another origin asks with its request; `None` of a request that names no origin.
pub(super) fn crossing(parts: &Parts, routed: &Routed<'_>) -> Option<CrossOrigin> {
    let origin = header_text(&parts.headers, ORIGIN)?;
    let path = routed.whole_path.as_deref().unwrap_or(parts.uri.path());
    let method = parts.method.to_string();
    Some(CrossOrigin {
        path: path.to_owned(),
        origin: origin.to_owned(),
        method,
        headers: Vec::new(),
        is_preflight: false,
    })
}

/// What a browser asks before a request, put to whoever knows what pages may do.
pub(super) fn preflight(
    parts: &Parts,
    trace: &Trace,
    crossing: Option<&CrossOrigin>,
) -> Option<Result<CrossOrigin, Error>> {
    if parts.method != Method::OPTIONS || trace.signing != Signing::ObjectStore {
        return None;
    }
    let bad = |message: &str| Err(Error::new(Kind::Invalid, "BadRequest", message).status_is(400));
    let Some(crossing) = crossing else {
        return Some(bad("Insufficient information. Origin request header needed."));
    };
    let Some(method) = header_text(&parts.headers, ACCESS_CONTROL_REQUEST_METHOD) else {
        return Some(bad("Invalid Access-Control-Request-Method: null"));
    };
    let asked = parts.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = asked.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let headers = names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some(Ok(CrossOrigin { method: method.to_owned(), headers, is_preflight: true, ..crossing.clone() }))
}

/// Seconds for which a browser need not ask an API again.
const ASKED_FOR_S: HeaderValue = HeaderValue::from_static("172800");
/// Headers of an API's answers that pages may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The answer of an API to what a browser asks before a request: any page may, since whoever asks must sign; a browser's
/// own credentials count for nothing. `None` of what is no such question.
///
/// Source: "Cross-origin resource sharing support and Amazon EC2", EC2 developer guide; other services answer alike.
pub(super) fn any_page_may(parts: &Parts, trace: &mut Trace) -> Option<Response<Answer>> {
    let crossing = trace.crossing.as_ref().filter(|_| parts.method == Method::OPTIONS)?;
    let asked = &parts.headers;
    let method = asked.get(ACCESS_CONTROL_REQUEST_METHOD)?.clone();
    // A store of objects has nothing that is posted to nothing: an API is meant, which the question need not name.
    if method == "POST" && crossing.path == "/" {
        trace.signing = Signing::Common;
    }
    if trace.signing == Signing::ObjectStore {
        return None;
    }
    trace.operation = Cow::Borrowed("OPTIONS");
    let mut response = Response::new(Answer::empty());
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method);
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, ASKED_FOR_S);
    Some(response)
}

fn put_any_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

impl Door {
    pub(super) async fn answer_preflight(
        &self,
        asked: CrossOrigin,
        trace: &mut Trace,
    ) -> Result<Response<Answer>, Error> {
        trace.operation = Cow::Borrowed("OPTIONS");
        let service = trace.service.map(|service| service.name).unwrap_or_default();
        let headers = self.gate.cross_origin(service, asked).await.transpose()?.unwrap_or_default();
        let mut response = Response::new(Answer::empty());
        put(&mut response, headers);
        Ok(response)
    }

    /// Says with an answer which pages may read it.
    pub(super) async fn answer_crossing(&self, trace: &mut Trace, response: &mut Response<Answer>) {
        let (Some(asked), Some(service)) = (trace.crossing.take(), trace.service) else { return };
        if trace.signing == Signing::Common {
            return put_any_origin(response.headers_mut());
        }
        // A page that may not read it learns nothing from us; the answer is what it is.
        if let Some(Ok(headers)) = self.gate.cross_origin(service.name, asked).await {
            put(response, headers);
        }
    }

    /// A page, where the host names a site.
    pub(super) async fn page(
        &self,
        parts: &Parts,
        connection: &Connection,
    ) -> Option<Result<Response<Answer>, Error>> {
        let at = self.router.site(parts, &self.site_labels)?;
        let headers = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let request = SiteRequest {
            name: at.name.to_owned(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: headers.collect(),
            secure: connection.tls_version.is_some(),
        };
        let page = self.gate.site((at.label, at.region), anonymous(parts, connection), request).await?;
        Some(page.map(|page| shown(page, connection)))
    }
}

/// An answer that a service has worded whole.
pub(super) fn shown(page: Billed<SiteAnswer>, connection: &Connection) -> Response<Answer> {
    let Billed { answer: page, bill } = page;
    let mut response = connection.billed(Response::new(Answer::stream(&page.body)), bill);
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or_default();
    put(&mut response, page.headers);
    response
}

/// Headers; a value that HTTP cannot carry is left out.
fn put(response: &mut Response<Answer>, headers: Headers) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}
