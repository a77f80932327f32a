//! The control groups of a machine in whichever hierarchies this host has: v1, v2 or both.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::{major, minor};

use crate::devices::limit_line;
use crate::error::{Error, Result, Trying};
use crate::machine::{Limits, Stats};
use crate::sys;

const ROOT: &str = "/sys/fs/cgroup";
/// How long processes may take to die and groups to empty.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Which hierarchies the host has: `v1`, `v2`, `hybrid` or `none`.
pub(crate) fn setup() -> &'static str {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        "v2"
    } else if root.join("unified/cgroup.controllers").exists() {
        "hybrid"
    } else if root.join("memory").exists() {
        "v1"
    } else {
        "none"
    }
}

/// The roots of all hierarchies.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(ROOT);
    if setup() == "v2" {
        return vec![root];
    }
    // Joint controllers also appear under links with their single names; those are not followed.
    let folders = fs::read_dir(&root).into_iter().flatten().flatten();
    let real = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut roots: Vec<_> = real.map(|entry| entry.path()).collect();
    roots.sort();
    roots
}

/// The folders of the group `name` that exist.
pub(crate) fn folders(name: &str) -> Vec<PathBuf> {
    hierarchies().into_iter().map(|root| root.join(name)).filter(|path| path.is_dir()).collect()
}

/// Names of all groups that begin with `prefix`.
pub(crate) fn list(prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = hierarchies()
        .iter()
        .filter_map(|root| fs::read_dir(root).ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Makes the group in the hierarchies that count processes only, and moves the calling process there for its
/// children to inherit. Runtimes care about limits and may leave these out, but an init system lives by them.
pub(crate) fn enter_uncounted(name: &str) -> Result<()> {
    for root in hierarchies().into_iter().filter(|root| is_uncounted(root)) {
        let folder = root.join(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).at("create", &folder);
            }
            _ => fs::write(folder.join("cgroup.procs"), "0").at("join", &folder)?,
        }
    }
    Ok(())
}

/// Makes the group in every hierarchy, with a share of the processors and a limit of memory: for what no runtime starts.
pub(crate) fn make(name: &str, processors: u32, memory_bytes: u64) -> Result<()> {
    const PERIOD_US: u64 = 100_000;
    let quota = PERIOD_US * u64::from(processors);
    let root = Path::new(ROOT);
    if setup() == "v2" {
        // Given by the root to all groups below it, unless that was done.
        let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu +memory +io +pids +cpuset");
    }
    for hierarchy in hierarchies() {
        let folder = hierarchy.join(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).at("create", &folder);
            }
            _ => {}
        }
        // A group of the first version begins with no processors and no memory to run on.
        for file in ["cpuset.cpus", "cpuset.mems"].iter().filter(|_| setup() != "v2") {
            if let Ok(all) = fs::read_to_string(hierarchy.join(file)) {
                let path = folder.join(file);
                fs::write(&path, all.trim()).at("write", &path)?;
            }
        }
        for (file, text) in [
            ("cpu.max", format!("{quota} {PERIOD_US}")),
            ("cpu.cfs_quota_us", quota.to_string()),
            ("memory.max", memory_bytes.to_string()),
            ("memory.limit_in_bytes", memory_bytes.to_string()),
        ] {
            let path = folder.join(file);
            if path.exists() {
                fs::write(&path, text).at("write", &path)?;
            }
        }
    }
    Ok(())
}

/// Whether a hierarchy, beside others, holds no limits.
fn is_uncounted(hierarchy: &Path) -> bool {
    matches!(hierarchy.file_name().and_then(|name| name.to_str()), Some("systemd" | "unified"))
}

/// Lets the machine's root manage groups below its own, without power over its own limits.
pub(crate) fn delegate(name: &str, owner: u32) -> Result<()> {
    for folder in folders(name) {
        if !folder.parent().is_some_and(is_uncounted) && setup() != "v2" {
            continue;
        }
        chown(&folder, Some(owner), Some(owner)).at("hand over", &folder)?;
        for file in ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"] {
            let path = folder.join(file);
            if path.exists() {
                chown(&path, Some(owner), Some(owner)).at("hand over", &path)?;
            }
        }
    }
    Ok(())
}

