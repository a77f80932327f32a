//! Volumes that exist in memory only, for the tests of whoever uses volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use futures_util::{FutureExt, StreamExt, stream};

use crate::error::{Error, Result, Trying};
use crate::export::Exported;
use crate::import::{DiskImage, Format};
use crate::manifest::BLOCK_BYTES;
use crate::seal::Key;
use crate::snapshot::pack;
use crate::volume::{
    BlockInfo, Capabilities, Device, Id, Keys, Known, Packed, PackedBlocks, Source, Stored, Volumes, Wish,
};

/// The contract of [`Volumes`] without a single byte.
#[derive(Default)]
pub struct FakeVolumes(Mutex<State>);

#[derive(Default)]
struct State {
    volumes: BTreeMap<Id, Wish>,
    attached: BTreeMap<Id, Option<Key>>,
    busy: BTreeSet<Id>,
    /// By snapshot: which volume, how long.
    snapshots: BTreeMap<Id, u64>,
    stored: BTreeSet<Id>,
    archived: BTreeSet<Id>,
    /// What was written into snapshots block by block.
    written: BTreeMap<Id, BTreeMap<u32, Bytes>>,
    is_full: bool,
}

impl FakeVolumes {
    pub fn new() -> Self {
        Self::default()
    }

    /// A guest uses the volume, or does no more.
    pub fn set_busy(&self, id: &Id, busy: bool) {
        let mut state = self.lock();
        if busy {
            state.busy.insert(id.clone());
        } else {
            state.busy.remove(id);
        }
    }

    /// The host's disk is full, or no more.
    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// What the volume was asked to be, if there is one.
    pub fn wish(&self, id: &Id) -> Option<Wish> {
        self.lock().volumes.get(id).cloned()
    }

    pub fn is_attached(&self, id: &Id) -> bool {
        self.lock().attached.contains_key(id)
    }

    pub fn snapshots(&self) -> Vec<Id> {
        self.lock().snapshots.keys().cloned().collect()
    }

    /// Whether a snapshot has an archive, and whether it is stored as well.
    pub fn tiers(&self, id: &Id) -> (bool, bool) {
        let state = self.lock();
        (state.archived.contains(id), state.stored.contains(id))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ensure_now(&self, id: Id, wish: &Wish) -> Result<()> {
        let mut state = self.lock();
        if state.is_full {
            return Err(Error::Full);
        }
        if let Source::Snapshot(snapshot, _) = &wish.source
            && !state.volumes.contains_key(&id)
            && !state.snapshots.contains_key(snapshot)
        {
            return Err(Error::Absent(snapshot.to_string()));
        }
        let volume = state.volumes.entry(id).or_insert_with(|| wish.clone());
        volume.size_bytes = volume.size_bytes.max(wish.size_bytes);
        Ok(())
    }
}

fn device(id: &Id) -> Device {
    Device { node: PathBuf::from("/dev/fake").join(id.as_str()), major: 7, minor: 0 }
}

impl Volumes for FakeVolumes {
    fn ensure(&self, id: Id, wish: Wish) -> BoxFuture<'_, Result<()>> {
        ready(self.ensure_now(id, &wish)).boxed()
    }

