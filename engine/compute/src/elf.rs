//! Our executable as a guest carries it: without what only debuggers read, with the libraries it is linked to, and led
//! to these.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result, Trying};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_DEBUG: u64 = 21;
const DT_RUNPATH: u64 = 29;
/// Of an entry of the dynamic section: a tag, and its value.
const DYNAMIC_BYTES: usize = 16;
/// Of the header: where program headers are told of, and section headers.
const PROGRAM_HEADERS: usize = 0x20;
const SECTION_HEADERS: usize = 0x28;
const PROGRAM_HEADER_LENGTH: usize = 0x36;
const PROGRAM_HEADER_COUNT: usize = 0x38;
const SECTION_HEADER_COUNT: usize = 0x3c;
/// Of a program header.
const OFFSET: usize = 0x08;
const ADDRESS: usize = 0x10;
const FILE_BYTES: usize = 0x20;
const MEMORY_BYTES: usize = 0x28;

/// A program and what it needs to start.
pub(crate) struct Program {
    pub bytes: Vec<u8>,
    segments: Segments,
    /// The loader of one that is linked to libraries, and these.
    pub loader: Option<PathBuf>,
    pub libraries: Vec<PathBuf>,
}

/// What is known of a program's segments.
#[derive(Default)]
struct Segments {
    /// Where the last one ends in the file.
    end: usize,
    /// The header of the one that names the loader, where that lies in the file, and how long it is.
    loader: Option<(usize, usize, usize)>,
    /// Where the dynamic section lies in the file, and how long it is.
    dynamic: Option<(usize, usize)>,
}

/// Reads a 64-bit ELF executable (System V ABI, "ELF header", "Program header").
pub(crate) fn read(path: &Path) -> Result<Program> {
    let mut bytes = fs::read(path).at("read", path)?;
    let wrong = || Error::Spec(format!("{} is no 64-bit executable", path.display()));
    let segments = segments(&bytes).ok_or_else(wrong)?;
    bytes.truncate(segments.end);
    // The sections lay behind.
    bytes.get_mut(SECTION_HEADERS..SECTION_HEADERS + 8).ok_or_else(wrong)?.fill(0);
    bytes.get_mut(SECTION_HEADER_COUNT..SECTION_HEADER_COUNT + 4).ok_or_else(wrong)?.fill(0);
    let loader =
        segments.loader.and_then(|(_, offset, length)| bytes.get(offset..offset.checked_add(length)?));
    let loader = loader.map(|name| PathBuf::from(String::from_utf8_lossy(name).trim_end_matches('\0')));
    let libraries = match &loader {
        Some(loader) => libraries(loader, path)?,
        None => Vec::new(),
    };
    Ok(Program { bytes, segments, loader, libraries })
}

impl Program {
    /// Has the program ask for the loader at `loader`, and that look for libraries in `folder` before anywhere else.
    /// One that is linked to nothing stays as it is.
    ///
    /// # Errors
    /// [`Error::Host`] for one that has no room for that.
    pub(crate) fn lead(&mut self, loader: &str, folder: &str) -> Result<()> {
        if self.loader.is_none() {
            return Ok(());
        }
        self.rewrite(loader, folder)
            .ok_or_else(|| Error::Host("our executable cannot be led to its libraries".to_owned()))
    }

