//! A machine's disk that is a block device: mounted, given the folders of its layers, and told whose it is now.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::error::{Error, Result, Trying};
use crate::place::remove_file;
use crate::record::Orders;
use crate::sys;

/// Names the machine the disk was last in.
const OWNER: &str = "machine";
/// Less than that a file system cannot grow by.
const GROWTH_BYTES_MIN: u64 = 128 << 20;

/// Mounts the disk below `base`; returns where its layers are, with owners as the machine has them.
pub(crate) fn mount_root(
    orders: &Orders,
    device: &Path,
    base: &Path,
    users: BorrowedFd<'_>,
) -> Result<PathBuf> {
    let [at, mapped] = ["disk", "own"].map(|name| base.join(name));
    for folder in [&at, &mapped] {
        fs::create_dir(folder).at("create", folder)?;
    }
    grow(device, &at)?;
    mount_ext4(device, &at)?;
    let spec = &orders.spec;
    let layers: Vec<&str> = orders.layers.over.iter().map(|over| over.at.as_str()).chain(["root"]).collect();
    let resolver = spec.seed.resolver.as_deref().filter(|_| !orders.layers.init.is_empty());
    prepare(&at, &layers, &Owner { machine: spec.id.as_str(), hostname: &spec.hostname, resolver })?;
    sys::mount_mapped(&at, &mapped, users, false).at("map the owners of", device)?;
    Ok(mapped)
}

/// A device that was made longer than its file system gets one as long as itself. Not while it is mounted: that takes a
/// capability that a host may withhold.
pub(crate) fn grow(device: &Path, at: &Path) -> Result<()> {
    let opened = File::open(device).at("open", device)?;
    let length = (&opened).seek(SeekFrom::End(0)).at("measure", device)?;
    let mut superblock = [0; 1024];
    opened.read_exact_at(&mut superblock, 1024).at("read", device)?;
    if length < file_system_bytes(&superblock).saturating_add(GROWTH_BYTES_MIN) {
        return Ok(());
    }
    drop(opened);
    // Mounted once, for what a machine that was not stopped has left in the journal.
    mount_ext4(device, at)?;
    umount2(at, MntFlags::empty()).at("unmount", at)?;
    let output = Command::new("resize2fs").arg("-f").arg(device).stdin(Stdio::null()).output();
    let output = output.at("run resize2fs on", device)?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Host(format!("resize2fs failed: {reason}")))
}

/// What an ext4 superblock says of the length of its file system.
fn file_system_bytes(superblock: &[u8; 1024]) -> u64 {
    let number = |at: usize| {
        let bytes = superblock.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_le_bytes(bytes.unwrap_or_default())
    };
    let blocks = u64::from(number(0x4)) | u64::from(number(0x150)) << 32;
    blocks.saturating_mul(1024 << number(0x18).min(6))
}

pub(crate) fn mount_ext4(device: &Path, at: &Path) -> Result<()> {
    let flags = MsFlags::MS_NOATIME | MsFlags::MS_NODEV;
    let none: Option<&str> = None;
    mount(Some(device), at, Some("ext4"), flags, none).at("mount", device)
}

/// Whose a disk is from now on.
pub(crate) struct Owner<'a> {
    pub machine: &'a str,
    pub hostname: &'a str,
    /// Where an init that is not ours finds names.
    pub resolver: Option<&'a str>,
}

/// The folders of the layers; and in the hands of another machine, none of the former one's marks.
pub(crate) fn prepare(at: &Path, layers: &[&str], new: &Owner<'_>) -> Result<()> {
    let owner = at.join(OWNER);
    if fs::read_to_string(&owner).is_ok_and(|name| name == new.machine) {
        return Ok(());
    }
    for name in layers {
        for folder in [at.join("disk").join(name), at.join("work").join(name)] {
            fs::create_dir_all(&folder).at("create", &folder)?;
        }
    }
    let etc = at.join("disk/root/etc");
    // What a guest left may be links that lead astray.
    let is_folder = |path: &Path| fs::symlink_metadata(path).map(|found| found.is_dir());
    for folder in [at.join("disk"), at.join("disk/root")] {
        if !is_folder(&folder).unwrap_or(false) {
            return Err(Error::Spec("the disk holds no machine".to_owned()));
        }
    }
    if is_folder(&etc).unwrap_or(false) {
        remove_file(&etc.join("machine-id"))?;
    }
    if let Some(resolver) = new.resolver {
        match is_folder(&etc) {
            Ok(true) => {}
            Ok(false) => return Err(Error::Spec("the disk's /etc is no folder".to_owned())),
            Err(_) => fs::create_dir(&etc).at("create", &etc)?,
        }
        let name = new.hostname;
        let hosts =
            format!("127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n");
        for (file, text) in [("resolv.conf", format!("nameserver {resolver}\n")), ("hosts", hosts)] {
            let path = etc.join(file);
            remove_file(&path)?;
            write_fresh(&path, &text)?;
        }
    }
    remove_file(&owner)?;
    write_fresh(&owner, new.machine)
}

fn write_fresh(path: &Path, text: &str) -> Result<()> {
    let mut file =
        OpenOptions::new().create_new(true).write(true).mode(0o644).open(path).at("create", path)?;
    file.write_all(text.as_bytes()).at("write", path)
}
