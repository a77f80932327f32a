//! What a request presents as its signature, in the `Authorization` header or the query string, taken apart.

use std::borrow::Cow;

use http::header::{AsHeaderName, DATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;

use super::instant::Instant;
use super::refusal::Refusal;
use crate::headers::{AMZ_DATE, AMZ_SECURITY_TOKEN};

/// The one algorithm we verify.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Last part of a scope.
pub(super) const TERMINATOR: &str = "aws4_request";
/// Longest time a presigned URL may last, in seconds: a week.
pub const EXPIRES_SECONDS_MAX: i64 = 604_800;

/// `date/region/service/aws4_request`, as signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    pub date: Cow<'a, str>,
    pub region: Cow<'a, str>,
    pub service: Cow<'a, str>,
    pub terminator: Cow<'a, str>,
}

/// Where the signature stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Header,
    /// A presigned URL, good for so many seconds.
    Query {
        expires_seconds: i64,
    },
}

/// A signature, not yet verified.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    pub access_key: Cow<'a, str>,
    pub scope: Scope<'a>,
    /// Lower-case header names joined by `;`.
    pub signed_headers: Cow<'a, str>,
    /// Hexadecimal.
    pub signature: Cow<'a, str>,
    pub at: Instant,
    pub session_token: Option<Cow<'a, str>>,
    pub place: Place,
}

impl<'a> Presented<'a> {
    /// The signature of a request; `None` when it bears none.
    ///
    /// # Errors
    /// When it bears one that cannot be read, or two.
    pub fn find(parts: &'a Parts) -> Result<Option<Self>, Refusal> {
        let header = parts.headers.get(http::header::AUTHORIZATION);
        let query = parts.uri.query().filter(|query| query.contains("X-Amz-Algorithm="));
        match (header, query) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Refusal::TwoMechanisms),
            (Some(header), None) => {
                // What is not visible ASCII cannot be of ours.
                Self::in_header(text(header).unwrap_or_default(), &parts.headers).map(Some)
            }
            (None, Some(query)) => Self::in_query(query).map(Some),
        }
    }

    fn in_header(text: &'a str, headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let (algorithm, rest) = text.trim_ascii().split_once(' ').unwrap_or((text, ""));
        let date = header_text(headers, &AMZ_DATE).or_else(|| header_text(headers, DATE));
        if algorithm != ALGORITHM {
            return Err(match algorithm.starts_with("AWS4-") {
                true => Refusal::Algorithm(algorithm.to_owned()),
                false => Refusal::NotSigV4 { header: text.to_owned(), dated: date.is_some() },
            });
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        // A space inside a pair splits it, as AWS's parser does: "Credential= x" has no value and "x" no key.
        let pieces = rest.as_bytes().split(|byte| matches!(byte, b',' | b' ' | b'\t'));
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            let piece = std::str::from_utf8(piece).unwrap_or_default();
            let Some((key, value)) = piece.split_once('=') else {
                return Err(Refusal::NoEqualSign { piece: piece.to_owned(), header: text.to_owned() });
            };
            match key {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                // AWS ignores what it does not know here.
                _ => {}
            }
        }
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (credential, signature, signed_headers, date)
        else {
            let missing = [credential, signature, signed_headers, date].map(|part| part.is_none());
            return Err(Refusal::HeaderIncomplete { missing, header: text.to_owned() });
        };
        let (access_key, scope) = credential_parts(Cow::Borrowed(credential))?;
        Ok(Self {
            access_key,
            scope,
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            at: Instant::parse(date).ok_or_else(|| Refusal::Date(date.to_owned()))?,
            session_token: header_text(headers, &AMZ_SECURITY_TOKEN).map(Cow::Borrowed),
            place: Place::Header,
        })
    }

    fn in_query(query: &'a str) -> Result<Self, Refusal> {
        let (mut algorithm, mut credential, mut signature) = (None, None, None);
        let (mut signed_headers, mut date, mut expires, mut session_token) = (None, None, None, None);
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match key {
                "X-Amz-Algorithm" => &mut algorithm,
                "X-Amz-Credential" => &mut credential,
                "X-Amz-Signature" => &mut signature,
                "X-Amz-SignedHeaders" => &mut signed_headers,
                "X-Amz-Date" => &mut date,
                "X-Amz-Expires" => &mut expires,
                "X-Amz-Security-Token" => &mut session_token,
                _ => continue,
            };
            *place = Some(percent_decode_str(value).decode_utf8_lossy());
        }
        if let Some(other) = algorithm.filter(|name| name != ALGORITHM) {
            return Err(Refusal::QueryAlgorithm(other.into_owned()));
        }
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (credential.clone(), signature.clone(), signed_headers.clone(), date.clone())
        else {
            let missing = [credential, signature, signed_headers, date].map(|part| part.is_none());
            return Err(Refusal::QueryIncomplete { missing });
        };
        let expires_seconds = match expires {
            None => return Err(Refusal::QueryIncomplete { missing: [false; 4] }),
            Some(text) => text.parse().map_err(|_| Refusal::ExpiresNotANumber)?,
        };
        if expires_seconds < 0 {
            return Err(Refusal::ExpiresNegative);
        } else if expires_seconds > EXPIRES_SECONDS_MAX {
            return Err(Refusal::ExpiresTooLong);
        }
        let (access_key, scope) = credential_parts(credential)?;
        let at = Instant::parse(&date).ok_or_else(|| Refusal::Date(date.into_owned()))?;
        let place = Place::Query { expires_seconds };
        Ok(Self { access_key, scope, signed_headers, signature, at, session_token, place })
    }

    /// `true` for a presigned URL.
    pub fn is_presigned(&self) -> bool {
        matches!(self.place, Place::Query { .. })
    }

    /// `date/region/service/aws4_request`, as it stands in the string to sign.
    pub fn scope_text(&self) -> String {
        let Scope { date, region, service, terminator } = &self.scope;
        [date, "/", region, "/", service, "/", terminator].concat()
    }
}

