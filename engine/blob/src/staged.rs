//! A local file on its way: written beside its place as `name#1`, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::direct::{Direct, until_block};
use crate::error::Doing;
use crate::folder::sync_dir;
use crate::pool::Buffer;
use crate::seal::len;

/// The beginning of a file goes through the kernel's cache, and with it all of short ones, which are read again soon.
const CACHED_BYTES: u64 = 1 << 20;

/// A file nobody sees before it is whole. Dropped before, it is removed.
pub(crate) struct Staged {
    file: File,
    /// Bytes that came so far.
    size: u64,
    direct: Option<Direct>,
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
                Ok(file) => {
                    let staged = Some(staged.into());
                    return Ok(Self { file, size: 0, direct: None, staged, place });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error).doing(doing),
            }
        }
    }

    /// Writes `bytes` on, with `room` to do it from.
    pub(crate) fn write(&mut self, bytes: &[u8], room: impl FnOnce() -> Buffer) -> Result<()> {
        self.write_on(bytes, room).doing(|| format!("write {}", self.place.display()))
    }

    fn write_on(&mut self, bytes: &[u8], room: impl FnOnce() -> Buffer) -> io::Result<()> {
        let begun = self.size;
        self.size += len(bytes);
        if let Some(direct) = &mut self.direct {
            return direct.write(bytes, &mut room(), &self.file);
        }
        let (Some(path), true) = (&self.staged, begun >= CACHED_BYTES) else {
            return self.file.write_all(bytes);
        };
        let (head, rest) = bytes.split_at(bytes.len().min(until_block(begun)));
        self.file.write_all(head)?;
        if rest.is_empty() {
            return Ok(());
        }
        let mut direct = Direct::begin(path, &self.file, begun + len(head))?;
        direct.write(rest, &mut room(), &self.file)?;
        self.direct = Some(direct);
        Ok(())
    }

    /// Makes it durable, and then seen.
    pub(crate) fn publish(mut self) -> Result<()> {
        let ended = self.direct.take().map_or(Ok(()), |direct| direct.end(&self.file));
        let published = ended.and_then(|()| self.file.sync_all()).and_then(|()| {
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
