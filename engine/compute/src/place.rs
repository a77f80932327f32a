//! Where everything of an engine lies: durable things under its data folder, sockets and mounts under `/run`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Trying};
use crate::machine::MachineId;

/// The folders of one engine and the name of its host objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Machines and images are kept here.
    pub data: PathBuf,
    /// Sockets, runtime state and mount points, gone after a restart of the host.
    pub run: PathBuf,
    /// Part of the name of every cgroup, so that several engines on a host do not meet: 1 to 8 of `a-z0-9`.
    pub tag: String,
}

impl Place {
    /// The usual place: runtime things in `/run/cloudlet/<tag>`.
    ///
    /// # Errors
    /// [`Error::Spec`] for a tag or a path that cannot be used in mounts and sockets.
    pub fn new(data: impl Into<PathBuf>, tag: impl Into<String>) -> Result<Self> {
        let (data, tag) = (data.into(), tag.into());
        let run = Path::new("/run/cloudlet").join(&tag);
        if !(1..=8).contains(&tag.len()) || !tag.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        {
            return Err(Error::Spec(format!("{tag:?} is not an engine's tag")));
        }
        // Overlay mounts take their folders as an option string in which these separate.
        if !data.is_absolute() || data.to_string_lossy().contains([',', ':', '\\']) {
            return Err(Error::Spec(format!("machines cannot live in {}", data.display())));
        }
        Ok(Self { data, run, tag })
    }

    pub(crate) fn prepare_data(&self) -> Result<()> {
        for folder in [self.machines(), self.images()] {
            fs::create_dir_all(&folder).at("create", &folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).at("protect", &folder)?;
        }
        Ok(())
    }

    pub(crate) fn prepare_run(&self) -> Result<()> {
        // The first process of a machine, mapped to a stranger, passes through these to its mount point.
        let parent = self.run.parent().unwrap_or(Path::new("/run"));
        for folder in [parent, &self.run, &self.root()] {
            fs::create_dir_all(folder).at("create", folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).at("protect", folder)?;
        }
        for folder in [self.oci(), self.sockets()] {
            fs::create_dir_all(&folder).at("create", &folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).at("protect", &folder)?;
        }
        Ok(())
    }

    pub(crate) fn machines(&self) -> PathBuf {
        self.data.join("machines")
    }
    pub(crate) fn images(&self) -> PathBuf {
        self.data.join("images")
    }
    pub(crate) fn machine(&self, id: &MachineId) -> PathBuf {
        self.machines().join(id.as_str())
    }
    /// Every machine mounts its root here, each in its own mount namespace.
    pub(crate) fn root(&self) -> PathBuf {
        self.run.join("root")
    }
    /// State of the container runtime.
    pub(crate) fn oci(&self) -> PathBuf {
        self.run.join("oci")
    }
    pub(crate) fn sockets(&self) -> PathBuf {
        self.run.join("s")
    }
    pub(crate) fn control_socket(&self, id: &MachineId) -> PathBuf {
        self.sockets().join(id.as_str())
    }
    pub(crate) fn console_socket(&self, id: &MachineId) -> PathBuf {
        self.sockets().join(format!("{id}.c"))
    }
    /// What those need who come to consoles.
    pub(crate) fn visits(&self) -> PathBuf {
        self.run.join("visits")
    }
    pub(crate) fn user_namespace(&self) -> PathBuf {
        self.run.join("users")
    }
    pub(crate) fn cgroup_prefix(&self) -> String {
        format!("cl{}-", self.tag)
    }
    pub(crate) fn cgroup(&self, id: &MachineId) -> String {
        format!("{}{id}", self.cgroup_prefix())
    }
}

/// Writes a file so that after a crash it is either the old or the new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, bytes).at("write", &fresh)?;
    fs::rename(&fresh, path).at("replace", path)
}

/// Removes a folder with all that is in it, and is content if there is none.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it, but for what is mounted there: volumes may be, and namespaces.
pub(crate) fn remove_unmounted(path: &Path) -> io::Result<()> {
    let device = fs::symlink_metadata(path)?.dev();
    for entry in fs::read_dir(path)?.flatten() {
        let about = entry.metadata()?;
        if about.dev() != device {
            continue;
        }
        // What stays keeps its folder.
        let _ = if about.is_dir() { remove_unmounted(&entry.path()) } else { fs::remove_file(entry.path()) };
    }
    fs::remove_dir(path)
}

/// Removes a file, and is content if there is none.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use nix::mount::{MsFlags, mount, umount};

    use super::*;

    #[test]
    fn what_is_mounted_in_a_folder_stays_when_that_is_removed() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: mounting takes root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let (pool, empty) = (run.join("pool"), run.join("s/more"));
        for folder in [&pool, &empty] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(run.join("users"), "").unwrap();
        mount(Some("tmpfs"), &pool, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        fs::write(pool.join("volume"), "kept").unwrap();
        let removed = remove_unmounted(&run);
        let kept = fs::read_to_string(pool.join("volume"));
        let left: Vec<_> = fs::read_dir(&run).unwrap().flatten().map(|entry| entry.file_name()).collect();
        umount(&pool).unwrap();
        assert!(removed.is_err());
        assert_eq!((kept.unwrap().as_str(), left), ("kept", vec!["pool".into()]));
        remove_unmounted(&run).unwrap();
        assert!(!run.exists());
    }
}