/// Moves the calling process into the group, in every hierarchy.
pub(crate) fn join(name: &str) -> Result<()> {
    for folder in folders(name) {
        // A delegated v2 group with children may hold no processes itself; its first child may.
        let inner = folder.join("init.scope/cgroup.procs");
        let own = folder.join("cgroup.procs");
        if fs::write(&own, "0").is_err() {
            fs::write(&inner, "0").at("join", &folder)?;
        }
    }
    Ok(())
}

/// Ends every process of the group and returns when there is none.
pub(crate) fn kill(name: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let pids: Vec<i32> = folders(name).iter().flat_map(|folder| pids_below(folder)).collect();
        if pids.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > EMPTY_WITHIN {
            return Err(Error::Host(format!("the processes of group {name} do not end")));
        }
        for pid in pids {
            // It may have ended since it was listed.
            let _ = sys::send_signal(pid, libc::SIGKILL);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Removes the group with all groups below it, after ending its processes.
pub(crate) fn remove(name: &str) -> Result<()> {
    kill(name)?;
    let begun = Instant::now();
    loop {
        let mut last = None;
        for folder in folders(name) {
            if let Err(error) = remove_below(&folder) {
                last = Some((folder, error));
            }
        }
        match last {
            None => return Ok(()),
            Some((folder, error)) if begun.elapsed() > EMPTY_WITHIN => {
                return Err(error).at("remove", &folder);
            }
            Some(_) => thread::sleep(LOOK_AGAIN),
        }
    }
}

fn remove_below(folder: &Path) -> std::io::Result<()> {
    for child in children(folder) {
        remove_below(&child)?;
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn pids_below(folder: &Path) -> Vec<i32> {
    let own = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let own = own.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0);
    own.chain(children(folder).iter().flat_map(|child| pids_below(child))).collect()
}

/// Lets the group run on these processors: `0,2`. Nothing is written where they are that already.
pub(crate) fn set_processors(name: &str, processors: &str) -> Result<()> {
    let root = if setup() == "v2" { PathBuf::from(ROOT) } else { Path::new(ROOT).join("cpuset") };
    let path = root.join(name).join("cpuset.cpus");
    let Ok(now) = fs::read_to_string(&path) else { return Ok(()) };
    if numbers(&now) == numbers(processors) {
        Ok(())
    } else {
        fs::write(&path, processors).at("write", &path)
    }
}

/// Lets the group use so many thousandths of one processor, by time. Nothing is written where it is that already.
pub(crate) fn set_share(name: &str, thousandths: u32) -> Result<()> {
    const PERIOD_US: u64 = 100_000;
    let quota = PERIOD_US * u64::from(thousandths) / 1_000;
    let root = if setup() == "v2" { PathBuf::from(ROOT) } else { Path::new(ROOT).join("cpu") };
    let folder = root.join(name);
    for (file, text) in [
        ("cpu.max", format!("{quota} {PERIOD_US}")),
        ("cpu.cfs_period_us", PERIOD_US.to_string()),
        ("cpu.cfs_quota_us", quota.to_string()),
    ] {
        let path = folder.join(file);
        if fs::read_to_string(&path).is_ok_and(|now| now.trim() != text) {
            fs::write(&path, text).at("write", &path)?;
        }
    }
    Ok(())
}

/// The numbers of a list such as `0-2,5`.
fn numbers(list: &str) -> Vec<u32> {
    let parts = list.trim().split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<u32>().ok()?..=last.parse().ok()?)
    });
    parts.flatten().collect()
}

/// The kernel's number for loop devices: the only ones machines are given.
const LOOP_MAJOR: u64 = 7;

/// Lets the group use these devices and no others of their kind, each within its limits.
pub(crate) fn allow_devices(name: &str, devices: &[(u64, Limits)]) -> Result<()> {
    if setup() == "v2" {
        return limit_v2(name, devices);
    }
    let folder = Path::new(ROOT).join("devices").join(name);
    let words: Vec<_> = devices.iter().map(|(id, _)| format!("b {}:{} rw", major(*id), minor(*id))).collect();
    if folder.is_dir() {
        let list = folder.join("devices.list");
        let allowed = fs::read_to_string(&list).at("read", &list)?;
        for old in allowed.lines().filter(|line| line.starts_with(&format!("b {LOOP_MAJOR}:"))) {
            if !words.iter().any(|word| word == old) {
                let deny = folder.join("devices.deny");
                fs::write(&deny, old).at("write", &deny)?;
            }
        }
        for word in &words {
            let allow = folder.join("devices.allow");
            fs::write(&allow, word).at("write", &allow)?;
        }
    }
    let folder = Path::new(ROOT).join("blkio").join(name);
    for (id, limits) in devices.iter().filter(|_| folder.is_dir()) {
        for (file, limit) in [
            ("read_iops_device", limits.operations),
            ("write_iops_device", limits.operations),
            ("read_bps_device", limits.bytes),
            ("write_bps_device", limits.bytes),
        ] {
            // Zero takes a limit away.
            let path = folder.join(format!("blkio.throttle.{file}"));
            let line = format!("{}:{} {}", major(*id), minor(*id), limit.unwrap_or(0));
            fs::write(&path, line).at("write", &path)?;
        }
    }
    Ok(())
}

