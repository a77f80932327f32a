//! What clouds leave on a host that were killed, and whose data folder is gone since: nobody can open them again.
//!
//! A cloud whose folder is still there is left alone, also when it does not run: its machines may, and its next start
//! adopts them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use net::{Net, NetConfig, Networks};
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::engines::{run, tags};

/// How often machines are told to end before they count as not ending, and the time between.
const ENDING_TRIES: u32 = 50;
const ENDING_PAUSE: Duration = Duration::from_millis(100);

/// What became of a cloud's leftovers.
pub(crate) enum Found {
    Removed,
    /// Why they stay.
    Kept(String),
}

/// Removes what can be removed. By tag, with the folder its cloud had; clouds that can be opened again are not named.
pub(crate) async fn clean() -> Vec<(String, PathBuf, Found)> {
    let mut cleaned = Vec::new();
    for (tag, data) in abandoned() {
        // Who gets the lock is alone with it.
        let Ok(file) = File::open(tags().join(&tag)) else { continue };
        let Ok(_lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
        let found = match remove(&tag, &data).await {
            Ok(()) => Found::Removed,
            Err(error) => Found::Kept(error.to_string()),
        };
        cleaned.push((tag, data, found));
    }
    cleaned
}

/// Tags whose data folder is gone.
fn abandoned() -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(tags()) else { return Vec::new() };
    let owner = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let data = PathBuf::from(fs::read_to_string(entry.path()).ok()?);
        // A folder that cannot be looked at may be there.
        let is_gone = data.is_absolute() && matches!(data.try_exists(), Ok(false));
        is_gone.then_some((name, data))
    };
    entries.flatten().filter_map(owner).collect()
}

/// Processes in control groups of the tag: machines whose disks are gone.
fn machines(tag: &str) -> Vec<Pid> {
    let group = format!("/cl{tag}-");
    let is_in = |process: &fs::DirEntry| {
        fs::read_to_string(process.path().join("cgroup")).is_ok_and(|groups| groups.contains(&group))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().filter(is_in);
    processes.filter_map(|process| process.file_name().to_str()?.parse().ok().map(Pid::from_raw)).collect()
}

async fn end_machines(tag: &str) -> io::Result<()> {
    for _ in 0..ENDING_TRIES {
        let left = machines(tag);
        if left.is_empty() {
            remove_groups(tag);
            return Ok(());
        }
        for process in left {
            // One that has ended meanwhile is as it should be.
            let _ = kill(process, Signal::SIGKILL);
        }
        tokio::time::sleep(ENDING_PAUSE).await;
    }
    Err(io::Error::other("a machine of it does not end"))
}

/// Empty control groups weigh nothing, but have names.
fn remove_groups(tag: &str) {
    let trees = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|tree| tree.path());
    for tree in trees.chain([PathBuf::from("/sys/fs/cgroup")]) {
        let groups = fs::read_dir(tree).into_iter().flatten().flatten();
        for group in
            groups.filter(|group| group.file_name().to_string_lossy().starts_with(&format!("cl{tag}-")))
        {
            let _ = fs::remove_dir(group.path());
        }
    }
}

async fn remove(tag: &str, data: &Path) -> io::Result<()> {
    end_machines(tag).await?;
    let run = run().join(tag);
    let networks = Net::open(NetConfig::new(tag, Vec::new())).map_err(io::Error::other)?;
    networks.remove_all().await.map_err(io::Error::other)?;
    drop(networks);
    // Volumes' devices lie in the pool and keep it busy; the pool's own lies in the data folder.
    abandon_devices(&run).await?;
    for mounted in mounts_below(&run)? {
        umount2(&mounted, MntFlags::MNT_DETACH)?;
    }
    abandon_devices(data).await?;
    remove_dir(&run)?;
    remove_dir(&Path::new("/dev").join(format!("cl{tag}")))?;
    fs::remove_file(tags().join(tag))
}

async fn abandon_devices(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    let abandoned = tokio::task::spawn_blocking(move || block::abandon_below(&folder)).await;
    abandoned.map_err(io::Error::other)?.map_err(io::Error::other)
}

/// The innermost first.
fn mounts_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    let mut below: Vec<PathBuf> = places.filter(|place| place.starts_with(folder)).collect();
    below.reverse();
    Ok(below)
}

fn remove_dir(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
