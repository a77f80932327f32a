//! Network namespaces kept alive by a bind mount, and threads that go there.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};

use crate::error::{Doing, Result};

/// The calling thread's own namespace.
const OWN: &str = "/proc/thread-self/ns/net";
/// A mount point may carry more than one mount when somebody bound the folder over itself.
const MOUNTS_MAX: usize = 8;

/// An open namespace. Only threads made for the purpose may [`Space::enter`] one.
#[derive(Debug)]
pub(crate) struct Space {
    file: File,
}

impl Space {
    /// The namespace the thread is in.
    pub(crate) fn current() -> Result<Self> {
        Ok(Self { file: File::open(OWN).doing(|| "open the host's namespace".to_owned())? })
    }

    /// The namespace kept at `path`, if one is.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>> {
        if !is_kept(path) {
            return Ok(None);
        }
        Ok(Some(Self { file: File::open(path).doing(|| format!("open namespace {}", path.display()))? }))
    }

    /// Makes a namespace, keeps it at `path`, and leaves the thread in it.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let make = || {
            File::create(path)?;
            unshare(CloneFlags::CLONE_NEWNET)?;
            mount(Some(OWN), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
            File::open(path)
        };
        Ok(Self { file: make().doing(|| format!("make namespace {}", path.display()))? })
    }

    /// Whether it is this namespace that `path` keeps.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
        let own = self.file.metadata().map(identity);
        is_kept(path) && own.is_ok_and(|own| fs::metadata(path).is_ok_and(|there| identity(there) == own))
    }

    /// Takes the thread there.
    pub(crate) fn enter(&self) -> Result<()> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).doing(|| "enter a namespace".to_owned())
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// Whether `path` keeps a namespace.
pub(crate) fn is_kept(path: &Path) -> bool {
    statfs(path).is_ok_and(|fs| fs.filesystem_type() == NSFS_MAGIC)
}

/// Lets the namespace at `path` go. The kernel clears it in the background once nobody is in it.
pub(crate) fn release(path: &Path) -> Result<()> {
    for _ in 0..MOUNTS_MAX {
        if umount2(path, MntFlags::MNT_DETACH).is_err() {
            break;
        }
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove namespace {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Namespaces and left-over mount points in a folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    let names = read().doing(|| format!("list {}", folder.display()))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// Sets a kernel parameter below `net/` of the namespace the thread is in.
pub(crate) fn set_parameter(name: &str, value: &str) -> Result<()> {
    let path = PathBuf::from("/proc/sys/net").join(name);
    fs::write(&path, value).doing(|| format!("set {} to {value}", path.display()))
}

/// As [`set_parameter`], for families a kernel may be built without.
pub(crate) fn set_parameter_if_there(name: &str, value: &str) -> Result<()> {
    if Path::new("/proc/sys/net").join(name).exists() { set_parameter(name, value) } else { Ok(()) }
}
