//! What a key's material can do, once opened: through aws-lc-rs and nothing else.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, UnparsedPublicKey};
use aws_lc_rs::{hmac, rand};

use super::ciphertext::hex;
use super::spec::{Spec, digest_of};

/// The material does not work, or not for this.
pub type Outcome<T> = Result<T, Unspecified>;

/// Opened key material.
pub enum Material {
    /// Derives the AES keys of ciphertexts.
    Symmetric(hmac::Key),
    Mac(hmac::Key),
    Rsa {
        pair: RsaKeyPair,
        pkcs8: Vec<u8>,
        public: Vec<u8>,
    },
    Elliptic {
        pair: EcdsaKeyPair,
        spec: Spec,
        public: Vec<u8>,
    },
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Material")
    }
}

/// Makes material: random bytes, or a private key as PKCS #8. RSA takes its time.
pub fn generate(spec: Spec) -> Outcome<Vec<u8>> {
    if let Some(length) = spec.secret_bytes() {
        let mut bytes = vec![0; length];
        rand::fill(&mut bytes)?;
        return Ok(bytes);
    }
    if let Some(curve) = curve(spec) {
        let document = EcdsaKeyPair::generate(curve)?.to_pkcs8v1()?;
        return Ok(document.as_ref().to_vec());
    }
    let size = match spec {
        Spec::Rsa3072 => KeySize::Rsa3072,
        Spec::Rsa4096 => KeySize::Rsa4096,
        _ => KeySize::Rsa2048,
    };
    let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(size)?.as_der()?;
    Ok(der.as_ref().to_vec())
}

/// The id of material of a key: the same for the same material, and telling nothing about it.
pub fn id_of(key_id: &str, bytes: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
    hex(hmac::sign(&key, format!("material of {key_id}").as_bytes()).as_ref())
}

fn curve(spec: Spec) -> Option<&'static EcdsaSigningAlgorithm> {
    match spec {
        Spec::P256 => Some(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        Spec::P384 => Some(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        Spec::P521 => Some(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        Spec::P256K1 => Some(&signature::ECDSA_P256K1_SHA256_ASN1_SIGNING),
        _ => None,
    }
}

impl Material {
    /// Reads material of this spec, ours or imported.
    pub fn read(spec: Spec, bytes: &[u8]) -> Outcome<Self> {
        if let Some(length) = spec.secret_bytes() {
            if bytes.len() != length {
                return Err(Unspecified);
            }
            let key = |algorithm| hmac::Key::new(algorithm, bytes);
            return Ok(match spec {
                Spec::Symmetric => Self::Symmetric(key(hmac::HMAC_SHA256)),
                Spec::Hmac224 => Self::Mac(key(hmac::HMAC_SHA224)),
                Spec::Hmac384 => Self::Mac(key(hmac::HMAC_SHA384)),
                Spec::Hmac512 => Self::Mac(key(hmac::HMAC_SHA512)),
                _ => Self::Mac(key(hmac::HMAC_SHA256)),
            });
        }
        if let Some(curve) = curve(spec) {
            let pair = EcdsaKeyPair::from_pkcs8(curve, bytes).map_err(|_| Unspecified)?;
            let der: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
            let public = der.as_ref().to_vec();
            return Ok(Self::Elliptic { pair, spec, public });
        }
        let pair = RsaKeyPair::from_pkcs8(bytes).map_err(|_| Unspecified)?;
        if pair.public_modulus_len() != spec.modulus_bytes() {
            return Err(Unspecified);
        }
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let public = der.as_ref().to_vec();
        Ok(Self::Rsa { pair, pkcs8: bytes.to_vec(), public })
    }

    /// The public half, as X.509 SubjectPublicKeyInfo.
    pub fn public_key(&self) -> Option<&[u8]> {
        match self {
            Self::Rsa { public, .. } | Self::Elliptic { public, .. } => Some(public),
            _ => None,
        }
    }

    pub fn sign(&self, algorithm: &str, digest: &Digest) -> Outcome<Vec<u8>> {
        match self {
            Self::Elliptic { pair, .. } => Ok(pair.sign_digest(digest)?.as_ref().to_vec()),
            Self::Rsa { pair, .. } => {
                let encoding = match algorithm {
                    "RSASSA_PSS_SHA_256" => &signature::RSA_PSS_SHA256,
                    "RSASSA_PSS_SHA_384" => &signature::RSA_PSS_SHA384,
                    "RSASSA_PSS_SHA_512" => &signature::RSA_PSS_SHA512,
                    "RSASSA_PKCS1_V1_5_SHA_256" => &signature::RSA_PKCS1_SHA256,
                    "RSASSA_PKCS1_V1_5_SHA_384" => &signature::RSA_PKCS1_SHA384,
                    "RSASSA_PKCS1_V1_5_SHA_512" => &signature::RSA_PKCS1_SHA512,
                    _ => return Err(Unspecified),
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign_digest(encoding, digest, &mut signed)?;
                Ok(signed)
            }
            _ => Err(Unspecified),
        }
    }

    pub fn verify(&self, algorithm: &str, digest: &Digest, signed: &[u8]) -> Outcome<()> {
        let with: &'static dyn signature::VerificationAlgorithm = match (self, algorithm) {
            (Self::Elliptic { spec: Spec::P384, .. }, _) => &signature::ECDSA_P384_SHA384_ASN1,
            (Self::Elliptic { spec: Spec::P521, .. }, _) => &signature::ECDSA_P521_SHA512_ASN1,
            (Self::Elliptic { spec: Spec::P256K1, .. }, _) => &signature::ECDSA_P256K1_SHA256_ASN1,
            (Self::Elliptic { .. }, _) => &signature::ECDSA_P256_SHA256_ASN1,
            (_, "RSASSA_PSS_SHA_256") => &signature::RSA_PSS_2048_8192_SHA256,
            (_, "RSASSA_PSS_SHA_384") => &signature::RSA_PSS_2048_8192_SHA384,
            (_, "RSASSA_PSS_SHA_512") => &signature::RSA_PSS_2048_8192_SHA512,
            (_, "RSASSA_PKCS1_V1_5_SHA_256") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (_, "RSASSA_PKCS1_V1_5_SHA_384") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (_, "RSASSA_PKCS1_V1_5_SHA_512") => &signature::RSA_PKCS1_2048_8192_SHA512,
            _ => return Err(Unspecified),
        };
        UnparsedPublicKey::new(with, self.public_key().ok_or(Unspecified)?).verify_digest(digest, signed)
    }

    pub fn mac(&self, message: &[u8]) -> Outcome<Vec<u8>> {
        match self {
            Self::Mac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            _ => Err(Unspecified),
        }
    }

    pub fn verify_mac(&self, message: &[u8], mac: &[u8]) -> Outcome<()> {
        match self {
            Self::Mac(key) => hmac::verify(key, message, mac),
            _ => Err(Unspecified),
        }
    }

    pub fn encrypt_rsa(&self, algorithm: &str, plaintext: &[u8]) -> Outcome<Vec<u8>> {
        let public = PublicEncryptingKey::from_der(self.public_key().ok_or(Unspecified)?);
        let key = OaepPublicEncryptingKey::new(public.map_err(|_| Unspecified)?)?;
        let mut out = vec![0; key.ciphertext_size()];
        let length = key.encrypt(oaep(algorithm), plaintext, &mut out, None)?.len();
        out.truncate(length);
        Ok(out)
    }

    pub fn decrypt_rsa(&self, algorithm: &str, ciphertext: &[u8]) -> Outcome<Vec<u8>> {
        match self {
            Self::Rsa { pkcs8, .. } => decrypt_oaep(pkcs8, algorithm, ciphertext),
            _ => Err(Unspecified),
        }
    }
}

/// Opens RSAES-OAEP with a private key. Algorithms are told by how their name ends.
pub fn decrypt_oaep(pkcs8: &[u8], algorithm: &str, ciphertext: &[u8]) -> Outcome<Vec<u8>> {
    let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| Unspecified)?;
    let key = OaepPrivateDecryptingKey::new(key)?;
    let mut out = vec![0; key.min_output_size()];
    let length = key.decrypt(oaep(algorithm), ciphertext, &mut out, None)?.len();
    out.truncate(length);
    Ok(out)
}

fn oaep(algorithm: &str) -> &'static OaepAlgorithm {
    if algorithm.ends_with("SHA_1") { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 }
}

