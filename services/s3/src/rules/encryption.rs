//! Encryption as a request asks for it (S3 user guide, "Protecting data with encryption").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::Result;
use serde::{Deserialize, Serialize};

use super::seal::Secret;
use crate::errors;

/// What KMS binds a data key to: the object, or the bucket whose objects share it.
const CONTEXT: &str = "aws:s3:arn";
/// Characters of a context that a caller may add, as JSON.
const CONTEXT_CHARS_MAX: usize = 8 * 1_024;

pub type Context = BTreeMap<String, String>;

/// Who holds the secret behind an object's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// S3: every object that says nothing else.
    #[default]
    S3,
    /// The customer, who brings the key with every request. Kept is a checksum of it, to tell a wrong one.
    Customer { key_md5: String },
    /// KMS: the secret is a data key, kept as KMS wrapped it.
    Kms(Box<OfKms>),
}

/// A data key of KMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfKms {
    /// The ARN of the key it is wrapped under.
    pub key: String,
    /// In base64.
    pub wrapped: String,
    pub context: Context,
    /// It is shared by objects of the bucket.
    pub bucket_key: bool,
    /// The caller's own part of the context, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
}

/// What a request asks for, or its bucket where it asks for nothing.
#[derive(Clone)]
pub enum Wanted {
    S3,
    Customer(CustomerKey),
    Kms(WantedKms),
}

/// A data key of KMS that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedKms {
    /// As it was given; `None` for the key that KMS has for S3.
    pub key_id: Option<String>,
    #[serde(skip)]
    pub context: Context,
    #[serde(skip)]
    pub given: Option<String>,
    pub bucket_key: bool,
}

impl WantedKms {
    /// The whole context of an object's data key.
    pub fn context(&self, bucket_arn: &str, key: &str) -> Context {
        let arn = if self.bucket_key { bucket_arn.to_owned() } else { format!("{bucket_arn}/{key}") };
        let mut context = self.context.clone();
        context.insert(CONTEXT.to_owned(), arn);
        context
    }
}

/// What the headers of a request say of encryption.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    pub kind: Option<&'a str>,
    pub key_id: Option<&'a str>,
    pub context: Option<&'a str>,
    pub bucket_key: Option<bool>,
}

/// The headers of an input.
#[macro_export]
macro_rules! asked_encryption {
    ($input:expr) => {
        $crate::rules::encryption::Asked {
            kind: $input.server_side_encryption.as_deref(),
            key_id: $input.ssekms_key_id.as_deref(),
            context: $input.ssekms_encryption_context.as_deref(),
            bucket_key: $input.bucket_key_enabled,
        }
    };
}

/// Says in an answer what an object is encrypted with. All but the last member are in every answer.
#[macro_export]
macro_rules! show_encryption {
    ($output:expr, $encryption:expr) => {{
        let encryption: &$crate::rules::encryption::Encryption = $encryption;
        $output.server_side_encryption = encryption.shown();
        let (algorithm, md5) = encryption.shown_customer();
        $output.sse_customer_algorithm = algorithm;
        $output.sse_customer_key_md5 = md5;
        if let $crate::rules::encryption::Encryption::Kms(of) = encryption {
            $output.ssekms_key_id = Some(of.key.clone());
            $output.bucket_key_enabled = of.bucket_key.then_some(true);
        }
    }};
}

/// A key that a customer brought.
#[derive(Clone)]
pub struct CustomerKey {
    pub secret: Secret,
    /// Of the key, in base64.
    pub md5: String,
}

/// The customer's key of an input.
#[macro_export]
macro_rules! customer_key {
    ($input:expr) => {
        $crate::rules::encryption::customer_key(
            $input.sse_customer_algorithm.as_deref(),
            $input.sse_customer_key.as_deref(),
            $input.sse_customer_key_md5.as_deref(),
        )
    };
}

/// Reads the three headers of a customer's key; they come together.
///
/// # Errors
/// *InvalidArgument*, *InvalidEncryptionAlgorithmError*.
pub fn customer_key(
    algorithm: Option<&str>,
    key: Option<&str>,
    md5: Option<&str>,
) -> Result<Option<CustomerKey>> {
    let (algorithm, key, md5) = match (algorithm, key, md5) {
        (None, None, None) => return Ok(None),
        (Some(algorithm), Some(key), Some(md5)) => (algorithm, key, md5),
        (None, ..) => {
            let message = "Requests specifying Server Side Encryption with Customer provided keys must provide a \
                           valid encryption algorithm.";
            return Err(errors::invalid_argument(message));
        }
        (_, None, _) => {
            let message = "Requests specifying Server Side Encryption with Customer provided keys must provide an \
                           appropriate secret key.";
            return Err(errors::invalid_argument(message));
        }
        (_, _, None) => {
            let message = "Requests specifying Server Side Encryption with Customer provided keys must provide the \
                           client calculated MD5 of the secret key.";
            return Err(errors::invalid_argument(message));
        }
    };
    if algorithm != "AES256" {
        return Err(errors::invalid_encryption_algorithm());
    }
    let bytes = STANDARD.decode(key).unwrap_or_default();
    let Ok(secret) = Secret::try_from(bytes.as_slice()) else {
        return Err(errors::invalid_argument("The secret key was invalid for the specified algorithm."));
    };
    if STANDARD.encode(fast_md5::digest(&bytes)) != md5 {
        let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
        return Err(errors::invalid_argument(message));
    }
    Ok(Some(CustomerKey { secret, md5: md5.to_owned() }))
}

