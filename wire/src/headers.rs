//! The names of AWS's headers, ready: looking for a name that is text would read it anew for every request. And whom a
//! request names as its host.

use http::HeaderName;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use crate::sigv4::header_text;

pub(crate) static AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
pub(crate) static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(crate) static AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
pub(crate) static AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(crate) static AMZN_QUERY_MODE: HeaderName = HeaderName::from_static("x-amzn-query-mode");
pub(crate) static AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// What every browser says of a request: whether its page is of the same site (Fetch Metadata Request Headers, W3C).
pub(crate) static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(crate) static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

/// `host:port` as the client wrote it: HTTP/2 has it beside the headers.
pub(crate) fn authority(parts: &Parts) -> Option<&str> {
    header_text(&parts.headers, HOST).or_else(|| parts.uri.authority().map(Authority::as_str))
}
