//! Layers unpacked, one over the other (image-spec, "layer"). A process of ours does it whose root is the image's: no
//! name in a layer, and no link, leads out of that.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::digest;
use tar::EntryType;

use super::layout::Layer;
use crate::error::{Error, Result, Trying};
use crate::image::failed;
use crate::image::host::INIT;
use crate::tie;

/// The role: `<root> <verb>`, with the layer in plain on its input.
pub(crate) const ROLE: &str = "__image-unpack";
const LAYER: &str = "layer";
const FINISH: &str = "finish";
/// Of one layer, unpacked.
const BYTES_MAX: u64 = 64 << 30;
const ENTRIES_MAX: usize = 2_000_000;
const PART_BYTES: usize = 256 << 10;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What every root has, the outer ones first.
const FOLDERS: [&str; 17] = [
    "dev", "etc", "home", "mnt", "proc", "root", "run", "srv", "sys", "tmp", "usr", "usr/lib", "usr/sbin",
    "var", "var/lib", "var/log", "var/tmp",
];
const POWER_PROGRAMS: [&str; 4] = ["poweroff", "reboot", "halt", "shutdown"];

/// Unpacks a layer over what is in `root`, and sees that it is the one that was meant.
pub(crate) fn layer(
    layer: &Layer,
    root: &Path,
    program: &Path,
    name: &str,
    progress: &dyn Fn(f32),
) -> Result<()> {
    let file = File::open(&layer.file).at("open", &layer.file)?;
    let whole = file.metadata().at("look at", &layer.file)?.len().max(1);
    let mut counted = Counted { inner: file, read: 0 };
    let mut child = Command::new(program)
        .arg(ROLE)
        .arg(root)
        .arg(LAYER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .trying(|| "start to unpack".to_owned())?;
    let pipe = child.stdin.take();
    let piped =
        pipe.map_or(Ok(String::new()), |mut pipe| pour(&mut counted, whole, &mut pipe, name, progress));
    let output = child.wait_with_output().trying(|| "wait for what unpacks".to_owned())?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        return Err(failed(name, format!("a layer does not unpack: {why}")));
    }
    let digest = piped?;
    if digest == layer.diff_id { Ok(()) } else { Err(failed(name, "a layer is not what it should be")) }
}

/// How much of a file has been read.
struct Counted {
    inner: File,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

/// Gives a layer in plain to who unpacks it. Returns its digest.
fn pour(
    file: &mut Counted,
    whole: u64,
    pipe: &mut impl Write,
    name: &str,
    progress: &dyn Fn(f32),
) -> Result<String> {
    let damaged = |error: io::Error| failed(name, format!("a layer does not read: {error}"));
    let mut magic = [0; 4];
    let count = file.read(&mut magic).map_err(damaged)?;
    let begin = io::Cursor::new(magic.get(..count).unwrap_or_default().to_vec());
    // A second handle on the count, since what unpacks takes the file.
    let position = std::rc::Rc::new(std::cell::Cell::new(0_u64));
    let rest = Watched { inner: file, position: position.clone() };
    let chained = begin.chain(rest);
    let mut plain: Box<dyn Read + '_> = match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(chained)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(chained).map_err(damaged)?),
        _ => Box::new(chained),
    };
    let mut sum = digest::Context::new(&digest::SHA256);
    let (mut part, mut total) = (vec![0; PART_BYTES], 0_u64);
    let mut open = true;
    loop {
        let count = plain.read(&mut part).map_err(damaged)?;
        let bytes = part.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        total += u64::try_from(count).unwrap_or(0);
        if total > BYTES_MAX {
            return Err(failed(name, "a layer is larger than 64 GiB"));
        }
        sum.update(bytes);
        // Who unpacks has had enough at the archive's end, and says itself what else went wrong.
        open = open && pipe.write_all(bytes).is_ok();
        #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
        progress(position.get() as f32 / whole as f32);
    }
    Ok(sum.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Watched<'a> {
    inner: &'a mut Counted,
    position: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position.set(self.inner.read);
        Ok(count)
    }
}

