//! What a local folder needs beyond an object store: a lock, folders made durable, the remains of crashes.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::error::Doing;
use crate::{Error, Result};

/// Folders remembered as durable at most; beyond, the memory starts afresh and they are synced again.
const KNOWN_MAX: usize = 65_536;

pub(crate) struct Folder {
    root: PathBuf,
    /// Folders whose names, up to the root, are on the disk for certain.
    known: Mutex<HashSet<PathBuf>>,
    /// Held as long as the folder is open.
    lock: File,
    opened_at: SystemTime,
}

impl Drop for Folder {
    /// Children that are being born have the lock too, until they become other programs: closing alone would leave it theirs.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Folder {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let doing = || format!("open folder {} of blobs", dir.display());
        fs::create_dir_all(dir).doing(doing)?;
        let root = dir.canonicalize().doing(doing)?;
        let lock = File::options().create(true).append(true).open(root.join("=lock")).doing(doing)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(root)),
            Err(TryLockError::Error(error)) => return Err(Error::of(doing(), error)),
        }
        sync_dir(&root).doing(doing)?;
        root.parent().map_or(Ok(()), sync_dir).doing(doing)?;
        let known = Mutex::new(HashSet::new());
        Ok(Self { root, known, lock, opened_at: SystemTime::now() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the folder that will hold `path` is durable already.
    pub(crate) fn is_ready(&self, path: &object_store::path::Path) -> bool {
        self.dir_of(path).is_none_or(|dir| self.known().contains(&dir))
    }

    /// Makes the folder that will hold `path`, durably. A folder that merely exists proves nothing: another
    /// writer may have made it a moment ago, or a process that was killed before it could sync.
    pub(crate) fn ready(&self, path: &object_store::path::Path) -> Result<()> {
        let Some(dir) = self.dir_of(path) else { return Ok(()) };
        let doing = || format!("make folder {}", dir.display());
        fs::create_dir_all(&dir).doing(doing)?;
        for above in dir.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)) {
            sync_dir(above).doing(doing)?;
        }
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(dir);
        Ok(())
    }

    /// Makes a blob that another put wrote as young and as durable as if it were written now: that put may
    /// not have synced yet what we are about to acknowledge.
    pub(crate) fn renew(&self, path: &object_store::path::Path) -> Result<()> {
        let path = self.root.join(path.as_ref());
        let renewed = File::open(&path).and_then(|file| {
            file.set_modified(SystemTime::now())?;
            file.sync_all()?;
            path.parent().map_or(Ok(()), sync_dir)
        });
        renewed.doing(|| format!("renew {}", path.display()))
    }

    /// Removes temporaries of uploads that ended without being finished, older than `cutoff`. Those of this
    /// very process stay: one might belong to an upload that waits for its client. Gives count and bytes.
    pub(crate) fn remove_temporaries(&self, cutoff: SystemTime) -> Result<(u64, u64)> {
        let cutoff = cutoff.min(self.opened_at);
        let (mut count, mut size_bytes) = (0, 0);
        let mut dirs = vec![self.root.clone()];
        while let Some(dir) = dirs.pop() {
            let doing = || format!("sweep folder {}", dir.display());
            for entry in fs::read_dir(&dir).doing(doing)? {
                let entry = entry.doing(doing)?;
                let meta = match entry.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    meta => meta.doing(doing)?,
                };
                if meta.is_dir() {
                    dirs.push(entry.path());
                } else if is_temporary(&entry.file_name().to_string_lossy())
                    && meta.modified().doing(doing)? < cutoff
                {
                    fs::remove_file(entry.path()).doing(doing)?;
                    count += 1;
                    size_bytes += meta.len();
                }
            }
        }
        Ok((count, size_bytes))
    }

    fn dir_of(&self, path: &object_store::path::Path) -> Option<PathBuf> {
        self.root.join(path.as_ref()).parent().map(Path::to_path_buf)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The local object store writes `name` as `name#1` until it is whole.
fn is_temporary(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
