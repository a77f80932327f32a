//! Which names and keys a key pair may have.

use kernel::Result;
use kernel::ids::Ids;

use super::ssh::{self, Made, PublicKey};
use crate::errors;

/// The algorithms a key pair may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    Rsa,
    Ed25519,
}

impl KeyType {
    pub fn name(self) -> &'static str {
        match self {
            KeyType::Rsa => "rsa",
            KeyType::Ed25519 => "ed25519",
        }
    }

    /// # Errors
    /// `InvalidParameterValue` when EC2 knows no such type.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        match text {
            None | Some("rsa") => Ok(KeyType::Rsa),
            Some("ed25519") => Ok(KeyType::Ed25519),
            Some(other) => Err(errors::invalid_value(other, "keyType")),
        }
    }

    pub fn of(key: &PublicKey) -> Self {
        match key {
            PublicKey::Rsa { .. } => KeyType::Rsa,
            PublicKey::Ed25519(_) => KeyType::Ed25519,
        }
    }
}

const NAME_CHARS_MAX: usize = 255;

/// # Errors
/// `MissingParameter`, or `InvalidParameterValue` for a name that is too long or not ASCII.
pub fn check_name(name: &str) -> Result<&str> {
    if name.is_empty() {
        return Err(errors::missing("KeyName"));
    }
    let printable = name.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if name.len() > NAME_CHARS_MAX || !printable || name.trim() != name {
        return Err(errors::invalid_value(name, "keyName"));
    }
    Ok(name)
}

/// Only PEM is written here; PuTTY's own form is not.
///
/// # Errors
/// `InvalidParameterValue` for another format.
pub fn check_format(format: Option<&str>) -> Result<()> {
    match format {
        None | Some("pem") => Ok(()),
        Some(other) => Err(errors::invalid_value(other, "keyFormat")),
    }
}

/// # Errors
/// `InvalidKey.Format` when the material is no public key that EC2 takes.
pub fn check_material(material: &[u8]) -> Result<PublicKey> {
    let text = std::str::from_utf8(material).map_err(|_| errors::invalid_key_format())?;
    PublicKey::parse(text).ok_or_else(errors::invalid_key_format)
}

/// Makes a pair. RSA takes some hundred milliseconds of one processor.
///
/// # Errors
/// When the cryptography fails.
pub fn make(key_type: KeyType, name: &str, ids: Ids<'_>) -> Result<Made> {
    match key_type {
        KeyType::Rsa => make_rsa(),
        KeyType::Ed25519 => {
            let (mut seed, mut check) = ([0; 32], [0; 4]);
            ids.0.fill(&mut seed);
            ids.0.fill(&mut check);
            let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed)
                .map_err(kernel::Error::internal)?;
            let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
            Ok(ssh::ed25519_pair(&seed, public.as_ref(), check, name))
        }
    }
}

fn make_rsa() -> Result<Made> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(kernel::Error::internal)?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(kernel::Error::internal)?;
    ssh::rsa_pair(pkcs8.as_ref())
        .ok_or_else(|| kernel::Error::internal("the key just made does not read back"))
}

#[cfg(test)]
mod tests {
    use kernel::ids::SystemIds;

    use super::*;

    #[test]
    fn pairs_of_both_types_read_back_by_their_public_half() {
        for key_type in [KeyType::Rsa, KeyType::Ed25519] {
            let made = make(key_type, "k", Ids(&SystemIds)).unwrap();
            let read = check_material(made.public.to_openssh("k").as_bytes()).unwrap();
            assert_eq!(read, made.public);
            assert_eq!(KeyType::of(&read), key_type);
        }
        let made = make(KeyType::Rsa, "k", Ids(&SystemIds)).unwrap();
        assert!(made.private_pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert_eq!(made.fingerprint.len(), 59, "{}", made.fingerprint);
        assert_eq!(made.public.imported_fingerprint().len(), 47);
    }

    #[test]
    fn names_are_bounded_and_plain() {
        assert!(check_name("my key-1").is_ok());
        for bad in ["", " k", "k\u{e9}", &"k".repeat(256)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
