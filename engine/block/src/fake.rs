//! Volumes that exist in memory only, for the tests of whoever uses volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::error::{Error, Result};
use crate::manifest::BLOCK_BYTES;
use crate::volume::{BlockInfo, Capabilities, Device, Id, Known, Source, Stored, Volumes, Wish};

/// The contract of [`Volumes`] without a single byte.
#[derive(Default)]
pub struct FakeVolumes(Mutex<State>);

#[derive(Default)]
struct State {
    volumes: BTreeMap<Id, Wish>,
    attached: BTreeSet<Id>,
    busy: BTreeSet<Id>,
    /// By snapshot: which volume, how long.
    snapshots: BTreeMap<Id, u64>,
    stored: BTreeSet<Id>,
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
        self.lock().attached.contains(id)
    }

    pub fn snapshots(&self) -> Vec<Id> {
        self.lock().snapshots.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ensure_now(&self, id: Id, wish: &Wish) -> Result<()> {
        let mut state = self.lock();
        if state.is_full {
            return Err(Error::Full);
        }
        if let Source::Snapshot(snapshot) = &wish.source
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

    fn attach<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<Device>> {
        let mut state = self.lock();
        if !state.volumes.contains_key(id) {
            return ready(Err(Error::Absent(id.to_string()))).boxed();
        }
        state.attached.insert(id.clone());
        let node = PathBuf::from("/dev/fake").join(id.as_str());
        ready(Ok(Device { node, major: 7, minor: 0 })).boxed()
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

    fn remove_snapshot<'a>(&'a self, id: &'a Id) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        state.snapshots.remove(id);
        state.stored.remove(id);
        ready(Ok(())).boxed()
    }

    fn copy_snapshot<'a>(&'a self, from: &'a Id, to: &'a Id) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        let size = state.snapshots.get(from).copied();
        let answer = match size {
            Some(size) => {
                state.snapshots.insert(to.clone(), size);
                state.stored.insert(to.clone());
                Ok(())
            }
            None => Err(Error::Absent(from.to_string())),
        };
        ready(answer).boxed()
    }

    fn blocks<'a>(&'a self, snapshot: &'a Id) -> BoxFuture<'a, Result<Vec<BlockInfo>>> {
        let known = self.lock().stored.contains(snapshot);
        ready(if known { Ok(Vec::new()) } else { Err(Error::Absent(snapshot.to_string())) }).boxed()
    }

    fn block<'a>(&'a self, _snapshot: &'a Id, _index: u32) -> BoxFuture<'a, Result<Bytes>> {
        let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
        ready(Ok(Bytes::from(vec![0; length]))).boxed()
    }

    fn sweep(&self, known: Known) -> BoxFuture<'_, Result<()>> {
        let mut state = self.lock();
        state.volumes.retain(|id, _| known.volumes.contains(id));
        state.attached.retain(|id| known.attached.contains(id));
        state.snapshots.retain(|id, _| known.snapshots.contains(id));
        ready(Ok(())).boxed()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { sharing: "native".to_owned(), notes: vec!["volumes are simulated".to_owned()] }
    }
}
