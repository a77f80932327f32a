//! Writes the archive a kernel unpacks as its first root: cpio in the "new ASCII" form (Linux's documentation,
//! `driver-api/early-userspace/buffer-format`).

use std::io::{self, Write};

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CONSOLE: u32 = 0o020_600;
/// The device file of the console.
const CONSOLE_NUMBER: (u32, u32) = (5, 1);

pub(crate) struct Archive<W: Write> {
    to: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, entries: 0 }
    }

    pub(crate) fn folder(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, FOLDER, &[], (0, 0))
    }

    pub(crate) fn program(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, PROGRAM, bytes, (0, 0))
    }

    /// Without it the first process has no output.
    pub(crate) fn console(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, CONSOLE, &[], CONSOLE_NUMBER)
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, &[], (0, 0))?;
        Ok(self.to)
    }

    fn entry(&mut self, name: &str, mode: u32, bytes: &[u8], device: (u32, u32)) -> io::Result<()> {
        const ALIGN: usize = 4;
        const HEAD: usize = 110;
        self.entries += 1;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let name_length = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        let numbers = [self.entries, mode, 0, 0, 1, 0, length, 0, 0, device.0, device.1, name_length, 0];
        let mut head = String::from("070701");
        for number in numbers {
            head.push_str(&format!("{number:08X}"));
        }
        let zeroes = |length: usize| vec![0; length.next_multiple_of(ALIGN) - length];
        self.to.write_all(head.as_bytes())?;
        self.to.write_all(name.as_bytes())?;
        self.to.write_all(&[0])?;
        self.to.write_all(&zeroes(HEAD + name.len() + 1))?;
        self.to.write_all(bytes)?;
        self.to.write_all(&zeroes(bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_lengths_told() {
        let mut archive = Archive::new(Vec::new());
        archive.folder("dev").unwrap();
        archive.program("init", b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let second = &bytes[116..];
        assert_eq!(&second[..6], b"070701");
        assert_eq!(&second[54..62], b"00000005");
        assert_eq!(&second[110..115], b"init\0");
        assert_eq!(&second[116..121], b"hello");
    }
}
