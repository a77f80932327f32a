//! The real volumes. The engine remembers nothing it could not read again: what is attached, the kernel tells.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use blob::Blobs;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, RwLock};
use tokio::task::spawn_blocking;

use crate::error::{Error, Result, Trying};
use crate::loops;
use crate::pool::{Pool, Sharing, rename, sync_folder};
use crate::volume::{BlockInfo, Capabilities, Device, Id, Known, Source, Stored, Volumes, Wish};

/// Of one volume: 64 TiB, as the largest of clouds.
const SIZE_BYTES_MAX: u64 = 64 << 40;
const SIZE_BYTES_MIN: u64 = 1 << 20;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything that lasts.
    pub data: PathBuf,
    /// Where the pool is mounted, gone after a restart of the host.
    pub run: PathBuf,
    /// Device files of attached volumes: a folder below `/dev`, where device files are allowed.
    pub nodes: PathBuf,
    /// Whose the device files are.
    pub owner: u32,
}

/// Volumes of this host. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    config: Config,
    pool: OnceCell<Pool>,
    blobs: OnceCell<Blobs>,
    /// One verb at a time per id.
    turns: Mutex<HashMap<Id, Arc<AsyncMutex<()>>>>,
    /// Shared by those who store blocks, alone for who deletes some: none goes that a snapshot has just found there.
    pub(crate) blocks: RwLock<()>,
}

impl Engine {
    /// Volumes in these folders. Nothing is touched before the first verb.
    pub fn new(config: Config) -> Self {
        let inner = Inner {
            config,
            pool: OnceCell::new(),
            blobs: OnceCell::new(),
            turns: Mutex::default(),
            blocks: RwLock::default(),
        };
        Self(Arc::new(inner))
    }

    /// Whether there is anything that lasts: else there is nothing to adopt.
    pub fn is_used(&self) -> bool {
        self.0.config.data.exists()
    }

