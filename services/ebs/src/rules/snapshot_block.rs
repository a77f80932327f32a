//! Blocks and the tokens they are asked for with.

use kernel::{Millis, Result};

use crate::errors;

pub const BLOCK_BYTES: u32 = 512 * 1024;
const BLOCKS_PER_GIB: u32 = 2_048;
/// How long a list's tokens are good.
pub const TOKEN_MS: Millis = 7 * 86_400_000;
pub const SHA256: &str = "SHA256";
const PAGE: usize = 10_000;

/// A block that may be read until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave<'a> {
    pub snapshot: &'a str,
    pub index: u32,
    pub until: Millis,
}

impl<'a> Leave<'a> {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.index.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.until.to_be_bytes());
        bytes.extend_from_slice(self.snapshot.as_bytes());
        bytes
    }

    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (index, rest) = bytes.split_first_chunk::<4>()?;
        let (until, snapshot) = rest.split_first_chunk::<8>()?;
        Some(Self {
            snapshot: std::str::from_utf8(snapshot).ok()?,
            index: u32::from_be_bytes(*index),
            until: Millis::from_be_bytes(*until),
        })
    }
}

/// The block an index means in a snapshot of this size.
///
/// # Errors
/// When it lies behind the end.
pub fn check_index(index: i32, size_gib: u32) -> Result<u32> {
    let blocks = size_gib.saturating_mul(BLOCKS_PER_GIB);
    let fits = u32::try_from(index).ok().filter(|index| *index < blocks);
    fits.ok_or_else(|| {
        errors::parameter(format!("Block index {index} is not in the snapshot of {size_gib} GiB."))
    })
}

/// Rows of a page.
pub fn page_size(asked: Option<i32>) -> usize {
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .filter(|asked| *asked > 0)
        .map_or(PAGE, |asked| asked.min(PAGE))
}

/// # Errors
/// For an algorithm other than SHA-256, or another way of adding up than in order.
pub fn check_method(algorithm: Option<&str>, method: Option<&str>) -> Result<()> {
    match (algorithm.unwrap_or(SHA256), method.unwrap_or("LINEAR")) {
        (SHA256, "LINEAR") => Ok(()),
        _ => Err(errors::parameter("Checksums are SHA256, aggregated LINEAR.")),
    }
}

type Changed = (u32, bool, bool);

/// The blocks two snapshots differ in, and which of both have them. Both lists are in order.
pub fn changes(first: &[(u32, [u8; 32])], second: &[(u32, [u8; 32])]) -> Vec<Changed> {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    let mut changed = Vec::new();
    loop {
        let order = match (first.peek(), second.peek()) {
            (Some(one), Some(other)) => one.0.cmp(&other.0),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return changed,
        };
        let one = first.next_if(|_| order.is_le());
        let other = second.next_if(|_| order.is_ge());
        if one != other {
            changed.extend(one.or(other).map(|(index, _)| (*index, one.is_some(), other.is_some())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back() {
        let leave = Leave { snapshot: "snap-1", index: 70_000, until: 12 };
        assert_eq!(Leave::read(&leave.to_bytes()), Some(leave));
        assert_eq!(Leave::read(b"short"), None);
    }

    #[test]
    fn changes_are_what_one_has_or_both_have_differently() {
        let (a, b) = ([1; 32], [2; 32]);
        let first = [(0, a), (1, a), (3, a)];
        let second = [(0, a), (1, b), (2, b), (9, a)];
        let wanted = [(1, true, true), (2, false, true), (3, true, false), (9, false, true)];
        assert_eq!(changes(&first, &second), wanted);
        assert!(changes(&first, &first).is_empty());
        assert_eq!(changes(&[], &second).len(), 4);
    }

    #[test]
    fn indexes_end_with_the_snapshot() {
        assert_eq!(check_index(2_047, 1).unwrap(), 2_047);
        assert!(check_index(2_048, 1).is_err() && check_index(-1, 1).is_err());
    }
}
