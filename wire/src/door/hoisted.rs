//! Headers that a presigned URL of an object store bears as parameters: clients that cannot send headers put them there.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use percent_encoding::percent_decode_str;

/// What signs, and so is no header of the request.
const SIGNING: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// The request with those headers in their place; `None` when its query string holds none. A header that was sent stays.
pub(super) fn lowered(parts: &Parts) -> Option<Parts> {
    let mut lowered: Option<Parts> = None;
    for pair in parts.uri.query()?.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_ascii_lowercase();
        let is_header = name.starts_with("x-amz-") && !SIGNING.contains(&&*name);
        if !(is_header || name == CONTENT_TYPE.as_str() || name == "content-md5") {
            continue;
        }
        let value: Vec<u8> = percent_decode_str(value).collect();
        let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value));
        if let (Ok(name), Ok(value)) = header
            && !parts.headers.contains_key(&name)
        {
            lowered.get_or_insert_with(|| parts.clone()).headers.insert(name, value);
        }
    }
    lowered
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn parameters_become_headers_unless_sent() {
        let uri =
            "/b/k?x-amz-meta-a=1%202&X-Amz-Signature=s&content-type=text%2Fplain&x-amz-meta-b=no&versionId=3";
        let parts = Request::get(uri).header("x-amz-meta-b", "yes").body(()).unwrap().into_parts().0;
        let lowered = lowered(&parts).unwrap().headers;
        assert_eq!(lowered.get("x-amz-meta-a").unwrap(), "1 2");
        assert_eq!(lowered.get("x-amz-meta-b").unwrap(), "yes");
        assert_eq!(lowered.get("content-type").unwrap(), "text/plain");
        assert_eq!(lowered.len(), 3);
    }
}
