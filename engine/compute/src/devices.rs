//! The block devices of a machine: device files of the host shown in its `/dev`, allowed and limited by its groups.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{major, minor};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Uid, chdir, setgroups, setresgid, setresuid, syncfs};

use crate::error::{Error, Result, Trying, chain};
use crate::machine::{Device, Driver, Limits};
use crate::micro::words::Asked;
use crate::record::Orders;
use crate::{cgroup, micro, sys};

/// The role: makes a running machine have the devices its orders say.
pub(crate) fn run(folder: &Path, pid: i32, force: bool) -> Result<()> {
    let orders = Orders::read(folder)?.ok_or_else(|| Error::Absent(folder.display().to_string()))?;
    match orders.driver {
        Driver::Qemu => micro::devices::change(&orders, folder, force),
        _ => apply(&orders, pid, force),
    }
}

/// The role: has a guest with a kernel of its own write everything out.
pub(crate) fn sync_guest(folder: &Path) -> Result<()> {
    let orders = Orders::read(folder)?.ok_or_else(|| Error::Absent(folder.display().to_string()))?;
    micro::exec::ask(&orders, folder, Asked::Sync).map(drop)
}

/// The same, for processes of a single thread. `pid` is the machine's first process.
pub(crate) fn apply(orders: &Orders, pid: i32, force: bool) -> Result<()> {
    let numbers = orders.devices.iter().map(|device| number_of(&device.node)).collect::<Result<Vec<_>>>()?;
    let group = orders.place.cgroup(&orders.spec.id);
    let limits: Vec<_> = numbers.iter().copied().zip(orders.devices.iter().map(|d| d.limits)).collect();
    cgroup::allow_devices(&group, &limits)?;
    let shown = shown(pid)?;
    let wanted: BTreeMap<PathBuf, &Device> =
        orders.devices.iter().map(|device| (Path::new("/dev").join(&device.name), device)).collect();
    let is_right = |at: &Path, of: &Path| wanted.get(at).is_some_and(|device| device.node == of);
    let mut hide: Vec<PathBuf> =
        shown.iter().filter(|(at, of)| !is_right(at, of)).map(|(at, _)| at.clone()).collect();
    if force {
        // File systems on devices that are gone, the innermost first.
        let ours: Vec<_> = numbers.iter().map(|id| format!("{}:{}", major(*id), minor(*id))).collect();
        let mut mounted = mounted_loops(pid)?;
        mounted.retain(|(id, _)| !ours.contains(id));
        hide.extend(mounted.into_iter().rev().map(|(_, at)| at));
    }
    let mut show = Vec::new();
    for (at, device) in &wanted {
        if shown.get(at) != Some(&device.node) {
            let tree = sys::open_tree(&device.node).at("open", &device.node)?;
            sys::make_private(tree.as_fd()).at("keep apart", &device.node)?;
            show.push((at.clone(), tree));
        }
    }
    if hide.is_empty() && show.is_empty() {
        return Ok(());
    }
    inside(pid, move || change(&hide, show))
}

fn number_of(node: &Path) -> Result<u64> {
    fs::metadata(node).map(|found| found.rdev()).at("look at", node)
}

/// Device files of the host that the machine is shown: where, and which.
fn shown(pid: i32) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let fields = |line: &str| -> Option<(PathBuf, PathBuf)> {
        let mut words = line.split(' ').skip(3);
        let (of, at) = (words.next()?, words.next()?);
        let is_ours = of.starts_with("/cl") && Path::new(at).parent() == Some(Path::new("/dev"));
        is_ours.then(|| (PathBuf::from(at), Path::new("/dev").join(of.trim_start_matches('/'))))
    };
    Ok(mount_table(pid)?.lines().filter_map(fields).collect())
}

/// Where the machine has file systems of loop devices, by the devices' numbers. Its own root is not among them: that
/// lies below, out of its sight.
fn mounted_loops(pid: i32) -> Result<Vec<(String, PathBuf)>> {
    let fields = |line: &str| -> Option<(String, PathBuf)> {
        let mut words = line.split(' ').skip(2);
        let (id, _, at) = (words.next()?, words.next()?, words.next()?);
        id.starts_with("7:").then(|| (id.to_owned(), PathBuf::from(at)))
    };
    Ok(mount_table(pid)?.lines().filter_map(fields).collect())
}

/// Writes out every file system a machine has on a device, its root first.
pub(crate) fn sync(pid: i32) -> Result<()> {
    let root = Path::new("/proc").join(pid.to_string()).join("root");
    let folders = mounted_loops(pid)?.into_iter().map(|(_, at)| at);
    for at in std::iter::once(PathBuf::from("/")).chain(folders) {
        let path = root.join(at.strip_prefix("/").unwrap_or(&at));
        // What was unmounted meanwhile was written out by that.
        if let Ok(opened) = File::open(&path) {
            syncfs(&opened).at("write out", &path)?;
        }
    }
    Ok(())
}

fn mount_table(pid: i32) -> Result<String> {
    let path = Path::new("/proc").join(pid.to_string()).join("mountinfo");
    fs::read_to_string(&path).at("read", &path)
}

/// Does `work` as the machine's root among its mounts, in a child that ends with it.
fn inside(pid: i32, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let namespaces = Path::new("/proc").join(pid.to_string()).join("ns");
    let open = |name: &str| -> Result<File> {
        let path = namespaces.join(name);
        File::open(&path).at("open", &path)
    };
    let (mounts, users) = (open("mnt")?, open("user")?);
    let child = sys::fork_into(move || {
        let entered = setns(&mounts, CloneFlags::CLONE_NEWNS)
            .and_then(|()| setns(&users, CloneFlags::CLONE_NEWUSER))
            .and_then(|()| chdir("/"))
            .and_then(|()| setgroups(&[]))
            .and_then(|()| setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)))
            .and_then(|()| setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)))
            .trying(|| "enter the machine".to_owned());
        match entered.and_then(|()| work()) {
            Ok(()) => 0,
            Err(error) => {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "{}", chain(&error));
                1
            }
        }
    })
    .trying(|| "fork".to_owned())?;
    match waitpid(child, None).trying(|| "wait for a change of devices".to_owned())? {
        WaitStatus::Exited(_, 0) => Ok(()),
        other => Err(Error::Host(format!("the devices could not be changed: {other:?}"))),
    }
}

fn change(hide: &[PathBuf], show: Vec<(PathBuf, OwnedFd)>) -> Result<()> {
    for at in hide {
        umount2(at, MntFlags::MNT_DETACH).at("take away", at)?;
        if at.parent() == Some(Path::new("/dev")) {
            // The empty file it was shown on.
            let _ = fs::remove_file(at);
        }
    }
    for (at, tree) in show {
        match fs::symlink_metadata(&at) {
            // What the guest put in the way. The device was promised under this name.
            Ok(found) if !found.is_file() || found.len() > 0 => {
                fs::remove_file(&at).at("clear the way for", &at)?;
            }
            _ => {}
        }
        File::options().create(true).append(true).open(&at).at("make", &at)?;
        sys::move_mount(tree.as_fd(), &at).at("show a device at", &at)?;
    }
    Ok(())
}

/// A group's limits on a device, in the words of both versions of control groups.
pub(crate) fn limit_line(number: u64, limits: Limits) -> String {
    let word = |value: Option<u64>| value.map_or("max".to_owned(), |value| value.to_string());
    let (operations, bytes) = (word(limits.operations), word(limits.bytes));
    format!(
        "{}:{} rbps={bytes} wbps={bytes} riops={operations} wiops={operations}",
        major(number),
        minor(number)
    )
}
