//! Symmetric ciphertexts: our own format, bound to the key and to the encryption context.
//!
//! Version (1 byte), account (12 digits), length of the key id (1), key id, material id (32), salt (16), nonce (12),
//! text, tag (16). Each is sealed under a key of its own, derived from the material and the salt, so that no key
//! seals so much that random nonces could meet.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use kernel::{Access, AccountId, Result, Scope};

use super::reference::{MULTI_REGION, is_key_id, key_arn};
use crate::errors;

const VERSION: u8 = 1;
const ACCOUNT_DIGITS: usize = 12;
const MATERIAL_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

/// An encryption context: order does not count.
pub type Context = BTreeMap<String, String>;

/// What a ciphertext says of itself, and the rest, which only its key can read.
#[derive(Debug)]
pub struct Ciphertext<'a> {
    pub account: AccountId,
    pub key_id: String,
    /// As in records: hexadecimal.
    pub material_id: String,
    salt: &'a [u8],
    nonce: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Ciphertext<'a> {
    /// # Errors
    /// `InvalidCiphertextException` for what we did not make.
    pub fn parse(blob: &'a [u8]) -> Result<Self> {
        Self::read(blob).ok_or_else(errors::invalid_ciphertext)
    }

    fn read(blob: &'a [u8]) -> Option<Self> {
        let (version, rest) = blob.split_first()?;
        let (account, rest) = rest.split_at_checked(ACCOUNT_DIGITS)?;
        let (length, rest) = rest.split_first()?;
        let (key_id, rest) = rest.split_at_checked(usize::from(*length))?;
        let (material, rest) = rest.split_at_checked(MATERIAL_BYTES)?;
        let (salt, rest) = rest.split_at_checked(SALT_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        let key_id = std::str::from_utf8(key_id).ok().filter(|id| is_key_id(id))?.to_owned();
        let account = std::str::from_utf8(account).ok()?.parse().ok()?;
        (*version == VERSION).then(|| Self {
            account,
            key_id,
            material_id: hex(material),
            salt,
            nonce,
            sealed,
        })
    }

    pub fn scope(&self, of: &Scope) -> Scope {
        Scope { account: self.account, ..*of }
    }

    /// Opens it with the material it names.
    pub fn open(&self, scope: &Scope, material: &hmac::Key, context: &Context) -> Result<Vec<u8>> {
        let aad = bound(&self.scope(scope), &self.key_id, context);
        let mut text = self.sealed.to_vec();
        let opened = Nonce::try_assume_unique_for_key(self.nonce).and_then(|nonce| {
            key_of(material, self.salt)?.open_in_place(nonce, Aad::from(aad), &mut text).map(|t| t.len())
        });
        text.truncate(opened.map_err(|_| errors::invalid_ciphertext())?);
        Ok(text)
    }
}

/// Where a ciphertext goes: the key and its material.
#[derive(Debug)]
pub struct Seal<'a> {
    pub scope: &'a Scope,
    pub key_id: &'a str,
    pub material_id: &'a str,
    pub material: &'a hmac::Key,
    /// Chance, never used before.
    pub salt: [u8; SALT_BYTES],
}

impl Seal<'_> {
    /// Makes a ciphertext of `plaintext`; `None` when the key does not work.
    pub fn seal(&self, context: &Context, plaintext: &[u8]) -> Option<Vec<u8>> {
        let mut text = plaintext.to_vec();
        let aad = bound(self.scope, self.key_id, context);
        let nonce = key_of(self.material, &self.salt)
            .ok()?
            .seal_in_place_append_tag(Aad::from(aad), &mut text)
            .ok()?;
        let account = self.scope.account.to_string();
        let length = u8::try_from(self.key_id.len()).ok()?;
        let head: [&[u8]; 7] = [
            &[VERSION],
            account.as_bytes(),
            &[length],
            self.key_id.as_bytes(),
            &bytes(self.material_id)?,
            &self.salt,
            nonce.as_ref(),
        ];
        Some([head.concat(), text].concat())
    }
}

/// The AES key of one ciphertext.
fn key_of(material: &hmac::Key, salt: &[u8]) -> Result<RandomizedNonceKey, aws_lc_rs::error::Unspecified> {
    RandomizedNonceKey::new(&AES_256_GCM, hmac::sign(material, salt).as_ref())
}

/// What the ciphertext is bound to: the key and the context, each part after its length. The copies of a
/// multi-region key are one key, so its region does not count.
fn bound(scope: &Scope, key_id: &str, context: &Context) -> Vec<u8> {
    let mut arn = key_arn(scope, key_id);
    if key_id.starts_with(MULTI_REGION) {
        arn = format!("{}:{}:{key_id}", scope.partition(), scope.account);
    }
    let mut out = Vec::with_capacity(128);
    let parts = context.iter().flat_map(|(key, value)| [key, value]);
    for part in std::iter::once(&arn).chain(parts) {
        out.extend_from_slice(&part.len().to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out
}

/// What a call on a ciphertext asks for: the key it names.
pub fn access(scope: &Scope, blob: Option<&[u8]>) -> Result<Access> {
    Ok(match blob.map(Ciphertext::parse) {
        Some(Ok(found)) => Access::on(key_arn(&found.scope(scope), &found.key_id)),
        _ => Access::any(),
    })
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = (0..hex.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> Context {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_ciphertext_opens_with_its_key_and_context_only() {
        let scope = Scope { account: AccountId::DEFAULT, region: "us-east-1".parse().unwrap() };
        let elsewhere = Scope { region: "eu-west-1".parse().unwrap(), ..scope };
        let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        let (id, material_id) = ("12345678-1234-1234-1234-123456789012", "ab".repeat(32));
        let (right, material) = (context(&[("a", "b"), ("c", "d")]), key(1));
        let make = |key_id| {
            let seal =
                Seal { scope: &scope, key_id, material_id: &material_id, material: &material, salt: [7; 16] };
            seal.seal(&right, b"plain").unwrap()
        };
        let blob = make(id);
        let read = Ciphertext::parse(&blob).unwrap();
        assert_eq!((read.key_id.as_str(), &read.material_id), (id, &material_id));
        assert_eq!(read.open(&scope, &material, &right).unwrap(), b"plain");
        for wrong in [context(&[]), context(&[("a", "b")]), context(&[("a", "bc"), ("", "d")])] {
            assert_eq!(
                read.open(&scope, &material, &wrong).unwrap_err().code(),
                "InvalidCiphertextException"
            );
        }
        assert!(read.open(&scope, &key(2), &right).is_err());
        assert!(read.open(&elsewhere, &material, &right).is_err());
        for at in 0..blob.len() {
            let mut altered = blob.clone();
            altered[at] ^= 1;
            let opened = Ciphertext::parse(&altered).and_then(|c| c.open(&scope, &material, &right));
            // The material's id is not part of what is bound; whoever alters it names another material.
            assert!(opened.is_err() || (50..82).contains(&at), "byte {at}");
            assert!(Ciphertext::parse(&blob[..at]).and_then(|c| c.open(&scope, &material, &right)).is_err());
        }
        let blob = make("mrk-d3b95762d3b95762d3b95762d3b95762");
        let read = Ciphertext::parse(&blob).unwrap();
        assert_eq!(read.open(&elsewhere, &material, &right).unwrap(), b"plain", "a copy of the key opens it");
    }
}
