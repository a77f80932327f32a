//! Our executable as a guest carries it: without what only debuggers read, and with the libraries it is linked to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result, Trying};

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
/// Of the header: where program headers are told of, and section headers.
const PROGRAM_HEADERS: usize = 0x20;
const SECTION_HEADERS: usize = 0x28;
const PROGRAM_HEADER_LENGTH: usize = 0x36;
const PROGRAM_HEADER_COUNT: usize = 0x38;
const SECTION_HEADER_COUNT: usize = 0x3c;

/// A program and what it needs to start.
pub(crate) struct Program {
    pub bytes: Vec<u8>,
    /// The loader of one that is linked to libraries, and these.
    pub loader: Option<PathBuf>,
    pub libraries: Vec<PathBuf>,
}

/// Reads a 64-bit ELF executable (System V ABI, "ELF header", "Program header").
pub(crate) fn read(path: &Path) -> Result<Program> {
    let mut bytes = fs::read(path).at("read", path)?;
    let wrong = || Error::Spec(format!("{} is no 64-bit executable", path.display()));
    let (end, loader) = segments(&bytes).ok_or_else(wrong)?;
    bytes.truncate(end);
    // The sections lay behind.
    bytes.get_mut(SECTION_HEADERS..SECTION_HEADERS + 8).ok_or_else(wrong)?.fill(0);
    bytes.get_mut(SECTION_HEADER_COUNT..SECTION_HEADER_COUNT + 4).ok_or_else(wrong)?.fill(0);
    let libraries = match &loader {
        Some(loader) => libraries(loader, path)?,
        None => Vec::new(),
    };
    Ok(Program { bytes, loader, libraries })
}

/// Where the last segment ends in the file, and the loader that the program asks for.
fn segments(bytes: &[u8]) -> Option<(usize, Option<PathBuf>)> {
    if bytes.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| {
        usize::try_from(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok()
    };
    let (table, each) = (long(PROGRAM_HEADERS)?, half(PROGRAM_HEADER_LENGTH)?);
    let (mut end, mut loader) = (0, None);
    for number in 0..half(PROGRAM_HEADER_COUNT)? {
        let header = table.checked_add(number * each)?;
        let (offset, length) = (long(header + 0x08)?, long(header + 0x20)?);
        let segment = bytes.get(offset..offset.checked_add(length)?)?;
        match word(header)? {
            PT_LOAD => end = end.max(offset + length),
            PT_INTERP => {
                let name = String::from_utf8_lossy(segment);
                loader = Some(PathBuf::from(name.trim_end_matches('\0')));
            }
            _ => {}
        }
    }
    (end > 0).then_some((end, loader))
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
}
