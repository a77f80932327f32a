//! Notices on their way: written with what they tell of, gone when they were taken.

use std::sync::atomic::{AtomicU64, Ordering};

use kernel::timers::TimerKey;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By id.
static NOTICES: Table<Notice> = Table::new("s3/notice");

/// The timers that carry them.
pub const KIND: &str = "notice";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The queue's ARN.
    pub to: String,
    /// The bucket's.
    pub from: String,
    pub body: String,
}

/// Orders what happens to a key: each number is greater than those before it, also within a moment, and behind a
/// kill by the clock. An event takes its number in its transaction, and those of one key come one after the other.
#[derive(Debug, Default)]
pub struct Sequence(AtomicU64);

impl Sequence {
    /// A number of now that is greater than `number`, the version's own.
    pub fn next(&self, now: Millis, number: u64) -> u64 {
        let least = (u64::try_from(now).unwrap_or_default() * 1_000).max(number + 1);
        let after = |last: u64| least.max(last + 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)))
            .map_or(least, after)
    }
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str, notice: &Notice) -> Result<()> {
    NOTICES.put(tx, scope, id, notice)?;
    let key =
        TimerKey { scope: *scope, service: "s3".to_owned(), kind: KIND.to_owned(), name: id.to_owned() };
    let now = tx.ctx().now();
    tx.schedule(&key, now)
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Notice>> {
    NOTICES.get(from, scope, id)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    NOTICES.delete(tx, scope, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_is_greater_whatever_the_clock_says() {
        let sequence = Sequence::default();
        let steps = [(5, 5_000), (5, 5_000), (9, 5_000), (4, 0), (4, 20_000), (0, 0)];
        let numbers = steps.map(|(now, number)| sequence.next(now, number));
        assert_eq!(numbers, [5_001, 5_002, 9_000, 9_001, 20_001, 20_002]);
    }
}
