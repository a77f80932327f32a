//! Signing, for the requests we make ourselves: the other side of what this module verifies.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::canonical::{self, PathForm, hex};
use super::instant::Instant;
use super::keys::derive;
use super::presented::{ALGORITHM, Place, Presented, Scope, TERMINATOR};
use super::refusal::Refusal;

/// Who signs, for which service where.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    pub access_key: &'a str,
    pub secret: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

/// What every signature of ours covers.
const SIGNED_HEADERS: &str = "host;x-amz-date";

impl Signer<'_> {
    /// Adds `x-amz-date` and `authorization` to a request that has a `host` header. `at_seconds` is since 1970.
    ///
    /// # Errors
    /// When the request cannot be signed: no host, or a header that is no text.
    pub fn sign(&self, parts: &mut Parts, body: &[u8], at_seconds: i64) -> Result<(), Refusal> {
        let at = Instant::at(at_seconds);
        let date = HeaderValue::from_str(&at.text).map_err(|_| Refusal::Mismatch(None))?;
        parts.headers.insert("x-amz-date", date);
        let text = Cow::Borrowed;
        let scope = Scope {
            date: at.day().to_owned().into(),
            region: text(self.region),
            service: text(self.service),
            terminator: text(TERMINATOR),
        };
        let presented = Presented {
            access_key: text(self.access_key),
            scope,
            signed_headers: text(SIGNED_HEADERS),
            signature: text(""),
            at: at.clone(),
            session_token: None,
            place: Place::Header,
        };
        let payload = hex(digest(&SHA256, body).as_ref());
        let canonical = canonical::request(parts, &presented, PathForm::Normal, &payload)?;
        let to_sign = canonical::string_to_sign(&at.text, &presented.scope_text(), &canonical);
        let signature = hex(hmac::sign(&derive(self.secret, &presented.scope), &to_sign).as_ref());
        let value = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
            self.access_key,
            presented.scope_text()
        );
        let value = HeaderValue::from_str(&value).map_err(|_| Refusal::Mismatch(None))?;
        parts.headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}
