//! Public and private keys in the forms that ssh and EC2 write them (RFC 4253 section 6.6, RFC 4716, RFC 8709,
//! OpenSSH's PROTOCOL.key, RFC 8017 appendix A.1, RFC 5208).

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const RSA: &[u8] = b"ssh-rsa";
const ED25519: &[u8] = b"ssh-ed25519";
const ED25519_KEY_BYTES: usize = 32;
/// The sizes of RSA keys that EC2 takes, in bits.
const RSA_BITS: [usize; 3] = [1_024, 2_048, 4_096];

/// A public key that ssh can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    Rsa { exponent: Vec<u8>, modulus: Vec<u8> },
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads the OpenSSH form (`ssh-rsa AAAA… comment`) or that of RFC 4716. `None` when it is neither, or no key
    /// that EC2 takes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let body: String = if text.starts_with("---- BEGIN SSH2 PUBLIC KEY ----") {
            text.lines().filter(|line| !line.starts_with("----") && !line.contains(':')).collect()
        } else {
            let mut words = text.split_whitespace();
            let (kind, body) = (words.next()?, words.next()?);
            matches!(kind.as_bytes(), RSA | ED25519).then(|| body.to_owned())?
        };
        Self::from_blob(&STANDARD.decode(body.trim()).ok()?)
    }

    fn from_blob(blob: &[u8]) -> Option<Self> {
        let (kind, rest) = take(blob)?;
        let (first, rest) = take(rest)?;
        if kind == ED25519 && rest.is_empty() && first.len() == ED25519_KEY_BYTES {
            return Some(Self::Ed25519(first.to_vec()));
        }
        let (modulus, rest) = take(rest)?;
        let modulus = strip_zeros(modulus);
        let bits = modulus.len() * 8;
        let fits = kind == RSA && rest.is_empty() && RSA_BITS.contains(&bits);
        fits.then(|| Self::Rsa { exponent: strip_zeros(first).to_vec(), modulus: modulus.to_vec() })
    }

    fn blob(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            PublicKey::Rsa { exponent, modulus } => {
                put(&mut out, RSA);
                put(&mut out, &positive(exponent));
                put(&mut out, &positive(modulus));
            }
            PublicKey::Ed25519(key) => {
                put(&mut out, ED25519);
                put(&mut out, key);
            }
        }
        out
    }

    /// `ssh-ed25519 AAAA… comment`
    pub fn to_openssh(&self, comment: &str) -> String {
        let kind = match self {
            PublicKey::Rsa { .. } => RSA,
            PublicKey::Ed25519(_) => ED25519,
        };
        format!("{} {} {comment}", String::from_utf8_lossy(kind), STANDARD.encode(self.blob()))
    }

    /// The fingerprint of an imported key: MD5 of the public key in DER for RSA, SHA-256 for ED25519.
    pub fn imported_fingerprint(&self) -> String {
        match self {
            PublicKey::Rsa { exponent, modulus } => colons(&fast_md5::digest(&spki(exponent, modulus))),
            PublicKey::Ed25519(_) => self.sha256(),
        }
    }

    /// As `ssh-keygen -l` computes it, without its prefix and with padding.
    fn sha256(&self) -> String {
        STANDARD.encode(digest::digest(&digest::SHA256, &self.blob()))
    }
}

/// A key pair just made: the private half is shown once and kept nowhere.
#[derive(Debug)]
pub struct Made {
    pub public: PublicKey,
    pub private_pem: String,
    pub fingerprint: String,
}

/// The RSA pair in this PKCS#8 document. `None` when it holds none.
pub fn rsa_pair(pkcs8: &[u8]) -> Option<Made> {
    let inner = pkcs1_of_pkcs8(pkcs8)?;
    let (_, fields, _) = der_take(inner)?;
    let (_, _version, rest) = der_take(fields)?;
    let (_, modulus, rest) = der_take(rest)?;
    let (_, exponent, _) = der_take(rest)?;
    let public =
        PublicKey::Rsa { exponent: strip_zeros(exponent).to_vec(), modulus: strip_zeros(modulus).to_vec() };
    let fingerprint = colons(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, pkcs8).as_ref());
    Some(Made { public, private_pem: pem("RSA PRIVATE KEY", inner, 64), fingerprint })
}

