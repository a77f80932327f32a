//! Waits that have an end, to the second: far cheaper than a timer for every request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

/// The waits of one thread.
#[derive(Default)]
pub(crate) struct Waits {
    /// Seconds.
    clock: AtomicU32,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    /// When to be woken, and whom.
    all: Vec<Option<(u32, Waker)>>,
    free: Vec<usize>,
}

impl Waits {
    pub(crate) fn now(&self) -> u32 {
        self.clock.load(Ordering::Relaxed)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second has passed: those whose wait is over are woken. Answers the time.
    pub(crate) fn tick(&self) -> u32 {
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        for (until, waker) in self.rows().all.iter().flatten() {
            if *until <= now {
                waker.wake_by_ref();
            }
        }
        now
    }

    /// Begins a wait of `time`, or up to a second longer.
    pub(crate) fn begin(&self, time: Duration) -> Wait<'_> {
        let mut wait = Wait { waits: self, until: 0, row: None };
        wait.renew(time);
        wait
    }
}

pub(crate) struct Wait<'w> {
    waits: &'w Waits,
    until: u32,
    row: Option<usize>,
}

impl Wait<'_> {
    pub(crate) fn renew(&mut self, time: Duration) {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let begun = u32::from(time.subsec_nanos() > 0);
        // The present second is under way.
        self.until = self.waits.now().saturating_add(seconds).saturating_add(begun + 1);
    }

    /// Whether it is over. If not, the task is woken when it is.
    pub(crate) fn is_over(&mut self, cx: &Context<'_>) -> bool {
        if self.waits.now() >= self.until {
            return true;
        }
        let mut rows = self.waits.rows();
        let row = *self.row.get_or_insert_with(|| rows.take());
        if let Some(row) = rows.all.get_mut(row) {
            *row = Some((self.until, cx.waker().clone()));
        }
        false
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(at) = self.row else { return };
        let mut rows = self.waits.rows();
        if let Some(row) = rows.all.get_mut(at) {
            *row = None;
            rows.free.push(at);
        }
    }
}

impl Rows {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_last_as_long_as_they_are_renewed() {
        let waits = Waits::default();
        let cx = Context::from_waker(Waker::noop());
        let (mut short, mut long) =
            (waits.begin(Duration::from_millis(300)), waits.begin(Duration::from_secs(2)));
        assert!(!short.is_over(&cx) && !long.is_over(&cx));
        waits.tick();
        assert!(!short.is_over(&cx), "its second had begun before it");
        waits.tick();
        assert!(short.is_over(&cx) && !long.is_over(&cx));
        long.renew(Duration::from_secs(2));
        waits.tick();
        waits.tick();
        assert!(!long.is_over(&cx));
        waits.tick();
        assert!(long.is_over(&cx));
    }

    #[test]
    fn rows_are_used_again() {
        let waits = Waits::default();
        let cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            let (mut one, mut other) =
                (waits.begin(Duration::from_secs(9)), waits.begin(Duration::from_secs(9)));
            assert!(!one.is_over(&cx) && !other.is_over(&cx));
        }
        assert_eq!(waits.rows().all.len(), 2);
    }
}