/// Access key and scope. The access key may itself hold slashes, so the parts are counted from the end.
pub(super) fn credential_parts(credential: Cow<'_, str>) -> Result<(Cow<'_, str>, Scope<'_>), Refusal> {
    match credential {
        Cow::Borrowed(text) => {
            let [access_key, date, region, service, terminator] = five(text)?;
            let scope = Scope {
                date: date.into(),
                region: region.into(),
                service: service.into(),
                terminator: terminator.into(),
            };
            Ok((access_key.into(), scope))
        }
        Cow::Owned(text) => {
            let [access_key, date, region, service, terminator] = five(&text)?.map(str::to_owned);
            let scope = Scope {
                date: date.into(),
                region: region.into(),
                service: service.into(),
                terminator: terminator.into(),
            };
            Ok((access_key.into(), scope))
        }
    }
}

fn five(text: &str) -> Result<[&str; 5], Refusal> {
    let mut parts = text.rsplitn(5, '/');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    match (next(), next(), next(), next(), next()) {
        (Some(terminator), Some(service), Some(region), Some(date), Some(key)) => {
            Ok([key, date, region, service, terminator])
        }
        _ => Err(Refusal::Credential(text.to_owned())),
    }
}

/// A header's text; `None` when it is absent or not visible ASCII.
pub fn header_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    text(headers.get(name)?)
}

