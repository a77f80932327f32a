//! What of one PutLogEvents is taken (API reference, PutLogEvents).

use std::ops::Range;

use kernel::{Millis, Result};

use super::group::DAY_MS;
use crate::errors;

const BYTES_MAX: usize = 1_048_576;
/// Counted for each event beside its text.
pub const EVENT_OVERHEAD: usize = 26;
/// Older ones are not taken.
const OLDEST_MS: Millis = 14 * DAY_MS;
/// Nor those of a later future.
const NEWEST_MS: Millis = 2 * 3_600_000;

/// Which events of a batch are taken, and where the others end or begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub events: Range<usize>,
    /// Of those taken, as they are counted.
    pub bytes: usize,
    pub too_old_end: Option<usize>,
    pub expired_end: Option<usize>,
    pub too_new_start: Option<usize>,
}

/// Looks at the instants and lengths of a batch. `keeps_ms` is how long its group keeps events.
///
/// # Errors
/// When it is too big, not in order, or spans more than a day.
pub fn check(events: &[(Millis, usize)], now: Millis, keeps_ms: Option<Millis>) -> Result<Taken> {
    let bytes: usize = events.iter().map(|(_, length)| length + EVENT_OVERHEAD).sum();
    if bytes > BYTES_MAX {
        return Err(errors::invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BYTES_MAX}")));
    }
    if !events.is_sorted_by_key(|(at, _)| *at) {
        let message = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(errors::invalid(message));
    }
    if let (Some((first, _)), Some((last, _))) = (events.first(), events.last())
        && last - first > DAY_MS
    {
        let message =
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
        return Err(errors::invalid(message));
    }
    let before = |instant: Millis| events.partition_point(|(at, _)| *at < instant);
    let too_old = before(now - OLDEST_MS);
    let expired = keeps_ms.map_or(0, |keeps| before(now - keeps));
    let too_new = before(now + NEWEST_MS + 1);
    let some = |count: usize| (count > 0).then_some(count);
    let start = too_old.max(expired);
    let taken = events.get(start..too_new).unwrap_or_default();
    Ok(Taken {
        events: start..too_new.max(start),
        bytes: taken.iter().map(|(_, length)| length + EVENT_OVERHEAD).sum(),
        too_old_end: some(too_old),
        expired_end: some(expired),
        too_new_start: (too_new < events.len()).then_some(too_new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 100 * DAY_MS;

    #[test]
    fn what_is_too_old_or_too_new_is_left_out() {
        let hour = 3_600_000;
        let at = |instants: &[Millis]| instants.iter().map(|at| (NOW + at, 4)).collect::<Vec<_>>();
        let new = check(&at(&[-1, 0, 2 * hour, 2 * hour + 1]), NOW, None).unwrap();
        assert_eq!((new.events, new.too_new_start, new.bytes), (0..3, Some(3), 90));
        let old = check(&at(&[-14 * DAY_MS - 1, -14 * DAY_MS]), NOW, None).unwrap();
        assert_eq!((old.events, old.too_old_end, old.expired_end), (1..2, Some(1), None));
        let kept = check(&at(&[-DAY_MS - 1, -DAY_MS]), NOW, Some(DAY_MS)).unwrap();
        assert_eq!((kept.events, kept.too_old_end, kept.expired_end), (1..2, None, Some(1)));
    }

    #[test]
    fn disorder_and_size_are_refused() {
        assert!(check(&[(NOW, 1), (NOW - 1, 1)], NOW, None).is_err());
        assert!(check(&[(NOW - DAY_MS - 1, 1), (NOW, 1)], NOW, None).is_err());
        assert!(check(&[(NOW, BYTES_MAX - 25)], NOW, None).is_err());
        assert!(check(&[(NOW, BYTES_MAX - 26)], NOW, None).is_ok());
    }
}
