//! Kinds of keys, what each may be used for, and with which algorithms.

use aws_lc_rs::digest;
use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

/// A key spec we serve, in AWS's words when shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spec {
    Symmetric,
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    P521,
    P256K1,
    Hmac224,
    Hmac256,
    Hmac384,
    Hmac512,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Usage {
    EncryptDecrypt,
    SignVerify,
    GenerateVerifyMac,
}

/// All specs with their names.
const NAMES: [(Spec, &str); 12] = [
    (Spec::Symmetric, "SYMMETRIC_DEFAULT"),
    (Spec::Rsa2048, "RSA_2048"),
    (Spec::Rsa3072, "RSA_3072"),
    (Spec::Rsa4096, "RSA_4096"),
    (Spec::P256, "ECC_NIST_P256"),
    (Spec::P384, "ECC_NIST_P384"),
    (Spec::P521, "ECC_NIST_P521"),
    (Spec::P256K1, "ECC_SECG_P256K1"),
    (Spec::Hmac224, "HMAC_224"),
    (Spec::Hmac256, "HMAC_256"),
    (Spec::Hmac384, "HMAC_384"),
    (Spec::Hmac512, "HMAC_512"),
];

const RSA_SIGNING: [&str; 6] = [
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
];

impl Spec {
    /// # Errors
    /// `UnsupportedOperationException` for specs of the model that we lack.
    pub fn parse(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(spec, _)| *spec).ok_or_else(|| errors::unsupported_spec(name))
    }

    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(spec, _)| *spec == self).map_or("", |(_, name)| name)
    }

    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    pub fn is_elliptic(self) -> bool {
        matches!(self, Self::P256 | Self::P384 | Self::P521 | Self::P256K1)
    }

    pub fn is_asymmetric(self) -> bool {
        self.is_rsa() || self.is_elliptic()
    }

    /// Bytes of the modulus of an RSA key.
    pub fn modulus_bytes(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
            _ => 0,
        }
    }

    /// Bytes of the material of keys that are nothing but random bytes.
    pub fn secret_bytes(self) -> Option<usize> {
        match self {
            Self::Symmetric | Self::Hmac256 => Some(32),
            Self::Hmac224 => Some(28),
            Self::Hmac384 => Some(48),
            Self::Hmac512 => Some(64),
            _ => None,
        }
    }

    fn allows(self, usage: Usage) -> bool {
        match usage {
            Usage::EncryptDecrypt => self == Self::Symmetric || self.is_rsa(),
            Usage::SignVerify => self.is_asymmetric(),
            Usage::GenerateVerifyMac => self != Self::Symmetric && self.secret_bytes().is_some(),
        }
    }

    /// The algorithms of a key of this spec and usage, in AWS's order.
    pub fn algorithms(self, usage: Usage) -> &'static [&'static str] {
        match (usage, self) {
            (Usage::EncryptDecrypt, Self::Symmetric) => &["SYMMETRIC_DEFAULT"],
            (Usage::EncryptDecrypt, _) => &["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
            (Usage::SignVerify, Self::P384) => &["ECDSA_SHA_384"],
            (Usage::SignVerify, Self::P521) => &["ECDSA_SHA_512"],
            (Usage::SignVerify, _) if self.is_elliptic() => &["ECDSA_SHA_256"],
            (Usage::SignVerify, _) => &RSA_SIGNING,
            (Usage::GenerateVerifyMac, Self::Hmac224) => &["HMAC_SHA_224"],
            (Usage::GenerateVerifyMac, Self::Hmac384) => &["HMAC_SHA_384"],
            (Usage::GenerateVerifyMac, Self::Hmac512) => &["HMAC_SHA_512"],
            (Usage::GenerateVerifyMac, _) => &["HMAC_SHA_256"],
        }
    }

    /// Refuses an algorithm that keys of this spec and usage do not have.
    pub fn check_algorithm(self, usage: Usage, algorithm: &str) -> Result<()> {
        if self.algorithms(usage).contains(&algorithm) {
            return Ok(());
        }
        Err(errors::incompatible_algorithm(algorithm, self.name()))
    }
}

impl Usage {
    pub fn name(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
            Self::SignVerify => "SIGN_VERIFY",
            Self::GenerateVerifyMac => "GENERATE_VERIFY_MAC",
        }
    }
}

/// The usage asked for, or the one a symmetric key has by default.
pub fn usage_of(spec: Spec, asked: Option<&str>) -> Result<Usage> {
    let usage = match asked {
        None if spec == Spec::Symmetric => Usage::EncryptDecrypt,
        None => return Err(errors::usage_needed()),
        Some("ENCRYPT_DECRYPT") => Usage::EncryptDecrypt,
        Some("SIGN_VERIFY") => Usage::SignVerify,
        Some("GENERATE_VERIFY_MAC") => Usage::GenerateVerifyMac,
        Some(other) => {
            return Err(errors::unsupported(format!("Cloudlet does not support the key usage {other} yet.")));
        }
    };
    if spec.allows(usage) { Ok(usage) } else { Err(errors::usage_does_not_fit(usage.name(), spec.name())) }
}

/// The digest a signing algorithm signs.
pub fn digest_of(algorithm: &str) -> &'static digest::Algorithm {
    match algorithm.rsplit('_').next() {
        Some("384") => &digest::SHA384,
        Some("512") => &digest::SHA512,
        _ => &digest::SHA256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_fit_their_specs() {
        assert_eq!(usage_of(Spec::Symmetric, None).unwrap(), Usage::EncryptDecrypt);
        for (spec, usage, fits) in [
            ("RSA_2048", "ENCRYPT_DECRYPT", true),
            ("RSA_4096", "SIGN_VERIFY", true),
            ("RSA_4096", "GENERATE_VERIFY_MAC", false),
            ("ECC_NIST_P256", "SIGN_VERIFY", true),
            ("ECC_NIST_P256", "ENCRYPT_DECRYPT", false),
            ("HMAC_224", "GENERATE_VERIFY_MAC", true),
            ("SYMMETRIC_DEFAULT", "GENERATE_VERIFY_MAC", false),
            ("ECC_NIST_P256", "KEY_AGREEMENT", false),
        ] {
            assert_eq!(usage_of(Spec::parse(spec).unwrap(), Some(usage)).is_ok(), fits, "{spec} {usage}");
        }
        assert!(usage_of(Spec::Hmac224, None).is_err());
        assert!(Spec::parse("SM2").is_err());
    }

    #[test]
    fn every_spec_has_the_algorithms_of_its_usages() {
        for (spec, name) in NAMES {
            assert_eq!(Spec::parse(name).unwrap(), spec);
            for usage in [Usage::EncryptDecrypt, Usage::SignVerify, Usage::GenerateVerifyMac] {
                for algorithm in spec.algorithms(usage).iter().filter(|_| spec.allows(usage)) {
                    assert!(spec.check_algorithm(usage, algorithm).is_ok());
                }
                assert!(spec.check_algorithm(usage, "NONE").is_err());
            }
        }
    }
}
