//! An image and what a machine has written over it, as one file system: copied by a process of ours, in a mount namespace of
//! its own. What it mounts is gone when it is, however it ends.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};

use super::{Layers, failed};
use crate::disk::mount_ext4;
use crate::error::{Error, Result, Trying};
use crate::tie;

/// The role: `<layers> <device of what was written, or nothing> <device to write to> <folder to mount in>`.
pub(crate) const ROLE: &str = "__image-whole";
const NONE: Option<&str> = None;

/// What an image's files take, as `du` counts it.
pub(crate) fn bytes(layers: &Layers) -> Result<u64> {
    let lower = layers.over.iter().flat_map(|over| &over.lower);
    let output = Command::new("du").args(["-scB1", "--"]).arg(&layers.root).args(lower).output();
    let output = output.trying(|| "run du".to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let total = said.lines().last().and_then(|line| line.split_whitespace().next());
    let total = total.and_then(|total| total.parse().ok());
    total.ok_or_else(|| Error::Host("du does not say how long an image is".to_owned()))
}

/// Copies an image's files, with what is on `over`, onto an empty ext4 file system. `at` is a folder that others mount at in
/// namespaces of their own, too.
pub(crate) fn copy(
    layers: &Layers,
    over: Option<&Path>,
    onto: &Path,
    at: &Path,
    (program, name): (&Path, &str),
) -> Result<()> {
    let layers = serde_json::to_string(layers).map_err(|error| Error::Spec(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg(ROLE).arg(layers).arg(over.unwrap_or(Path::new(""))).args([onto, at]).stdin(Stdio::null());
    let output = command.output().trying(|| "start to copy an image".to_owned())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(name, String::from_utf8_lossy(&output.stdout).trim().to_owned())),
    }
}

/// The role.
pub(crate) fn run(layers: &str, over: &Path, onto: &Path, at: &Path) -> Result<()> {
    tie::to_parent()?;
    let layers: Layers = serde_json::from_str(layers).map_err(|error| Error::Spec(error.to_string()))?;
    unshare(CloneFlags::CLONE_NEWNS).trying(|| "have mounts of our own".to_owned())?;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(NONE, "/", NONE, private, NONE).trying(|| "keep mounts apart".to_owned())?;
    merge(&layers, over, onto, at).inspect_err(|error| {
        // Whoever started us reads why.
        let _ = writeln!(io::stdout(), "{}", crate::error::chain(error));
    })
}

fn merge(layers: &Layers, over: &Path, onto: &Path, at: &Path) -> Result<()> {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), at, Some("tmpfs"), quiet, Some("mode=700")).at("mount a tmpfs on", at)?;
    let [own, root, to] = ["own", "root", "to"].map(|name| at.join(name));
    for folder in [&own, &root, &to] {
        fs::create_dir(folder).at("create", folder)?;
    }
    if !over.as_os_str().is_empty() {
        mount_ext4(over, &own)?;
    }
    overlay(&[&layers.root], &own, "root", &root)?;
    for one in &layers.over {
        let lower: Vec<_> = one.lower.iter().map(PathBuf::as_path).collect();
        overlay(&lower, &own, &one.at, &root.join(&one.at))?;
    }
    mount_ext4(onto, &to)?;
    // `cp` says which file, and that there is no room.
    let output = tie::tool("cp").arg("-a").arg(root.join(".")).arg(&to).stdin(Stdio::null()).output();
    let output = output.trying(|| "run cp".to_owned())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().next().unwrap_or_default().replace(&at.display().to_string(), "");
        return Err(Error::Host(format!("the files cannot be copied: {why}")));
    }
    // Written out when this returns.
    umount(&to).at("unmount", &to)
}

fn overlay(lower: &[&Path], own: &Path, name: &str, at: &Path) -> Result<()> {
    let (upper, work) = (own.join("disk").join(name), own.join("work").join(name));
    for folder in [&upper, &work] {
        // What a guest left may be links that lead astray.
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(Error::Spec("the disk holds no machine".to_owned())),
            Err(_) => fs::create_dir_all(folder).at("create", folder)?,
        }
    }
    let lower: Vec<String> = lower.iter().map(|path| path.display().to_string()).collect();
    let (upper, work) = (upper.display(), work.display());
    let options = format!("lowerdir={},upperdir={upper},workdir={work}", lower.join(":"));
    mount(Some("overlay"), at, Some("overlay"), MsFlags::MS_NODEV, Some(options.as_str())).at("merge on", at)
}
