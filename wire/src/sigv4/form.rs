//! The signature in a form of a browser: over its policy, by either version.
//!
//! Source: "Browser-based uploads using POST", S3 API reference; "Browser-based uploads", S3 user guide, for version 2.

use std::borrow::Cow;

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::credentials::Credential;
use kernel::error::{Error, Kind};

use super::calculated::Calculated;
use super::presented::{ALGORITHM, Place, Presented, credential_parts};
use super::{Accepts, Family, Instant, Refusal, Verifier, canonical, check_scope};

/// The fields of a form that sign it.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormFields<'a> {
    /// In base64, as it was signed.
    pub policy: Option<&'a str>,
    pub algorithm: Option<&'a str>,
    pub credential: Option<&'a str>,
    pub date: Option<&'a str>,
    /// Hexadecimal.
    pub signature: Option<&'a str>,
    pub security_token: Option<&'a str>,
    pub access_key_v2: Option<&'a str>,
    /// In base64.
    pub signature_v2: Option<&'a str>,
}

/// Who signed, in which region.
#[derive(Clone, Debug)]
pub struct FormSigner {
    pub access_key: String,
    pub credential: Credential,
    /// `None` for version 2, which names none.
    pub region: Option<kernel::Region>,
}

impl Verifier {
    /// Verifies a form. `None` of one that nobody signed.
    ///
    /// # Errors
    /// The refusal, in the words of object stores.
    pub async fn verify_form(
        &self,
        fields: FormFields<'_>,
        accepts: Accepts,
    ) -> Result<Option<FormSigner>, Error> {
        let first = fields.signature.or(fields.credential).or(fields.algorithm);
        let second = fields.signature_v2.or(fields.access_key_v2);
        let refuse = |refusal: Refusal| refusal.into_error(Family::ObjectStore);
        match (fields.policy, first, second) {
            (None, None, None) => Ok(None),
            (None, _, _) => Err(lacks("policy")),
            (Some(policy), Some(_), _) => self.verify_v4(policy, fields, accepts).await,
            (Some(policy), None, _) => {
                let access_key = fields.access_key_v2.ok_or_else(|| lacks("AWSAccessKeyId"))?;
                let given = fields.signature_v2.ok_or_else(|| lacks("Signature"))?;
                let now = self.clock.now();
                let credential =
                    self.credential(access_key, fields.security_token, now).await.map_err(refuse)?;
                let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, credential.secret.as_bytes());
                let is_good = STANDARD
                    .decode(given)
                    .is_ok_and(|given| hmac::verify(&key, policy.as_bytes(), &given).is_ok());
                if !is_good {
                    return Err(mismatch(policy, access_key, given));
                }
                Ok(Some(FormSigner { access_key: access_key.to_owned(), credential, region: None }))
            }
        }
    }

    async fn verify_v4(
        &self,
        policy: &str,
        fields: FormFields<'_>,
        accepts: Accepts,
    ) -> Result<Option<FormSigner>, Error> {
        let refuse = |refusal: Refusal| refusal.into_error(Family::ObjectStore);
        let needed = |field: Option<_>, name| field.ok_or_else(|| lacks(name));
        let algorithm = needed(fields.algorithm, "X-Amz-Algorithm")?;
        let credential = needed(fields.credential, "X-Amz-Credential")?;
        let date = needed(fields.date, "X-Amz-Date")?;
        let signature = needed(fields.signature, "X-Amz-Signature")?;
        if algorithm != ALGORITHM {
            return Err(refuse(Refusal::QueryAlgorithm(algorithm.to_owned())));
        }
        let (access_key, scope) = credential_parts(Cow::Borrowed(credential)).map_err(refuse)?;
        let presented = Presented {
            access_key,
            scope,
            signed_headers: Cow::Borrowed(""),
            signature: Cow::Borrowed(signature),
            at: Instant::parse(date).ok_or_else(|| refuse(Refusal::Date(date.to_owned())))?,
            session_token: fields.security_token.map(Cow::Borrowed),
            place: Place::Header,
        };
        check_scope(&presented, accepts).map_err(refuse)?;
        // How long it holds is the policy's to say.
        let now = self.clock.now();
        let credential =
            self.credential(&presented.access_key, fields.security_token, now).await.map_err(refuse)?;
        let key = self.keys.get(&presented, &credential.secret);
        let is_good = canonical::unhex(signature.as_bytes())
            .is_some_and(|given| hmac::verify(&key, policy.as_bytes(), &given).is_ok());
        if !is_good {
            return Err(mismatch(policy, &presented.access_key, signature));
        }
        let region = presented.scope.region.parse().ok();
        Ok(Some(FormSigner { access_key: presented.access_key.into_owned(), credential, region }))
    }
}

/// What a form signs is its policy.
fn mismatch(policy: &str, access_key: &str, provided: &str) -> Error {
    let calculated = Calculated {
        access_key: access_key.to_owned(),
        provided: provided.to_owned(),
        to_sign: policy.as_bytes().to_vec(),
        canonical: None,
    };
    Refusal::Mismatch(Some(Box::new(calculated))).into_error(Family::ObjectStore)
}

/// A field that a form needs.
fn lacks(name: &str) -> Error {
    let message = format!(
        "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    );
    Error::new(Kind::Invalid, "InvalidArgument", message).status_is(400)
}
