//! Images from disks: the files of their root file system. A process of ours copies them, in a mount namespace of its own:
//! what it mounts, and the devices for that, are gone when it is, however it ends.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::partition::{Part, parts};
use crate::error::{Error, Result, Trying};
use crate::image::failed;
use crate::tie;

/// The role: `<device> <mount point> <root>`.
pub(crate) const ROLE: &str = "__image-disk";
/// File systems that are tried, and how they are mounted: on a copy, so that what was not written out can be.
const FILE_SYSTEMS: [(&str, &str); 3] = [("ext4", ""), ("xfs", ",nouuid"), ("btrfs", "")];
/// Where in a file system a root may be: at its top, or where Debian and Fedora have it with Btrfs.
const ROOTS: [&str; 3] = ["", "@", "root"];
/// How often, and after how long, a loop device is asked for that others were quicker to take.
const LOOP_TRIES: u32 = 50;
const LOOP_AGAIN: Duration = Duration::from_millis(50);
/// What a root has.
const HAS: [&str; 2] = ["etc", "usr"];

/// Copies the root file system of a disk into `root`. `at` is an empty folder to mount at.
pub(crate) fn copy(device: &Path, at: &Path, root: &Path, program: &Path, name: &str) -> Result<()> {
    let child = Command::new(program).arg(ROLE).args([device, at, root]).stdin(Stdio::null()).output();
    let output = child.trying(|| "start to copy a disk".to_owned())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(name, String::from_utf8_lossy(&output.stdout).trim().to_owned())),
    }
}

/// The role.
pub(crate) fn run(device: &Path, at: &Path, root: &Path) -> Result<()> {
    tie::to_parent()?;
    unshare(CloneFlags::CLONE_NEWNS).trying(|| "have mounts of our own".to_owned())?;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .trying(|| "keep mounts apart".to_owned())?;
    let copied = find_root(device, at).and_then(|found| copy_files(&found, root));
    copied.map_err(|error| {
        // Whoever started us reads why.
        let _ = writeln!(io::stdout(), "{error}");
        Error::Spec(error.to_string())
    })
}

/// Mounts part after part until one of them holds a root.
fn find_root(device: &Path, at: &Path) -> io::Result<PathBuf> {
    let mut disk = File::open(device)?;
    let length = disk.seek(SeekFrom::End(0))?;
    for part in parts(&disk, length)? {
        for (kind, more) in FILE_SYSTEMS {
            if !mount_part(device, part, kind, more, at)? {
                continue;
            }
            match ROOTS.iter().map(|place| at.join(place)).find(|place| is_root(place)) {
                Some(found) => return Ok(found),
                None => nix::mount::umount(at)?,
            }
            break;
        }
    }
    Err(io::Error::other("none of its parts is the root file system (ext4, xfs or btrfs) of a Linux"))
}

/// Whether a root lies there. A link in place of a folder would lead into this host.
fn is_root(place: &Path) -> bool {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    is_folder(place) && HAS.iter().all(|name| is_folder(&place.join(name)))
}

/// False where it is no such file system.
fn mount_part(device: &Path, part: Part, kind: &str, more: &str, at: &Path) -> io::Result<bool> {
    let Part { start, length } = part;
    let options = format!("loop,offset={start},sizelimit={length},nosuid,nodev,noexec{more}");
    for _ in 0..LOOP_TRIES {
        // The program makes the loop device such that it goes with the mount.
        let mut command = Command::new("mount");
        command.args(["-t", kind, "-o", &options]).args([device, at]).env("LC_ALL", "C").stdin(Stdio::null());
        let output = command.output()?;
        // Others take and give back such devices meanwhile: that says nothing of what is on the disk.
        if output.status.success() || !String::from_utf8_lossy(&output.stderr).contains("loop device") {
            return Ok(output.status.success());
        }
        std::thread::sleep(LOOP_AGAIN);
    }
    Err(io::Error::other("no loop device could be had"))
}

fn copy_files(from: &Path, root: &Path) -> io::Result<()> {
    run_tool(tie::tool("cp").args(["-a", "--one-file-system"]).arg(from.join(".")).arg(root))?;
    // A machine has no devices but those it is given.
    let devices = ["-xdev", "(", "-type", "b", "-o", "-type", "c", "-o", "-type", "p", ")", "-delete"];
    run_tool(tie::tool("find").arg(root).args(devices))?;
    // Else its guests would wait for parts they do not have.
    match fs::symlink_metadata(root.join("etc/fstab")) {
        Ok(_) => fs::remove_file(root.join("etc/fstab")),
        Err(_) => Ok(()),
    }
}

fn run_tool(tool: &mut Command) -> io::Result<()> {
    let output = tool.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_no_roots() {
        let at = tempfile::tempdir().unwrap();
        let there = |name: &str| at.path().join(name);
        for name in HAS {
            fs::create_dir_all(there("real").join(name)).unwrap();
        }
        fs::create_dir_all(there("half/usr")).unwrap();
        symlink("/etc", there("half/etc")).unwrap();
        symlink(there("real"), there("led")).unwrap();
        assert!(is_root(&there("real")));
        assert!(!is_root(&there("half")) && !is_root(&there("led")) && !is_root(&there("none")));
    }
}