/// There the runtime holds nobody to a list of devices: what keeps a machine from others' is that it cannot make a
/// device file, and that no file system it may mount can bring one.
fn limit_v2(name: &str, devices: &[(u64, Limits)]) -> Result<()> {
    let path = Path::new(ROOT).join(name).join("io.max");
    for (id, limits) in devices.iter().filter(|_| path.exists()) {
        fs::write(&path, limit_line(*id, *limits)).at("write", &path)?;
    }
    Ok(())
}

/// What the group uses, as far as the host counts it.
pub(crate) fn stats(name: &str) -> Stats {
    let file = |controller: &str, file: &str| {
        let root = if setup() == "v2" { PathBuf::from(ROOT) } else { Path::new(ROOT).join(controller) };
        fs::read_to_string(root.join(name).join(file)).unwrap_or_default()
    };
    let number = |text: String| text.trim().parse::<u64>().unwrap_or(0);
    let tasks = number(file("pids", "pids.current"));
    if setup() == "v2" {
        let io = file("io", "io.stat");
        return Stats {
            cpu_ns: keyed(&file("cpu", "cpu.stat"), "usage_usec").saturating_mul(1000),
            memory_bytes: number(file("memory", "memory.current")),
            memory_bytes_max: number(file("memory", "memory.max")),
            tasks,
            read_bytes: summed(&io, "rbytes="),
            written_bytes: summed(&io, "wbytes="),
            reads: summed(&io, "rios="),
            writes: summed(&io, "wios="),
        };
    }
    let io = file("blkio", "blkio.throttle.io_service_bytes_recursive");
    let operations = file("blkio", "blkio.throttle.io_serviced_recursive");
    Stats {
        cpu_ns: number(file("cpuacct", "cpuacct.usage")),
        memory_bytes: number(file("memory", "memory.usage_in_bytes")),
        memory_bytes_max: number(file("memory", "memory.limit_in_bytes")),
        tasks,
        read_bytes: last_words(&io, "Read"),
        written_bytes: last_words(&io, "Write"),
        reads: last_words(&operations, "Read"),
        writes: last_words(&operations, "Write"),
    }
}

/// The number after `key` in a file of keys and numbers.
fn keyed(text: &str, key: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok()).unwrap_or(0)
}

/// The sum of all `key=number` words.
fn summed(text: &str, key: &str) -> u64 {
    text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok()).sum()
}

/// The sum of the last words of lines such as `8:0 Read 4096`.
fn last_words(text: &str, kind: &str) -> u64 {
    let of_kind = text.lines().filter(|line| line.split_whitespace().nth(1) == Some(kind));
    of_kind.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
}

/// The processors numbered on this host.
pub(crate) fn host_cpus() -> u32 {
    let found = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(found).unwrap_or(1)
}

/// The host's memory.
pub(crate) fn host_memory_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    kib.map_or(0, |kib: u64| kib.saturating_mul(1024))
}

/// Whether two paths lie in the same file system.
pub(crate) fn is_mount_point(path: &Path) -> bool {
    let of = |path: &Path| fs::symlink_metadata(path).map(|data| data.dev()).ok();
    path.parent().is_some_and(|parent| of(parent) != of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(numbers("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(numbers("\n"), [] as [u32; 0]);
    }

    #[test]
    fn counters_of_both_versions_are_read() {
        assert_eq!(keyed("usage_usec 1234\nuser_usec 1\n", "usage_usec"), 1234);
        assert_eq!(summed("8:0 rbytes=10 wbytes=2\n8:1 rbytes=5\n", "rbytes="), 15);
        assert_eq!(last_words("8:0 Read 4096\n8:0 Write 1\n8:1 Read 4\nTotal 5\n", "Read"), 4100);
    }
}
