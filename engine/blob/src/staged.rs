//! A local file on its way: written beside its place as `name#1`, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::error::Doing;
use crate::folder::sync_dir;

/// A file nobody sees before it is whole. Dropped before, it is removed.
pub(crate) struct Staged {
    file: File,
    /// Where it is now; nowhere once it is published.
    staged: Option<PathBuf>,
    place: PathBuf,
}

impl Staged {
    /// Begins the file at `place`, whose folder is there.
    pub(crate) fn begin(place: PathBuf) -> Result<Self> {
        let doing = || format!("begin {}", place.display());
        let mut number = 1_u64;
        loop {
            let mut staged = place.as_os_str().to_owned();
            staged.push(format!("#{number}"));
            match File::options().write(true).create_new(true).open(&staged) {
                Ok(file) => return Ok(Self { file, staged: Some(staged.into()), place }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error).doing(doing),
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).doing(|| format!("write {}", self.place.display()))
    }

    /// Makes it durable, and then seen.
    pub(crate) fn publish(mut self) -> Result<()> {
        let published = self.file.sync_all().and_then(|()| {
            if let Some(staged) = &self.staged {
                fs::rename(staged, &self.place)?;
            }
            self.staged = None;
            self.place.parent().map_or(Ok(()), sync_dir)
        });
        published.doing(|| format!("complete {}", self.place.display()))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(staged) = &self.staged {
            // What cannot be removed is the sweep's.
            let _ = fs::remove_file(staged);
        }
    }
}

/// The blob's file.
pub(crate) fn place(root: &Path, path: &object_store::path::Path) -> PathBuf {
    root.join(path.as_ref())
}
