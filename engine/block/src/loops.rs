//! Loop devices: files as block devices, found again by the file they are backed by.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, major, makedev, minor, mknod};

use crate::error::{Error, Result, Trying};
use crate::{sector, sys};

/// Tries to get a free device before others do.
const TRIES: u64 = 64;
/// Between the later ones; between the first ones less.
const TRY_AGAIN_MS_MAX: u64 = 30;
/// How long a device whose last user has gone may take to go too.
pub(crate) const GONE_WITHIN: Duration = Duration::from_secs(2);
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A loop device that is in use.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub number: u32,
    pub backing: PathBuf,
}

impl Loop {
    pub(crate) fn path(&self) -> PathBuf {
        node(self.number)
    }
}

fn node(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/loop{number}"))
}

/// All loop devices whose files lie below `folder`, those of deleted files included.
pub(crate) fn below(folder: &Path) -> Vec<Loop> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("loop")?.parse().ok());
        let Some(number) = number else { continue };
        let Ok(backing) = fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        let backing = PathBuf::from(backing.trim_end().trim_end_matches(" (deleted)"));
        if backing.starts_with(folder) {
            found.push(Loop { number, backing });
        }
    }
    found
}

/// The device of a file.
pub(crate) fn find(file: &Path) -> Option<Loop> {
    below(file).into_iter().find(|found| found.backing == file)
}

/// Makes a file a block device, unless it is one.
pub(crate) fn attach(file: &Path) -> Result<Loop> {
    if let Some(found) = find(file) {
        return Ok(found);
    }
    let control = Path::new("/dev/loop-control");
    let control = OpenOptions::new().read(true).write(true).open(control).at("open", control)?;
    let cached = open(file, 0).at("open", file)?;
    // Past the page cache where the file system can: the guest has one of its own. What shares blocks it can in sectors of
    // 4 KiB only.
    let small = sys::direct_sector(&cached).at("look at", file)? > 512
        && sector::counts_small(&cached).at("read", file)?;
    let (backing, direct) = match open(file, libc::O_DIRECT) {
        Ok(backing) if !small => (backing, true),
        _ => (cached, false),
    };
    for tried in 1..=TRIES {
        let number = sys::loop_free(&control).trying(|| "find a free loop device".to_owned())?;
        let path = ensure_node(number)?;
        let device = open(&path, 0).at("open", &path)?;
        match sys::loop_configure(&device, &backing, direct, small) {
            Ok(()) => return Ok(Loop { number, backing: file.to_owned() }),
            // Somebody else was faster, or still holds for a moment what the kernel calls free.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                thread::sleep(Duration::from_millis(tried.min(TRY_AGAIN_MS_MAX)));
            }
            Err(error) => return Err(error).at("make a block device of", file),
        }
    }
    Err(Error::Host("no loop device is free".to_owned()))
}

fn open(path: &Path, flags: i32) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

/// The host's device file of a loop device, made where nobody makes them.
fn ensure_node(number: u32) -> Result<PathBuf> {
    let path = node(number);
    if !path.exists() {
        let made = mknod(&path, SFlag::S_IFBLK, Mode::from_bits_truncate(0o660), makedev(7, number.into()));
        match made {
            Err(nix::Error::EEXIST) | Ok(()) => {}
            Err(error) => return Err(error).at("make", &path),
        }
    }
    Ok(path)
}

/// Takes a device away from its file.
///
/// # Errors
/// [`Error::Busy`] while a file system of it is mounted or a process has it open.
pub(crate) fn detach(device: &Loop) -> Result<()> {
    release(device, true)
}

/// The same for a device whose file answers no more: nothing can be written out.
pub(crate) fn abandon(device: &Loop) -> Result<()> {
    release(device, false)
}

