//! The embedded engine: one fjall keyspace, with every key under the number of its era.
//!
//! To forget everything is to write the number of a new era: one small durable write, whatever the size of the store.
//! Keys of old eras are out of reach at once and leave the disk with compactions.

use std::fs::{self, File};
use std::panic::RefUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use fjall::compaction::Leveled;
use fjall::compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict};
use fjall::{
    AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable,
};

use crate::lock::FolderLock;
use crate::room::Room;
use crate::runway::Runway;
use crate::torn::cut_torn_group;
use crate::tx::Op;
use crate::{Options, Result, Row, StoreError};

/// Bytes of the era in front of every key.
pub(crate) const ERA_BYTES: usize = 4;
/// Where the number of the current era is kept. Data never lives in era 0.
const ERA_KEY: [u8; ERA_BYTES] = [0; ERA_BYTES];
const FIRST_ERA: u32 = 1;
/// fjall allows more; a store of one keyspace has few tables, and descriptors are scarce.
const OPEN_TABLES_MAX: usize = 256;
/// Is there while a store is being created, which takes many steps.
const UNFINISHED: &str = "unfinished";
const TABLE_BYTES: u64 = 16 << 20;

/// A stretch of the store's life between two clears. Whoever reads in it keeps its keys from being reclaimed.
#[derive(Debug)]
pub(crate) struct Era {
    pub(crate) number: u32,
    /// Keys of eras below may go.
    reclaim_below: Arc<AtomicU32>,
    /// Keeps the next era alive as long as this one is, so that they end in order.
    next: OnceLock<Arc<Era>>,
}

impl Era {
    fn new(number: u32, reclaim_below: Arc<AtomicU32>) -> Arc<Self> {
        Arc::new(Self { number, reclaim_below, next: OnceLock::new() })
    }

    /// `key` as the engine knows it.
    pub(crate) fn key(&self, key: &[u8]) -> Bytes {
        let mut full = Vec::with_capacity(ERA_BYTES + key.len());
        full.extend_from_slice(&self.number.to_be_bytes());
        full.extend_from_slice(key);
        full.into()
    }
}

impl Drop for Era {
    fn drop(&mut self) {
        // The last one ends with the store: its keys stay.
        if self.next.get().is_some() {
            self.reclaim_below.fetch_max(self.number + 1, Ordering::AcqRel);
        }
    }
}

/// The engine's side of a consistent read.
pub(crate) struct View {
    keyspace: Keyspace,
    snapshot: fjall::Snapshot,
}

impl View {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.snapshot.get(&self.keyspace, key)?.map(Bytes::from))
    }

    /// Rows with the engine's keys.
    pub(crate) fn rows(
        &self,
        start: Bytes,
        end: Bytes,
        reverse: bool,
    ) -> Box<dyn Iterator<Item = Result<Row>> + Send> {
        if start >= end {
            return Box::new(std::iter::empty());
        }
        let row = |guard: fjall::Guard| -> Result<Row> {
            let (key, value) = guard.into_inner()?;
            Ok((key.into(), value.into()))
        };
        let iter = self.snapshot.range(&self.keyspace, start..end);
        if reverse { Box::new(iter.rev().map(row)) } else { Box::new(iter.map(row)) }
    }
}

pub(crate) struct Disk {
    database: Database,
    keyspace: Keyspace,
    era: RwLock<Arc<Era>>,
    reclaim_below: Arc<AtomicU32>,
    tree: PathBuf,
    pub(crate) room: Room,
    _lock: FolderLock,
}

