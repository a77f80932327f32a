//! A file system of one file, the plain side of a sealed volume: what is read is opened, what is written is sealed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, Session, WriteFlags,
};
use nix::fcntl::{FallocateFlags, fallocate};

use crate::error::{Result, Trying};
use crate::seal::{Cipher, Key, SECTOR_BYTES};

const FILE: INodeNo = INodeNo(2);
/// Nothing is remembered by the kernel: a volume grows.
const TTL: Duration = Duration::ZERO;
/// Requests worked on at a time.
const THREADS: usize = 4;
/// Of one request.
const LENGTH_MAX: u32 = 1 << 20;

struct Plain {
    file: File,
    name: String,
    cipher: Cipher,
}

/// Mounts the file system at `folder`.
pub(crate) fn mount(file: File, name: &str, key: &Key, folder: &Path) -> Result<Session<impl Filesystem>> {
    let plain = Plain { file, name: name.to_owned(), cipher: Cipher::new(key) };
    let mut config = fuser::Config::default();
    config.mount_options = vec![
        MountOption::FSName("cloudlet".to_owned()),
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::NoExec,
        MountOption::NoAtime,
    ];
    config.n_threads = Some(THREADS);
    config.clone_fd = true;
    Session::new(plain, folder, &config).at("mount", folder)
}

impl Plain {
    fn attributes(&self, inode: INodeNo) -> io::Result<FileAttr> {
        let is_file = inode == FILE;
        let size = if is_file { self.file.metadata()?.len() } else { 0 };
        Ok(FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file { FileType::RegularFile } else { FileType::Directory },
            perm: if is_file { 0o600 } else { 0o700 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    /// The sector an offset begins; what is asked of a device is whole sectors.
    fn sector(offset: u64, length: usize) -> io::Result<u64> {
        let sector = u64::try_from(SECTOR_BYTES).unwrap_or(1);
        if offset.is_multiple_of(sector) && length.is_multiple_of(SECTOR_BYTES) {
            Ok(offset / sector)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    fn read_at(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        let left = self.file.metadata()?.len().saturating_sub(offset);
        let length = usize::try_from(u64::from(length).min(left)).unwrap_or(0);
        let sector = Self::sector(offset, length)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset)?;
        self.cipher.open(&mut bytes, sector);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, plain: &[u8]) -> io::Result<()> {
        let sector = Self::sector(offset, plain.len())?;
        let mut bytes = plain.to_vec();
        self.cipher.seal(&mut bytes, sector);
        self.file.write_all_at(&bytes, offset)
    }

    /// Frees or clears a stretch: zeros on both sides.
    fn clear(&self, offset: u64, length: u64, mode: i32) -> io::Result<()> {
        let mode = FallocateFlags::from_bits_truncate(mode);
        if !mode.intersects(FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_ZERO_RANGE) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Self::sector(offset, usize::try_from(length).map_err(io::Error::other)?)?;
        let number = |number: u64| i64::try_from(number).map_err(io::Error::other);
        Ok(fallocate(&self.file, mode, number(offset)?, number(length)?)?)
    }
}

impl Filesystem for Plain {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // The kernel takes what it can of these.
        let _ = config.set_max_write(LENGTH_MAX);
        let _ = config.set_max_background(64);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent != INodeNo::ROOT || name != OsStr::new(&self.name) {
            return reply.error(Errno::ENOENT);
        }
        match self.attributes(FILE) {
            Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(inode) {
            Ok(attributes) => reply.attr(&TTL, &attributes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Past the page cache: nothing plain is kept, and requests are those of the device.
        let flags = FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES;
        reply.opened(FileHandle(0), flags);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_at(offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write_at(offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer(self.file.sync_data(), reply);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fallocate(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        answer(self.clear(offset, length, mode), reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(0, 0, 0, 1, 0, 4096, 255, 4096);
    }
}

fn answer(done: io::Result<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error.into()),
    }
}
