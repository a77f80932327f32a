//! The folder of all volumes, on a file system whose files can share blocks: the host's own, or one in a file of ours.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use nix::mount::{MsFlags, mount, umount};
use nix::sys::statvfs::statvfs;

use crate::error::{Error, Result, Trying};
use crate::volume::Keys;
use crate::{loops, seal, sys};

/// The most a file system of ours says it has; it takes from the host what is written.
const POOL_BYTES: u64 = 15 << 40;
/// Never given to volumes: what the host needs to keep its own books, and ours.
const RESERVE_BYTES: u64 = 512 << 20;

/// How files share blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// The data folder's own file system does it.
    Native,
    /// One of ours does, within a file.
    Pool,
    /// Not at all: what is shared elsewhere is copied here.
    Copies,
}

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// What lasts.
    data: PathBuf,
    /// Where the pool appears.
    pub root: PathBuf,
    pub sharing: Sharing,
}

impl Pool {
    /// Finds the pool of `data`, or makes it, and mounts it at `run` if it is one of ours.
    pub(crate) fn open(data: &Path, run: &Path) -> Result<Self> {
        fs::create_dir_all(data).at("create", data)?;
        let file = data.join("pool.xfs");
        let sharing = if file.exists() {
            Sharing::Pool
        } else if can_share(data) {
            Sharing::Native
        } else if format(&file)? {
            Sharing::Pool
        } else {
            Sharing::Copies
        };
        let root = if sharing == Sharing::Pool { run.to_owned() } else { data.join("pool") };
        let pool = Self { data: data.to_owned(), root, sharing };
        fs::create_dir_all(&pool.root).at("create", &pool.root)?;
        if sharing == Sharing::Pool {
            pool.mount(&file)?;
        }
        for folder in [pool.volumes(), pool.snapshots(), pool.templates()] {
            fs::create_dir_all(&folder).at("create", &folder)?;
        }
        Ok(pool)
    }

    fn mount(&self, file: &Path) -> Result<()> {
        if is_mounted(&self.root) {
            return Ok(());
        }
        let device = loops::attach(file)?;
        let flags = MsFlags::MS_NOATIME | MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        let mounted = mount(Some(&device.path()), &self.root, Some("xfs"), flags, Some("discard,nouuid"));
        if mounted.is_err() {
            // Nothing of ours is left on a host that cannot mount it.
            let _ = loops::detach(&device);
        }
        mounted.at("mount the pool at", &self.root)
    }

    /// Lets go of what the host holds for us. False while somebody still uses it.
    pub(crate) fn close(&self) -> Result<bool> {
        if self.sharing != Sharing::Pool || !is_mounted(&self.root) {
            return Ok(true);
        }
        // Whoever is being started has for a moment what others have open.
        let begun = Instant::now();
        loop {
            match umount(&self.root) {
                Err(nix::Error::EBUSY) if begun.elapsed() < loops::GONE_WITHIN => {
                    thread::sleep(loops::LOOK_AGAIN);
                }
                Err(nix::Error::EBUSY) => return Ok(false),
                unmounted => break unmounted.at("unmount", &self.root)?,
            }
        }
        if let Some(device) = loops::find(&self.data.join("pool.xfs")) {
            loops::detach(&device)?;
        }
        // An empty folder is all that is left.
        let _ = fs::remove_dir(&self.root);
        Ok(true)
    }

