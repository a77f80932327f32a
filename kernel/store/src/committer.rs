//! The one thread that writes: takes all waiting transactions, checks them, writes and syncs them as one group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::compactor::Compactor;
use crate::queue::{Outcome, Request};
use crate::resolver::{Resolver, touches};
use crate::runway::{ENTRY_BYTES, Runway};
use crate::store::Shared;
use crate::tx::{Finished, Op, Writes};
use crate::{Result, StoreError};

/// Transactions of one group, in bytes. A bigger group is written in several parts.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a group waits to become bigger, because another sync costs more than a short wait: a part of what writing the
/// last one took, and a little for each who was in it; bounded, because nobody should notice a long one.
const PATIENCE_EACH: Duration = Duration::from_micros(40);
const PATIENCE_MIN: Duration = Duration::from_micros(150);
const PATIENCE_MAX: Duration = Duration::from_millis(1);

pub(crate) struct Committer {
    shared: Arc<Shared>,
    resolver: Resolver,
    runway: Runway,
    compactor: Compactor,
    group: Group,
    last_commits: usize,
    last_took: Duration,
    /// The space of an ended era is to be given back.
    cleared: bool,
}

#[derive(Default)]
struct Group {
    writes: Writes,
    bytes: usize,
    accepted: Vec<oneshot::Sender<Outcome>>,
    /// They read what this group changes; told after it is visible, so that their next run sees it.
    refused: Vec<oneshot::Sender<Outcome>>,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let resolver = Resolver::new(Arc::clone(&shared.readers));
        let runway = shared.disk.runway();
        Self {
            shared,
            resolver,
            runway,
            compactor: Compactor::default(),
            group: Group::default(),
            last_commits: 0,
            last_took: Duration::ZERO,
            cleared: false,
        }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        self.reclaim();
        loop {
            let patience = patience(self.last_commits, self.last_took);
            let Some(requests) = self.shared.queue.take(self.last_commits, patience) else { return };
            // Their room in the queue is given back when all of them are written.
            let mut rooms = Vec::with_capacity(requests.len());
            self.last_commits = requests.len();
            for request in requests {
                match request {
                    Request::Commit { tx, reply, room } => {
                        rooms.push(room);
                        self.admit(tx, reply);
                    }
                    Request::Clear { reply } => self.clear(reply),
                }
            }
            self.flush();
            if std::mem::take(&mut self.cleared) {
                self.reclaim();
            }
        }
    }

    /// Puts a transaction into the group, or tells it why not.
    fn admit(&mut self, mut tx: Finished, reply: oneshot::Sender<Outcome>) {
        if let Err(error) = self.shared.check_writable() {
            return answer(reply, Outcome::Failed(error));
        }
        let stale = |(reading, reads): &(_, _)| self.resolver.is_stale(reading, reads);
        if tx.era != self.shared.disk.era().number || tx.reads.as_ref().is_some_and(stale) {
            return self.refuse(reply);
        }
        if tx.reads.as_ref().is_some_and(|(_, reads)| touches(&self.group.writes, reads)) {
            self.group.refused.push(reply);
            return;
        }
        if let Err(error) = self.resolve_counters(&mut tx.writes) {
            return answer(reply, Outcome::Failed(error));
        }
        self.group.bytes += tx.bytes;
        self.group.accepted.push(reply);
        if self.group.writes.is_empty() {
            self.group.writes = tx.writes;
        } else {
            self.group.writes.extend(tx.writes);
        }
        if self.group.bytes > GROUP_BYTES_MAX {
            self.flush();
        }
    }

    /// Turns additions into the sums they make on top of the group and of what is stored.
    fn resolve_counters(&self, writes: &mut Writes) -> Result<()> {
        for (key, op) in writes.iter_mut().filter(|(_, op)| matches!(op, Op::Add(_))) {
            let below = match self.group.writes.get(key) {
                Some(before) => before.over(None)?,
                None => self.shared.disk.latest(key)?,
            };
            *op = op.over(below.as_ref())?.map_or(Op::Delete, Op::Put);
        }
        Ok(())
    }

    /// Writes and syncs the group, makes it visible, and answers everybody in it.
    fn flush(&mut self) {
        let group = std::mem::take(&mut self.group);
        if group.accepted.is_empty() {
            return;
        }
        #[allow(clippy::disallowed_methods, reason = "a duration for the statistics, not a time")]
        let began = Instant::now();
        let appended = group.bytes + group.writes.len() * ENTRY_BYTES;
        let appended = u64::try_from(appended).unwrap_or(u64::MAX);
        let written = self.shared.disk.room.check(appended).and_then(|()| {
            self.runway.clear_for(appended);
            self.shared.disk.write(group.writes.iter()).map_err(|error| self.shared.poison(&error))
        });
        if let Err(error) = written {
            for reply in group.accepted.into_iter().chain(group.refused) {
                answer(reply, Outcome::Failed(error.clone()));
            }
            return;
        }
        self.last_took = began.elapsed();
        self.resolver.publish(&group.writes);
        self.shared.counters.group(group.accepted.len(), group.bytes, self.last_took);
        self.shared.watches.changed(group.writes.keys());
        self.acknowledge(group.accepted);
        for reply in group.refused {
            self.refuse(reply);
        }
        let deletes = group.writes.values().filter(|op| matches!(op, Op::Delete)).count();
        self.compactor.deleted(u64::try_from(deletes).unwrap_or(u64::MAX), &self.shared);
    }

    /// Tells all of a group at once: a runtime that is woken for each of them wakes its threads over and over.
    fn acknowledge(&self, replies: Vec<oneshot::Sender<Outcome>>) {
        let several = replies.len() > 1;
        let all = || replies.into_iter().for_each(|reply| answer(reply, Outcome::Committed));
        match self.shared.runtime.as_ref().filter(|_| several) {
            Some(runtime) => drop(runtime.spawn(async { all() })),
            None => all(),
        }
    }

    fn clear(&mut self, reply: oneshot::Sender<Outcome>) {
        self.flush();
        let cleared = self
            .shared
            .check_writable()
            .and_then(|()| self.shared.disk.next_era().map_err(|error| self.shared.poison(&error)));
        let outcome = match cleared {
            Ok(()) => {
                self.cleared = true;
                self.shared.watches.all_changed();
                Outcome::Committed
            }
            Err(error) => Outcome::Failed(error),
        };
        answer(reply, outcome);
    }

    /// Gives back the space of ended eras. Waiting for it only delays the next group, and only in a big store.
    fn reclaim(&self) {
        if let Err(error) = self.shared.disk.reclaim() {
            tracing::warn!(%error, "cannot reclaim the space of what was cleared; the next clear tries again");
        }
    }

    fn refuse(&self, reply: oneshot::Sender<Outcome>) {
        self.shared.counters.conflict();
        answer(reply, Outcome::Conflict);
    }
}