    /// Lets go of what the host holds for us, unless volumes are attached. With `detach`, those are detached before, which
    /// takes that their machines have ended.
    ///
    /// # Errors
    /// [`Error::Busy`] for a volume somebody still uses; [`Error::Io`] when the host refuses.
    pub async fn close(&self, detach: bool) -> Result<()> {
        if !self.is_used() || (self.0.pool.get().is_none() && !detach) {
            return Ok(());
        }
        let pool = self.pool().await?.clone();
        let nodes = self.0.config.nodes.clone();
        on_thread(move || {
            for device in loops::below(&pool.volumes()).iter().filter(|_| detach) {
                loops::detach(device)?;
                if let Some(name) = device.backing.file_name() {
                    loops::hide(&nodes.join(name))?;
                }
            }
            if loops::below(&pool.root).is_empty() && pool.close()? {
                // Empty by now; the folder of others stays.
                let _ = fs::remove_dir(&nodes);
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn pool(&self) -> Result<&Pool> {
        let config = &self.0.config;
        self.0
            .pool
            .get_or_try_init(|| async {
                let (data, run) = (config.data.clone(), config.run.clone());
                on_thread(move || Pool::open(&data, &run)).await
            })
            .await
    }

    pub(crate) async fn blobs(&self) -> Result<&Blobs> {
        let folder = self.0.config.data.join("blobs");
        self.0.blobs.get_or_try_init(|| async { on_thread(move || Ok(Blobs::local(folder)?)).await }).await
    }

    pub(crate) async fn turn(&self, id: &Id) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(id.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn node(&self, id: &Id) -> PathBuf {
        self.0.config.nodes.join(id.as_str())
    }

    async fn ensure_now(&self, id: Id, wish: Wish) -> Result<()> {
        if !(SIZE_BYTES_MIN..=SIZE_BYTES_MAX).contains(&wish.size_bytes) {
            return Err(Error::Spec(format!("a volume cannot have {} bytes", wish.size_bytes)));
        }
        let _turn = self.turn(&id).await;
        let pool = self.pool().await?.clone();
        let file = pool.volumes().join(id.as_str());
        if !file.exists()
            && let Source::Snapshot(snapshot) = &wish.source
        {
            // The file of a snapshot that was only stored is made again from its blocks.
            self.ensure_file(snapshot).await?;
        }
        on_thread(
            move || if file.exists() { grow(&file, wish.size_bytes) } else { make(&pool, &file, &wish) },
        )
        .await
    }

    async fn sweep_now(&self, known: &Known) -> Result<()> {
        if !self.is_used() {
            return Ok(());
        }
        let pool = self.pool().await?.clone();
        let (volumes, snapshots) = (pool.volumes(), pool.snapshots());
        let attached: Vec<PathBuf> = known.attached.iter().map(|id| volumes.join(id.as_str())).collect();
        let nodes = self.0.config.nodes.clone();
        let folder = volumes.clone();
        on_thread(move || {
            for device in loops::below(&folder).iter().filter(|device| !attached.contains(&device.backing)) {
                match loops::detach(device) {
                    // Its user, a machine that ends, may need a moment: the next sweep finds it.
                    Err(Error::Busy(_)) => continue,
                    detached => detached?,
                }
                if let Some(name) = device.backing.file_name() {
                    loops::hide(&nodes.join(name))?;
                }
            }
            Ok(())
        })
        .await?;
        for id in ids(&volumes)? {
            if !known.volumes.contains(&id) {
                self.remove(&id).await?;
            }
        }
        let mut doomed = ids(&snapshots)?;
        doomed.extend(self.stored_ids().await?);
        for id in doomed {
            if !known.snapshots.contains(&id) {
                self.remove_snapshot(&id).await?;
            }
        }
        on_thread(move || drafts(&volumes).and_then(|()| drafts(&snapshots))).await
    }
}

impl Volumes for Engine {
    fn ensure(&self, id: Id, wish: Wish) -> BoxFuture<'_, Result<()>> {
        self.ensure_now(id, wish).boxed()
    }

    fn remove<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        async move {
            let _turn = self.turn(id).await;
            let (file, node) = (self.pool().await?.volumes().join(id.as_str()), self.node(id));
            on_thread(move || {
                if let Some(device) = loops::find(&file) {
                    loops::detach(&device)?;
                }
                loops::hide(&node)?;
                loops::hide(&file)?;
                sync_folder(&file)
            })
            .await
        }
        .boxed()
    }

    fn attach<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Device>> {
        async move {
            let _turn = self.turn(id).await;
            let file = self.pool().await?.volumes().join(id.as_str());
            let (node, owner, name) = (self.node(id), self.0.config.owner, id.to_string());
            on_thread(move || {
                if !file.exists() {
                    return Err(Error::Absent(name));
                }
                let device = loops::attach(&file)?;
                loops::show(&device, &node, owner)?;
                let (major, minor) = loops::numbers(&device);
                Ok(Device { node, major, minor })
            })
            .await
        }
        .boxed()
    }

    fn detach<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        async move {
            let _turn = self.turn(id).await;
            let (file, node) = (self.pool().await?.volumes().join(id.as_str()), self.node(id));
            on_thread(move || {
                if let Some(device) = loops::find(&file) {
                    loops::detach(&device)?;
                    File::open(&file).and_then(|file| file.sync_all()).at("keep", &file)?;
                }
                loops::hide(&node)
            })
            .await
        }
        .boxed()
    }

    fn take<'a>(&'a self, snapshot: &'a Id, volume: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.take_now(snapshot, volume).boxed()
    }

    fn store<'a>(&'a self, snapshot: &'a Id, parent: Option<&'a Id>) -> BoxFuture<'a, Result<Stored>> {
        self.store_now(snapshot, parent).boxed()
    }

    fn remove_snapshot<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.remove_snapshot_now(id).boxed()
    }

    fn copy_snapshot<'a>(&'a self, from: &'a Id, to: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.copy_now(from, to).boxed()
    }

    fn blocks<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Vec<BlockInfo>>> {
        self.blocks_now(snapshot).boxed()
    }

    fn block<'a>(&'a self, snapshot: &'a Id, index: u32) -> BoxFuture<'a, Result<Bytes>> {
        self.block_now(snapshot, index).boxed()
    }

    fn sweep(&self, known: Known) -> BoxFuture<'_, Result<()>> {
        async move { self.sweep_now(&known).await }.boxed()
    }

    fn capabilities(&self) -> Capabilities {
        let Some(pool) = self.0.pool.get() else { return Capabilities::default() };
        let (sharing, notes) = match pool.sharing {
            Sharing::Native => ("native", Vec::new()),
            Sharing::Pool => ("pool", Vec::new()),
            Sharing::Copies => {
                let note = "no file system that shares blocks (apt-get install xfsprogs): volumes from snapshots are \
                            copied, and a volume in use has no snapshots";
                ("copies", vec![note.to_owned()])
            }
        };
        Capabilities { sharing: sharing.to_owned(), notes }
    }
}

