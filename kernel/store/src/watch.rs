//! Waiting for a key or a prefix to change, without polling and without missing a change.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::disk::ERA_BYTES;
use crate::{Result, StoreError, WATCHES_MAX};

/// Sees every commit that changes its key or prefix after it was made. Make it first, then read, then wait.
#[derive(Debug)]
pub struct Watch {
    watches: Arc<Watches>,
    target: Target,
    changes: watch::Receiver<()>,
}

impl Watch {
    /// Waits for a change since the watch was made or since this last returned. It also returns when the store was
    /// cleared, or began to refuse writes. Safe to cancel.
    pub async fn changed(&mut self) {
        // The sender lives in the registry at least as long as this watch.
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether [`Watch::changed`] would return at once.
    pub fn has_changed(&self) -> bool {
        self.changes.has_changed().unwrap_or(false)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut registry = self.watches.lock();
        let last = registry.targets.get(&self.target).is_some_and(|sender| sender.receiver_count() <= 1);
        if last {
            registry.remove(&self.target);
            self.watches.count.store(registry.targets.len(), Ordering::Release);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Target {
    Key(Bytes),
    Prefix(Bytes),
}

/// Everything that is watched. Shared by the store and its watches.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    registry: Mutex<Registry>,
    /// So that commits need no lock while nobody watches.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Registry {
    targets: HashMap<Target, watch::Sender<()>>,
    /// How many prefixes of each length there are: the few lengths to look up a changed key by.
    lengths: BTreeMap<usize, usize>,
}

impl Registry {
    fn remove(&mut self, target: &Target) {
        self.targets.remove(target);
        if let Target::Prefix(prefix) = target
            && let Some(count) = self.lengths.get_mut(&prefix.len())
        {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
    }
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn prefix(self: &Arc<Self>, prefix: &[u8]) -> Result<Watch> {
        self.watch(Target::Prefix(Bytes::copy_from_slice(prefix)))
    }

    pub(crate) fn key(self: &Arc<Self>, key: &[u8]) -> Result<Watch> {
        self.watch(Target::Key(Bytes::copy_from_slice(key)))
    }

    fn watch(self: &Arc<Self>, target: Target) -> Result<Watch> {
        let mut registry = self.lock();
        if let Some(sender) = registry.targets.get(&target) {
            let changes = sender.subscribe();
            drop(registry);
            return Ok(Watch { watches: Arc::clone(self), target, changes });
        }
        if registry.targets.len() >= WATCHES_MAX {
            return Err(StoreError::TooManyWatches);
        }
        let (sender, changes) = watch::channel(());
        registry.targets.insert(target.clone(), sender);
        if let Target::Prefix(prefix) = &target {
            *registry.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.count.store(registry.targets.len(), Ordering::Release);
        drop(registry);
        Ok(Watch { watches: Arc::clone(self), target, changes })
    }

    /// Wakes the watches of `keys`, which are as the engine knows them.
    pub(crate) fn changed<'a>(&self, keys: impl Iterator<Item = &'a Bytes>) {
        if self.count() == 0 {
            return;
        }
        let registry = self.lock();
        let wake = |target: &Target| {
            if let Some(sender) = registry.targets.get(target) {
                sender.send_replace(());
            }
        };
        for key in keys {
            let key = key.slice(ERA_BYTES.min(key.len())..);
            for &length in registry.lengths.keys().take_while(|length| **length <= key.len()) {
                wake(&Target::Prefix(key.slice(..length)));
            }
            wake(&Target::Key(key));
        }
    }

    pub(crate) fn all_changed(&self) {
        for sender in self.lock().targets.values() {
            sender.send_replace(());
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}
