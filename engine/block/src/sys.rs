//! The few calls into the kernel that have no safe wrapper: all unsafe code of this crate is in this file.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LOOP_SET_CAPACITY: libc::c_ulong = 0x4C07;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LO_FLAGS_DIRECT_IO: u32 = 16;
/// `_IOW(0x94, 9, int)`
const FICLONE: libc::c_ulong = 0x4004_9409;
/// `_IOWR('f', 11, struct fiemap)`
const FS_IOC_FIEMAP: libc::c_ulong = 0xC020_660B;
const FIEMAP_FLAG_SYNC: u32 = 1;
const FIEMAP_EXTENT_LAST: u32 = 1;
/// Unknown place, not yet placed, or unwritten.
const FIEMAP_EXTENT_VAGUE: u32 = 2 | 4;
const FIEMAP_EXTENT_UNWRITTEN: u32 = 0x800;
const EXTENTS: usize = 256;

/// `struct loop_info64` and around it `struct loop_config` of `linux/loop.h`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    numbers: [u64; 5],
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
    reserved: [u64; 8],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct FiemapExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [FiemapExtent; EXTENTS],
}

/// Where a stretch of a file lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub logical: u64,
    /// None where it can't be told.
    pub physical: Option<u64>,
    pub length: u64,
}

/// A program of the host's that dies with the thread that starts it: one that stays would write on where the next engine
/// tidies up.
pub(crate) fn tied(program: &str) -> Command {
    let (mut command, parent) = (Command::new(program), std::process::id());
    let tie = move || {
        // SAFETY: the call takes plain numbers.
        checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
        // Whoever died before that is not told of any more.
        // SAFETY: the call takes nothing.
        match u32::try_from(unsafe { libc::getppid() }) == Ok(parent) {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    };
    // SAFETY: between fork and exec only these two calls are made, which may be then, and nothing is allocated.
    unsafe { command.pre_exec(tie) };
    command
}

/// The number of a loop device that is free now; somebody else may be quicker.
pub(crate) fn loop_free(control: impl AsFd) -> io::Result<u32> {
    // SAFETY: the request takes no argument and returns a number.
    let number = checked(unsafe { libc::ioctl(control.as_fd().as_raw_fd(), LOOP_CTL_GET_FREE) })?;
    u32::try_from(number).map_err(io::Error::other)
}

/// Backs a loop device by a file, past the page cache if `direct`, in sectors of 512 bytes if `small` and else as it can be.
pub(crate) fn loop_configure(
    device: impl AsFd,
    file: impl AsFd,
    direct: bool,
    small: bool,
) -> io::Result<()> {
    let config = LoopConfig {
        fd: u32::try_from(file.as_fd().as_raw_fd()).map_err(io::Error::other)?,
        block_size: if small { 512 } else { 0 },
        numbers: [0; 5],
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: if direct { LO_FLAGS_DIRECT_IO } else { 0 },
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
        reserved: [0; 8],
    };
    // SAFETY: the struct is the kernel's, lives over the call, and is only read.
    checked(unsafe { libc::ioctl(device.as_fd().as_raw_fd(), LOOP_CONFIGURE, ptr::from_ref(&config)) })
        .map(drop)
}

/// In sectors of how many bytes a file can be read past the page cache; zero where the kernel does not say, or it cannot.
pub(crate) fn direct_sector(file: impl AsFd) -> io::Result<u32> {
    // SAFETY: the struct is plain numbers for which zero is valid.
    let mut found: libc::statx = unsafe { mem::zeroed() };
    let (at, wanted) = (file.as_fd().as_raw_fd(), libc::STATX_DIOALIGN);
    // SAFETY: an empty path names the descriptor itself; the struct is the kernel's and lives over the call.
    checked(unsafe { libc::statx(at, c"".as_ptr(), libc::AT_EMPTY_PATH, wanted, &raw mut found) })?;
    Ok(if found.stx_mask & wanted == 0 { 0 } else { found.stx_dio_offset_align })
}

pub(crate) fn loop_clear(device: impl AsFd) -> io::Result<()> {
    // SAFETY: the request takes no argument.
    checked(unsafe { libc::ioctl(device.as_fd().as_raw_fd(), LOOP_CLR_FD, 0) }).map(drop)
}

/// Makes a loop device as long as its file has become.
pub(crate) fn loop_resize(device: impl AsFd) -> io::Result<()> {
    // SAFETY: the request takes no argument.
    checked(unsafe { libc::ioctl(device.as_fd().as_raw_fd(), LOOP_SET_CAPACITY, 0) }).map(drop)
}

/// Makes `to` share all blocks of `from`, at one instant.
pub(crate) fn clone_file(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    // SAFETY: the argument is a descriptor, a plain number.
    checked(unsafe { libc::ioctl(to.as_fd().as_raw_fd(), FICLONE, from.as_fd().as_raw_fd()) }).map(drop)
}

/// Where a file's data lies, from `start` on: some extents, and whether these are the last.
pub(crate) fn extents(file: impl AsFd, start: u64) -> io::Result<(Vec<Extent>, bool)> {
    // SAFETY: the struct is plain numbers for which zero is valid.
    let mut map: Fiemap = unsafe { mem::zeroed() };
    map.start = start;
    map.length = u64::MAX - start;
    map.flags = FIEMAP_FLAG_SYNC;
    map.count = u32::try_from(EXTENTS).unwrap_or(0);
    // SAFETY: the struct is the kernel's with room for `count` extents behind it, and lives over the call.
    checked(unsafe { libc::ioctl(file.as_fd().as_raw_fd(), FS_IOC_FIEMAP, ptr::from_mut(&mut map)) })?;
    let found = usize::try_from(map.mapped).unwrap_or(0);
    let mapped = map.extents.get(..found).unwrap_or_default();
    let last = mapped.last().is_none_or(|extent| extent.flags & FIEMAP_EXTENT_LAST != 0);
    let written = mapped.iter().filter(|extent| extent.flags & FIEMAP_EXTENT_UNWRITTEN == 0);
    let extents = written.map(|extent| Extent {
        logical: extent.logical,
        physical: (extent.flags & FIEMAP_EXTENT_VAGUE == 0).then_some(extent.physical),
        length: extent.length,
    });
    // Unwritten ones still move the place to go on from.
    let mut extents: Vec<_> = extents.collect();
    if let (false, Some(end)) = (last, mapped.last()) {
        extents.push(Extent { logical: end.logical.saturating_add(end.length), physical: None, length: 0 });
    }
    Ok((extents, last))
}

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_program_dies_with_who_started_it() {
        let start = || tied("sleep").arg("600").spawn().unwrap();
        let mut child = std::thread::spawn(start).join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        assert_eq!(tied("no-such-program").spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