/// Makes a volume's file, whole or not at all.
fn make(pool: &Pool, file: &Path, wish: &Wish) -> Result<()> {
    pool.check_room(0)?;
    let from = match &wish.source {
        Source::Empty => None,
        Source::FileSystem => Some(template(pool, wish.size_bytes)?),
        Source::Snapshot(id) => Some(pool.snapshots().join(id.as_str())),
    };
    let Some(from) = from else {
        let draft = file.with_extension("draft");
        let made = File::create(&draft).at("create", &draft)?;
        made.set_len(wish.size_bytes).at("size", &draft)?;
        made.sync_all().at("keep", &draft)?;
        return rename(&draft, file);
    };
    pool.copy(&from, file)?;
    // Should a crash come in between, the next try grows it.
    grow(file, wish.size_bytes)
}

/// Makes a volume longer, and its device if it has one.
fn grow(file: &Path, size_bytes: u64) -> Result<()> {
    let opened = OpenOptions::new().write(true).open(file).at("open", file)?;
    if opened.metadata().at("look at", file)?.len() < size_bytes {
        opened.set_len(size_bytes).at("grow", file)?;
        opened.sync_all().at("keep", file)?;
    }
    match loops::find(file) {
        Some(device) => loops::resize(&device),
        None => Ok(()),
    }
}

/// An empty file system of this size, made once.
fn template(pool: &Pool, size_bytes: u64) -> Result<PathBuf> {
    let path = pool.templates().join(format!("ext4-{size_bytes}"));
    if path.exists() {
        return Ok(path);
    }
    let serial = std::process::id();
    let draft = path.with_extension(format!("{serial}-{:?}.draft", std::thread::current().id()));
    let made = File::create(&draft).at("create", &draft)?;
    made.set_len(size_bytes).at("size", &draft)?;
    // The file is all holes, which read as zeros: nothing has to be cleared, now or later. Older programs do not know.
    let known = ["nodiscard,assume_storage_prezeroed=1", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"];
    let mut last = String::new();
    for options in known {
        let output = Command::new("mkfs.ext4")
            .args(["-q", "-F", "-b", "4096", "-m", "0", "-L", "root", "-E", options])
            .arg(&draft)
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(|error| {
            Error::Host(format!("mkfs.ext4 (apt-get install e2fsprogs) does not run: {error}"))
        })?;
        if output.status.success() {
            made.sync_all().at("keep", &draft)?;
            rename(&draft, &path)?;
            return Ok(path);
        }
        last = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    }
    loops::hide(&draft)?;
    Err(Error::Host(format!("mkfs.ext4 failed: {last}")))
}

/// The ids of all whole files in a folder.
pub(crate) fn ids(folder: &Path) -> Result<Vec<Id>> {
    let entries = fs::read_dir(folder).at("list", folder)?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter_map(|name| Id::new(name).ok()).collect())
}

/// Removes what crashes left unfinished. Only for the time before verbs come in.
fn drafts(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).at("list", folder)?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "draft") {
            loops::hide(&entry.path())?;
        }
    }
    Ok(())
}

/// Does what blocks on a thread for such.
pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::Host(format!("a task ended: {error}")))?
}
