//! The seal that ends every stored blob: its length and checksum, written in one stroke with its bytes.
//!
//! A seal inside the blob, not a second file: an overwrite replaces both or neither.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;

const MAGIC: &[u8; 8] = b"blob\0\0\0\x01";
/// Magic, length (big endian), SHA-256.
pub(crate) const SEAL_BYTES: u64 = 48;

/// What a put has made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
}

impl Written {
    pub(crate) fn seal(&self) -> Bytes {
        [MAGIC.as_slice(), &self.size_bytes.to_be_bytes(), &self.sha256].concat().into()
    }

    /// Reads a seal; none if it isn't one.
    pub(crate) fn from_seal(seal: &[u8]) -> Option<Self> {
        let (size, sum) = seal.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        Some(Self { size_bytes: u64::from_be_bytes(*size), sha256: sum.try_into().ok()? })
    }
}

/// Counts and sums bytes as they pass.
pub(crate) struct Sum {
    size_bytes: u64,
    context: Context,
}

impl Sum {
    pub(crate) fn new() -> Self {
        Self { size_bytes: 0, context: Context::new(&SHA256) }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.size_bytes = self.size_bytes.saturating_add(len(bytes));
        self.context.update(bytes);
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The sum of what has passed so far.
    pub(crate) fn written(&self) -> Written {
        let mut sha256 = [0; 32];
        sha256.iter_mut().zip(self.context.clone().finish().as_ref()).for_each(|(to, from)| *to = *from);
        Written { size_bytes: self.size_bytes, sha256 }
    }
}

/// A slice's length as files count.
pub(crate) fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
