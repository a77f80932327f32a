//! Checksums of objects (S3 user guide, "Checking object integrity"): five algorithms, of whole objects or of parts.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, checksum_combine};
use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

use Algorithm::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};

const ALL: [Algorithm; 5] = [Crc32, Crc32c, Crc64Nvme, Sha1, Sha256];

impl Algorithm {
    /// # Errors
    /// *InvalidRequest* for one that S3 does not know, or we don't.
    pub fn parse(name: &str) -> Result<Self> {
        let found = ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            errors::invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                 [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            )
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Crc32 => "CRC32",
            Crc32c => "CRC32C",
            Crc64Nvme => "CRC64NVME",
            Sha1 => "SHA1",
            Sha256 => "SHA256",
        }
    }

    /// The algorithm of a trailing header, `x-amz-checksum-crc32`.
    pub fn of_header(name: &str) -> Option<Self> {
        let name = name.strip_prefix("x-amz-checksum-")?;
        ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn length(self) -> usize {
        match self {
            Crc32 | Crc32c => 4,
            Crc64Nvme => 8,
            Sha1 => 20,
            Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Sha1 | Sha256 => None,
        }
    }

    /// What a multipart upload's checksum is of, where it does not say.
    pub fn usual_type(self) -> Type {
        if self == Crc64Nvme { Type::FullObject } else { Type::Composite }
    }

    /// # Errors
    /// *InvalidRequest* for a pair that does not exist.
    pub fn check_type(self, of: Type) -> Result<()> {
        let exists = match of {
            Type::FullObject => self.crc().is_some(),
            Type::Composite => self != Crc64Nvme,
        };
        if exists {
            return Ok(());
        }
        let (of, name) = (of.name(), self.name().to_ascii_lowercase());
        Err(errors::invalid_request(format!(
            "The {of} checksum type cannot be used with the {name} checksum algorithm."
        )))
    }
}

/// What a checksum is of: the object's bytes, or the checksums of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    FullObject,
    Composite,
}

impl Type {
    /// # Errors
    /// *InvalidRequest*.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "FULL_OBJECT" => Ok(Self::FullObject),
            "COMPOSITE" => Ok(Self::Composite),
            _ => Err(errors::invalid_request("Value for x-amz-checksum-type header is invalid.")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum as it is shown: base64, with `-N` after it where it is of N parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    pub algorithm: Algorithm,
    pub of: Type,
    pub value: String,
}

/// The checksum a request brings, from its five members.
///
/// # Errors
/// *InvalidRequest* when there are two, or the value is none of its algorithm.
pub fn given(members: [(Algorithm, Option<&str>); 5]) -> Result<Option<(Algorithm, String)>> {
    let mut given = members.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
    let Some((algorithm, value)) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(errors::invalid_request(message));
    }
    let bytes = STANDARD.decode(value.split('-').next().unwrap_or_default());
    if bytes.is_ok_and(|bytes| bytes.len() == algorithm.length()) {
        return Ok(Some((algorithm, value.to_owned())));
    }
    let name = algorithm.name().to_ascii_lowercase();
    Err(errors::invalid_request(format!("Value for x-amz-checksum-{name} header is invalid.")))
}

/// The five members of an input that may bring a checksum.
#[macro_export]
macro_rules! checksum_members {
    ($input:expr) => {{
        use $crate::rules::checksum::Algorithm;
        [
            (Algorithm::Crc32, $input.checksum_crc32.as_deref()),
            (Algorithm::Crc32c, $input.checksum_crc32_c.as_deref()),
            (Algorithm::Crc64Nvme, $input.checksum_crc64_nvme.as_deref()),
            (Algorithm::Sha1, $input.checksum_sha1.as_deref()),
            (Algorithm::Sha256, $input.checksum_sha256.as_deref()),
        ]
    }};
}

/// Puts a checksum into the member of its algorithm.
#[macro_export]
macro_rules! put_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            use $crate::rules::checksum::Algorithm;
            let member = match checksum.algorithm {
                Algorithm::Crc32 => &mut $output.checksum_crc32,
                Algorithm::Crc32c => &mut $output.checksum_crc32_c,
                Algorithm::Crc64Nvme => &mut $output.checksum_crc64_nvme,
                Algorithm::Sha1 => &mut $output.checksum_sha1,
                Algorithm::Sha256 => &mut $output.checksum_sha256,
            };
            *member = Some(checksum.value.clone());
        }
    };
}

/// Sums bytes as they pass. The three CRCs are always kept: a trailer may bring any of them, unannounced.
pub struct Sums {
    crcs: [(Algorithm, crc_fast::Digest); 3],
    sha: Option<(Algorithm, digest::Context)>,
}

