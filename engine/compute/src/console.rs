//! A machine's console on disk: the last part of all it wrote, in two files that take turns.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Result, Trying};
use crate::machine::ConsolePart;

/// When the newer file is this long it becomes the older one.
const FILE_BYTES_MAX: u64 = 128 * 1024;

/// The writing end, owned by the shim.
pub(crate) struct Console {
    folder: PathBuf,
    file: File,
    length: u64,
}

impl Console {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = newer(folder);
        let file = File::options().create(true).append(true).open(&path).at("open", &path)?;
        let length = file.metadata().at("look at", &path)?.len();
        Ok(Self { folder: folder.to_owned(), file, length })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += u64::try_from(bytes.len()).unwrap_or(0);
        if self.length > FILE_BYTES_MAX {
            fs::rename(newer(&self.folder), older(&self.folder))?;
            self.file = File::options().create(true).append(true).open(newer(&self.folder))?;
            self.length = 0;
        }
        Ok(())
    }
}

/// The files, older first.
pub(crate) fn parts(folder: &Path) -> Result<Vec<ConsolePart>> {
    let mut parts = Vec::new();
    for path in [older(folder), newer(folder)] {
        let read = File::open(&path).and_then(|mut file| {
            let mut bytes = Vec::new();
            let id = file.metadata()?.ino();
            file.read_to_end(&mut bytes)?;
            Ok(ConsolePart { id, bytes })
        });
        match read {
            Ok(part) => parts.push(part),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).at("read", &path),
        }
    }
    Ok(parts)
}

/// The last `bytes_max` bytes that were written.
pub(crate) fn tail(folder: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for path in [older(folder), newer(folder)] {
        match read_tail(&path, bytes_max) {
            Ok(part) => all.extend(part),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).at("read", &path),
        }
    }
    let skip = all.len().saturating_sub(bytes_max);
    Ok(all.split_off(skip))
}

fn read_tail(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let wanted = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let from = file.metadata()?.len().saturating_sub(wanted);
    file.seek(SeekFrom::Start(from))?;
    let mut part = Vec::new();
    file.take(wanted).read_to_end(&mut part)?;
    Ok(part)
}

fn newer(folder: &Path) -> PathBuf {
    folder.join("console.log")
}
fn older(folder: &Path) -> PathBuf {
    folder.join("console.old")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_survives_the_change_of_files_and_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut console = Console::open(folder.path()).unwrap();
        for n in 0..100_000 {
            console.write(format!("{n:06}\n").as_bytes()).unwrap();
        }
        let tail = tail(folder.path(), 7 * 1000).unwrap();
        assert_eq!(tail.len(), 7000);
        assert!(tail.starts_with(b"099000\n") && tail.ends_with(b"099999\n"));
        let kept: u64 =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(kept < 3 * FILE_BYTES_MAX);
    }
}
