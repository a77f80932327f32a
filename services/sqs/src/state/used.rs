//! What was done with a queue since its metrics were last put. In memory only: a start begins anew.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sizes of messages, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub count: usize,
    pub sum: usize,
    pub least: usize,
    pub most: usize,
}

impl Sizes {
    pub fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let one = |size| Self { count: 1, sum: size, least: size, most: size };
        sizes.map(one).fold(Self::default(), Self::and)
    }

    fn and(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        Self {
            count: self.count + other.count,
            sum: self.sum.saturating_add(other.sum),
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// Counts of messages and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    pub sent: Sizes,
    pub received: usize,
    pub deleted: usize,
    pub empty_receives: usize,
}

/// Counts as they go on.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Used>);

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn sent(&self, sizes: Sizes) {
        let mut used = self.lock();
        used.sent = used.sent.and(sizes);
    }

    pub fn received(&self, count: usize) {
        let mut used = self.lock();
        used.received += count;
        used.empty_receives += usize::from(count == 0);
    }

    pub fn deleted(&self, count: usize) {
        self.lock().deleted += count;
    }

    /// What there is, counted from nothing again.
    pub fn take(&self) -> Used {
        std::mem::take(&mut *self.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_begin_anew() {
        let counts = Counts::default();
        counts.sent(Sizes::of([5, 3].into_iter()));
        counts.sent(Sizes::of([9].into_iter()));
        counts.received(2);
        counts.received(0);
        counts.deleted(1);
        let used = counts.take();
        assert_eq!(used.sent, Sizes { count: 3, sum: 17, least: 3, most: 9 });
        assert_eq!((used.received, used.deleted, used.empty_receives), (2, 1, 1));
        assert_eq!(counts.take(), Used::default());
    }
}
