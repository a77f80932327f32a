//! Mounting block devices inside a machine, and growing what is mounted. The kernel lets only the host's root do either, so
//! a filter hands such calls of the machine to us: what is about a device the machine was given we do in its place; the rest
//! goes on as it was.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use seccompiler::sock_filter;

use crate::machine::Device;
use crate::record::Orders;
use crate::{cgroup, sys};

/// File systems that live on block devices and that we mount for machines.
const FILE_SYSTEMS: [&str; 5] = ["ext4", "ext3", "ext2", "xfs", "btrfs"];
/// As long as a path, or a page of options.
const TEXT_BYTES_MAX: usize = 4096;
const CAP_SYS_ADMIN: u32 = 21;
/// Flags that make `mount` about something that is mounted already.
const ABOUT_MOUNTS: MsFlags = MsFlags::MS_REMOUNT
    .union(MsFlags::MS_BIND)
    .union(MsFlags::MS_MOVE)
    .union(MsFlags::MS_SHARED)
    .union(MsFlags::MS_PRIVATE)
    .union(MsFlags::MS_SLAVE)
    .union(MsFlags::MS_UNBINDABLE);

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// `EXT4_IOC_RESIZE_FS`, with the blocks that a mounted file system is to have.
const EXT4_GROW: u32 = 0x4008_6610;
/// `XFS_IOC_FSGROWFSDATA`, with those and the share of inodes.
const XFS_GROW: u32 = 0x4010_586E;
/// `BLKBSZSET`, with the bytes of a device's blocks, and `BLKFLSBUF`: `mkfs.xfs` does nothing without.
const BLOCK_SIZE: u32 = 0x4008_1271;
const FLUSH: u32 = 0x1261;

/// The filter that hands these calls over. The newer way of mounting says that it is not there, so that programs take the
/// older one.
pub(crate) fn program() -> io::Result<Vec<sock_filter>> {
    const LOAD: u16 = 0x20;
    const IS: u16 = 0x15;
    const ANSWER: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const NOTIFY: u32 = 0x7fc0_0000;
    const REFUSE: u32 = 0x0005_0000;
    let number = |call: i64| u32::try_from(call).map_err(io::Error::other);
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    Ok(vec![
        // The architecture, behind the number of the call.
        step(LOAD, 0, 0, 4),
        step(IS, 0, 9, ARCHITECTURE),
        step(LOAD, 0, 0, 0),
        step(IS, 9, 0, number(libc::SYS_mount)?),
        step(IS, 7, 0, number(libc::SYS_fsopen)?),
        step(IS, 0, 5, number(libc::SYS_ioctl)?),
        // What the kernel takes of the second argument: the request.
        step(LOAD, 0, 0, 24),
        step(IS, 5, 0, EXT4_GROW),
        step(IS, 4, 0, XFS_GROW),
        step(IS, 3, 0, BLOCK_SIZE),
        step(IS, 2, 0, FLUSH),
        step(ANSWER, 0, 0, ALLOW),
        step(ANSWER, 0, 0, REFUSE | libc::ENOSYS.unsigned_abs()),
        step(ANSWER, 0, 0, NOTIFY),
    ])
}

/// What a machine asks of us.
enum Wish {
    Mount(Call),
    Control(Control),
}

/// One `mount` call, as far as it is ours to answer.
struct Call {
    source: PathBuf,
    target: PathBuf,
    kind: String,
    flags: MsFlags,
    options: String,
}

/// One `ioctl` call about a device, or about the file system on it.
struct Control {
    /// Among the caller's: of the device, or of something in the file system.
    descriptor: u64,
    request: u32,
    words: [u64; 2],
}

/// Answers the next call that waits. What may take long is done by a child.
pub(crate) fn answer(listener: &OwnedFd, orders: &Orders) -> io::Result<()> {
    let asked = sys::next_call(listener.as_fd())?;
    // Where no list of devices binds a machine, a file system of its making could bring it any device there is.
    let safe = cgroup::setup() != "v2";
    let wish = match read(&asked) {
        Ok(Some(wish)) if safe => wish,
        // Not about a block device, or nothing we can read: the kernel knows what to say.
        _ => return sys::let_go_on(listener.as_fd(), asked.id),
    };
    let (listener, orders) = (listener.try_clone()?, orders.clone());
    sys::fork_into(move || {
        let outcome = match &wish {
            Wish::Mount(call) => mount_for(&listener, &asked, call, &orders),
            Wish::Control(control) => control_for(&listener, &asked, control, &orders),
        };
        let answered = match outcome {
            Ok(()) => sys::answer_call(listener.as_fd(), asked.id, 0),
            Err(error) => {
                let number = error.raw_os_error().unwrap_or(libc::EPERM);
                sys::answer_call(listener.as_fd(), asked.id, number)
            }
        };
        // Whoever asked may have died meanwhile.
        i32::from(answered.is_err())
    })
    .map(drop)
}

