//! Gets rid of the marks that deletions leave, when there are many: a scan has to step over every one of them.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::store::Shared;

/// Deletions after which it may be worth while.
const DELETES_MIN: u64 = 100_000;
/// A store with more tables than this (16 MiB each) is left to the engine's own, gradual compactions.
const TABLES_MAX: usize = 64;

/// Counts deletions, and rewrites the tables in the background when marks may make up a quarter of them.
#[derive(Default)]
pub(crate) struct Compactor {
    deletes: u64,
    running: Option<JoinHandle<()>>,
}

impl Compactor {
    pub(crate) fn deleted(&mut self, keys: u64, shared: &Arc<Shared>) {
        self.deletes += keys;
        if self.deletes < DELETES_MIN || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        if shared.disk.tables() > TABLES_MAX || self.deletes < shared.disk.approximate_keys() / 4 {
            return;
        }
        self.deletes = 0;
        let shared = Arc::clone(shared);
        let compact = move || {
            if let Err(error) = shared.disk.compact() {
                tracing::warn!(%error, "cannot compact the store; scans over deleted keys stay slow");
            }
        };
        self.running = std::thread::Builder::new().name("store-compact".to_owned()).spawn(compact).ok();
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        if let Some(running) = self.running.take()
            && running.join().is_err()
        {
            tracing::error!("the store's compaction panicked");
        }
    }
}
