//! Secrets at rest: sealed under the root key of this cloud, bound to what they belong to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};

use crate::error::Error;

/// Why a secret could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the sealing key is missing, and there are secrets that were sealed with it")]
    Missing,
    #[error("a sealed secret does not fit the sealing key: the key was swapped, or the secret was altered")]
    Mismatched,
    #[error("the sealing key cannot be read or written")]
    Unusable,
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::internal(error)
    }
}

/// Seals and opens secrets. Which key it does so with is its own affair; the binary plugs one in.
pub trait Sealer: Send + Sync + 'static {
    /// Seals `plaintext`; it opens only with the same `aad`.
    fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError>;
    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError>;
}

/// A sealer that holds its key (AES-256-GCM). Sealed form: nonce (12 bytes), text, tag (16).
///
/// Nonces are random, which is sound for up to 2³² secrets: root keys and key material, never traffic.
pub struct KeySealer(RandomizedNonceKey);

impl KeySealer {
    pub const KEY_BYTES: usize = 32;
    const NONCE_BYTES: usize = 12;

    /// # Errors
    /// When `key` is not [`Self::KEY_BYTES`] long.
    pub fn new(key: &[u8]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| SealError::Unusable)
    }
}

impl std::fmt::Debug for KeySealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySealer")
    }
}

impl Sealer for KeySealer {
    fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut text = plaintext.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(aad), &mut text);
        let nonce = nonce.map_err(|_| SealError::Unusable)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, text) = sealed.split_at_checked(Self::NONCE_BYTES).ok_or(SealError::Mismatched)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Mismatched)?;
        let mut text = text.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(aad), &mut text);
        let length = opened.map_err(|_| SealError::Mismatched)?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_its_name_only() {
        let sealer = KeySealer::new(&[1; 32]).unwrap();
        let sealed = sealer.seal(b"name", b"secret").unwrap();
        assert_eq!(sealer.open(b"name", &sealed).unwrap(), b"secret");
        assert_eq!(sealer.open(b"other", &sealed), Err(SealError::Mismatched));
        assert_eq!(sealer.open(b"name", &sealed[..11]), Err(SealError::Mismatched));
        let swapped = KeySealer::new(&[2; 32]).unwrap();
        assert_eq!(swapped.open(b"name", &sealed), Err(SealError::Mismatched));
        assert!(KeySealer::new(&[1; 31]).is_err());
    }
}
