//! Instants as S3 compares them: in whole seconds where HTTP gives no more.

use kernel::Millis;
use shape::Timestamp;

/// A stored instant for an answer.
pub fn shown(at: Millis) -> Timestamp {
    Timestamp::from_millis(at)
}

/// Whole seconds: what a date in a header can say.
pub fn seconds(at: Millis) -> i64 {
    at.div_euclid(1_000)
}
