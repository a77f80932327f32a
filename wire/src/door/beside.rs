//! Beside operations: browsers that ask across origins, and pages of sites.

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use kernel::beside::{CrossOrigin, Headers, SiteAnswer, SiteRequest};
use kernel::{Error, Kind};

use super::body::Answer;
use super::caller::{Connection, anonymous};
use super::{Door, Trace};
use crate::route::Routed;
use crate::sigv4::{Signing, header_text};

/// What a page of another origin asks with its request; `None` of a request that names no origin.
pub(super) fn crossing(parts: &Parts, routed: &Routed<'_>) -> Option<CrossOrigin> {
    let origin = header_text(&parts.headers, "origin")?;
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

/// What a browser asks before a request. Of object stores only: nothing else is told to answer pages.
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
    let Some(method) = header_text(&parts.headers, "access-control-request-method") else {
        return Some(bad("Invalid Access-Control-Request-Method: null"));
    };
    let asked = parts.headers.get_all("access-control-request-headers").iter();
    let names = asked.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let headers = names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some(Ok(CrossOrigin { method: method.to_owned(), headers, is_preflight: true, ..crossing.clone() }))
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
        Some(page.map(shown))
    }
}

/// An answer that a service has worded whole.
pub(super) fn shown(page: SiteAnswer) -> Response<Answer> {
    let mut response = Response::new(Answer::stream(&page.body));
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
