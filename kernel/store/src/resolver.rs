//! Finds out whether what a transaction read was written by another one since.
//!
//! The committer remembers the keys of recent commits, with their versions, for as long as a transaction runs that read
//! before them. While nobody reads there is nothing to remember.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::tx::{Reads, Writes};

/// Most keys remembered. Transactions that started reading before the oldest of them are run again.
const KEYS_MAX: usize = 100_000;

/// The running transactions that have read, by the version they read at.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<Active>);

#[derive(Debug, Default)]
struct Active {
    /// Number of the last visible commit group.
    version: u64,
    readers: BTreeMap<u64, usize>,
}

impl Readers {
    fn lock(&self) -> MutexGuard<'_, Active> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the commits since a transaction's first read remembered.
#[derive(Debug)]
pub(crate) struct Reading {
    readers: Arc<Readers>,
    version: u64,
}

impl Reading {
    pub(crate) fn begin(readers: &Arc<Readers>) -> Self {
        let mut active = readers.lock();
        let version = active.version;
        *active.readers.entry(version).or_default() += 1;
        drop(active);
        Self { readers: Arc::clone(readers), version }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut active = self.readers.lock();
        if let Some(count) = active.readers.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                active.readers.remove(&self.version);
            }
        }
    }
}

/// The committer's memory of recent commits.
#[derive(Debug)]
pub(crate) struct Resolver {
    readers: Arc<Readers>,
    /// The version that last wrote each key.
    written: BTreeMap<Bytes, u64>,
    order: VecDeque<(u64, Bytes)>,
    /// Commits up to this version are forgotten.
    forgotten: u64,
}

impl Resolver {
    pub(crate) fn new(readers: Arc<Readers>) -> Self {
        Self { readers, written: BTreeMap::new(), order: VecDeque::new(), forgotten: 0 }
    }

    /// Whether a visible commit wrote what `reads` saw.
    pub(crate) fn is_stale(&self, reading: &Reading, reads: &Reads) -> bool {
        reading.version < self.forgotten
            || reads.keys.iter().any(|key| self.written.get(key).is_some_and(|v| *v > reading.version))
            || reads.ranges.iter().any(|range| in_range(&self.written, range).any(|v| *v > reading.version))
    }

    /// Publishes the group just written as the next version.
    pub(crate) fn publish(&mut self, writes: &Writes) {
        let mut active = self.readers.lock();
        active.version += 1;
        let version = active.version;
        let oldest = active.readers.keys().next().copied();
        drop(active);

        let Some(oldest) = oldest else {
            self.written.clear();
            self.order.clear();
            return;
        };
        for key in writes.keys() {
            self.written.insert(key.clone(), version);
            self.order.push_back((version, key.clone()));
        }
        while let Some((version, key)) = self.order.front() {
            if *version > oldest && self.order.len() <= KEYS_MAX {
                break;
            }
            if *version > oldest {
                self.forgotten = *version;
            }
            if self.written.get(key) == Some(version) {
                self.written.remove(key);
            }
            self.order.pop_front();
        }
    }
}

/// Whether `reads` saw what `writes`, not yet visible, will change.
pub(crate) fn touches(writes: &Writes, reads: &Reads) -> bool {
    reads.keys.iter().any(|key| writes.contains_key(key))
        || reads.ranges.iter().any(|range| in_range(writes, range).next().is_some())
}

fn in_range<'m, V>(
    map: &'m BTreeMap<Bytes, V>,
    range: &(Bytes, Bytes),
) -> impl Iterator<Item = &'m V> + use<'m, V> {
    let (start, end) = range;
    let bounds = if start < end {
        (Bound::Included(start), Bound::Excluded(end))
    } else {
        (Bound::Included(start), Bound::Included(start))
    };
    map.range::<Bytes, _>(bounds).map(|(_, value)| value)
}
