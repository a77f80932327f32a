//! AWS Signature Version 4, verified: headers, presigned URLs, and bodies signed whole or chunk by chunk.
//!
//! Source: "AWS Signature Version 4 for API requests", IAM user guide; "Authenticating requests", API reference of the
//! object store, for its differences.

mod calculated;
mod canonical;
mod chunked;
mod form;
mod instant;
mod keys;
mod payload;
mod presented;
mod refusal;
mod sign;
#[cfg(test)]
mod vectors;
mod version2;

use std::sync::Arc;

use aws_lc_rs::hmac;
use http::request::Parts;
use kernel::clock::Clock;
use kernel::credentials::{Credential, Credentials, NoCredential};

use calculated::Calculated;
use canonical::PathForm;
pub(crate) use canonical::hex;
pub use chunked::{ChunkedBody, Seed};
pub use form::{FormFields, FormSigner};
pub use instant::Instant;
pub use payload::{DigestBody, Payload, UNSIGNED};
pub use presented::{EXPIRES_SECONDS_MAX, Place, Presented, Scope, header_text};
pub use refusal::{Family, Refusal, SKEW_SECONDS_MAX};
pub use sign::Signer;
pub use version2::PresentedV2;

/// The two ways to make a request canonical.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// The path is normalised and encoded twice; the body is always signed.
    #[default]
    Common,
    /// The path is taken as it is; the body is signed as a header says.
    ObjectStore,
}

impl Signing {
    /// As this service's clients sign.
    pub fn of(service: &shape::ServiceDef) -> Self {
        if service.routing.object_store { Signing::ObjectStore } else { Signing::Common }
    }
}

/// What the service a request was routed to accepts.
#[derive(Clone, Copy, Debug)]
pub struct Accepts {
    pub signing: Signing,
    /// Its service name in a signature's scope, and others it goes by.
    pub scope: &'static str,
    pub aliases: &'static [&'static str],
}

/// A request whose signature was found good.
#[derive(Clone, Debug)]
pub struct Verified {
    pub credential: Credential,
    /// What a chunked body's signatures go on from.
    pub seed: Seed,
}

/// Verifies signatures against the credentials of the house.
pub struct Verifier {
    credentials: Arc<dyn Credentials>,
    clock: Arc<dyn Clock>,
    keys: keys::KeyCache,
}

