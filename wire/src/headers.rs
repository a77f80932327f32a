//! The names of AWS's headers, ready: looking for a name that is text would read it anew for every request.

use http::HeaderName;

pub(crate) static AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
pub(crate) static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(crate) static AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
pub(crate) static AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
pub(crate) static AMZN_QUERY_MODE: HeaderName = HeaderName::from_static("x-amzn-query-mode");
pub(crate) static AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
pub(crate) static SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
