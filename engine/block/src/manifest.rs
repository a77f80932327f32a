//! What a stored snapshot is: how long, and which content each of its blocks has.

use std::collections::BTreeMap;

use blob::ContentId;

use crate::error::{Error, Result};

/// The length of a block; EBS's direct APIs have the same.
pub const BLOCK_BYTES: u64 = 512 * 1024;
const MAGIC: &[u8; 8] = b"snap\0\0\0\x01";
/// Index and name.
const ENTRY_BYTES: usize = 36;
/// What a manifest unpacks to at most: 16 TiB of blocks that are not zeros.
const UNPACKED_BYTES_MAX: usize = 33_554_432 * ENTRY_BYTES + 64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub size_bytes: u64,
    /// Blocks that are not zeros, by index.
    pub blocks: BTreeMap<u32, ContentId>,
}

impl Manifest {
    pub(crate) fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut plain = MAGIC.to_vec();
        plain.extend_from_slice(&self.size_bytes.to_be_bytes());
        for (index, content) in &self.blocks {
            plain.extend_from_slice(&index.to_be_bytes());
            plain.extend_from_slice(&content.0);
        }
        zstd::bulk::compress(&plain, 3)
    }

    pub(crate) fn decode(packed: &[u8]) -> Result<Self> {
        let damaged = || Error::Damaged("a snapshot's list of blocks".to_owned());
        // The length is not known beforehand, so it is unpacked as a stream, bounded.
        let mut plain = Vec::new();
        let mut stream = zstd::Decoder::new(packed).map_err(|_| damaged())?;
        let limit = u64::try_from(UNPACKED_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bounded = std::io::Read::take(&mut stream, limit);
        std::io::Read::read_to_end(&mut bounded, &mut plain).map_err(|_| damaged())?;
        let rest = plain.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (size, entries) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (entries, tail) = entries.as_chunks::<ENTRY_BYTES>();
        if !tail.is_empty() {
            return Err(damaged());
        }
        let mut blocks = BTreeMap::new();
        for entry in entries {
            let (index, content) = entry.split_first_chunk::<4>().ok_or_else(damaged)?;
            let content = content.try_into().map_err(|_| damaged())?;
            blocks.insert(u32::from_be_bytes(*index), ContentId(content));
        }
        Ok(Self { size_bytes: u64::from_be_bytes(*size), blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_read_back_and_damage_is_seen() {
        let blocks = BTreeMap::from([(0, ContentId([1; 32])), (70_000, ContentId([2; 32]))]);
        let manifest = Manifest { size_bytes: 1 << 40, blocks };
        let packed = manifest.encode().unwrap();
        assert_eq!(Manifest::decode(&packed).unwrap(), manifest);
        assert!(Manifest::decode(&packed[..packed.len() - 1]).is_err());
        assert!(Manifest::decode(b"nothing").is_err());
    }
}
