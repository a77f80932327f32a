//! The real volumes. The engine remembers nothing it could not read again: what is attached, the kernel tells.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use blob::Blobs;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, RwLock};
use tokio::task::spawn_blocking;

use crate::error::{Error, Result, Trying};
use crate::export::Exported;
use crate::import::{DiskImage, Format};
use crate::loops;
use crate::make::{grow, make};
use crate::pool::{Pool, Sharing, sync_folder};
use crate::seal::Key;
use crate::sealed::Sealed;
use crate::volume::{
    BlockInfo, Capabilities, Device, Id, Keys, Known, PackedBlocks, Source, Stored, Volumes, Wish,
};

/// Of one volume: 64 TiB, as the largest of clouds.
pub(crate) const SIZE_BYTES_MAX: u64 = 64 << 40;
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
    /// The executable that calls [`crate::roles::run_if_role`].
    pub program: PathBuf,
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
        let (nodes, sealed) = (self.0.config.nodes.clone(), self.sealed());
        on_thread(move || {
            for device in devices(&pool, &sealed).iter().filter(|_| detach) {
                loops::detach(device)?;
                if let Some(name) = device.backing.file_name() {
                    loops::hide(&nodes.join(name))?;
                }
            }
            for name in sealed.names().iter().filter(|_| detach) {
                sealed.take(&pool.volumes().join(name), name)?;
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

    /// Beside the pool's place.
    pub(crate) fn sealed(&self) -> Sealed {
        let Config { run, program, .. } = &self.0.config;
        Sealed { root: run.with_extension("sealed"), program: program.clone() }
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
            && let Source::Snapshot(snapshot, _) = &wish.source
        {
            // The file of a snapshot that was only stored is made again from its blocks.
            self.ensure_file(snapshot).await?;
        }
        let plain = self.sealed().plain(id.as_str());
        on_thread(move || {
            if !file.exists() {
                make(&pool, &file, &wish)?;
            }
            grow(&file, &plain, wish.size_bytes)
        })
        .await
    }

    async fn sweep_now(&self, known: &Known) -> Result<()> {
        if !self.is_used() {
            return Ok(());
        }
        let pool = self.pool().await?.clone();
        let (volumes, snapshots, templates) = (pool.volumes(), pool.snapshots(), pool.templates());
        let attached: Vec<String> = known.attached.iter().map(ToString::to_string).collect();
        let (nodes, sealed) = (self.0.config.nodes.clone(), self.sealed());
        on_thread(move || {
            for device in devices(&pool, &sealed) {
                let name = device.backing.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if attached.iter().any(|known| known == name) {
                    continue;
                }
                match loops::detach(&device) {
                    // Its user, a machine that ends, may need a moment: the next sweep finds it.
                    Err(Error::Busy(_)) => continue,
                    detached => detached?,
                }
                loops::hide(&nodes.join(name))?;
            }
            for name in sealed.names().iter().filter(|name| !attached.contains(name)) {
                match sealed.take(&pool.volumes().join(name), name) {
                    Err(Error::Busy(_)) => {}
                    taken => taken?,
                }
            }
            Ok(())
        })
        .await?;
        for id in ids(&volumes)? {
            if !known.volumes.contains(&id) {
                match self.remove(&id).await {
                    // Who copied it for a daemon that was killed may need a moment: its owner asks again, or the next sweep.
                    Err(Error::Busy(_)) => {}
                    removed => removed?,
                }
            }
        }
        let mut doomed = ids(&snapshots)?;
        doomed.extend(self.stored_ids().await?);
        doomed.extend(self.archived_ids().await?);
        doomed.extend(self.storing_ids().await?);
        for id in doomed {
            if !known.snapshots.contains(&id) {
                self.remove_snapshot(&id).await?;
            }
        }
        on_thread(move || [volumes, snapshots, templates].iter().try_for_each(|folder| drafts(folder))).await
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
            let (sealed, name) = (self.sealed(), id.to_string());
            on_thread(move || {
                take_device(&sealed, &file, &name)?;
                loops::hide(&node)?;
                loops::hide(&file)?;
                sync_folder(&file)
            })
            .await
        }
        .boxed()
    }

    fn attach<'a>(&'a self, id: &'a Id, key: Option<&'a Key>) -> BoxFuture<'a, Result<Device>> {
        async move {
            let _turn = self.turn(id).await;
            let file = self.pool().await?.volumes().join(id.as_str());
            let (node, owner, name) = (self.node(id), self.0.config.owner, id.to_string());
            let (sealed, key) = (self.sealed(), key.cloned());
            on_thread(move || {
                if !file.exists() {
                    return Err(Error::Absent(name));
                }
                let device = match key {
                    None => loops::attach(&file)?,
                    Some(key) => loops::attach(&sealed.show(&file, &name, &key)?)?,
                };
                shown(&device, node, owner)
            })
            .await
        }
        .boxed()
    }

    fn find_device<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Option<Device>>> {
        async move {
            let _turn = self.turn(id).await;
            let (file, plain) =
                (self.pool().await?.volumes().join(id.as_str()), self.sealed().plain(id.as_str()));
            let (node, owner) = (self.node(id), self.0.config.owner);
            on_thread(move || match device_of(&file, &plain) {
                Some(device) => shown(&device, node, owner).map(Some),
                None => Ok(None),
            })
            .await
        }
        .boxed()
    }

    fn detach<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        async move {
            let _turn = self.turn(id).await;
            let (file, node) = (self.pool().await?.volumes().join(id.as_str()), self.node(id));
            let (sealed, name) = (self.sealed(), id.to_string());
            on_thread(move || {
                if take_device(&sealed, &file, &name)? {
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

    fn begin<'a>(
        &'a self,
        snapshot: &'a Id,
        size_bytes: u64,
        from: Option<&'a Id>,
        keys: Keys<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        self.begin_now(snapshot, size_bytes, from, keys).boxed()
    }

    fn put_block<'a>(
        &'a self,
        snapshot: &'a Id,
        index: u32,
        block: Bytes,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<()>> {
        self.put_block_now(snapshot, index, block, key).boxed()
    }

    fn import<'a>(
        &'a self,
        snapshot: &'a Id,
        image: DiskImage,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<u64>> {
        self.import_now(snapshot, image, key).boxed()
    }

    fn export<'a>(&'a self, volume: &'a Id, format: Format) -> BoxFuture<'a, Result<Exported>> {
        self.export_now(volume, format).boxed()
    }

    fn store<'a>(&'a self, snapshot: &'a Id, parent: Option<&'a Id>) -> BoxFuture<'a, Result<Stored>> {
        self.store_now(snapshot, parent).boxed()
    }

    fn ready<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.ensure_file(snapshot).boxed()
    }

    fn archive<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<u64>> {
        self.archive_now(snapshot).boxed()
    }

    fn restore<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Stored>> {
        self.restore_now(snapshot).boxed()
    }

    fn remove_archive<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.remove_archive_now(snapshot).boxed()
    }

    fn remove_snapshot<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.remove_snapshot_now(id).boxed()
    }

    fn copy_snapshot<'a>(
        &'a self,
        from: &'a Id,
        to: &'a Id,
        keys: Keys<'a>,
    ) -> BoxFuture<'a, Result<Stored>> {
        self.copy_now(from, to, keys).boxed()
    }

    fn blocks<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Vec<BlockInfo>>> {
        self.blocks_now(snapshot).boxed()
    }

    fn block<'a>(
        &'a self,
        snapshot: &'a Id,
        index: u32,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<Bytes>> {
        self.block_now(snapshot, index, key).boxed()
    }

    fn read<'a>(
        &'a self,
        snapshot: &'a Id,
        from: u32,
        key: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<PackedBlocks>> {
        self.read_now(snapshot, from, key).boxed()
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

/// The devices of all volumes, plain and sealed: their files bear the volumes' names.
fn devices(pool: &Pool, sealed: &Sealed) -> Vec<loops::Loop> {
    let mut devices = loops::below(&pool.volumes());
    devices.extend(loops::below(&sealed.root));
    devices
}

/// The device of a volume: of its file, or of the plain side of that while somebody serves it.
pub(crate) fn device_of(file: &Path, plain: &Path) -> Option<loops::Loop> {
    loops::find(file).or_else(|| loops::find(plain).filter(|_| fs::metadata(plain).is_ok()))
}

/// A device under our own name.
fn shown(device: &loops::Loop, node: PathBuf, owner: u32) -> Result<Device> {
    loops::show(device, &node, owner)?;
    let (major, minor) = loops::numbers(device);
    Ok(Device { node, major, minor })
}

/// Takes a volume's device, of either kind. False if it has none.
fn take_device(sealed: &Sealed, file: &Path, name: &str) -> Result<bool> {
    let (of_file, of_plain) = (loops::find(file), loops::find(&sealed.plain(name)));
    if let Some(device) = &of_file {
        loops::detach(device)?;
    }
    sealed.take(file, name)?;
    Ok(of_file.or(of_plain).is_some())
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
