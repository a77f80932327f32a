//! Host names of our objects: the cloudlet's tag, and a short stable hash of the caller's id.

use std::fmt::Display;
use std::net::Ipv4Addr;

use crate::{Error, NetworkId, NicId, Result};

const TAG_BYTES: usize = 4;
/// No vowels and no look-alikes, so that names are never words.
const DIGITS: &[u8; 32] = b"0123456789bcdfghjklmnpqrstvwxyz_";

/// Four characters that set this cloudlet's host objects apart from another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    /// # Errors
    /// `Invalid` unless it is four lower-case letters or digits.
    pub(crate) fn new(tag: &str) -> Result<Self> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if tag.len() != TAG_BYTES || !tag.bytes().all(good) {
            return Err(Error::Invalid(
                format!("tag {tag:?}"),
                "it must be four lower-case letters or digits",
            ));
        }
        Ok(Self(tag.to_owned()))
    }

    /// The network's link in the host's namespace: 14 bytes (Linux allows 15). The address is part of it, so
    /// that a network made again never meets the link its predecessor is about to lose.
    pub(crate) fn uplink(&self, id: &NetworkId, address: Ipv4Addr) -> String {
        format!("cl{}u{}", self.0, short(&format_args!("{id} {address}"), 7))
    }

    /// What every uplink starts with.
    pub(crate) fn uplinks(&self) -> String {
        format!("cl{}u", self.0)
    }

    /// The nic's link in the router's namespace: 15 bytes.
    pub(crate) fn nic(&self, id: &NicId) -> String {
        format!("cl{}n{}", self.0, short(id, 8))
    }

    /// What every nic's link starts with.
    pub(crate) fn nics(&self) -> String {
        format!("cl{}n", self.0)
    }

    /// The link to another network, in the router's namespace: 15 bytes.
    pub(crate) fn peer(&self, other: &NetworkId) -> String {
        format!("cl{}p{}", self.0, short(other, 8))
    }

    /// What every link to another network starts with.
    pub(crate) fn peers(&self) -> String {
        format!("cl{}p", self.0)
    }

    /// The router's namespace, and the network's records.
    pub(crate) fn router(&self, id: &NetworkId) -> String {
        format!("cl{}r{}", self.0, short(id, 8))
    }
}

/// A hash of the id in base 32, `digits` long; groups use it alone, inside their network.
pub(crate) fn short(id: &impl Display, digits: u32) -> String {
    let hash = hash(&id.to_string());
    let digit =
        |at: u32| DIGITS.get(usize::try_from(hash >> (5 * at) & 31).unwrap_or(0)).copied().unwrap_or(b'0');
    (0..digits).map(digit).map(char::from).collect()
}

/// FNV-1a, with the finish of splitmix64 to spread ids that differ in their last byte. Stable for ever:
/// it names things that outlive the process.
pub(crate) fn hash(text: &str) -> u64 {
    let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_stay() {
        let tag = Tag::new("ab12").unwrap();
        assert_eq!(tag.uplink(&"vpc-1".into(), Ipv4Addr::LOCALHOST).len(), 14);
        assert_eq!(tag.nic(&"eni-1".into()).len(), 15);
        assert_ne!(tag.nic(&"eni-1".into()), tag.nic(&"eni-2".into()));
        assert_eq!(short(&"eni-1", 8), short(&NicId::from("eni-1"), 8));
        assert!(Tag::new("AB12").is_err());
        assert!(Tag::new("abc").is_err());
    }
}
