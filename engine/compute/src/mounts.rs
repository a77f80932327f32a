//! Mounting block devices inside a machine. The kernel lets only the host's root do it, so a filter hands `mount` calls
//! of the machine to us: what is about a device the machine was given we do in its place; the rest goes on as it was.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use seccompiler::sock_filter;

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

/// The filter that hands `mount` over. The newer way of mounting says that it is not there, so that programs take this.
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
        step(IS, 0, 3, ARCHITECTURE),
        step(LOAD, 0, 0, 0),
        step(IS, 3, 0, number(libc::SYS_mount)?),
        step(IS, 1, 0, number(libc::SYS_fsopen)?),
        step(ANSWER, 0, 0, ALLOW),
        step(ANSWER, 0, 0, REFUSE | libc::ENOSYS.unsigned_abs()),
        step(ANSWER, 0, 0, NOTIFY),
    ])
}

/// One `mount` call, as far as it is ours to answer.
struct Call {
    source: PathBuf,
    target: PathBuf,
    kind: String,
    flags: MsFlags,
    options: String,
}

/// Answers the next call that waits. What may take long is done by a child.
pub(crate) fn answer(listener: &OwnedFd, orders: &Orders) -> io::Result<()> {
    let asked = sys::next_call(listener.as_fd())?;
    // Where no list of devices binds a machine, a file system of its making could bring it any device there is.
    let safe = cgroup::setup() != "v2";
    let call = match read(&asked) {
        Ok(Some(call)) if safe && is_ours(&call) => call,
        // Not about a block device, or nothing we can read: the kernel knows what to say.
        _ => return sys::let_go_on(listener.as_fd(), asked.id),
    };
    let (listener, orders) = (listener.try_clone()?, orders.clone());
    sys::fork_into(move || {
        let outcome = mount_for(&listener, &asked, &call, &orders);
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
fn read(asked: &sys::Call) -> io::Result<Option<Call>> {
    let [source, target, kind, flags, data] = asked.arguments;
    if source == 0 || target == 0 || kind == 0 {
        return Ok(None);
    }
    let memory = File::open(format!("/proc/{}/mem", asked.pid))?;
    let text = |at| text_at(&memory, at);
    let flags = libc::c_ulong::from(flags);
    Ok(Some(Call {
        source: text(source)?.into(),
        target: text(target)?.into(),
        kind: text(kind)?,
        flags: MsFlags::from_bits_truncate(flags),
        options: if data == 0 { String::new() } else { text(data)? },
    }))
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
    let node = allowed(&device, orders)?;
    let target = open_as(&proc, &call.target)?;
    let mounts = File::open(proc.join("ns/mnt"))?;
    let users = File::open(orders.place.user_namespace())?;
    // All of that belongs to the caller only if it still waits.
    sys::still_waits(listener.as_fd(), asked.id)?;
    let read_only = call.flags.contains(MsFlags::MS_RDONLY);
    let tree = sys::mount_device(&call.kind, &node, &options(&call.options)?, read_only)?;
    sys::map_mount(tree.as_fd(), users.as_fd(), call.flags)?;
    setns(&mounts, CloneFlags::CLONE_NEWNS)?;
    sys::move_mount_onto(tree.as_fd(), target.as_fd())
}

/// Only the machine's own root may mount, not that of a user namespace inside of it.
fn check_caller(proc: &Path, orders: &Orders) -> io::Result<()> {
    let refused = || io::Error::from_raw_os_error(libc::EPERM);
    let own = fs::metadata(proc.join("ns/user"))?.ino();
    if own != fs::metadata(orders.place.user_namespace())?.ino() {
        return Err(refused());
    }
    let status = fs::read_to_string(proc.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).ok_or_else(refused)?;
    let capabilities = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
    if capabilities & (1 << CAP_SYS_ADMIN) == 0 { Err(refused()) } else { Ok(()) }
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

/// The host's device file of a device the machine was given.
fn allowed(device: &OwnedFd, orders: &Orders) -> io::Result<PathBuf> {
    let found = File::from(device.try_clone()?).metadata()?;
    if !found.file_type().is_block_device() {
        return Err(io::Error::from_raw_os_error(libc::ENOTBLK));
    }
    // The orders as they are now: devices come and go while the machine runs.
    let folder = orders.place.machine(&orders.spec.id);
    let orders =
        Orders::read(&folder).ok().flatten().ok_or_else(|| io::Error::from_raw_os_error(libc::EIO))?;
    let nodes = orders.devices.into_iter().map(|device| device.node);
    let mut given = nodes.filter(|node| fs::metadata(node).is_ok_and(|node| node.rdev() == found.rdev()));
    given.next().ok_or_else(|| io::Error::from_raw_os_error(libc::EACCES))
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
