//! The disks of such a machine: the image's root as a file system that many read, and what the machine writes over it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result, Trying};
use crate::image::{Layers, draft};
use crate::machine::MachineSpec;
use crate::place::remove_file;

const BASE: &str = "root.ext4";
const OWN: &str = "disk.ext4";
/// Of a machine that has no block device for it. The file has holes.
const OWN_BYTES: u64 = 8 << 30;
/// Room for what files need beside their bytes.
const EXTRA_BYTES: u64 = 16 << 20;
const BLOCK: u64 = 4096;

/// The image's root as a disk.
pub(crate) fn base(layers: &Layers) -> PathBuf {
    layers.root.with_file_name(BASE)
}

/// Makes it, if need be.
pub(crate) fn ensure_base(layers: &Layers) -> Result<()> {
    let path = base(layers);
    if path.is_file() {
        return Ok(());
    }
    let (bytes, files) = measure(&layers.root)?;
    let fresh = draft(&path);
    make(&fresh, bytes + bytes / 10 + files * 1024 + EXTRA_BYTES, Some(&layers.root))?;
    fs::rename(&fresh, &path).at("finish", &path)
}

/// Makes the disk of a machine without a block device.
pub(crate) fn create(folder: &Path, spec: &MachineSpec) -> Result<()> {
    match spec.root {
        Some(_) => Ok(()),
        None => make(&folder.join(OWN), OWN_BYTES, None),
    }
}

/// Where a machine's writes go.
pub(crate) fn own(folder: &Path, spec: &MachineSpec) -> PathBuf {
    spec.root.clone().unwrap_or_else(|| folder.join(OWN))
}

fn make(path: &Path, bytes: u64, from: Option<&Path>) -> Result<()> {
    remove_file(path)?;
    File::create(path).and_then(|file| file.set_len(bytes)).at("create", path)?;
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0"]);
    if let Some(from) = from {
        // Nobody writes there.
        command.args(["-O", "^has_journal", "-m", "0", "-d"]).arg(from);
    }
    let output = command.arg(path).stdin(Stdio::null()).output().trying(|| "run mke2fs".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Host(format!("mke2fs failed for {}: {reason}", path.display())))
}

/// How much room a folder's files take, and how many they are.
fn measure(folder: &Path) -> Result<(u64, u64)> {
    let (mut bytes, mut files) = (0, 0);
    for entry in fs::read_dir(folder).at("list", folder)?.flatten() {
        let data = entry.metadata().at("look at", &entry.path())?;
        files += 1;
        if data.is_dir() {
            let (below, count) = measure(&entry.path())?;
            bytes += below + BLOCK;
            files += count;
        } else {
            bytes += data.size().next_multiple_of(BLOCK);
        }
    }
    Ok((bytes, files))
}