/// The ED25519 pair of a seed and its public key. `check` is any number: it stands twice in the file.
pub fn ed25519_pair(seed: &[u8], public: &[u8], check: [u8; 4], comment: &str) -> Made {
    let public = PublicKey::Ed25519(public.to_vec());
    let PublicKey::Ed25519(point) = &public else { unreachable!("made above") };
    let mut secret = [check, check].concat();
    put(&mut secret, ED25519);
    put(&mut secret, point);
    put(&mut secret, &[seed, point].concat());
    put(&mut secret, comment.as_bytes());
    const BLOCK: usize = 8;
    for pad in (1u8..).take((BLOCK - secret.len() % BLOCK) % BLOCK) {
        secret.push(pad);
    }
    let mut out = b"openssh-key-v1\0".to_vec();
    put(&mut out, b"none");
    put(&mut out, b"none");
    put(&mut out, b"");
    out.extend_from_slice(&1u32.to_be_bytes());
    put(&mut out, &public.blob());
    put(&mut out, &secret);
    let fingerprint = public.sha256();
    Made { private_pem: pem("OPENSSH PRIVATE KEY", &out, 70), fingerprint, public }
}

/// A length of four bytes, and so many bytes.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("keys are short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// A positive integer in two's complement: a zero before a set top bit.
fn positive(bytes: &[u8]) -> Vec<u8> {
    match bytes.first() {
        Some(top) if *top >= 0x80 => [&[0], bytes].concat(),
        _ => bytes.to_vec(),
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
/// `rsaEncryption` with its NULL parameter.
const RSA_ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The next element: its tag, its content, and what follows.
fn der_take(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => out.push(length),
        _ => {
            let digits = content.len().to_be_bytes();
            let digits = strip_zeros(&digits);
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// SubjectPublicKeyInfo of an RSA key.
fn spki(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let key = [der(INTEGER, &positive(modulus)), der(INTEGER, &positive(exponent))].concat();
    let bits = [vec![0], der(SEQUENCE, &key)].concat();
    der(SEQUENCE, &[RSA_ALGORITHM.to_vec(), der(BIT_STRING, &bits)].concat())
}

fn pkcs1_of_pkcs8(pkcs8: &[u8]) -> Option<&[u8]> {
    let (_, fields, _) = der_take(pkcs8)?;
    let (_, _version, rest) = der_take(fields)?;
    let (_, _algorithm, rest) = der_take(rest)?;
    let (tag, inner, _) = der_take(rest)?;
    (tag == OCTET_STRING).then_some(inner)
}

fn pem(label: &str, der: &[u8], width: usize) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(width).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys_read_back_and_others_are_refused() {
        let key = PublicKey::Ed25519(vec![7; 32]);
        assert_eq!(PublicKey::parse(&key.to_openssh("me@host")), Some(key));
        let key = PublicKey::Rsa { exponent: vec![1, 0, 1], modulus: vec![0xc1; 256] };
        assert_eq!(PublicKey::parse(&key.to_openssh("")), Some(key.clone()));
        let blob = STANDARD.encode(key.blob());
        let rfc4716 = format!(
            "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"x\"\n{blob}\n---- END SSH2 PUBLIC KEY ----\n"
        );
        assert_eq!(PublicKey::parse(&rfc4716), Some(key));
        let odd = PublicKey::Rsa { exponent: vec![1, 0, 1], modulus: vec![0xc1; 100] };
        for bad in ["", "ssh-rsa", "ssh-rsa AAAA", "ssh-dss AAAA x", &odd.to_openssh("")] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_ed25519_file_is_padded_to_its_block() {
        let made = ed25519_pair(&[1; 32], &[2; 32], [9; 4], "k");
        let body: String = made.private_pem.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = STANDARD.decode(body).unwrap();
        assert!(bytes.starts_with(b"openssh-key-v1\0"));
        assert_eq!(made.fingerprint.len(), 44);
        assert!(made.private_pem.lines().all(|line| line.len() <= 70));
    }
}
