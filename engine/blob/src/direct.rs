//! The rest of a long file, written past the kernel's cache: what is synced at once and read later, if ever, would only be
//! copied there, into pages that others could have.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::pool::Buffer;
use crate::seal::len;

/// What such writes begin and end on, in the file and in memory (open(2), `O_DIRECT`).
const BLOCK_BYTES: usize = 4_096;
const BLOCK: u64 = 4_096;

/// Where a file is written on, block by block.
pub(crate) struct Direct {
    file: File,
    /// The file's end, at the begin of a block.
    at: u64,
    /// Bytes that fill no block yet.
    rest: Vec<u8>,
}

/// Bytes that are missing until a block begins.
pub(crate) fn until_block(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or_default()
}

impl Direct {
    /// Goes on at `at`, where a block begins. Where the file system has no way past the cache, it goes through it.
    pub(crate) fn begin(path: &Path, cached: &File, at: u64) -> io::Result<Self> {
        let file = File::options().write(true).custom_flags(libc::O_DIRECT).open(path);
        Ok(Self { file: file.or_else(|_| cached.try_clone())?, at, rest: Vec::new() })
    }

    /// Writes all blocks that are full now, by way of `room`, which is longer than two of them.
    pub(crate) fn write(&mut self, mut bytes: &[u8], room: &mut Buffer, cached: &File) -> io::Result<()> {
        let room = room.resize(room.room());
        let room = room.get_mut(room.as_ptr().align_offset(BLOCK_BYTES)..).unwrap_or_default();
        while self.rest.len() + bytes.len() >= BLOCK_BYTES {
            let wanted = (self.rest.len() + bytes.len()).min(room.len()) / BLOCK_BYTES * BLOCK_BYTES;
            let short = || io::Error::other("there is no room to write from");
            let (first, second) = room
                .get_mut(..wanted)
                .and_then(|room| room.split_at_mut_checked(self.rest.len()))
                .ok_or_else(short)?;
            let (taken, left) = bytes.split_at_checked(second.len()).ok_or_else(short)?;
            first.copy_from_slice(&self.rest);
            second.copy_from_slice(taken);
            self.stroke(room.get(..wanted).unwrap_or_default(), cached)?;
            self.rest.clear();
            bytes = left;
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn stroke(&mut self, blocks: &[u8], cached: &File) -> io::Result<()> {
        match self.file.write_all_at(blocks, self.at) {
            // A file system may find only now that it cannot.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.file = cached.try_clone()?;
                self.file.write_all_at(blocks, self.at)?;
            }
            written => written?,
        }
        self.at += len(blocks);
        Ok(())
    }

    /// Writes what fills no block.
    pub(crate) fn end(self, cached: &File) -> io::Result<()> {
        cached.write_all_at(&self.rest, self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn bytes_of_any_lengths_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let text: Vec<u8> = (0..100_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        for begun in [0, 1, 4_095, 4_096, 5_000] {
            let mut file = File::create(&path).unwrap();
            let (head, mut rest) = text.split_at(begun + until_block(begun as u64));
            file.write_all(head).unwrap();
            let mut direct = Direct::begin(&path, &file, len(head)).unwrap();
            let mut room = Buffer::short(5 * BLOCK_BYTES);
            for size in [1, 4_095, 1, 30_000, 4_096, 0, 50_000].into_iter().cycle() {
                let (part, left) = rest.split_at(size.min(rest.len()));
                direct.write(part, &mut room, &file).unwrap();
                rest = left;
                if rest.is_empty() {
                    break;
                }
            }
            direct.end(&file).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), text, "begun at {begun}");
        }
    }
}
