//! One process per folder: a lock file that tells who has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::{Result, StoreError};

/// Most bytes of the owner's description that are read back.
const OWNER_BYTES_MAX: u64 = 256;

/// Held as long as the store is open. The kernel releases it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl FolderLock {
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("owner");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| StoreError::folder("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let read = file.take(OWNER_BYTES_MAX).read_to_string(&mut owner);
                if read.is_err() || owner.trim().is_empty() {
                    "another process".clone_into(&mut owner);
                }
                return Err(StoreError::Locked { path: folder.to_owned(), owner: owner.trim().to_owned() });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::folder("lock", &path, e)),
        }
        let name = std::env::args().next().unwrap_or_default();
        let owner = format!("process {} ({name})\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(owner.as_bytes()))
            .map_err(|e| StoreError::folder("write", &path, e))?;
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    /// Children that are being born have the lock too, until they become other programs: closing alone would leave it theirs.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lets_go_lets_go_for_children_too() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        assert!(FolderLock::take(folder.path()).is_err());
        // What a child has before it becomes another program.
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        FolderLock::take(folder.path()).unwrap();
        drop(inherited);
    }
}
