//! Programs as machines carry them whose files are not the host's: our executable, beside the loader and the libraries it
//! is linked to, and led to these, starts in any root, whatever libraries that has.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::elf;
use crate::error::{Error, Result, Trying};
use crate::image::{draft, host_init, init_folder};
use crate::place::remove_tree;

/// The loader's name beside our executable.
pub(crate) const LOADER: &str = "loader";
/// Where they are kept, beside the images.
const FOLDER: &str = "program";

/// What lies beside each other in the machine, with [`host_init`] first: names and contents. Of `more` programs of the
/// host, which only the loader there can start.
pub(crate) fn files(exe: &Path, more: &[&Path]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut program = elf::read(exe)?;
    program.lead(&format!("{}/{LOADER}", init_folder()), init_folder())?;
    let name = host_init().trim_start_matches(init_folder()).trim_start_matches('/');
    let mut files = vec![(name.to_owned(), program.bytes)];
    let mut needed = linked(program.loader, program.libraries);
    for path in more {
        let program = elf::read(path)?;
        files.push((name_of(path), program.bytes));
        needed.extend(linked(program.loader, program.libraries));
    }
    needed.sort();
    needed.dedup();
    for (name, path) in needed {
        if files.iter().any(|(other, _)| *other == name) {
            return Err(Error::Host(format!("what machines carry is linked to two files named {name}")));
        }
        files.push((name, fs::read(&path).at("read", &path)?));
    }
    Ok(files)
}

/// What a program is linked to, by the name that has in the machine.
fn linked(loader: Option<PathBuf>, libraries: Vec<PathBuf>) -> Vec<(String, PathBuf)> {
    let loader = loader.into_iter().map(|path| (LOADER.to_owned(), path));
    loader.chain(libraries.into_iter().map(|path| (name_of(&path), path))).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Tells an executable, and the host's libraries, from those before and after.
pub(crate) fn mark(exe: &Path) -> Result<String> {
    let about = fs::metadata(exe).at("look at", exe)?;
    // Who installs libraries has the host find them anew.
    let libraries = fs::metadata("/etc/ld.so.cache").map_or(0, |about| about.mtime());
    Ok(format!("{}-{}-{}-{libraries}", about.len(), about.mtime(), about.mtime_nsec()))
}

/// The files in a folder, which stays there as long as this is held, or any machine shows it.
pub(crate) struct Carried {
    pub folder: PathBuf,
    _turn: Flock<File>,
}

/// Writes the files, if need be: they are made anew when the executable changes.
pub(crate) fn ensure(images: &Path, exe: &Path) -> Result<Carried> {
    let all = images.join(FOLDER);
    fs::create_dir_all(&all).at("create", &all)?;
    let lock = all.join("lock");
    let file = File::create(&lock).at("open", &lock)?;
    // One at a time, also of several processes: they start machines.
    let turn = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).at("lock", &lock)?;
    let folder = all.join(mark(exe)?);
    if !folder.is_dir() {
        let fresh = draft(&folder);
        remove_tree(&fresh)?;
        write(&fresh, exe).inspect_err(|_| drop(remove_tree(&fresh)))?;
        fs::rename(&fresh, &folder).at("finish", &folder)?;
        forget_others(&all, &folder)?;
    }
    Ok(Carried { folder, _turn: turn })
}

fn write(fresh: &Path, exe: &Path) -> Result<()> {
    // Root in the machine is a stranger here.
    let open = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o755)).at("open", path);
    fs::create_dir(fresh).at("create", fresh)?;
    open(fresh)?;
    for (name, bytes) in files(exe, &[])? {
        let path = fresh.join(name);
        let mut file = File::create(&path).at("create", &path)?;
        file.write_all(&bytes).at("write", &path)?;
        open(&path)?;
        file.sync_all().at("keep", &path)?;
    }
    Ok(())
}

/// Removes those of other executables, but for what machines that run have as their init.
fn forget_others(all: &Path, kept: &Path) -> Result<()> {
    for entry in fs::read_dir(all).at("list", all)?.flatten() {
        let path = entry.path();
        if path.is_dir() && path != kept && !is_shown(&path) {
            remove_tree(&path)?;
        }
    }
    Ok(())
}

/// Whether some process of this host has the folder in the place of our init's.
fn is_shown(folder: &Path) -> bool {
    let same = |path: &Path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    let wanted = same(folder);
    let place = Path::new("root").join(init_folder().trim_start_matches('/'));
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    wanted.is_some() && processes.map(|process| process.path().join(&place)).any(|path| same(&path) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_anew_for_another_executable() {
        let images = tempfile::tempdir().unwrap();
        let exe = images.path().join("exe");
        fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
        let first = ensure(images.path(), &exe).unwrap().folder;
        let made = fs::metadata(first.join("init")).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, 0o755);
        let names = fs::read_dir(&first).unwrap().flatten().count();
        assert!(names == 1 || first.join(LOADER).is_file() && names > 2, "{names} files");
        assert_eq!(ensure(images.path(), &exe).unwrap().folder, first);
        assert_eq!(fs::metadata(first.join("init")).unwrap().ino(), made.ino());
        fs::write(first.parent().unwrap().join("lock"), "").unwrap();
        File::options().append(true).open(&exe).unwrap().write_all(b"more").unwrap();
        let second = ensure(images.path(), &exe).unwrap().folder;
        assert!(second != first && second.join("init").is_file() && !first.exists());
    }

    #[test]
    fn what_is_linked_to_nothing_is_alone() {
        // It works, on most hosts, when no library does.
        let exe = Path::new("/sbin/ldconfig");
        if elf::read(exe).is_ok_and(|program| program.loader.is_none()) {
            let files = files(exe, &[]).unwrap();
            assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["init"]);
        }
    }
}
