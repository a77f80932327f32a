//! Signature Version 2 in the query string of an object store: SDKs presign with it to this day, where a region knows it.
//!
//! Source: "Signing and authenticating REST requests", S3 user guide; its part on query strings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::calculated::Calculated;
use super::canonical::{PathForm, path};
use super::presented::header_text;
use super::refusal::Refusal;

/// Parameters that name what is asked for, and so are signed; in order.
const SIGNED: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// A signature of the second version, not yet verified.
#[derive(Clone, Debug)]
pub struct PresentedV2<'a> {
    pub access_key: Cow<'a, str>,
    /// In base64.
    pub signature: Cow<'a, str>,
    /// As signed.
    expires: Cow<'a, str>,
    /// Seconds since 1970.
    pub expires_at: i64,
    pub session_token: Option<Cow<'a, str>>,
}

impl<'a> PresentedV2<'a> {
    /// The signature in a query string; `None` when there is none, or a header signs.
    ///
    /// # Errors
    /// When a part is missing, or the expiry is no number.
    pub fn find(parts: &'a Parts) -> Result<Option<Self>, Refusal> {
        let Some(query) = parts.uri.query().filter(|_| !parts.headers.contains_key(AUTHORIZATION)) else {
            return Ok(None);
        };
        let value = |name: &str| pairs(query).find(|(given, _)| *given == name).map(|(_, value)| value);
        let (access_key, signature) = (value("AWSAccessKeyId"), value("Signature"));
        if access_key.is_none() && signature.is_none() {
            return Ok(None);
        }
        let (Some(access_key), Some(signature), Some(expires)) = (access_key, signature, value("Expires"))
        else {
            return Err(Refusal::Version2Incomplete);
        };
        let expires_at =
            expires.parse().map_err(|_| Refusal::ExpiresNoInstant(expires.clone().into_owned()))?;
        let session_token = value("x-amz-security-token");
        let session_token =
            session_token.or_else(|| header_text(&parts.headers, "x-amz-security-token").map(Cow::Borrowed));
        Ok(Some(Self { access_key, signature, expires, expires_at, session_token }))
    }

    /// Whether it was made with `secret`. `whole_path` begins with the bucket, wherever that stood.
    pub(super) fn is_good(&self, parts: &Parts, whole_path: &str, secret: &str) -> bool {
        let Ok(given) = STANDARD.decode(self.signature.as_bytes()) else { return false };
        let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        [PathForm::AsSent, PathForm::Reencoded].into_iter().any(|form| {
            let to_sign = self.string_to_sign(parts, whole_path, form);
            // Compared in constant time.
            hmac::verify(&key, &to_sign, &given).is_ok()
        })
    }

    /// Of the path encoded the one right way.
    pub(super) fn calculated(&self, parts: &Parts, whole_path: &str) -> Calculated {
        Calculated {
            access_key: self.access_key.to_string(),
            provided: self.signature.to_string(),
            to_sign: self.string_to_sign(parts, whole_path, PathForm::Reencoded),
            canonical: None,
        }
    }

    fn string_to_sign(&self, parts: &Parts, whole_path: &str, form: PathForm) -> Vec<u8> {
        let query = parts.uri.query().unwrap_or_default();
        let named = |name: &str| {
            let in_query = || pairs(query).find(|(given, _)| *given == name).map(|(_, value)| value);
            header_text(&parts.headers, name).map(Cow::Borrowed).or_else(in_query).unwrap_or_default()
        };
        let mut out = Vec::with_capacity(256);
        let (md5, content_type) = (named("content-md5"), named(CONTENT_TYPE.as_str()));
        for line in [parts.method.as_str(), &md5, &content_type, &self.expires] {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        for (name, values) in amazon_headers(parts, query) {
            out.extend_from_slice([&name, ":", &values.join(","), "\n"].concat().as_bytes());
        }
        path(whole_path, form, &mut out);
        let mut separator = b'?';
        for name in SIGNED {
            for (_, value) in pairs(query).filter(|(given, _)| *given == name) {
                out.push(std::mem::replace(&mut separator, b'&'));
                out.extend_from_slice(name.as_bytes());
                if !value.is_empty() {
                    out.push(b'=');
                    out.extend_from_slice(value.as_bytes());
                }
            }
        }
        out
    }
}

/// Names as they stand, values decoded.
fn pairs(query: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name, percent_decode_str(value).decode_utf8_lossy()))
}

/// The `x-amz-…` headers, and those that stand in the query string instead.
fn amazon_headers(parts: &Parts, query: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        if name.as_str().starts_with("x-amz-") {
            let text = String::from_utf8_lossy(value.as_bytes().trim_ascii()).into_owned();
            found.entry(name.as_str().to_owned()).or_default().push(text);
        }
    }
    for (name, value) in pairs(query).filter(|(name, _)| name.starts_with("x-amz-")) {
        found.entry(name.to_owned()).or_default().push(value.into_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn get(uri: &str) -> Parts {
        Request::get(uri).body(()).unwrap().into_parts().0
    }

    fn is_good(parts: &Parts, whole_path: &str) -> bool {
        PresentedV2::find(parts).unwrap().unwrap().is_good(parts, whole_path, SECRET)
    }

    /// The example of the user guide's page.
    #[test]
    fn the_published_example_verifies() {
        let uri = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D\
                   &Expires=1175139620";
        let parts = get(uri);
        assert!(is_good(&parts, "/johnsmith/photos/puppy.jpg"));
        assert!(!is_good(&parts, "/photos/puppy.jpg"));
        let later = get(&uri.replace("1175139620", "1175139621"));
        assert!(!is_good(&later, "/johnsmith/photos/puppy.jpg"));
        let other = get(&format!("{uri}&versionId=1"));
        assert!(!is_good(&other, "/johnsmith/photos/puppy.jpg"));
        let unsigned = get(&format!("{uri}&x-amz-acl=private"));
        assert!(!is_good(&unsigned, "/johnsmith/photos/puppy.jpg"));
    }

    #[test]
    fn half_a_signature_is_none() {
        assert!(PresentedV2::find(&get("/b/k?Expires=1")).unwrap().is_none());
        assert!(matches!(PresentedV2::find(&get("/b/k?Signature=x")), Err(Refusal::Version2Incomplete)));
        let dated = "/b/k?AWSAccessKeyId=a&Signature=x&Expires=soon";
        assert!(matches!(PresentedV2::find(&get(dated)), Err(Refusal::ExpiresNoInstant(_))));
    }
}