/// Gives the root what every machine has, and our init its place.
pub(crate) fn finish(root: &Path, program: &Path, name: &str) -> Result<()> {
    let output = Command::new(program).arg(ROLE).arg(root).arg(FINISH).stdin(Stdio::null()).output();
    let output = output.trying(|| "finish an image".to_owned())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(name, String::from_utf8_lossy(&output.stdout).trim().to_owned())),
    }
}

/// The role.
pub(crate) fn run(root: &Path, verb: &str) -> Result<()> {
    tie::to_parent()?;
    nix::unistd::chroot(root).at("enter", root)?;
    std::env::set_current_dir("/").trying(|| "enter the image".to_owned())?;
    let done = match verb {
        LAYER => apply(io::stdin().lock()),
        FINISH => furnish(),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    done.map_err(|error| {
        // Whoever started us reads why.
        let _ = writeln!(io::stdout(), "{error}");
        Error::Spec(error.to_string())
    })
}

/// Unpacks an archive into `/`.
fn apply(layer: impl Read) -> io::Result<()> {
    let mut archive = tar::Archive::new(layer);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(true);
    archive.set_unpack_xattrs(true);
    let mut written: HashSet<PathBuf> = HashSet::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if written.len() >= ENTRIES_MAX {
            return Err(io::Error::other("a layer has too many entries"));
        }
        let Some(path) = clean(&entry.path()?)? else { continue };
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("/"));
        if name == OPAQUE {
            clear(folder, &written)?;
            continue;
        }
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            remove(&folder.join(OsStr::from_bytes(gone)))?;
            continue;
        }
        match entry.header().entry_type() {
            // A machine has no devices but those it is given.
            EntryType::Block | EntryType::Char | EntryType::Fifo => continue,
            EntryType::Directory => make_way(&path, true)?,
            _ => make_way(&path, false)?,
        }
        entry.unpack_in("/")?;
        written.insert(path);
    }
    Ok(())
}

/// The place an entry means below `/`; none for `/` itself.
fn clean(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir | Component::RootDir => {}
            _ => return Err(io::Error::other(format!("a layer names {}", path.display()))),
        }
    }
    Ok((clean != Path::new("/")).then_some(clean))
}

/// What is of another kind than the entry goes before it.
fn make_way(path: &Path, for_folder: bool) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() != for_folder => remove(path),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what lower layers have in a folder.
fn clear(folder: &Path, written: &HashSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !written.iter().any(|mine| mine.starts_with(&path)) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// In the image's root: folders that mounts need, a place for our init, and what it cannot do without.
fn furnish() -> io::Result<()> {
    for name in FOLDERS {
        let path = Path::new("/").join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {}
            // Programs behind links could not be told from the host's.
            Ok(_) if name.starts_with("usr") && name != "usr/sbin" => {
                return Err(io::Error::other(format!("/{name} is no folder")));
            }
            Ok(_) if name == "usr/sbin" => {}
            Ok(_) => {
                fs::remove_file(&path)?;
                fs::create_dir(&path)?;
            }
            Err(_) => fs::create_dir(&path)?,
        }
    }
    for name in ["tmp", "var/tmp"] {
        fs::set_permissions(Path::new("/").join(name), Permissions::from_mode(0o1777))?;
    }
    let init = Path::new(INIT);
    if let Some(folder) = init.parent() {
        remove(folder)?;
        fs::create_dir(folder)?;
    }
    fs::write(init, "")?;
    for name in POWER_PROGRAMS {
        // Those that an image has itself would look for its own init.
        for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
            let path = Path::new(folder).join(name);
            if folder == "/usr/sbin" || fs::symlink_metadata(&path).is_ok() {
                remove(&path)?;
                symlink(INIT, path)?;
            }
        }
    }
    for (name, text) in
        [("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n"), ("resolv.conf", "")]
    {
        let path = Path::new("/etc").join(name);
        if fs::symlink_metadata(&path).is_err() {
            fs::write(path, text)?;
        }
    }
    // Each machine gets its own.
    fs::write("/etc/machine-id", "")
}
