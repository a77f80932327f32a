//! Volumes' files: made empty, with a file system or from a snapshot, and grown.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::engine::device_of;
use crate::error::{Error, Result, Trying};
use crate::loops;
use crate::pool::{Pool, rename};
use crate::sys::tied;
use crate::volume::{Source, Wish};

/// Makes a volume's file, whole or not at all.
pub(crate) fn make(pool: &Pool, file: &Path, wish: &Wish) -> Result<()> {
    pool.check_room(0)?;
    let (from, key) = match &wish.source {
        Source::Empty => (None, None),
        Source::FileSystem => (Some(template(pool, wish.size_bytes)?), None),
        Source::Snapshot(id, key) => (Some(pool.snapshots().join(id.as_str())), key.as_ref()),
    };
    let Some(from) = from else {
        let draft = file.with_extension("draft");
        let made = File::create(&draft).at("create", &draft)?;
        made.set_len(wish.size_bytes).at("size", &draft)?;
        made.sync_all().at("keep", &draft)?;
        return rename(&draft, file);
    };
    // Should a crash come before it has its length, the next try grows it.
    if key == wish.key.as_ref() {
        pool.copy(&from, file)
    } else {
        pool.recode(&from, file, (key, wish.key.as_ref()))
    }
}

/// Makes a volume longer, and its device if it has one: of its file, or of the plain side of that.
pub(crate) fn grow(file: &Path, plain: &Path, size_bytes: u64) -> Result<()> {
    let opened = OpenOptions::new().write(true).open(file).at("open", file)?;
    if opened.metadata().at("look at", file)?.len() < size_bytes {
        opened.set_len(size_bytes).at("grow", file)?;
        opened.sync_all().at("keep", file)?;
    }
    // The kernel has learnt how long the plain side is by now, for it was asked.
    device_of(file, plain).map_or(Ok(()), |device| loops::resize(&device))
}

/// An empty file system of this size, made once.
fn template(pool: &Pool, size_bytes: u64) -> Result<PathBuf> {
    let path = pool.templates().join(format!("ext4-{size_bytes}"));
    if path.exists() {
        return Ok(path);
    }
    let serial = std::process::id();
    let draft = path.with_extension(format!("{serial}-{:?}.draft", std::thread::current().id()));
    let made = File::create(&draft).at("create", &draft)?;
    made.set_len(size_bytes).at("size", &draft)?;
    // The file is all holes, which read as zeros: nothing has to be cleared, now or later. Older programs do not know.
    let known = ["nodiscard,assume_storage_prezeroed=1", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"];
    let mut last = String::new();
    for options in known {
        let output = tied("mkfs.ext4")
            .args(["-q", "-F", "-b", "4096", "-m", "0", "-L", "root", "-E", options])
            .arg(&draft)
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(|error| {
            Error::Host(format!("mkfs.ext4 (apt-get install e2fsprogs) does not run: {error}"))
        })?;
        if output.status.success() {
            made.sync_all().at("keep", &draft)?;
            rename(&draft, &path)?;
            return Ok(path);
        }
        last = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    }
    loops::hide(&draft)?;
    Err(Error::Host(format!("mkfs.ext4 failed: {last}")))
}
