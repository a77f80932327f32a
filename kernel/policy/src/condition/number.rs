//! Decimal numbers, compared exactly.

use std::str::FromStr;

/// Digits kept after the point.
const SCALE: usize = 18;

/// A decimal with up to 18 digits after the point and about 20 before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(i128);

impl FromStr for Number {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        if (whole.is_empty() && digits.len() < 2) || fraction.len() > SCALE {
            return Err(());
        }
        let padding = std::iter::repeat_n(b'0', SCALE - fraction.len());
        let mut units: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
            if !digit.is_ascii_digit() {
                return Err(());
            }
            units = units.checked_mul(10).and_then(|u| u.checked_add(i128::from(digit - b'0'))).ok_or(())?;
        }
        Ok(Self(if negative { -units } else { units }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        let number = |text: &str| text.parse::<Number>();
        assert_eq!(number("10"), number("10.0"));
        assert_eq!(number("-0"), number("0"));
        assert_eq!(number(".5"), number("0.5"));
        assert!(number("9007199254740993").unwrap() > number("9007199254740992").unwrap());
        assert!(number("-2").unwrap() < number("-1.999").unwrap());
        for bad in
            ["", "-", ".", "1e3", "0x1", "1.2.3", "١", "1_000", &"9".repeat(40), "0.0000000000000000001"]
        {
            assert!(number(bad).is_err(), "{bad}");
        }
    }
}
