//! How much of a host may be promised.

/// How many times a host's memory may be promised to instances, in hundredths. Processors are shared by time: of them
/// only more than the host has cannot be promised to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overcommit(u64);

impl Overcommit {
    pub const DEFAULT: Self = Self(400);
    const MIN: f64 = 0.01;
    const MAX: f64 = 1_000.0;

    /// Reads a factor from 0.01 to 1000, such as `1.5`.
    pub fn parse(text: &str) -> Option<Self> {
        let factor: f64 = text.trim().parse().ok()?;
        if !(Self::MIN..=Self::MAX).contains(&factor) {
            return None;
        }
        // Of the bounded factor's decimal text, so that no cast can lose anything.
        format!("{:.0}", factor * 100.0).parse().ok().map(Self)
    }
}

/// How many bytes may be promised of a host that has `memory`.
pub fn limit(Overcommit(hundredths): Overcommit, memory: u64) -> u64 {
    u64::try_from(u128::from(memory) * u128::from(hundredths) / 100).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_promised_as_often_as_it_may_be() {
        let twice = Overcommit::parse("2").unwrap();
        assert_eq!(limit(twice, 1_000), 2_000);
        assert_eq!(limit(Overcommit::DEFAULT, 1_001), 4_004);
        assert_eq!(limit(Overcommit::DEFAULT, u64::MAX), u64::MAX);
        assert_eq!(Overcommit::parse("4"), Some(Overcommit::DEFAULT));
        for bad in ["", "0", "-1", "x", "NaN", "1e9"] {
            assert_eq!(Overcommit::parse(bad), None, "{bad}");
        }
    }
}
