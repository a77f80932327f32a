//! Writes zeros ahead of the journal's end, so that a sync has only data to write.
//!
//! The engine makes its journals as one big hole. Every append then allocates blocks, and each sync waits for the file
//! system's own journal as well. Where the blocks were written before, a sync takes a half to a third of the time.
//! The journal's content does not change: a hole reads as zeros, and it is only ever filled where it is one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, fstatfs};
use nix::unistd::{Whence, lseek};

/// Zeros written at one time, in bytes.
const STEP_BYTES: u64 = 2 << 20;
/// Of those, bytes looked at and written over together.
const PART_BYTES: usize = 64 << 10;
/// What the engine's journal adds to a key and value, and to a group of them, at most, in bytes.
pub(crate) const ENTRY_BYTES: usize = 40;
const GROUP_BYTES: u64 = 64;

/// The zeros ahead of the newest journal. Only the committer appends to it, and only the committer uses this, in turns.
#[derive(Debug)]
pub(crate) struct Runway {
    folder: PathBuf,
    /// Bytes to append before looking again.
    left: u64,
    /// The journal that this has filled to its end; it alone may be made longer.
    filled: Option<u64>,
    /// Whether it helps on this file system, and works.
    useful: bool,
}

impl Runway {
    pub(crate) fn new(folder: PathBuf) -> Self {
        // File systems that write to a new place each time gain nothing.
        let kind = File::open(&folder).and_then(|folder| Ok(fstatfs(&folder)?.filesystem_type()));
        let useful = kind.is_ok_and(|kind| kind == EXT4_SUPER_MAGIC || kind == XFS_SUPER_MAGIC);
        Self { folder, left: 0, filled: None, useful }
    }

    /// Prepares for an append of `bytes`, the engine's overhead for the group not included.
    pub(crate) fn clear_for(&mut self, bytes: u64) {
        let bytes = bytes + GROUP_BYTES;
        if self.left < bytes && self.useful {
            match self.extend(bytes) {
                Ok(left) => self.left = left,
                Err(error) => {
                    tracing::warn!(%error, "cannot write ahead of the journal; syncs will be slower");
                    self.useful = false;
                }
            }
        }
        self.left = self.left.saturating_sub(bytes);
    }

    fn extend(&mut self, bytes: u64) -> io::Result<u64> {
        let step = bytes + STEP_BYTES;
        let Some((number, path)) = newest_journal(&self.folder)? else { return Ok(step) };
        let file = File::options().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        let hole = u64::try_from(lseek(&file, 0, Whence::SeekHole)?).unwrap_or(length);
        let end = if hole < length {
            length.min(hole + step)
        } else if self.filled == Some(number) {
            hole + step
        } else {
            // A journal that was reopened has been cut to its content and is appended to at its end, wherever that is.
            return Ok(step);
        };
        fill(&file, hole, end)?;
        if end >= length {
            self.filled = Some(number);
        }
        Ok(end - hole)
    }
}

/// Writes zeros over a hole.
fn fill(file: &File, mut at: u64, end: u64) -> io::Result<()> {
    let mut part = vec![0; PART_BYTES];
    while at < end {
        let wanted = usize::try_from(end - at).map_or(PART_BYTES, |left| left.min(PART_BYTES));
        let zeros = part.get_mut(..wanted).unwrap_or_default();
        // Less than that, or nothing, beyond the file's end.
        file.read_at(zeros, at)?;
        // Each like the one before it, and so not byte by byte: the one thread that writes does this for all it ever writes.
        let is_hole =
            zeros.first().is_none_or(|first| *first == 0) && zeros.get(1..) == zeros.get(..wanted - 1);
        if !is_hole {
            return Err(io::Error::other("what the file system calls a hole has content"));
        }
        file.write_all_at(zeros, at)?;
        at += u64::try_from(wanted).unwrap_or(u64::MAX);
    }
    Ok(())
}

/// The journal in `folder` with the highest number, which is the one in use.
pub(crate) fn newest_journal(folder: &Path) -> io::Result<Option<(u64, PathBuf)>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let journal = path.extension().is_some_and(|extension| extension == "jnl");
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (true, Some(number)) = (journal, number) {
            newest = newest.max(Some((number, path)));
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_content_is_left_alone() {
        let file = tempfile::tempfile().unwrap();
        let far = 3 * u64::try_from(PART_BYTES).unwrap() + 5;
        file.set_len(far).unwrap();
        fill(&file, 7, far + 9).unwrap();
        assert_eq!(file.metadata().unwrap().len(), far + 9);
        assert!(lseek(&file, 4_096, Whence::SeekHole).unwrap().cast_unsigned() == far + 9, "no hole is left");
        file.write_all_at(b"kept", far - 4).unwrap();
        assert!(fill(&file, 0, far).is_err());
        let mut found = [0; 4];
        file.read_exact_at(&mut found, far - 4).unwrap();
        assert_eq!(&found, b"kept");
    }
}
