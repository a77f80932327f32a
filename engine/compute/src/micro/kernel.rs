//! The kernel of such machines: one that is installed here, or Debian's, fetched once without installing it. It is kept
//! unpacked, because a guest whose instructions are translated would take seconds to unpack it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};

use crate::carried;
use crate::error::{Error, Result, Trying};
use crate::guest::network::PLACES;
use crate::image::{draft, init_folder};
use crate::micro::{boot_files, cpio};
use crate::place::{remove_file, remove_tree};

/// What the guest's first root needs of the kernel, in the order of need; what these need in turn is found out.
const MODULES: [&str; 12] = [
    "virtio_pci",
    "virtio_console",
    "virtio_blk",
    "virtio_net",
    "9pnet_virtio",
    "9p",
    "crc32c_generic",
    "libcrc32c",
    "ext4",
    "overlay",
    "pvpanic",
    "pvpanic_pci",
];
/// Debian's package that names the current one.
const PACKAGE: &str = "linux-image-amd64";
const PREFIX: &str = "kernel-";
const IMAGE: &str = "vmlinux";
const FIRST_ROOT: &str = "first-root-";
/// Rises when the files have other places: a shim of an older executable makes one of the present one, too.
const FIRST_ROOT_VERSION: u32 = 3;

/// What QEMU boots.
pub(crate) struct Kernel {
    pub image: PathBuf,
    pub first_root: PathBuf,
}

/// A kernel as it was found: its compressed file, and the folder of its modules.
struct Source {
    release: String,
    image: PathBuf,
    modules: PathBuf,
}

/// The folder of the kernel that was prepared, if one was.
pub(crate) fn find(images: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(images).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut kernels: Vec<String> =
        names.filter(|name| name.starts_with(PREFIX) && !name.contains(crate::image::DRAFT)).collect();
    kernels.sort();
    kernels.pop().map(|name| images.join(name))
}

/// # Errors
/// [`Error::Host`] when there is neither a kernel nor a way to fetch one.
pub(crate) fn is_within_reach() -> Result<()> {
    if installed().is_some() || Path::new("/usr/bin/apt-get").is_file() {
        return Ok(());
    }
    let reason = format!(
        "they need a kernel with its modules in /boot and /lib/modules, or apt-get to fetch {PACKAGE}"
    );
    Err(Error::Host(reason))
}

/// Prepares kernel and first root, if need be. The latter holds our executable, and is made anew when that changes.
pub(crate) fn ensure(images: &Path, exe: &Path) -> Result<Kernel> {
    let folder = match find(images) {
        Some(folder) => folder,
        None => prepare(images)?,
    };
    let first_root = folder.join(format!("{FIRST_ROOT}{FIRST_ROOT_VERSION}-{}", carried::mark(exe)?));
    let lock = folder.join("lock");
    let file = File::create(&lock).at("open", &lock)?;
    // One at a time, also of several processes: they start machines.
    let _turn = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).at("lock", &lock)?;
    if !first_root.is_file() {
        // Of executables before this one, and of whom a crash interrupted.
        for entry in fs::read_dir(&folder).at("list", &folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(FIRST_ROOT) {
                remove_file(&entry.path())?;
            }
        }
        let fresh = draft(&first_root);
        write_first_root(&fresh, &folder, exe)?;
        fs::rename(&fresh, &first_root).at("finish", &first_root)?;
    }
    Ok(Kernel { image: folder.join(IMAGE), first_root })
}

fn prepare(images: &Path) -> Result<PathBuf> {
    let work = draft(&images.join("kernel"));
    remove_tree(&work)?;
    fs::create_dir_all(&work).at("create", &work)?;
    let made = (|| {
        let source = match installed() {
            Some(source) => source,
            None => fetch(&work.join("package"))?,
        };
        let kernel = work.join("kernel");
        fs::create_dir(&kernel).at("create", &kernel)?;
        let image = fs::read(&source.image).at("read", &source.image)?;
        let image = boot_files::unpacked(&image).unwrap_or(image);
        let path = kernel.join(IMAGE);
        fs::write(&path, image).at("write", &path)?;
        for (number, (name, bytes)) in modules(&source.modules)?.into_iter().enumerate() {
            let path = kernel.join(format!("{number:02}-{name}.ko"));
            fs::write(&path, bytes).at("write", &path)?;
        }
        let folder = images.join(format!("{PREFIX}{}", source.release));
        fs::rename(&kernel, &folder).at("finish", &folder)?;
        Ok(folder)
    })();
    remove_tree(&work)?;
    made
}