    fn remove<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        state.volumes.remove(id);
        state.attached.remove(id);
        ready(Ok(())).boxed()
    }

    fn attach<'a>(&'a self, id: &'a Id, key: Option<&'a Key>) -> BoxFuture<'a, Result<Device>> {
        let mut state = self.lock();
        let Some(volume) = state.volumes.get(id) else {
            return ready(Err(Error::Absent(id.to_string()))).boxed();
        };
        if volume.key.as_ref() != key {
            return ready(Err(Error::Spec("this is not the key of the volume".to_owned()))).boxed();
        }
        state.attached.insert(id.clone(), key.cloned());
        ready(Ok(device(id))).boxed()
    }

    fn find_device<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Option<Device>>> {
        let found = self.lock().attached.contains_key(id).then(|| device(id));
        ready(Ok(found)).boxed()
    }

    fn detach<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        if state.busy.contains(id) {
            return ready(Err(Error::Busy(id.to_string()))).boxed();
        }
        state.attached.remove(id);
        ready(Ok(())).boxed()
    }

    fn take<'a>(&'a self, snapshot: &'a Id, volume: &'a Id) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        let size = state.volumes.get(volume).map(|wish| wish.size_bytes);
        let answer = match size {
            Some(size) => {
                state.snapshots.entry(snapshot.clone()).or_insert(size);
                Ok(())
            }
            None => Err(Error::Absent(volume.to_string())),
        };
        ready(answer).boxed()
    }

    fn begin<'a>(
        &'a self,
        snapshot: &'a Id,
        size_bytes: u64,
        _from: Option<&'a Id>,
        _: Keys<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        self.lock().snapshots.entry(snapshot.clone()).or_insert(size_bytes);
        ready(Ok(())).boxed()
    }

    fn put_block<'a>(
        &'a self,
        snapshot: &'a Id,
        index: u32,
        block: Bytes,
        _: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        if !state.snapshots.contains_key(snapshot) {
            return ready(Err(Error::Absent(snapshot.to_string()))).boxed();
        }
        state.written.entry(snapshot.clone()).or_default().insert(index, block);
        ready(Ok(())).boxed()
    }

    fn import<'a>(
        &'a self,
        snapshot: &'a Id,
        image: DiskImage,
        _: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<u64>> {
        async move {
            let mut length = 0;
            let mut bytes = image.bytes;
            while let Some(part) = bytes.next().await {
                let part = part.trying(|| "read a disk image".to_owned())?;
                if part.starts_with(b"damaged") {
                    return Err(Error::Image("it does not read".to_owned()));
                }
                length += u64::try_from(part.len()).unwrap_or(0);
            }
            let mut state = self.lock();
            if state.is_full {
                return Err(Error::Full);
            }
            let size_bytes = length.next_multiple_of(1 << 30).max(1 << 30);
            Ok(*state.snapshots.entry(snapshot.clone()).or_insert(size_bytes))
        }
        .boxed()
    }

    fn export<'a>(&'a self, volume: &'a Id, format: Format) -> BoxFuture<'a, Result<Exported>> {
        let state = self.lock();
        let answer = match state.volumes.get(volume) {
            _ if state.is_full => Err(Error::Full),
            None => Err(Error::Absent(volume.to_string())),
            Some(_) => {
                let said = format!("a disk as {format:?}");
                let size_bytes = u64::try_from(said.len()).unwrap_or(0);
                Ok(Exported { size_bytes, bytes: stream::iter([Ok(Bytes::from(said))]).boxed() })
            }
        };
        ready(answer).boxed()
    }

    fn store<'a>(&'a self, snapshot: &'a Id, _parent: Option<&'a Id>) -> BoxFuture<'a, Result<Stored>> {
        let mut state = self.lock();
        let answer = if state.is_full {
            Err(Error::Full)
        } else if state.snapshots.contains_key(snapshot) {
            state.stored.insert(snapshot.clone());
            Ok(Stored::default())
        } else {
            Err(Error::Absent(snapshot.to_string()))
        };
        ready(answer).boxed()
    }

    fn ready<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<()>> {
        let known = self.lock().stored.contains(snapshot);
        ready(if known { Ok(()) } else { Err(Error::Absent(snapshot.to_string())) }).boxed()
    }

    fn archive<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<u64>> {
        let mut state = self.lock();
        if state.is_full {
            return ready(Err(Error::Full)).boxed();
        }
        if !state.stored.remove(snapshot) && !state.archived.contains(snapshot) {
            return ready(Err(Error::Absent(snapshot.to_string()))).boxed();
        }
        state.archived.insert(snapshot.clone());
        ready(Ok(BLOCK_BYTES)).boxed()
    }

    fn restore<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Stored>> {
        let mut state = self.lock();
        if !state.archived.contains(snapshot) && !state.stored.contains(snapshot) {
            return ready(Err(Error::Absent(snapshot.to_string()))).boxed();
        }
        state.stored.insert(snapshot.clone());
        ready(Ok(Stored { stored_bytes: BLOCK_BYTES, blocks: 1, ..Stored::default() })).boxed()
    }

    fn remove_archive<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<()>> {
        self.lock().archived.remove(snapshot);
        ready(Ok(())).boxed()
    }

    fn remove_snapshot<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        state.snapshots.remove(id);
        state.stored.remove(id);
        state.written.remove(id);
        ready(Ok(())).boxed()
    }

    fn copy_snapshot<'a>(&'a self, from: &'a Id, to: &'a Id, _: Keys<'a>) -> BoxFuture<'a, Result<Stored>> {
        let mut state = self.lock();
        let size = state.snapshots.get(from).copied();
        let answer = match size {
            Some(size) => {
                state.snapshots.insert(to.clone(), size);
                state.stored.insert(to.clone());
                Ok(Stored::default())
            }
            None => Err(Error::Absent(from.to_string())),
        };
        ready(answer).boxed()
    }

    fn blocks<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Vec<BlockInfo>>> {
        let state = self.lock();
        if !state.stored.contains(snapshot) {
            return ready(Err(Error::Absent(snapshot.to_string()))).boxed();
        }
        let written = state.written.get(snapshot).into_iter().flatten();
        ready(Ok(written.map(|(index, _)| BlockInfo { index: *index, token: [0; 32] }).collect())).boxed()
    }

    fn block<'a>(&'a self, snapshot: &'a Id, index: u32, _: Option<&'a Key>) -> BoxFuture<'a, Result<Bytes>> {
        let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        let found = self.lock().written.get(snapshot).and_then(|blocks| blocks.get(&index)).cloned();
        ready(Ok(found.unwrap_or_else(|| Bytes::from(vec![0; length])))).boxed()
    }

    fn read<'a>(
        &'a self,
        snapshot: &'a Id,
        from: u32,
        _: Option<&'a Key>,
    ) -> BoxFuture<'a, Result<PackedBlocks>> {
        let state = self.lock();
        if !state.stored.contains(snapshot) {
            return ready(Err(Error::Absent(snapshot.to_string()))).boxed();
        }
        let written = state.written.get(snapshot).cloned().unwrap_or_default();
        let left = written.into_iter().filter(move |(index, _)| *index >= from);
        let packed = left.map(|(index, block)| pack(&block).map(|bytes| Packed { index, bytes }));
        ready(Ok(stream::iter(packed.collect::<Vec<_>>()).boxed())).boxed()
    }

    fn sweep(&self, known: Known) -> BoxFuture<'_, Result<()>> {
        let mut state = self.lock();
        state.volumes.retain(|id, _| known.volumes.contains(id));
        state.attached.retain(|id, _| known.attached.contains(id));
        state.snapshots.retain(|id, _| known.snapshots.contains(id));
        ready(Ok(())).boxed()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { sharing: "native".to_owned(), notes: vec!["volumes are simulated".to_owned()] }
    }
}
