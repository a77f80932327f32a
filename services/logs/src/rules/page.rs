//! Where a reader of events stands: the order of events, and the tokens that say a place in it.

use kernel::{Millis, Result};
use serde::{Deserialize, Serialize};

use crate::errors;

/// The place of an event in its group: by instant, then by stream, then as they were put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub at: Millis,
    pub stream: u64,
    pub number: u64,
}

impl Place {
    /// In digits, as many for every place.
    pub fn digits(self) -> String {
        format!("{:016}{:020}{:020}", self.at.max(0), self.stream, self.number)
    }

    pub fn of_digits(digits: &str) -> Option<Self> {
        let is_whole = digits.len() == 56 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let part = |range: std::ops::Range<usize>| digits.get(range).filter(|_| is_whole);
        Some(Self {
            at: part(0..16)?.parse().ok()?,
            stream: part(16..36)?.parse().ok()?,
            number: part(36..56)?.parse().ok()?,
        })
    }
}

/// Which way a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Behind a place.
    Forward,
    /// Before it.
    Backward,
}

pub fn token(way: Way, place: Place) -> String {
    let letter = if way == Way::Forward { 'f' } else { 'b' };
    format!("{letter}/{}/s", place.digits())
}

/// # Errors
/// When it is no token of ours.
pub fn read_token(token: &str) -> Result<(Way, Place)> {
    let digits = |letter: &str| Place::of_digits(token.strip_prefix(letter)?.strip_suffix("/s")?);
    let forward = digits("f/").map(|place| (Way::Forward, place));
    forward.or_else(|| digits("b/").map(|place| (Way::Backward, place))).ok_or_else(errors::bad_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_nothing_else_does() {
        let place = Place { at: 1_767_225_600_000, stream: u64::MAX, number: 7 };
        for way in [Way::Forward, Way::Backward] {
            assert_eq!(read_token(&token(way, place)).unwrap(), (way, place));
        }
        let long = "9".repeat(56);
        for bad in ["", "f/", "f/1/s", "x/0/s", &format!("f/{long}/s"), &format!("f/{}é/s", "0".repeat(54))]
        {
            assert!(read_token(bad).is_err(), "{bad}");
        }
    }
}