impl Drop for Committer {
    /// Also when it panics: no transaction may wait for ever.
    fn drop(&mut self) {
        self.shared.queue.abandon();
    }
}

fn patience(last_commits: usize, last_took: Duration) -> Duration {
    let commits = u32::try_from(last_commits).unwrap_or(u32::MAX);
    let patience = (last_took / 4).saturating_add(PATIENCE_EACH.saturating_mul(commits));
    patience.clamp(PATIENCE_MIN, PATIENCE_MAX)
}

/// Whoever asked may have gone away; then nobody needs the answer.
fn answer(reply: oneshot::Sender<Outcome>, outcome: Outcome) {
    drop(reply.send(outcome));
}

impl Shared {
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.poisoned.get().map_or(Ok(()), |reason| Err(StoreError::Poisoned { reason: Arc::clone(reason) }))
    }

    /// After a failed write or sync nobody knows what the disk holds; trying again could acknowledge what is lost.
    fn poison(&self, error: &StoreError) -> StoreError {
        let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        tracing::error!(reason, "a write to the store failed; it refuses all further writes");
        let reason = Arc::clone(self.poisoned.get_or_init(|| reason.into()));
        self.watches.all_changed();
        StoreError::Poisoned { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(100);

    #[test]
    fn big_groups_are_given_more_time_than_small_ones() {
        assert_eq!(patience(1, QUICK), PATIENCE_MIN);
        assert_eq!(patience(20, QUICK), Duration::from_micros(825));
    }

    #[test]
    fn slow_disks_are_waited_for_in_small_groups_too() {
        assert_eq!(patience(2, Duration::from_millis(2)), Duration::from_micros(580));
    }

    #[test]
    fn no_group_waits_long() {
        assert_eq!(patience(1_000, QUICK), PATIENCE_MAX);
        assert_eq!(patience(usize::MAX, Duration::MAX), PATIENCE_MAX);
    }
}
