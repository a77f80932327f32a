//! Amounts of money.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dollars(pub(crate) u64);

/// Digits of [`Dollars`] after the point.
const DIGITS: usize = 6;
/// More than any hour costs.
const WHOLE_DIGITS_MAX: usize = 9;

impl Dollars {
    pub const fn millionths(count: u64) -> Self {
        Self(count)
    }

    /// Reads `0.0104`. Digits beyond the millionths are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.len() + part.len() == 0
            || whole.len() > WHOLE_DIGITS_MAX
            || !is_number(whole)
            || !is_number(part)
        {
            return None;
        }
        let part: String = part.chars().chain("0".repeat(DIGITS).chars()).take(DIGITS).collect();
        format!("{whole}{part}").parse().ok().map(Self)
    }

    pub fn as_millionths(self) -> u64 {
        self.0
    }

    pub fn percent(self, percent: u32) -> Self {
        Self(self.0 * u64::from(percent) / 100)
    }

    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// For the API's members of type double.
    pub fn as_double(self) -> f64 {
        // Its own decimal text, so that no cast can lose anything.
        self.to_string().parse().unwrap_or_default()
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let million = 1_000_000;
        write!(f, "{}.{:0DIGITS$}", self.0 / million, self.0 % million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, millionths) in [("0.0104", 10_400), ("13", 13_000_000), (".5", 500_000), ("0.00000199", 1)]
        {
            assert_eq!(Dollars::parse(text), Some(Dollars(millionths)), "{text}");
        }
        for bad in ["", ".", "-1", "1e3", "1.2.3", "x", "99999999999"] {
            assert_eq!(Dollars::parse(bad), None, "{bad}");
        }
        assert_eq!(Dollars(10_400).to_string(), "0.010400");
        assert!((Dollars(2_500_000).as_double() - 2.5).abs() < 1e-9);
    }
}
