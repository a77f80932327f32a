//! What is left of the disk: a write that does not fit is refused before it is begun, since one that failed half way
//! would be the store's last.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::statvfs::fstatvfs;

use crate::{Result, StoreError};

/// Bytes kept free for what the engine writes on its own, and for transactions that make room; of a small disk, a tenth.
const KEPT_BYTES: u64 = 64 << 20;
/// A transaction up to here is one that may make room, or notes that something failed: it may use a half of what is kept.
const SMALL_BYTES: u64 = 64 << 10;

/// The file system a store lies on.
#[derive(Debug)]
pub(crate) struct Room {
    folder: File,
    is_full: AtomicBool,
}

impl Room {
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: File::open(folder)?, is_full: AtomicBool::new(false) })
    }

    /// Whether big writes would be refused, as of the last write.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`StoreError::Full`] when `bytes` more are too many.
    pub(crate) fn check(&self, bytes: u64) -> Result<()> {
        let Some((free, total)) = self.look() else { return Ok(()) };
        let lacks = |kept: u64| free < bytes.saturating_add(kept);
        let is_full = lacks(kept(total, u64::MAX));
        if is_full != self.is_full.swap(is_full, Ordering::Relaxed) {
            if is_full {
                tracing::error!(
                    free,
                    "the disk is full: the store refuses big writes, and soon all, until there is room"
                );
            } else {
                tracing::info!(free, "the disk has room again");
            }
        }
        if lacks(kept(total, bytes)) { Err(StoreError::Full { free }) } else { Ok(()) }
    }

    /// Whether others may write so many bytes to the same disk: they leave what is kept, and some of what is not.
    pub(crate) fn has_beside(&self, bytes: u64) -> bool {
        let left = |total| kept(total, u64::MAX) / 2 * 3;
        self.look().is_none_or(|(free, total)| free >= bytes.saturating_add(left(total)))
    }

    /// Bytes free and in all. A disk that says nothing about itself is written to as ever.
    fn look(&self) -> Option<(u64, u64)> {
        let seen = fstatvfs(self.folder.as_fd()).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(seen.fragment_size());
        Some((bytes(seen.blocks_available()), bytes(seen.blocks())))
    }
}

fn kept(total: u64, bytes: u64) -> u64 {
    let kept = KEPT_BYTES.min(total / 10);
    if bytes > SMALL_BYTES { kept } else { kept / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_kept_and_small_writes_may_use_half_of_it() {
        assert_eq!(kept(10 << 30, 1 << 20), KEPT_BYTES);
        assert_eq!(kept(10 << 30, 1 << 10), KEPT_BYTES / 2);
        assert_eq!(kept(100 << 20, 1 << 20), 10 << 20);
    }
}