/// What a request that stores an object asks for; where it asks for nothing, `default` holds, its bucket's.
///
/// # Errors
/// *InvalidArgument* for two kinds at once, an unknown one, or what goes with another; *NotImplemented* for two layers.
pub fn wanted(
    asked: Asked<'_>,
    customer: Option<CustomerKey>,
    default: Option<&WantedKms>,
) -> Result<Wanted> {
    let kms_only = asked.key_id.is_some() || asked.context.is_some();
    if kms_only && asked.kind != Some("aws:kms") {
        let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                       x-amz-server-side-encryption : aws:kms";
        return Err(errors::invalid_argument(message));
    }
    match (asked.kind, customer) {
        (Some(_), Some(_)) => Err(errors::invalid_argument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        )),
        (None, Some(key)) => Ok(Wanted::Customer(key)),
        (None, None) => Ok(default.map_or(Wanted::S3, |default| {
            let bucket_key = asked.bucket_key.unwrap_or(default.bucket_key);
            Wanted::Kms(WantedKms { bucket_key, ..default.clone() })
        })),
        (Some("AES256"), None) => Ok(Wanted::S3),
        (Some("aws:kms"), None) => {
            let shared = asked.bucket_key.or(default.map(|default| default.bucket_key));
            Ok(Wanted::Kms(WantedKms {
                key_id: asked.key_id.or(default.and_then(|d| d.key_id.as_deref())).map(str::to_owned),
                context: asked.context.map(read_context).transpose()?.unwrap_or_default(),
                given: asked.context.map(str::to_owned),
                bucket_key: shared.unwrap_or_default(),
            }))
        }
        (Some(kind @ "aws:kms:dsse"), None) => {
            Err(errors::not_supported("x-amz-server-side-encryption", kind))
        }
        (Some(_), None) => Err(errors::invalid_argument("The encryption method specified is not supported")),
    }
}

/// Reads `x-amz-server-side-encryption-context`: JSON in base64, of text alone.
fn read_context(header: &str) -> Result<Context> {
    let bad = || {
        errors::invalid_argument(
            "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string \
             holding JSON which represents a string-string map",
        )
    };
    if header.len() > CONTEXT_CHARS_MAX {
        return Err(bad());
    }
    let bytes = STANDARD.decode(header).map_err(|_| bad())?;
    let context: Context = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    if context.contains_key(CONTEXT) {
        let message = format!("The encryption context must not name {CONTEXT}: S3 adds it.");
        return Err(errors::invalid_argument(message));
    }
    Ok(context)
}

/// The default encryption of a bucket: `None` for the one of S3; and whether a bucket's key is asked for.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument* for a key where none belongs, *NotImplemented* for two layers.
pub fn check_default(given: &api_s3::ServerSideEncryptionConfiguration) -> Result<(Option<WantedKms>, bool)> {
    let [rule] = given.rules.as_slice() else { return Err(errors::malformed_xml()) };
    let default = rule.apply_server_side_encryption_by_default.as_ref().ok_or_else(errors::malformed_xml)?;
    let bucket_key = rule.bucket_key_enabled.unwrap_or_default();
    match default.sse_algorithm.as_str() {
        "AES256" if default.kms_master_key_id.is_some() => {
            let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
            Err(errors::invalid_argument(message))
        }
        "AES256" => Ok((None, bucket_key)),
        "aws:kms" => {
            let key_id = default.kms_master_key_id.clone();
            Ok((Some(WantedKms { key_id, bucket_key, ..WantedKms::default() }), bucket_key))
        }
        kind @ "aws:kms:dsse" => Err(errors::not_supported("SSEAlgorithm", kind)),
        _ => Err(errors::malformed_xml()),
    }
}

