//! The store's handle: open, write, read, watch, clear.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use tokio::runtime::Handle;

use crate::committer::Committer;
use crate::disk::Disk;
use crate::queue::{Outcome, Queue};
use crate::resolver::Readers;
use crate::stats::Counters;
use crate::watch::Watches;
use crate::{ATTEMPTS_MAX, Options, Result, Snapshot, Stats, StoreError, Tx, Watch};

/// A store that is open; clones are the same one. It is closed when the last clone is dropped.
#[derive(Clone)]
pub struct Store(Arc<Open>);

/// What the handle, the committer and running transactions share.
pub(crate) struct Shared {
    pub(crate) disk: Disk,
    pub(crate) queue: Queue,
    pub(crate) readers: Arc<Readers>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) counters: Counters,
    /// Where those who wait for the committer run.
    pub(crate) runtime: Option<Handle>,
    /// Why nothing is written any more.
    pub(crate) poisoned: OnceLock<Arc<str>>,
}

struct Open {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    /// Removed after everything else is closed.
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the store's committer panicked");
        }
    }
}

impl Store {
    /// Opens the store in `folder`, and makes it if it is not there. Blocks for some syncs of the disk.
    ///
    /// Opened within a Tokio runtime, it tells writers there what became of their transactions: that runtime must run while
    /// they wait.
    ///
    /// Fails with [`StoreError::Locked`] if another process, or another handle of this one, has it open.
    pub fn open(folder: impl AsRef<Path>, options: &Options) -> Result<Self> {
        Self::start(folder.as_ref(), options, None)
    }

    /// A new, empty store in a temporary folder that goes when the last handle does. For tests.
    pub fn temporary() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("store-")
            .tempdir()
            .map_err(|e| StoreError::folder("create a folder in", std::env::temp_dir(), e))?;
        let path = folder.path().to_owned();
        Self::start(&path, &Options::default(), Some(folder))
    }

    fn start(folder: &Path, options: &Options, temporary: Option<tempfile::TempDir>) -> Result<Self> {
        let shared = Arc::new(Shared {
            disk: Disk::open(folder, options)?,
            queue: Queue::new(),
            readers: Arc::default(),
            watches: Arc::default(),
            counters: Counters::default(),
            runtime: Handle::try_current().ok(),
            poisoned: OnceLock::new(),
        });
        let committer = Committer::new(Arc::clone(&shared));
        let committer = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || committer.run())
            .map_err(|e| StoreError::folder("start a thread for", folder, e))?;
        Ok(Self(Arc::new(Open { shared, committer: Some(committer), _folder: temporary })))
    }

    /// Runs `f` on a transaction and makes what it wrote durable. Serializable: if another transaction wrote what `f`
    /// read, `f` runs again on a fresh one, so it must have no effect but its result. If it fails, nothing is written.
    ///
    /// A caller that stops waiting (drops the future) does not learn whether the transaction was written.
    pub async fn write<T, E: From<StoreError>>(
        &self,
        mut f: impl FnMut(&mut Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let shared = &self.0.shared;
        for _ in 0..ATTEMPTS_MAX {
            let mut tx = Tx::new(Arc::clone(shared));
            let value = f(&mut tx)?;
            let Some(finished) = tx.finish() else { return Ok(value) };
            match shared.queue.commit(finished).await? {
                Outcome::Committed => return Ok(value),
                Outcome::Conflict => {}
                Outcome::Failed(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Contended { attempts: ATTEMPTS_MAX }.into())
    }

    /// Runs `f` on the newest durable state. A remote engine may have to run it again.
    pub async fn read<T, E: From<StoreError>>(
        &self,
        mut f: impl FnMut(&Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        f(&Snapshot::new(&self.0.shared))
    }

    /// Watches all keys that start with `prefix`.
    pub fn watch_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Watch> {
        self.0.shared.watches.prefix(prefix.as_ref())
    }

    /// Watches one key.
    pub fn watch_key(&self, key: impl AsRef<[u8]>) -> Result<Watch> {
        self.0.shared.watches.key(key.as_ref())
    }

    /// Forgets everything, durably, in the time of one small write. Transactions that run meanwhile run again.
    pub async fn clear(&self) -> Result<()> {
        match self.0.shared.queue.clear().await? {
            Outcome::Committed | Outcome::Conflict => Ok(()),
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Why writes are refused at present; `None` when they are not.
    pub fn trouble(&self) -> Option<String> {
        let shared = &self.0.shared;
        match shared.check_writable() {
            Err(error) => Some(error.to_string()),
            Ok(()) => shared.disk.room.is_full().then(|| "the disk is full".to_owned()),
        }
    }

    /// Whether so many bytes may be written beside the store, where they are on its disk.
    pub fn has_room_beside(&self, bytes: u64) -> bool {
        self.0.shared.disk.room.has_beside(bytes)
    }

    pub fn stats(&self) -> Stats {
        let shared = &self.0.shared;
        Stats {
            disk_bytes: shared.disk.disk_bytes(),
            tables: u64::try_from(shared.disk.tables()).unwrap_or(u64::MAX),
            watches: u64::try_from(shared.watches.count()).unwrap_or(u64::MAX),
            ..shared.counters.read()
        }
    }
}
