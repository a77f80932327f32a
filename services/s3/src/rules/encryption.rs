//! Encryption as a request asks for it (S3 user guide, "Protecting data with encryption").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::Result;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::seal::Secret;
use crate::errors;

/// Who holds the secret behind an object's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// S3: every object that says nothing else.
    #[default]
    S3,
    /// The customer, who brings the key with every request. Kept is a checksum of it, to tell a wrong one.
    Customer { key_md5: String },
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
    if STANDARD.encode(Md5::digest(&bytes)) != md5 {
        let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
        return Err(errors::invalid_argument(message));
    }
    Ok(Some(CustomerKey { secret, md5: md5.to_owned() }))
}

/// What a request that stores an object asks for.
///
/// # Errors
/// *InvalidArgument* for two kinds at once or one unknown, *NotImplemented* for keys of KMS.
pub fn wanted(kind: Option<&str>, customer: Option<&CustomerKey>) -> Result<Encryption> {
    match (kind, customer) {
        (Some(_), Some(_)) => Err(errors::invalid_argument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        )),
        (None, Some(key)) => Ok(Encryption::Customer { key_md5: key.md5.clone() }),
        (None | Some("AES256"), None) => Ok(Encryption::S3),
        (Some(kind @ ("aws:kms" | "aws:kms:dsse")), None) => {
            Err(errors::not_supported("x-amz-server-side-encryption", kind))
        }
        (Some(_), None) => Err(errors::invalid_argument("The encryption method specified is not supported")),
    }
}

/// The default encryption of a bucket; gives whether a bucket's key is asked for, which says nothing without KMS.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument* for a key where none belongs, *NotImplemented* for keys of KMS.
pub fn check_default(given: &api_s3::ServerSideEncryptionConfiguration) -> Result<bool> {
    let [rule] = given.rules.as_slice() else { return Err(errors::malformed_xml()) };
    let default = rule.apply_server_side_encryption_by_default.as_ref().ok_or_else(errors::malformed_xml)?;
    match default.sse_algorithm.as_str() {
        "AES256" if default.kms_master_key_id.is_some() => {
            let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
            Err(errors::invalid_argument(message))
        }
        "AES256" => Ok(rule.bucket_key_enabled.unwrap_or_default()),
        kind @ ("aws:kms" | "aws:kms:dsse") => Err(errors::not_supported("SSEAlgorithm", kind)),
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
            (Self::S3, None) => Ok(()),
            (Self::S3, Some(_)) => {
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

    /// `x-amz-server-side-encryption` of an answer.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::S3 => Some("AES256".to_owned()),
            Self::Customer { .. } => None,
        }
    }

    /// `x-amz-server-side-encryption-customer-algorithm` and `…-key-MD5` of an answer.
    pub fn shown_customer(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::S3 => (None, None),
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
        let md5 = STANDARD.encode(Md5::digest([7; 32]));
        let good = customer_key(Some("AES256"), Some(&key), Some(&md5)).unwrap().unwrap();
        assert_eq!(good.secret, [7; 32]);
        assert!(customer_key(None, None, None).unwrap().is_none());
        assert!(customer_key(None, Some(&key), Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), None, Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), Some(&key), None).is_err());
        assert!(customer_key(Some("AES128"), Some(&key), Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), Some("AAAA"), Some(&md5)).is_err());
        assert!(customer_key(Some("AES256"), Some(&key), Some("AAAA")).is_err());

        let theirs = wanted(None, Some(&good)).unwrap();
        assert!(theirs.check(Some(&good)).is_ok());
        assert!(theirs.check(None).is_err());
        assert!(Encryption::S3.check(Some(&good)).is_err());
        let other = CustomerKey { md5: "x".to_owned(), ..good };
        assert_eq!(theirs.check(Some(&other)).unwrap_err().code(), "AccessDenied");
        assert!(wanted(Some("AES256"), Some(&other)).is_err());
    }
}