    fn rewrite(&mut self, loader: &str, folder: &str) -> Option<()> {
        let ((header, old, room), (dynamic, length)) = (self.segments.loader?, self.segments.dynamic?);
        // The kernel reads the loader's name from the file; what lies in memory in its place is free for the folder's.
        let folder = [folder.as_bytes(), b"\0"].concat();
        self.bytes.get_mut(old..old.checked_add(room)?)?.get_mut(..folder.len())?.copy_from_slice(&folder);
        let named = long(&self.bytes, header + ADDRESS)?;
        let entries = || (dynamic..dynamic + length).step_by(DYNAMIC_BYTES);
        let of = |bytes: &[u8], tags: &[u64]| -> Vec<usize> {
            let end = entries().find(|at| long(bytes, *at) == Some(0)).unwrap_or(dynamic + length);
            let is_one = |at: &usize| *at < end && long(bytes, *at).is_some_and(|tag| tags.contains(&tag));
            entries().filter(is_one).collect()
        };
        let strings = long(&self.bytes, *of(&self.bytes, &[DT_STRTAB]).first()? + 8)?;
        let mut places = of(&self.bytes, &[DT_RPATH, DT_RUNPATH]);
        if places.is_empty() {
            // Only debuggers read it.
            places = of(&self.bytes, &[DT_DEBUG]);
        }
        places.first()?;
        for place in places {
            put(&mut self.bytes, place, DT_RPATH)?;
            // Names are told as distances from the table of names, where they usually are.
            put(&mut self.bytes, place + 8, named.wrapping_sub(strings))?;
        }
        let name = [loader.as_bytes(), b"\0"].concat();
        let length = u64::try_from(name.len()).ok()?;
        let end = u64::try_from(self.bytes.len()).ok()?;
        for (field, value) in [(OFFSET, end), (FILE_BYTES, length), (MEMORY_BYTES, length)] {
            put(&mut self.bytes, header + field, value)?;
        }
        self.bytes.extend(name);
        Some(())
    }
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn put(bytes: &mut [u8], at: usize, value: u64) -> Option<()> {
    bytes.get_mut(at..at.checked_add(8)?)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}

fn segments(bytes: &[u8]) -> Option<Segments> {
    if bytes.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let size = |at: usize| usize::try_from(long(bytes, at)?).ok();
    let (table, each) = (size(PROGRAM_HEADERS)?, half(PROGRAM_HEADER_LENGTH)?);
    let mut found = Segments::default();
    for number in 0..half(PROGRAM_HEADER_COUNT)? {
        let header = table.checked_add(number * each)?;
        let (offset, length) = (size(header + OFFSET)?, size(header + FILE_BYTES)?);
        bytes.get(offset..offset.checked_add(length)?)?;
        match word(header)? {
            PT_LOAD => found.end = found.end.max(offset + length),
            PT_DYNAMIC => found.dynamic = Some((offset, length)),
            PT_INTERP => found.loader = Some((header, offset, length)),
            _ => {}
        }
    }
    (found.end > 0).then_some(found)
}

/// The libraries of a program, as its loader finds them.
fn libraries(loader: &Path, program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new(loader).arg("--list").arg(program).stdin(Stdio::null()).output();
    let output = output.at("run", loader)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let path = |line: &str| {
        let path = line.split("=>").nth(1)?.split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    Ok(text.lines().filter_map(path).filter(|path| path.as_path() != loader).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_works_without_its_sections() {
        let own = std::env::current_exe().unwrap();
        let program = read(&own).unwrap();
        let whole = fs::metadata(&own).unwrap().len();
        assert!(u64::try_from(program.bytes.len()).unwrap() < whole);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thin");
        fs::write(&path, &program.bytes).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let output = Command::new(&path).arg("--list").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(segments(b"#!/bin/sh\n").is_none());
    }

    #[test]
    fn an_executable_is_led_to_its_loader_and_libraries() {
        let mut program = read(&std::env::current_exe().unwrap()).unwrap();
        let Some(loader) = program.loader.clone() else { return };
        let folder = tempfile::Builder::new().prefix("e").tempdir_in("/tmp").unwrap();
        let place = |name: &str| folder.path().join(name);
        program.lead(place("l").to_str().unwrap(), folder.path().to_str().unwrap()).unwrap();
        fs::copy(&loader, place("l")).unwrap();
        for library in &program.libraries {
            fs::copy(library, place(library.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        fs::write(place("led"), &program.bytes).unwrap();
        fs::set_permissions(place("led"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let output = Command::new(place("led")).arg("--list").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let found = libraries(&loader, &place("led")).unwrap();
        assert!(!found.is_empty() && found.iter().all(|one| one.starts_with(folder.path())), "{found:?}");
        fs::remove_file(place("l")).unwrap();
        assert!(Command::new(place("led")).arg("--list").output().is_err());
        // A name longer than the one it has room for.
        let mut program = read(&std::env::current_exe().unwrap()).unwrap();
        assert!(program.lead("/loader", &"/long".repeat(9)).is_err());
    }
}