fn is_ours(call: &Call) -> bool {
    !call.flags.intersects(ABOUT_MOUNTS) && FILE_SYSTEMS.contains(&call.kind.as_str())
}

/// What the caller's memory says. None when it is not for us to judge.
fn read(asked: &sys::Call) -> io::Result<Option<Wish>> {
    let memory = File::open(format!("/proc/{}/mem", asked.pid))?;
    if asked.number == libc::SYS_ioctl {
        return read_control(asked, &memory).map(Some);
    }
    let [source, target, kind, flags, data] = asked.arguments;
    if source == 0 || target == 0 || kind == 0 {
        return Ok(None);
    }
    let text = |at| text_at(&memory, at);
    let flags = libc::c_ulong::from(flags);
    let call = Call {
        source: text(source)?.into(),
        target: text(target)?.into(),
        kind: text(kind)?,
        flags: MsFlags::from_bits_truncate(flags),
        options: if data == 0 { String::new() } else { text(data)? },
    };
    Ok(is_ours(&call).then_some(Wish::Mount(call)))
}

fn read_control(asked: &sys::Call, memory: &File) -> io::Result<Wish> {
    let [descriptor, request, at, ..] = asked.arguments;
    let request = u32::try_from(request & 0xFFFF_FFFF).map_err(io::Error::other)?;
    let mut words = [[0; 8]; 2];
    let asked_for = match request {
        FLUSH => 0,
        XFS_GROW => 2,
        _ => 1,
    };
    for (number, word) in (0..).zip(words.iter_mut().take(asked_for)) {
        memory.read_exact_at(word, at + 8 * number)?;
    }
    Ok(Wish::Control(Control { descriptor, request, words: words.map(u64::from_ne_bytes) }))
}

/// A text of the caller's, read page by page: the next page need not be there.
fn text_at(memory: &File, at: u64) -> io::Result<String> {
    let page = 4096 - usize::try_from(at % 4096).unwrap_or(0);
    let mut bytes = vec![0; TEXT_BYTES_MAX];
    let mut length = memory.read_at(bytes.get_mut(..page).unwrap_or_default(), at)?;
    if !bytes.get(..length).unwrap_or_default().contains(&0) {
        let more = bytes.get_mut(length..).unwrap_or_default();
        let next = at.saturating_add(u64::try_from(length).unwrap_or(0));
        length += memory.read_at(more, next).unwrap_or(0);
    }
    let text = bytes.get(..length).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8(text.to_vec()).map_err(io::Error::other)
}

fn mount_for(listener: &OwnedFd, asked: &sys::Call, call: &Call, orders: &Orders) -> io::Result<()> {
    let proc = PathBuf::from(format!("/proc/{}", asked.pid));
    check_caller(&proc, orders)?;
    let device = open_as(&proc, &call.source)?;
    let given = block_device(&device).and_then(|number| allowed(number, orders))?;
    let target = open_as(&proc, &call.target)?;
    let mounts = File::open(proc.join("ns/mnt"))?;
    let users = File::open(orders.place.user_namespace())?;
    // All of that belongs to the caller only if it still waits.
    sys::still_waits(listener.as_fd(), asked.id)?;
    let read_only = call.flags.contains(MsFlags::MS_RDONLY);
    let shown = show_as_there(&given)?;
    let tree = sys::mount_device(&call.kind, &shown, &options(&call.options)?, read_only)?;
    sys::map_mount(tree.as_fd(), users.as_fd(), call.flags)?;
    setns(&mounts, CloneFlags::CLONE_NEWNS)?;
    sys::move_mount_onto(tree.as_fd(), target.as_fd())
}

/// Lets a device have the path it has in the machine, for us alone: the kernel tells it to whoever asks what is mounted, and
/// programs that grow a file system look for their device there.
fn show_as_there(given: &Device) -> io::Result<PathBuf> {
    const NONE: Option<&str> = None;
    let shown = Path::new("/dev").join(&given.name);
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
    let node = File::options().read(true).custom_flags(libc::O_PATH).open(&given.node)?;
    mount(NONE, "/dev", Some("tmpfs"), MsFlags::empty(), Some("size=64k"))?;
    File::create(&shown)?;
    let held = format!("/proc/self/fd/{}", node.as_raw_fd());
    mount(Some(held.as_str()), &shown, NONE, MsFlags::MS_BIND, NONE)?;
    Ok(shown)
}