impl Sums {
    /// `wanted` is the algorithm the request has named.
    pub fn new(wanted: Option<Algorithm>) -> Self {
        let sha = wanted.and_then(|algorithm| {
            let of = match algorithm {
                Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
                Sha256 => &SHA256,
                Crc32 | Crc32c | Crc64Nvme => return None,
            };
            Some((algorithm, digest::Context::new(of)))
        });
        let crc = |algorithm, crc| (algorithm, crc_fast::Digest::new(crc));
        Self {
            crcs: [
                crc(Crc32, CrcAlgorithm::Crc32IsoHdlc),
                crc(Crc32c, CrcAlgorithm::Crc32Iscsi),
                crc(Crc64Nvme, CrcAlgorithm::Crc64Nvme),
            ],
            sha,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        for (_, crc) in &mut self.crcs {
            crc.update(bytes);
        }
        if let Some((_, sha)) = &mut self.sha {
            sha.update(bytes);
        }
    }

    /// The sum by one algorithm; `None` for a SHA that was not asked for.
    pub fn value(&self, algorithm: Algorithm) -> Option<String> {
        if let Some((_, crc)) = self.crcs.iter().find(|(of, _)| *of == algorithm) {
            return Some(crc_text(algorithm, crc.finalize()));
        }
        let (_, sha) = self.sha.as_ref().filter(|(of, _)| *of == algorithm)?;
        Some(STANDARD.encode(sha.clone().finish()))
    }
}

fn crc_text(algorithm: Algorithm, crc: u64) -> String {
    let bytes = crc.to_be_bytes();
    STANDARD.encode(bytes.get(8 - algorithm.length()..).unwrap_or_default())
}

/// The checksum of an object from those of its parts, with the parts' sizes.
/// `None` when a part's value is no checksum of the algorithm.
pub fn of_parts(algorithm: Algorithm, of: Type, parts: &[(&str, u64)]) -> Option<Checksum> {
    let decode = |value: &str| STANDARD.decode(value).ok().filter(|bytes| bytes.len() == algorithm.length());
    let value = match of {
        Type::FullObject => {
            let crc = algorithm.crc()?;
            let mut whole: Option<u64> = None;
            for (value, size) in parts {
                let part = decode(value)?.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
                whole = Some(whole.map_or(part, |before| checksum_combine(crc, before, part, *size)));
            }
            crc_text(algorithm, whole?)
        }
        Type::Composite => {
            let mut sums = Sums::new(Some(algorithm));
            for (value, _) in parts {
                sums.add(&decode(value)?);
            }
            format!("{}-{}", sums.value(algorithm)?, parts.len())
        }
    };
    Some(Checksum { algorithm, of, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: Algorithm, bytes: &[u8]) -> String {
        let mut sums = Sums::new(Some(algorithm));
        sums.add(bytes);
        sums.value(algorithm).unwrap()
    }

    /// The check values of the CRC catalogue and of the SHA standards.
    #[test]
    fn known_sums() {
        assert_eq!(sum(Crc32, b"123456789"), "y/Q5Jg==");
        assert_eq!(sum(Crc32c, b"123456789"), "4waSgw==");
        assert_eq!(sum(Crc64Nvme, b"123456789"), "rosUhgp5mIg=");
        assert_eq!(sum(Sha1, b"abc"), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
        assert_eq!(sum(Sha256, b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn parts_make_a_whole() {
        for algorithm in [Crc32, Crc32c, Crc64Nvme] {
            let (a, b) = (sum(algorithm, b"hello "), sum(algorithm, b"world"));
            let whole = of_parts(algorithm, Type::FullObject, &[(&a, 6), (&b, 5)]).unwrap();
            assert_eq!(whole.value, sum(algorithm, b"hello world"), "{algorithm:?}");
        }
        let (a, b) = (sum(Sha256, b"hello "), sum(Sha256, b"world"));
        let composite = of_parts(Sha256, Type::Composite, &[(&a, 6), (&b, 5)]).unwrap();
        assert!(composite.value.ends_with("=-2"));
        assert!(of_parts(Sha256, Type::FullObject, &[(&a, 6)]).is_none());
        assert!(of_parts(Crc32, Type::Composite, &[(&a, 6)]).is_none());
    }

    #[test]
    fn one_checksum_of_the_right_length() {
        let members = |crc: Option<&'static str>, sha| {
            [(Crc32, crc), (Sha1, sha), (Crc32c, None), (Sha256, None), (Crc64Nvme, None)]
        };
        assert_eq!(given(members(None, None)).unwrap(), None);
        assert_eq!(given(members(Some("y/Q5Jg=="), None)).unwrap().unwrap().0, Crc32);
        assert!(given(members(Some("y/Q5Jg=="), Some("qZk+NkcGgWq6PiVxeFDCbJzQ2J0="))).is_err());
        assert!(given(members(Some("AAAA"), None)).is_err());
        assert!(Sha1.check_type(Type::FullObject).is_err());
        assert!(Crc64Nvme.check_type(Type::Composite).is_err());
        assert!(Crc32.check_type(Type::FullObject).is_ok());
    }
}