impl Verifier {
    pub fn new(credentials: Arc<dyn Credentials>, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, clock, keys: keys::KeyCache::new() }
    }

    /// The clock signatures are verified by, in milliseconds since 1970.
    pub fn now(&self) -> kernel::Millis {
        self.clock.now()
    }

    /// Verifies a signature. `payload` is the last line of the canonical request: the body's digest in lower-case
    /// hexadecimal, or the value of `x-amz-content-sha256`.
    ///
    /// # Errors
    /// The first thing found wrong, of: scope, time, access key, token, signature.
    pub async fn verify(
        &self,
        parts: &Parts,
        presented: &Presented<'_>,
        accepts: Accepts,
        payload: &str,
    ) -> Result<Verified, Refusal> {
        let now = self.clock.now();
        check_scope(presented, accepts)?;
        check_time(presented, now.div_euclid(1_000))?;
        check_signed_headers(parts, presented, accepts.signing)?;
        let credential =
            self.credential(&presented.access_key, presented.session_token.as_deref(), now).await?;
        let scope = presented.scope_text();
        let key = self.keys.get(presented, &credential.secret);
        let given = canonical::unhex(presented.signature.as_bytes());
        let mut calculated = None;
        let forms = match accepts.signing {
            Signing::Common => &[PathForm::Normal][..],
            Signing::ObjectStore => &[PathForm::AsSent, PathForm::Reencoded][..],
        };
        for form in forms {
            let canonical = canonical::request(parts, presented, *form, payload)?;
            let to_sign = canonical::string_to_sign(&presented.at.text, &scope, &canonical);
            // Compared in constant time.
            if let Some(given) = given
                && hmac::verify(&key, &to_sign, &given).is_ok()
            {
                let seed = Seed { key, at: presented.at.text.clone(), scope, signature: given };
                return Ok(Verified { credential, seed });
            }
            tracing::debug!(
                canonical = %String::from_utf8_lossy(&canonical),
                to_sign = %String::from_utf8_lossy(&to_sign),
                "signature does not match"
            );
            calculated = Some(Box::new(Calculated {
                access_key: presented.access_key.to_string(),
                provided: presented.signature.to_string(),
                to_sign,
                canonical: Some(canonical),
            }));
        }
        Err(Refusal::Mismatch(calculated))
    }

    /// Verifies a signature of the second version. `whole_path` begins with the bucket, wherever that stood.
    ///
    /// # Errors
    /// The first thing found wrong, of: time, access key, token, signature.
    pub async fn verify_v2(
        &self,
        parts: &Parts,
        presented: &PresentedV2<'_>,
        whole_path: &str,
    ) -> Result<Credential, Refusal> {
        let now = self.clock.now();
        let (at, seconds) = (presented.expires_at, now.div_euclid(1_000));
        if at < seconds {
            return Err(Refusal::ExpiredVersion2 { at, now: seconds });
        }
        let credential =
            self.credential(&presented.access_key, presented.session_token.as_deref(), now).await?;
        match presented.is_good(parts, whole_path, &credential.secret) {
            true => Ok(credential),
            false => Err(Refusal::Mismatch(Some(Box::new(presented.calculated(parts, whole_path))))),
        }
    }

    /// `now` in milliseconds since 1970.
    async fn credential(
        &self,
        access_key: &str,
        token: Option<&str>,
        now: kernel::Millis,
    ) -> Result<Credential, Refusal> {
        let credential = match self.credentials.find(access_key, token).await {
            Ok(credential) => credential,
            Err(NoCredential::Unknown) => return Err(Refusal::UnknownKey(access_key.to_owned())),
            Err(NoCredential::InvalidToken) => return Err(Refusal::InvalidToken),
            Err(NoCredential::Expired) => return Err(Refusal::ExpiredToken),
            Err(NoCredential::Failed(error)) => return Err(Refusal::Failed(error)),
        };
        if credential.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::ExpiredToken);
        }
        Ok(credential)
    }
}

fn check_scope(presented: &Presented<'_>, accepts: Accepts) -> Result<(), Refusal> {
    let Scope { date, region, service, terminator } = &presented.scope;
    if terminator != presented::TERMINATOR {
        return Err(Refusal::ScopeTerminator(terminator.to_string()));
    }
    if service != accepts.scope && !accepts.aliases.contains(&&**service) {
        return Err(Refusal::ScopeService { expected: accepts.scope, given: service.to_string() });
    }
    if region.parse::<kernel::Region>().is_err() {
        return Err(Refusal::ScopeRegion(region.to_string()));
    }
    if date != presented.at.day() {
        return Err(Refusal::ScopeDate { scope: date.to_string(), at: presented.at.text.clone() });
    }
    Ok(())
}

/// `now` in seconds since 1970.
fn check_time(presented: &Presented<'_>, now: i64) -> Result<(), Refusal> {
    let at = presented.at.seconds;
    let (lasts, presigned) = match presented.place {
        Place::Header => (SKEW_SECONDS_MAX, false),
        Place::Query { expires_seconds } => (expires_seconds, true),
    };
    if at - now > SKEW_SECONDS_MAX {
        Err(Refusal::NotYet { at, now, lasts, presigned })
    } else if now - at > lasts {
        Err(Refusal::Expired { at, now, lasts, presigned })
    } else {
        Ok(())
    }
}

/// The host must be signed; object stores want every header of theirs signed too.
fn check_signed_headers(parts: &Parts, presented: &Presented<'_>, signing: Signing) -> Result<(), Refusal> {
    let is_signed = |name: &str| presented.signed_headers.split(';').any(|signed| signed == name);
    if !is_signed("host") && !is_signed(":authority") {
        return Err(Refusal::HostNotSigned);
    }
    if signing == Signing::ObjectStore {
        let mut names = parts.headers.keys().map(http::HeaderName::as_str);
        let unsigned = names.find(|name| name.starts_with("x-amz-") && !is_signed(name));
        if let Some(name) = unsigned {
            return Err(Refusal::HeadersNotSigned(name.to_owned()));
        }
    }
    Ok(())
}
