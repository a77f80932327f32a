//! SHA-256 tree hashes: of each mebibyte, joined in pairs up to one (Glacier developer guide, "Computing Checksums").

use aws_lc_rs::digest::{Context, SHA256, digest};
use kernel::Result;

use crate::errors;

/// Bytes under one leaf.
pub const LEAF_BYTES: u64 = 1 << 20;

pub type Hash = [u8; 32];

fn hash_of(context: Context) -> Hash {
    let mut hash = Hash::default();
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// Sums bytes as they come; keeps one hash for each mebibyte.
pub struct TreeHasher {
    leaves: Vec<Hash>,
    open: Context,
    /// Bytes under the open leaf.
    filled: u64,
}

impl Default for TreeHasher {
    fn default() -> Self {
        Self { leaves: Vec::new(), open: Context::new(&SHA256), filled: 0 }
    }
}

impl TreeHasher {
    pub fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(LEAF_BYTES - self.filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.update(now);
            self.filled += u64::try_from(now.len()).unwrap_or_default();
            bytes = later;
            if self.filled == LEAF_BYTES {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        let full = std::mem::replace(&mut self.open, Context::new(&SHA256));
        self.leaves.push(hash_of(full));
        self.filled = 0;
    }

    /// The leaves of all that came.
    pub fn finish(mut self) -> Vec<Hash> {
        if self.filled > 0 {
            self.close();
        }
        self.leaves
    }
}

/// The hash over nodes of one level, in order; what has no partner goes up as it is. `None` of nothing.
pub fn join(mut nodes: Vec<Hash>) -> Option<Hash> {
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => {
                    let mut context = Context::new(&SHA256);
                    context.update(left);
                    context.update(right);
                    Some(hash_of(context))
                }
                alone => alone.first().copied(),
            })
            .collect();
    }
    nodes.pop()
}

/// Whether the bytes `start..end` of an archive of `size` are under one node of its tree: then their own tree hash is
/// that node (developer guide, "Receiving Checksums When Downloading Data").
pub fn is_aligned(start: u64, end: u64, size: u64) -> bool {
    let whole = start.is_multiple_of(LEAF_BYTES) && (end.is_multiple_of(LEAF_BYTES) || end == size);
    let width = (end - start).div_ceil(LEAF_BYTES).next_power_of_two();
    let filled = (end - start).div_ceil(LEAF_BYTES) == width || end == size;
    whole && filled && (start / LEAF_BYTES).is_multiple_of(width)
}

pub fn to_hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// # Errors
/// *InvalidParameterValueException* for what is no hash.
pub fn parse(text: &str) -> Result<Hash> {
    let invalid = || errors::invalid(format!("Invalid x-amz-sha256-tree-hash: {text}"));
    if text.len() != 64 || !text.is_ascii() {
        return Err(invalid());
    }
    let mut hash = Hash::default();
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| invalid())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
    }
    Ok(hash)
}

/// The hash a request must promise of its bytes.
///
/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub fn promised(given: Option<&str>) -> Result<Hash> {
    parse(given.ok_or_else(|| errors::missing("x-amz-sha256-tree-hash"))?)
}

/// Compares.
///
/// # Errors
/// *InvalidParameterValueException*.
pub fn check(promised: &Hash, found: &Hash) -> Result<()> {
    if promised == found {
        return Ok(());
    }
    Err(errors::checksum_mismatch(&to_hex(promised), &to_hex(found)))
}

/// The tree hash of bytes at hand.
pub fn of(bytes: &[u8]) -> Hash {
    let mut hasher = TreeHasher::default();
    hasher.add(bytes);
    join(hasher.finish()).unwrap_or_else(|| {
        let mut empty = Hash::default();
        empty.iter_mut().zip(digest(&SHA256, b"").as_ref()).for_each(|(to, from)| *to = *from);
        empty
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn trees_are_joined_as_documented() {
        let leaf = |letter: u8| of(&vec![letter; MIB]);
        // The leaf of 1 MiB of zeros, as `sha256sum` gives it.
        let zeros = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
        assert_eq!(to_hex(&of(&vec![0; MIB])), zeros);
        let five: Vec<u8> = (0..5_u8).flat_map(|letter| vec![letter; MIB]).collect();
        let pair = |a: Hash, b: Hash| join(vec![a, b]).unwrap();
        let left = pair(pair(leaf(0), leaf(1)), pair(leaf(2), leaf(3)));
        assert_eq!(of(&five), pair(left, leaf(4)));
        assert_eq!(parse(&to_hex(&leaf(1))).unwrap(), leaf(1));
        assert!(parse("xyz").is_err() && parse(&"é".repeat(32)).is_err() && promised(None).is_err());
    }

    #[test]
    fn parts_join_to_the_whole() {
        let bytes: Vec<u8> = (0..9 * MIB + 5).map(|n| n.to_le_bytes()[1]).collect();
        let parts = bytes.chunks(4 * MIB).map(of).collect();
        assert_eq!(join(parts), Some(of(&bytes)));
        let mut pieces = TreeHasher::default();
        bytes.chunks(700_001).for_each(|piece| pieces.add(piece));
        assert_eq!(join(pieces.finish()), Some(of(&bytes)));
    }

    #[test]
    fn ranges_under_one_node() {
        let mib = |n: u64| n * LEAF_BYTES;
        let size = mib(6) + 1;
        for (start, end, aligned) in [
            (0, size, true),
            (0, mib(1), true),
            (mib(1), mib(2), true),
            (0, mib(4), true),
            (mib(4), size, true),
            (mib(4), mib(6), true),
            (mib(6), size, true),
            (mib(1), mib(3), false),
            (0, mib(3), false),
            (mib(2), size, false),
            (0, 5, false),
            (5, mib(1), false),
        ] {
            assert_eq!(is_aligned(start, end, size), aligned, "{start}..{end}");
        }
    }
}