/// Bytes that one RSAES-OAEP encryption holds (RFC 8017, 7.1.1).
pub fn oaep_bytes_max(spec: Spec, algorithm: &str) -> usize {
    let digest = if algorithm.ends_with("SHA_1") { 20 } else { 32 };
    spec.modulus_bytes().saturating_sub(2 * digest + 2)
}

/// The digest to sign: of a message, or one given as such. `None` when a given one has the wrong length.
pub fn digest(algorithm: &str, message: &[u8], is_digest: bool) -> Option<Digest> {
    let with = digest_of(algorithm);
    if is_digest { Digest::import_less_safe(message, with).ok() } else { Some(digest::digest(with, message)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::spec::Usage;

    #[test]
    fn signatures_verify_by_every_algorithm_and_break_when_touched() {
        for spec in [Spec::Rsa2048, Spec::P256, Spec::P384, Spec::P521, Spec::P256K1] {
            let material = Material::read(spec, &generate(spec).unwrap()).unwrap();
            for algorithm in spec.algorithms(Usage::SignVerify) {
                let whole = digest(algorithm, b"message", false).unwrap();
                let given = digest(algorithm, whole.as_ref(), true).unwrap();
                let mut signed = material.sign(algorithm, &given).unwrap();
                material.verify(algorithm, &whole, &signed).unwrap();
                assert!(
                    material
                        .verify(algorithm, &digest(algorithm, b"other", false).unwrap(), &signed)
                        .is_err()
                );
                *signed.last_mut().unwrap() ^= 1;
                assert!(material.verify(algorithm, &whole, &signed).is_err(), "{algorithm}");
                assert!(digest(algorithm, b"short", true).is_none());
            }
        }
    }

    #[test]
    fn rsa_holds_what_it_says_and_no_more() {
        let material = Material::read(Spec::Rsa2048, &generate(Spec::Rsa2048).unwrap()).unwrap();
        for algorithm in Spec::Rsa2048.algorithms(Usage::EncryptDecrypt) {
            let text = vec![7; oaep_bytes_max(Spec::Rsa2048, algorithm)];
            let sealed = material.encrypt_rsa(algorithm, &text).unwrap();
            assert_eq!(material.decrypt_rsa(algorithm, &sealed).unwrap(), text);
            assert!(material.encrypt_rsa(algorithm, &[text, vec![7]].concat()).is_err());
        }
        assert_eq!(oaep_bytes_max(Spec::Rsa2048, "RSAES_OAEP_SHA_1"), 214);
        assert_eq!(oaep_bytes_max(Spec::Rsa4096, "RSAES_OAEP_SHA_256"), 446);
    }

    #[test]
    fn material_of_another_kind_is_refused() {
        assert!(Material::read(Spec::Symmetric, &[0; 31]).is_err());
        assert!(Material::read(Spec::Rsa3072, &generate(Spec::Rsa2048).unwrap()).is_err());
        assert!(Material::read(Spec::P384, &generate(Spec::P256).unwrap()).is_err());
        assert_ne!(id_of("a", &[1; 32]), id_of("b", &[1; 32]));
    }
}
