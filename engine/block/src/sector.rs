//! Whether what is on a disk counts in sectors of 512 bytes, as tables of parts do and file systems may: in larger ones it
//! would not be found again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What is looked at.
const HEAD: usize = 4096;

/// A table of parts, an XFS or an ext4 whose units are smaller than 4 KiB, or LVM.
pub(crate) fn counts_small(file: &File) -> io::Result<bool> {
    let mut head = vec![0; HEAD];
    if file.metadata()?.len() < HEAD as u64 {
        return Ok(true);
    }
    file.read_exact_at(&mut head, 0)?;
    let part = |at: usize, length: usize| head.get(at..at + length).unwrap_or_default();
    let has_parts = part(510, 2) == [0x55, 0xaa] && part(446, 64).iter().any(|byte| *byte != 0);
    let is_lvm = part(512, 8) == b"LABELONE";
    // The superblock says how long a sector is: bytes 102 and 103, the higher first.
    let is_xfs = part(0, 4) == b"XFSB" && head.get(102).is_some_and(|high| *high < 0x10);
    // Bytes 24 to 27 of the superblock say how many times 1 KiB is doubled.
    let is_ext = part(1024 + 56, 2) == [0x53, 0xef] && head.get(1024 + 24).is_some_and(|times| *times < 2);
    Ok(has_parts || is_lvm || is_xfs || is_ext)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_small(pieces: &[(u64, &[u8])]) -> bool {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        for (at, bytes) in pieces {
            file.write_all_at(bytes, *at).unwrap();
        }
        counts_small(&file).unwrap()
    }

    #[test]
    fn what_counts_in_small_sectors_is_known_by_its_head() {
        assert!(!is_small(&[]), "nothing yet");
        assert!(is_small(&[(450, &[0x83]), (510, &[0x55, 0xaa])]), "parts");
        assert!(!is_small(&[(510, &[0x55, 0xaa])]), "a boot record without parts");
        assert!(is_small(&[(0, b"XFSB"), (102, &[0x02, 0x00])]), "xfs of 512");
        assert!(!is_small(&[(0, b"XFSB"), (102, &[0x10, 0x00])]), "xfs of 4096");
        assert!(is_small(&[(1080, &[0x53, 0xef]), (1048, &[0])]), "ext4 of 1 KiB");
        assert!(!is_small(&[(1080, &[0x53, 0xef]), (1048, &[2])]), "ext4 of 4 KiB");
        assert!(is_small(&[(512, b"LABELONE")]), "lvm");
    }
}
