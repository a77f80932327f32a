//! What the store counts about itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Totals since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that were written and acknowledged.
    pub commits: u64,
    /// Runs of a transaction that had to be repeated because of a conflict.
    pub conflicts: u64,
    /// Syncs of the disk; `commits / syncs` is the mean group.
    pub syncs: u64,
    /// Most transactions written with one sync.
    pub group_max: u64,
    /// Keys and values written, in bytes, before the engine's own overhead.
    pub bytes: u64,
    /// Time spent writing and syncing groups, in nanoseconds.
    pub write_ns: u64,
    /// Disk space used by journals and tables, in bytes.
    pub disk_bytes: u64,
    /// Tables on disk.
    pub tables: u64,
    /// Keys and prefixes watched now.
    pub watches: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    conflicts: AtomicU64,
    syncs: AtomicU64,
    group_max: AtomicU64,
    bytes: AtomicU64,
    write_ns: AtomicU64,
}

impl Counters {
    pub(crate) fn group(&self, commits: usize, bytes: usize, took: Duration) {
        let commits = u64::try_from(commits).unwrap_or(u64::MAX);
        self.commits.fetch_add(commits, Relaxed);
        self.syncs.fetch_add(1, Relaxed);
        self.group_max.fetch_max(commits, Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
        self.write_ns.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            commits: self.commits.load(Relaxed),
            conflicts: self.conflicts.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            group_max: self.group_max.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            write_ns: self.write_ns.load(Relaxed),
            ..Stats::default()
        }
    }
}