impl Disk {
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| StoreError::folder("create", folder, e))?;
        let lock = FolderLock::take(folder)?;
        let tree = folder.join("tree");
        let unfinished = folder.join(UNFINISHED);
        let fresh = begin_creation(folder, &tree, &unfinished)?;

        let reclaim_below = Arc::new(AtomicU32::new(0));
        let filter: Arc<dyn Factory> = Arc::new(OldEras(Arc::clone(&reclaim_below)));
        let filters: Filters = Arc::new(move |_| Some(Arc::clone(&filter)));
        let database = match open_engine(&tree, options, Arc::clone(&filters)) {
            Err(fjall::Error::JournalRecovery(_)) if cut_torn_group(&tree)? => {
                open_engine(&tree, options, filters)?
            }
            opened => opened?,
        };
        let keyspace = database.keyspace("store", || {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(options.memtable_bytes)
                .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
        })?;
        if fresh {
            fs::remove_file(&unfinished).map_err(|e| StoreError::folder("remove", &unfinished, e))?;
            sync_folder(folder)?;
        }

        let number = match keyspace.get(ERA_KEY)? {
            None => FIRST_ERA,
            Some(stored) => u32::from_be_bytes(
                stored.as_ref().try_into().map_err(|_| StoreError::Damaged { what: "the era" })?,
            ),
        };
        reclaim_below.store(number, Ordering::Release);
        let era = RwLock::new(Era::new(number, Arc::clone(&reclaim_below)));
        let room = Room::of(folder).map_err(|e| StoreError::folder("look at", folder, e))?;
        Ok(Self { database, keyspace, era, reclaim_below, tree, room, _lock: lock })
    }

    pub(crate) fn era(&self) -> Arc<Era> {
        Arc::clone(&self.era.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn view(&self) -> View {
        View { keyspace: self.keyspace.clone(), snapshot: self.database.snapshot() }
    }

    /// The newest value; for the committer, which is the only writer.
    pub(crate) fn latest(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.keyspace.get(key)?.map(Bytes::from))
    }

    /// Writes and syncs, and only then lets readers see it: fjall applies a batch to its memtable after the sync.
    pub(crate) fn write<'a>(&self, ops: impl ExactSizeIterator<Item = (&'a Bytes, &'a Op)>) -> Result<()> {
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), ops.len())
            .durability(Some(PersistMode::SyncData));
        for (key, op) in ops {
            match op {
                Op::Put(value) => batch.insert(&self.keyspace, key.clone(), value.clone()),
                Op::Delete => batch.remove(&self.keyspace, key.clone()),
                Op::Add(_) => return Err(StoreError::Damaged { what: "an unresolved counter" }),
            }
        }
        Ok(batch.commit()?)
    }

    /// Begins the next era, durably.
    pub(crate) fn next_era(&self) -> Result<()> {
        let old = self.era();
        let number = old.number.checked_add(1).ok_or(StoreError::Damaged { what: "the era" })?;
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.keyspace, ERA_KEY, number.to_be_bytes());
        batch.commit()?;

        let new = Era::new(number, Arc::clone(&self.reclaim_below));
        drop(old.next.set(Arc::clone(&new)));
        *self.era.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Drops the tables that hold nothing but ended eras. It waits for a running compaction.
    pub(crate) fn reclaim(&self) -> Result<()> {
        let below = self.reclaim_below.load(Ordering::Acquire);
        if below <= FIRST_ERA || self.keyspace.table_count() == 0 {
            return Ok(());
        }
        self.keyspace
            .tree
            .drop_range(FIRST_ERA.to_be_bytes()..below.to_be_bytes())
            .map_err(|e| fjall::Error::from(e).into())
    }

    /// Zeros ahead of this disk's journal; for the committer.
    pub(crate) fn runway(&self) -> Runway {
        Runway::new(self.tree.clone())
    }

    /// Rewrites all tables without deleted keys.
    pub(crate) fn compact(&self) -> Result<()> {
        // Without waiting for it to become a table: if that fails, it would be for ever.
        self.keyspace.rotate_memtable()?;
        Ok(self.keyspace.major_compact()?)
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.database.disk_space().unwrap_or(0)
    }

    /// Keys, counted with their older values and deletion marks.
    pub(crate) fn approximate_keys(&self) -> u64 {
        u64::try_from(self.keyspace.approximate_len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn tables(&self) -> usize {
        self.keyspace.table_count()
    }
}

/// Makes sure that a store whose creation was interrupted is created anew: nobody has written to it yet. Tells whether
/// the store is to be created.
fn begin_creation(folder: &Path, tree: &Path, unfinished: &Path) -> Result<bool> {
    if unfinished.exists() && tree.exists() {
        fs::remove_dir_all(tree).map_err(|e| StoreError::folder("remove", tree, e))?;
    }
    if tree.exists() {
        return Ok(false);
    }
    File::create(unfinished).map_err(|e| StoreError::folder("create", unfinished, e))?;
    sync_folder(folder)?;
    Ok(true)
}

type Filters = Arc<dyn Fn(&str) -> Option<Arc<dyn Factory>> + Send + Sync>;

fn open_engine(tree: &Path, options: &Options, filters: Filters) -> fjall::Result<Database> {
    Database::builder(tree)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes.max(Options::JOURNAL_BYTES_MIN))
        .max_cached_files(Some(OPEN_TABLES_MAX))
        .manual_journal_persist(true)
        .journal_compression(CompressionType::None)
        // With two, fjall's first worker spins while the second one compacts.
        .worker_threads(1)
        .with_compaction_filter_factories(filters)
        .open()
}

fn sync_folder(folder: &Path) -> Result<()> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    sync(folder).map_err(|e| StoreError::folder("sync", folder, e))?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            sync(parent).map_err(|e| StoreError::folder("sync", parent, e))
        }
        _ => Ok(()),
    }
}

/// Lets compactions drop the keys of ended eras.
struct OldEras(Arc<AtomicU32>);

impl RefUnwindSafe for OldEras {}

impl Factory for OldEras {
    fn name(&self) -> &'static str {
        "old eras"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(OldEra { below: self.0.load(Ordering::Acquire) })
    }
}

struct OldEra {
    below: u32,
}

impl CompactionFilter for OldEra {
    fn filter_item(
        &mut self,
        item: ItemAccessor<'_>,
        _: &Context,
    ) -> fjall::compaction::filter::CompactionFilterResult {
        let era = item.key().first_chunk::<ERA_BYTES>().map(|bytes| u32::from_be_bytes(*bytes));
        // No tombstones: nothing ever reads or writes an ended era again.
        Ok(match era {
            Some(era) if era >= FIRST_ERA && era < self.below => Verdict::Destroy,
            _ => Verdict::Keep,
        })
    }
}
