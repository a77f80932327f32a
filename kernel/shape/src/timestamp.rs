//! An instant on the wire.

/// Milliseconds are what AWS keeps; nanoseconds are carried so that nothing sent is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, negative before it.
    pub seconds: i64,
    /// Past `seconds`, 0 to 999,999,999.
    pub nanos: u32,
}

impl Timestamp {
    /// From milliseconds since 1970.
    pub fn from_millis(millis: i64) -> Self {
        let nanos = u32::try_from(millis.rem_euclid(1_000)).unwrap_or(0) * 1_000_000;
        Self { seconds: millis.div_euclid(1_000), nanos }
    }

    /// Milliseconds since 1970, the rest cut off.
    pub fn as_millis(self) -> i64 {
        self.seconds.saturating_mul(1_000).saturating_add(i64::from(self.nanos / 1_000_000))
    }
}
