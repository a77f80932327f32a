//! Unwrapping material that a customer brings.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};

use super::material::decrypt_oaep;
use super::spec::Spec;
use crate::errors;

/// Parameters for import hold for a day.
pub const VALID_MS: Millis = 24 * 3_600_000;
/// Material may be set to expire within a year.
const EXPIRY_MAX_MS: Millis = 366 * 86_400_000;

/// What an import token says; the client holds it sealed.
#[derive(Serialize, Deserialize)]
pub struct Token {
    pub expires_at: Millis,
    pub algorithm: String,
    pub spec: Spec,
    /// The private wrapping key, PKCS #8 in base64.
    pub pkcs8: String,
}

/// Refuses wrapping algorithms we lack.
pub fn check_algorithm(algorithm: &str) -> Result<()> {
    match algorithm {
        "RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256" | "RSA_AES_KEY_WRAP_SHA_1" | "RSA_AES_KEY_WRAP_SHA_256" => {
            Ok(())
        }
        other => Err(errors::unsupported(format!("The wrapping algorithm {other} is not supported."))),
    }
}

/// The material that was wrapped.
pub fn unwrap(token: &Token, pkcs8: &[u8], wrapped: &[u8]) -> Result<Vec<u8>> {
    let broken = |_| errors::invalid_ciphertext();
    if token.algorithm.starts_with("RSAES") {
        return decrypt_oaep(pkcs8, &token.algorithm, wrapped).map_err(broken);
    }
    // First the AES key under RSA, then the material under the AES key (RFC 5649).
    let parts = wrapped.split_at_checked(token.spec.modulus_bytes());
    let (key, material) = parts.ok_or_else(errors::invalid_ciphertext)?;
    let key = decrypt_oaep(pkcs8, &token.algorithm, key).map_err(broken)?;
    let mut out = vec![0; material.len()];
    let kek = AesKek::new(&AES_256, &key).map_err(broken)?;
    let length = kek.unwrap_with_padding(material, &mut out).map_err(broken)?.len();
    out.truncate(length);
    Ok(out)
}

/// When imported material expires; `None` when it does not.
pub fn expiry(model: Option<&str>, valid_to: Option<Millis>, now: Millis) -> Result<Option<Millis>> {
    match (model.unwrap_or("KEY_MATERIAL_EXPIRES"), valid_to) {
        ("KEY_MATERIAL_EXPIRES", None) => {
            Err(errors::invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"))
        }
        ("KEY_MATERIAL_EXPIRES", Some(at)) if at <= now || at > now + EXPIRY_MAX_MS => {
            Err(errors::invalid("The validTo date must be in the future and at most 365 days away"))
        }
        ("KEY_MATERIAL_EXPIRES", at) => Ok(at),
        (_, None) => Ok(None),
        (_, Some(_)) => Err(errors::invalid(
            "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_follows_its_model() {
        assert!(expiry(None, None, 0).is_err());
        assert_eq!(expiry(None, Some(5), 0).unwrap(), Some(5));
        assert!(expiry(None, Some(5), 5).is_err());
        assert_eq!(expiry(Some("KEY_MATERIAL_DOES_NOT_EXPIRE"), None, 0).unwrap(), None);
        assert!(expiry(Some("KEY_MATERIAL_DOES_NOT_EXPIRE"), Some(5), 0).is_err());
        assert!(check_algorithm("RSAES_PKCS1_V1_5").is_err());
    }
}
