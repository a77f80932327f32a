//! The seal that ends every stored blob: its length and checksum, written in one stroke with its bytes.
//!
//! A seal inside the blob, not a second file: an overwrite replaces both or neither.

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use crc_fast::CrcAlgorithm;

const MAGIC: &[u8; 7] = b"blob\0\0\0";
/// Magic, kind of checksum, length (big endian), checksum.
pub(crate) const SEAL_BYTES: u64 = 48;
const CHECKSUM_BYTES: usize = 32;

/// What a put has made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub size_bytes: u64,
    pub checksum: Checksum,
}

/// What tells damaged bytes from those that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Of blobs that are named by it.
    Sha256([u8; 32]),
    /// CRC-64/NVME, of all others: a tenth of the work, and damage is not malice.
    Crc64(u64),
}

/// Which checksum is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sha256 = 1,
    Crc64 = 2,
}

impl Written {
    pub(crate) fn seal(&self) -> Bytes {
        let (kind, checksum) = match self.checksum {
            Checksum::Sha256(sum) => (Kind::Sha256, sum),
            Checksum::Crc64(sum) => {
                let mut padded = [0; CHECKSUM_BYTES];
                padded.iter_mut().zip(sum.to_be_bytes()).for_each(|(to, from)| *to = from);
                (Kind::Crc64, padded)
            }
        };
        [MAGIC.as_slice(), &[kind as u8], &self.size_bytes.to_be_bytes(), &checksum].concat().into()
    }

    /// Reads a seal; none if it isn't one.
    pub(crate) fn from_seal(seal: &[u8]) -> Option<Self> {
        let (kind, rest) = seal.strip_prefix(MAGIC)?.split_first()?;
        let (size, sum) = rest.split_first_chunk::<8>()?;
        let sum = <[u8; CHECKSUM_BYTES]>::try_from(sum).ok()?;
        let checksum = if *kind == Kind::Sha256 as u8 {
            Checksum::Sha256(sum)
        } else if *kind == Kind::Crc64 as u8 {
            Checksum::Crc64(u64::from_be_bytes(*sum.first_chunk()?))
        } else {
            return None;
        };
        Some(Self { size_bytes: u64::from_be_bytes(*size), checksum })
    }
}

/// Counts and sums bytes as they pass.
pub(crate) struct Sum {
    size_bytes: u64,
    context: Context,
}

enum Context {
    Sha256(digest::Context),
    Crc64(crc_fast::Digest),
}

impl Sum {
    pub(crate) fn new(kind: Kind) -> Self {
        let context = match kind {
            Kind::Sha256 => Context::Sha256(digest::Context::new(&SHA256)),
            Kind::Crc64 => Context::Crc64(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme)),
        };
        Self { size_bytes: 0, context }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.size_bytes = self.size_bytes.saturating_add(len(bytes));
        match &mut self.context {
            Context::Sha256(context) => context.update(bytes),
            Context::Crc64(context) => context.update(bytes),
        }
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The sum of what has passed so far.
    pub(crate) fn written(&self) -> Written {
        let checksum = match &self.context {
            Context::Sha256(context) => {
                let mut sha256 = [0; CHECKSUM_BYTES];
                sha256.iter_mut().zip(context.clone().finish().as_ref()).for_each(|(to, from)| *to = *from);
                Checksum::Sha256(sha256)
            }
            Context::Crc64(context) => Checksum::Crc64(context.finalize()),
        };
        Written { size_bytes: self.size_bytes, checksum }
    }
}

/// A slice's length as files count.
pub(crate) fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