/// As `HeaderValue::to_str` has it, many bytes at a time: a value holds nothing but visible ASCII, blanks, and what is no
/// ASCII.
fn text(value: &HeaderValue) -> Option<&str> {
    let bytes = Some(value.as_bytes()).filter(|bytes| bytes.is_ascii())?;
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const GOOD: &str = "AWS4-HMAC-SHA256 Credential=A/B/20150830/us-east-1/sqs/aws4_request, \
                        SignedHeaders=host;x-amz-date,Signature=abc";

    #[test]
    fn a_header_is_taken_apart() {
        let parts = parts("/", &[("authorization", GOOD), ("x-amz-date", "20150830T123600Z")]);
        let found = Presented::find(&parts).unwrap().unwrap();
        assert_eq!((&*found.access_key, &*found.scope.service), ("A/B", "sqs"));
        assert_eq!(found.scope_text(), "20150830/us-east-1/sqs/aws4_request");
        assert_eq!(found.place, Place::Header);
    }

    #[test]
    fn the_faults_are_told_apart() {
        let fault = |text: &str| {
            let parts = parts("/", &[("authorization", text), ("x-amz-date", "20150830T123600Z")]);
            Presented::find(&parts).unwrap_err()
        };
        assert!(matches!(fault("Bearer x"), Refusal::NotSigV4 { dated: true, .. }));
        assert!(matches!(fault("AWS4-ECDSA-P256-SHA256 Credential=x"), Refusal::Algorithm(_)));
        assert!(matches!(fault("AWS4-HMAC-SHA256 Credential"), Refusal::NoEqualSign { .. }));
        assert!(matches!(fault("AWS4-HMAC-SHA256 Credential= a/b/c/d/e"), Refusal::NoEqualSign { .. }));
        let incomplete = fault("AWS4-HMAC-SHA256 Credential=a/b/c/d/e");
        assert!(matches!(incomplete, Refusal::HeaderIncomplete { missing: [false, true, true, false], .. }));
        let short = GOOD.replace("A/B/20150830/", "");
        assert!(matches!(fault(&short), Refusal::Credential(_)));
        let both = parts("/?X-Amz-Algorithm=AWS4-HMAC-SHA256", &[("authorization", GOOD)]);
        assert!(matches!(Presented::find(&both), Err(Refusal::TwoMechanisms)));
    }

    #[test]
    fn a_query_is_taken_apart() {
        let uri = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20150830%2Fus-east-1%2Fs3%2Faws4_request\
                   &X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=ab";
        assert!(matches!(Presented::find(&parts(uri, &[])), Err(Refusal::QueryIncomplete { .. })));
        let with = |expires: &str| {
            let parts = parts(&format!("{uri}&X-Amz-Expires={expires}"), &[]);
            Presented::find(&parts).map(|found| found.unwrap().place)
        };
        assert_eq!(with("60").unwrap(), Place::Query { expires_seconds: 60 });
        assert!(matches!(with("604801"), Err(Refusal::ExpiresTooLong)));
        assert!(matches!(with("-1"), Err(Refusal::ExpiresNegative)));
        assert!(matches!(with("soon"), Err(Refusal::ExpiresNotANumber)));
    }

    proptest! {
        #[test]
        fn no_header_and_no_query_panics(text in "\\PC{0,200}", query in "[ -~]{0,200}", date in "\\PC{0,20}") {
            let mut headers = HeaderMap::new();
            for (name, value) in [("authorization", &text), ("x-amz-date", &date)] {
                if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) {
                    headers.insert(name, value);
                }
            }
            let tail = text.trim_start_matches("AWS4-HMAC-SHA256 ");
            let _ = Presented::in_header(&text, &headers);
            let _ = Presented::in_header(&format!("AWS4-HMAC-SHA256 {tail}"), &headers);
            let _ = Presented::in_query(&query);
        }

        #[test]
        fn structured_headers_never_panic(
            key in "[A-Za-z]{0,12}", parts in proptest::collection::vec("[ -~]{0,12}", 0..8), sep in "[,= /;]{1}",
        ) {
            let text = format!("AWS4-HMAC-SHA256 {key}={}", parts.join(&sep));
            let _ = Presented::in_header(&text, &HeaderMap::new());
        }
    }
}
