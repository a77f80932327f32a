//! A machine's root, put together from its image's layers in a mount namespace of its own.

use std::fs;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::error::{Error, Result, Trying};
use crate::image::{Layers, host_init, init_folder};
use crate::machine::{ImageId, MachineSpec};
use crate::record::Orders;
use crate::{carried, disk, sys};

const NONE: Option<&str> = None;

/// Makes the folders that keep what a machine writes, and writes there what an init not ours would not know. On a device
/// of its own that is done when it is first mounted.
pub(crate) fn create_disk(folder: &Path, spec: &MachineSpec, layers: &Layers, owner: u32) -> Result<()> {
    if spec.root.is_some() {
        return Ok(());
    }
    let own = |path: &Path| chown(path, Some(owner), Some(owner)).at("hand over", path);
    for name in layers.over.iter().map(|over| over.at.as_str()).chain(["root"]) {
        for path in [folder.join("disk").join(name), folder.join("work").join(name)] {
            fs::create_dir_all(&path).at("create", &path)?;
            own(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).at("open", &path)?;
        }
    }
    if let Some(resolver) = &spec.seed.resolver
        && !layers.init.is_empty()
    {
        // Only now, while nobody but us has written here, is there no link that could lead us astray.
        let etc = folder.join("disk/root/etc");
        fs::create_dir(&etc).at("create", &etc)?;
        own(&etc)?;
        let name = &spec.hostname;
        let hosts =
            format!("127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n");
        for (file, text) in [("resolv.conf", format!("nameserver {resolver}\n")), ("hosts", hosts)] {
            let path = etc.join(file);
            fs::write(&path, text).at("write", &path)?;
            own(&path)?;
        }
    }
    Ok(())
}

/// Enters the machine's network namespace, and makes of it what a machine expects: a loopback that is up, ports and
/// pings for everybody. A machine whose root is not the namespace's could not do these itself.
pub(crate) fn enter_network(path: &Path) -> Result<()> {
    let namespace = File::open(path).at("open", path)?;
    setns(&namespace, CloneFlags::CLONE_NEWNET).at("enter", path)?;
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .trying(|| "open a socket".to_owned())?;
    sys::loopback_up(&any).trying(|| "bring up the loopback".to_owned())?;
    for (name, value) in [("ip_unprivileged_port_start", "0"), ("ping_group_range", "0 65535")] {
        let path = Path::new("/proc/sys/net/ipv4").join(name);
        fs::write(&path, value).at("set", &path)?;
    }
    Ok(())
}

/// Leaves the host's mount namespace and mounts the machine's root; returns where. All mounts vanish with the last
/// process of the new namespace, whatever happens.
pub(crate) fn assemble(orders: &Orders, folder: &Path) -> Result<PathBuf> {
    unshare(CloneFlags::CLONE_NEWNS).trying(|| "leave the mount namespace".to_owned())?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE)
        .trying(|| "keep mounts to ourselves".to_owned())?;
    let base = orders.place.root();
    tmpfs(&base, "mode=711,size=1m", orders)?;
    let users_path = orders.place.user_namespace();
    let users = File::open(&users_path).at("open", &users_path)?;

    let root = base.join("fs");
    fs::create_dir(&root).at("create", &root)?;
    let own = match &orders.spec.root {
        Some(device) => disk::mount_root(orders, device, &base, users.as_fd())?,
        None => folder.to_owned(),
    };
    let folder = own.as_path();
    if orders.spec.root.is_some() {
        // The owners of its files are mapped, so the overlay needs somebody who is.
        sys::act_on_files_as(orders.uid_base).trying(|| "act as the machine's root".to_owned())?;
    }
    let layered = layer(orders, folder, &base, &root, users.as_fd());
    sys::act_on_files_as(0).trying(|| "act as root".to_owned())?;
    layered?;
    // Mounted here because its owner is the network namespace's, which need not be the machine's.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("sysfs"), &root.join("sys"), Some("sysfs"), flags | MsFlags::MS_RDONLY, NONE)
        .trying(|| "mount sysfs".to_owned())?;
    tmpfs(&root.join("run"), "mode=755,size=20%", orders)?;
    if orders.layers.init.is_empty() {
        show_init(orders, &root)?;
    }
    Ok(root)
}

/// Mounts the machine's layers over the image's.
fn layer(orders: &Orders, folder: &Path, base: &Path, root: &Path, users: BorrowedFd<'_>) -> Result<()> {
    let mapped = |name: String, lower: &Path| -> Result<PathBuf> {
        let to = base.join(name);
        fs::create_dir(&to).at("create", &to)?;
        sys::mount_mapped(lower, &to, users, true).at("map the owners of", lower)?;
        Ok(to)
    };
    let lowest = mapped("root".to_owned(), &orders.layers.root)?;
    overlay(&[lowest], folder, "root", root)?;
    for over in &orders.layers.over {
        let lower: Result<Vec<_>> =
            (0..).zip(&over.lower).map(|(n, lower)| mapped(format!("{}{n}", over.at), lower)).collect();
        overlay(&lower?, folder, &over.at, &root.join(&over.at))?;
    }
    Ok(())
}

fn overlay(lower: &[PathBuf], folder: &Path, name: &str, at: &Path) -> Result<()> {
    let lower: Vec<String> = lower.iter().map(|path| path.display().to_string()).collect();
    let upper = folder.join("disk").join(name);
    let work = folder.join("work").join(name);
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), upper.display(), work.display());
    // A disk that was filled elsewhere may hold device files; here they open nothing.
    mount(Some("overlay"), at, Some("overlay"), MsFlags::MS_NODEV, Some(options.as_str()))
        .at("mount the disk on", at)
}

fn tmpfs(at: &Path, options: &str, orders: &Orders) -> Result<()> {
    let owner = orders.uid_base;
    let options = format!("{options},uid={owner},gid={owner}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options.as_str())).at("mount a tmpfs on", at)
}

/// Shows the machine our own executable, which is its init: as it is where the files are the host's, to which it is
/// linked, and with what it is linked to elsewhere.
fn show_init(orders: &Orders, root: &Path) -> Result<()> {
    let inside = |path: &str| root.join(path.trim_start_matches('/'));
    if orders.spec.image != ImageId::host() {
        let carried = carried::ensure(&orders.place.images(), &orders.exe)?;
        return show(&carried.folder, &inside(init_folder()));
    }
    let may = fs::metadata(&orders.exe).at("look at", &orders.exe)?.permissions().mode();
    if may & 0o005 != 0o005 {
        return Err(Error::Host(format!("others may not execute {}", orders.exe.display())));
    }
    show(&orders.exe, &inside(host_init()))
}

fn show(ours: &Path, at: &Path) -> Result<()> {
    mount(Some(ours), at, NONE, MsFlags::MS_BIND, NONE).at("show our executable at", at)?;
    let flags =
        MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(NONE, at, NONE, flags, NONE).at("protect", at)
}