    pub(crate) fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }
    pub(crate) fn templates(&self) -> PathBuf {
        self.root.join("templates")
    }

    /// Refuses what would fill the host's disk: a pool in a file has no good way to meet its end.
    pub(crate) fn check_room(&self, more_bytes: u64) -> Result<()> {
        let found = statvfs(&self.data).at("look at", &self.data)?;
        let free = found.blocks_available().saturating_mul(found.fragment_size());
        if free.saturating_sub(more_bytes) < RESERVE_BYTES { Err(Error::Full) } else { Ok(()) }
    }

    /// A file `to` with the content of `from` at this instant, durable and whole, or not there.
    pub(crate) fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let draft = to.with_extension("draft");
        let source = File::open(from).at("open", from)?;
        let target = File::create(&draft).at("create", &draft)?;
        match self.sharing {
            Sharing::Copies => copy_data(&source, &target).at("copy", from)?,
            _ => sys::clone_file(&source, &target).at("clone", from)?,
        }
        target.sync_all().at("keep", &draft)?;
        rename(&draft, to)
    }

    /// The same from one key to another: every sector is read and written.
    pub(crate) fn recode(&self, from: &Path, to: &Path, keys: Keys<'_>) -> Result<()> {
        let draft = to.with_extension("draft");
        let target = File::create(&draft).at("create", &draft)?;
        seal::recode(from, &target, keys)?;
        target.sync_all().at("keep", &draft)?;
        rename(&draft, to)
    }
}

/// Puts a finished file in its place, durably.
pub(crate) fn rename(draft: &Path, to: &Path) -> Result<()> {
    fs::rename(draft, to).at("finish", to)?;
    sync_folder(to)
}

pub(crate) fn sync_folder(of: &Path) -> Result<()> {
    let Some(folder) = of.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).at("keep", folder)
}

/// Copies what is not a hole.
fn copy_data(from: &File, to: &File) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let mut part = vec![0; 1 << 20];
    let mut at = 0;
    while let Some((start, end)) = next_data(from, at, length)? {
        at = start;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(part.len());
            let part = part.get_mut(..wanted).unwrap_or_default();
            from.read_exact_at(part, at)?;
            to.write_all_at(part, at)?;
            at += u64::try_from(wanted).unwrap_or(0);
        }
    }
    Ok(())
}

/// The next stretch of data at or after `at`.
pub(crate) fn next_data(file: &File, at: u64, length: u64) -> io::Result<Option<(u64, u64)>> {
    use nix::unistd::{Whence, lseek};
    if at >= length {
        return Ok(None);
    }
    let place = i64::try_from(at).map_err(io::Error::other)?;
    let start = match lseek(file, place, Whence::SeekData) {
        Err(nix::Error::ENXIO) => return Ok(None),
        found => found?,
    };
    let end = lseek(file, start, Whence::SeekHole)?;
    let number = |at: i64| u64::try_from(at).map_err(io::Error::other);
    Ok(Some((number(start)?, number(end)?)))
}

/// Whether files in this folder can share blocks: tried.
fn can_share(folder: &Path) -> bool {
    let paths = [folder.join("share-a"), folder.join("share-b")];
    let try_it = || -> io::Result<()> {
        let [a, b] = &paths;
        fs::write(a, vec![1; 4096])?;
        let target = File::create(b)?;
        sys::clone_file(File::open(a)?, &target)
    };
    let can = try_it().is_ok();
    for path in &paths {
        let _ = fs::remove_file(path);
    }
    can
}

/// Makes the file with a file system of ours. False where the host has no program for that.
fn format(file: &Path) -> Result<bool> {
    let draft = file.with_extension("draft");
    // Another file than a program of before may still write to.
    loops::hide(&draft)?;
    let made =
        OpenOptions::new().create(true).truncate(true).write(true).open(&draft).at("create", &draft)?;
    made.set_len(POOL_BYTES).at("size", &draft)?;
    let run = sys::tied("mkfs.xfs")
        // A small log, since it takes its room at once.
        .args(["-q", "-K", "-m", "reflink=1", "-l", "size=64m"])
        .arg(&draft)
        .stdin(Stdio::null())
        .output();
    let output = match run {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        output => Some(output.trying(|| "run mkfs.xfs".to_owned())?),
    };
    let Some(output) = output.filter(|output| output.status.success() && knows_xfs()) else {
        loops::hide(&draft)?;
        return Ok(false);
    };
    drop(output);
    made.sync_all().at("keep", &draft)?;
    rename(&draft, file)?;
    Ok(true)
}

fn knows_xfs() -> bool {
    fs::read_to_string("/proc/filesystems").is_ok_and(|all| all.split_whitespace().any(|word| word == "xfs"))
}

pub(crate) fn is_mounted(at: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|point| Path::new(point) == at))
}