/// A kernel of this host that has all that is needed, the newest first.
fn installed() -> Option<Source> {
    let mut releases: Vec<String> = fs::read_dir("/lib/modules")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    releases.sort();
    releases.into_iter().rev().find_map(|release| {
        let image = Path::new("/boot").join(format!("vmlinuz-{release}"));
        let modules = Path::new("/lib/modules").join(&release);
        let whole = image.is_file() && self::modules(&modules).is_ok();
        whole.then_some(Source { release, image, modules })
    })
}

/// Debian's own, unpacked and not installed.
fn fetch(folder: &Path) -> Result<Source> {
    fs::create_dir(folder).at("create", folder)?;
    let failed =
        |what: &str| Error::Host(format!("the kernel of such machines could not be fetched: {what}"));
    let run = |program: &str, args: &[&str]| -> Result<String> {
        let output = Command::new(program).args(args).current_dir(folder).stdin(Stdio::null()).output();
        let output = output.trying(|| format!("run {program}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(failed(&format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))),
        }
    };
    let depends = run("apt-cache", &["depends", "--important", PACKAGE])?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    let release = package.ok_or_else(|| failed(&format!("{PACKAGE} is unknown here: apt-get update")))?;
    run("apt-get", &["download", "-qq", "-o", "APT::Sandbox::User=root", &format!("linux-image-{release}")])?;
    let entries = fs::read_dir(folder).at("list", folder)?.flatten();
    let archive = entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "deb"));
    let archive = archive.ok_or_else(|| failed("nothing came"))?;
    run("dpkg-deb", &["-x", &archive.display().to_string(), "."])?;
    let image = folder.join(format!("boot/vmlinuz-{release}"));
    // Debian moves from `/lib` to `/usr/lib`.
    let places = ["lib/modules", "usr/lib/modules"].map(|place| folder.join(place).join(release));
    let modules =
        places.into_iter().find(|place| place.is_dir()).ok_or_else(|| failed("it has no modules"))?;
    Ok(Source { release: release.to_owned(), image, modules })
}

/// The modules of need with their names, each after those it builds upon. What is built in has no file.
fn modules(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = BTreeMap::new();
    gather(&folder.join("kernel"), &mut files)?;
    let built_in = fs::read_to_string(folder.join("modules.builtin")).unwrap_or_default();
    let built_in: Vec<String> =
        built_in.lines().filter_map(|line| boot_files::module_name(Path::new(line))).collect();
    let mut done = Vec::new();
    for name in MODULES {
        if built_in.iter().any(|there| there == name) {
            continue;
        }
        // Checksums are where they are: Debian's have them as a module, others built in or by another name.
        let optional = matches!(name, "crc32c_generic" | "libcrc32c" | "pvpanic" | "pvpanic_pci");
        match take(name, &files, &mut done) {
            Err(_) if optional => {}
            taken => taken?,
        }
    }
    Ok(done)
}

fn take(name: &str, files: &BTreeMap<String, PathBuf>, done: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    if done.iter().any(|(there, _)| there == name) {
        return Ok(());
    }
    let missing = || Error::Host(format!("the kernel has no module {name}"));
    let bytes = boot_files::read_module(files.get(name).ok_or_else(missing)?)?;
    for needed in boot_files::needs(&bytes) {
        take(&needed, files, done)?;
    }
    done.push((name.to_owned(), bytes));
    Ok(())
}

fn gather(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).at("list", folder)?.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            gather(&path, files)?;
        } else if let Some(name) = boot_files::module_name(&path) {
            files.insert(name, path);
        }
    }
    Ok(())
}

/// What the kernel unpacks as its first root: the modules, and our executable and the host's `ip` with what these are linked
/// to, where all have their place in machines.
fn write_first_root(to: &Path, kernel: &Path, exe: &Path) -> Result<()> {
    let ip = PLACES.iter().map(Path::new).find(|path| path.exists());
    let files = carried::files(exe, ip.as_slice())?;
    let write = |file: File| -> std::io::Result<()> {
        let mut archive = cpio::Archive::new(BufWriter::new(file));
        let place = init_folder().trim_start_matches('/');
        for folder in
            ["dev", "proc", "sys", "modules", "base", "own", "shared", "root", "usr", "usr/lib", place]
        {
            archive.folder(folder)?;
        }
        archive.console("dev/console")?;
        for (name, bytes) in &files {
            archive.program(&format!("{place}/{name}"), bytes)?;
        }
        let mut names: Vec<_> = fs::read_dir(kernel)?.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names.iter().filter_map(|name| name.to_str()).filter(|name| name.ends_with(".ko")) {
            archive.program(&format!("modules/{name}"), &read(&kernel.join(name))?)?;
        }
        archive.finish()?.flush()
    };
    File::create(to).and_then(write).at("write", to)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