/// Takes all devices away from files below `folder`, deleted ones included; nothing is written out. For what a cloud left
/// that nobody can open again, when its machines have ended.
///
/// # Errors
/// [`Error::Busy`] while a file system of one is mounted or a process has it open.
pub fn abandon_below(folder: &Path) -> Result<()> {
    below(folder).iter().try_for_each(abandon)
}

fn release(device: &Loop, writes_out: bool) -> Result<()> {
    let path = device.path();
    let begun = Instant::now();
    loop {
        // Exclusively: refused while it is mounted anywhere, in any namespace.
        let opened = open(&path, libc::O_EXCL | libc::O_NONBLOCK);
        let asked = opened.and_then(|opened| {
            // Held open, it stays what it is: somebody else may have taken it from its file, which makes writing out an
            // I/O error, and even given it another.
            if !is_of(device) {
                return Err(std::io::Error::from_raw_os_error(libc::ENXIO));
            }
            if writes_out {
                opened.sync_all()?;
            }
            sys::loop_clear(&opened)
        });
        match asked {
            Ok(()) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENXIO | libc::ENOENT)) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            Err(error) => return Err(error).at("let go of", &path),
        }
        // With another user left, the kernel clears it only when that one goes.
        if !is_of(device) {
            return Ok(());
        }
        if begun.elapsed() > GONE_WITHIN {
            return Err(Error::Busy(path.display().to_string()));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Whether the device is still the file's.
fn is_of(device: &Loop) -> bool {
    below(&device.backing).iter().any(|left| left.number == device.number)
}

/// Whether a file system of the device is mounted, in any namespace.
pub(crate) fn is_mounted(device: &Loop) -> bool {
    let opened = open(&device.path(), libc::O_EXCL | libc::O_NONBLOCK);
    opened.is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
}

/// Makes the device as long as its file has become.
pub(crate) fn resize(device: &Loop) -> Result<()> {
    let path = device.path();
    let opened = OpenOptions::new().read(true).open(&path).at("open", &path)?;
    sys::loop_resize(&opened).at("grow", &path)
}

/// Makes, or corrects, a device file of ours that stands for the device and is `owner`'s.
pub(crate) fn show(device: &Loop, at: &Path, owner: u32) -> Result<()> {
    let wanted = makedev(7, device.number.into());
    match fs::symlink_metadata(at) {
        Ok(found) if found.rdev() == wanted && found.uid() == owner => return Ok(()),
        Ok(_) => hide(at)?,
        Err(_) => {}
    }
    if let Some(folder) = at.parent() {
        fs::create_dir_all(folder).at("create", folder)?;
    }
    mknod(at, SFlag::S_IFBLK, Mode::from_bits_truncate(0o660), wanted).at("make", at)?;
    chown(at, Some(owner), Some(owner)).at("hand over", at)
}

pub(crate) fn hide(at: &Path) -> Result<()> {
    match fs::remove_file(at) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", at),
        _ => Ok(()),
    }
}

/// Major and minor of a loop device.
pub(crate) fn numbers(device: &Loop) -> (u32, u32) {
    let id = makedev(7, device.number.into());
    (u32::try_from(major(id)).unwrap_or(7), u32::try_from(minor(id)).unwrap_or(device.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letting_go_twice_is_fine_and_takes_no_other_file_its_device() {
        if OpenOptions::new().write(true).open("/dev/loop-control").is_err() {
            return;
        }
        let folder = std::env::temp_dir().join(format!("cl-loops-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| {
            let path = folder.join(name);
            File::create(&path).unwrap().set_len(1 << 20).unwrap();
            path
        };
        let first = attach(&file("first")).unwrap();
        detach(&first).unwrap();
        let again = detach(&first);
        let second = attach(&file("second")).unwrap();
        let stale = Loop { number: second.number, ..first };
        let of_another = detach(&stale);
        let stays = is_of(&second);
        detach(&second).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(again.is_ok() && of_another.is_ok() && stays, "{again:?} {of_another:?} {stays}");
    }
}