/// Does what is asked of a device of the machine's, or of the file system on it.
fn control_for(listener: &OwnedFd, asked: &sys::Call, control: &Control, orders: &Orders) -> io::Result<()> {
    let proc = PathBuf::from(format!("/proc/{}", asked.pid));
    check_caller(&proc, orders)?;
    let process = status(&proc, "Tgid:")?.parse().map_err(io::Error::other)?;
    // Its very own: opened anew it could be in its own way.
    let about = sys::descriptor_of(Pid::from_raw(process), control.descriptor)?;
    let number = match control.request {
        BLOCK_SIZE | FLUSH => block_device(&about)?,
        _ => File::from(about.try_clone()?).metadata()?.dev(),
    };
    allowed(number, orders)?;
    sys::still_waits(listener.as_fd(), asked.id)?;
    sys::control(about.as_fd(), control.request, &control.words)
}

/// Only the machine's own root may mount, not that of a user namespace inside of it.
fn check_caller(proc: &Path, orders: &Orders) -> io::Result<()> {
    let refused = || io::Error::from_raw_os_error(libc::EPERM);
    let own = fs::metadata(proc.join("ns/user"))?.ino();
    if own != fs::metadata(orders.place.user_namespace())?.ino() {
        return Err(refused());
    }
    let capabilities = u64::from_str_radix(&status(proc, "CapEff:")?, 16).map_err(io::Error::other)?;
    if capabilities & (1 << CAP_SYS_ADMIN) == 0 { Err(refused()) } else { Ok(()) }
}

/// What the kernel says of a thread.
fn status(proc: &Path, name: &str) -> io::Result<String> {
    let all = fs::read_to_string(proc.join("status"))?;
    let value = all.lines().find_map(|line| line.strip_prefix(name)).ok_or(io::ErrorKind::NotFound)?;
    Ok(value.trim().to_owned())
}

/// What the caller means by a path.
fn open_as(proc: &Path, path: &Path) -> io::Result<OwnedFd> {
    let from = if path.is_absolute() { "root" } else { "cwd" };
    let base = File::open(proc.join(from))?;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).mode(Mode::empty());
    // A path that climbs out of the folder it begins in is not one we follow.
    let how = how.resolve(if path.is_absolute() {
        ResolveFlag::RESOLVE_IN_ROOT
    } else {
        ResolveFlag::RESOLVE_BENEATH
    });
    let path = if path.as_os_str() == "." { Path::new(".") } else { path };
    Ok(openat2(&base, path, how)?)
}

/// The number of the device that a device file is of.
fn block_device(file: &OwnedFd) -> io::Result<u64> {
    let found = File::from(file.try_clone()?).metadata()?;
    if found.file_type().is_block_device() {
        Ok(found.rdev())
    } else {
        Err(io::Error::from_raw_os_error(libc::ENOTBLK))
    }
}

/// The device of that number, if the machine was given it.
fn allowed(number: u64, orders: &Orders) -> io::Result<Device> {
    // The orders as they are now: devices come and go while the machine runs.
    let folder = orders.place.machine(&orders.spec.id);
    let orders =
        Orders::read(&folder).ok().flatten().ok_or_else(|| io::Error::from_raw_os_error(libc::EIO))?;
    let is = |device: &Device| fs::metadata(&device.node).is_ok_and(|node| node.rdev() == number);
    let mut devices = orders.devices.into_iter();
    devices.find(is).ok_or_else(|| io::Error::from_raw_os_error(libc::EACCES))
}

/// `a,b=c` as the kernel takes them one by one.
fn options(text: &str) -> io::Result<Vec<(CString, Option<CString>)>> {
    let words = text.split(',').filter(|word| !word.is_empty());
    let pairs = words.map(|word| {
        let (key, value) = word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value)));
        Ok((CString::new(key)?, value.map(CString::new).transpose()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_apart() {
        let read = options("noatime,data=ordered,,x=").unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|(key, value)| (key.to_str().unwrap(), value.as_ref().map(|value| value.to_str().unwrap())))
            .collect();
        assert_eq!(read, [("noatime", None), ("data", Some("ordered")), ("x", Some(""))]);
    }

    #[test]
    fn remounts_and_other_file_systems_are_not_ours() {
        let call = |kind: &str, flags| Call {
            source: "/dev/sdf".into(),
            target: "/mnt".into(),
            kind: kind.to_owned(),
            flags,
            options: String::new(),
        };
        assert!(is_ours(&call("ext4", MsFlags::MS_NOATIME)));
        assert!(!is_ours(&call("ext4", MsFlags::MS_REMOUNT)));
        assert!(!is_ours(&call("tmpfs", MsFlags::empty())));
    }
}