impl Encryption {
    /// Checks that a request for the bytes brings what they take, and nothing they don't.
    ///
    /// # Errors
    /// *InvalidRequest*, *AccessDenied* for another key.
    pub fn check(&self, customer: Option<&CustomerKey>) -> Result<()> {
        match (self, customer) {
            (Self::S3 | Self::Kms(_), None) => Ok(()),
            (Self::S3 | Self::Kms(_), Some(_)) => {
                Err(errors::invalid_request("The encryption parameters are not applicable to this object."))
            }
            (Self::Customer { .. }, None) => Err(errors::invalid_request(
                "The object was stored using a form of Server Side Encryption. The correct parameters must be \
                 provided to retrieve the object.",
            )),
            (Self::Customer { key_md5 }, Some(key)) if *key_md5 == key.md5 => Ok(()),
            (Self::Customer { .. }, Some(_)) => Err(errors::access_denied()),
        }
    }

    /// `x-amz-server-side-encryption-context` of the answer to who put it.
    pub fn shown_context(&self) -> Option<String> {
        match self {
            Self::Kms(of) => of.given.clone(),
            Self::S3 | Self::Customer { .. } => None,
        }
    }

    /// `x-amz-server-side-encryption` of an answer.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::S3 => Some("AES256".to_owned()),
            Self::Customer { .. } => None,
            Self::Kms(_) => Some("aws:kms".to_owned()),
        }
    }

    /// `x-amz-server-side-encryption-customer-algorithm` and `…-key-MD5` of an answer.
    pub fn shown_customer(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::S3 | Self::Kms(_) => (None, None),
            Self::Customer { key_md5 } => (Some("AES256".to_owned()), Some(key_md5.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_keys_come_whole() {
        let key = STANDARD.encode([7; 32]);
        let md5 = STANDARD.encode(fast_md5::digest(&[7; 32]));
        let good = customer_key(Some("AES256"), Some(&key), Some(&md5)).unwrap().unwrap();
        assert_eq!(good.secret, [7; 32]);
        assert!(customer_key(None, None, None).unwrap().is_none());
        assert!(customer_key(None, Some(&key), Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), None, Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), Some(&key), None).is_err());
        assert!(customer_key(Some("AES128"), Some(&key), Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), Some("AAAA"), Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), Some(&key), Some("AAAA")).is_err());

        let theirs = Encryption::Customer { key_md5: good.md5.clone() };
        assert!(theirs.check(Some(&good)).is_ok());
        assert!(theirs.check(None).is_err());
        assert!(Encryption::S3.check(Some(&good)).is_err());
        let other = CustomerKey { md5: "x".to_owned(), ..good };
        assert_eq!(theirs.check(Some(&other)).unwrap_err().code(), "AccessDenied");
        let asked = Asked { kind: Some("AES256"), ..Asked::default() };
        assert!(wanted(asked, Some(other), None).is_err());
    }

    #[test]
    fn keys_of_kms_are_asked_for_by_the_request_or_by_its_bucket() {
        let of = |asked: Asked<'_>, default: Option<&WantedKms>| match wanted(asked, None, default) {
            Ok(Wanted::Kms(kms)) => Ok(Some(kms)),
            Ok(_) => Ok(None),
            Err(error) => Err(error.code()),
        };
        let plain = Asked::default();
        let kms = Asked { kind: Some("aws:kms"), ..plain };
        let default = WantedKms { key_id: Some("k".to_owned()), bucket_key: true, ..WantedKms::default() };
        assert_eq!(of(plain, None), Ok(None));
        assert_eq!(of(plain, Some(&default)), Ok(Some(default.clone())));
        assert_eq!(of(Asked { kind: Some("AES256"), ..plain }, Some(&default)), Ok(None));
        assert_eq!(of(kms, None), Ok(Some(WantedKms::default())));
        assert_eq!(of(Asked { key_id: Some("k"), ..plain }, None), Err("InvalidArgument"));
        assert_eq!(of(Asked { kind: Some("aws:kms:dsse"), ..plain }, None), Err("NotImplemented"));
        let given = STANDARD.encode(r#"{"a": "b"}"#);
        let bound = of(Asked { context: Some(&given), ..kms }, None).unwrap().unwrap();
        let context = bound.context("arn:aws:s3:::bbb", "k");
        assert_eq!(context.get("a").map(String::as_str), Some("b"));
        assert_eq!(context.get(CONTEXT).map(String::as_str), Some("arn:aws:s3:::bbb/k"));
        assert_eq!(
            default.context("arn:aws:s3:::bbb", "k").get(CONTEXT).map(String::as_str),
            Some("arn:aws:s3:::bbb")
        );
        for bad in ["{", r#"{"a": 1}"#, r#"{"aws:s3:arn": "x"}"#] {
            let bad = STANDARD.encode(bad);
            assert_eq!(of(Asked { context: Some(&bad), ..kms }, None), Err("InvalidArgument"));
        }
    }
}
