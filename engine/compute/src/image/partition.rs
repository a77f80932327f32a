//! Where the parts of a disk lie: a GUID partition table (UEFI 2.10, chapter 5), the older one with its chain of further
//! parts, or none. Sectors have 512 bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const SECTOR: u64 = 512;
const PARTS_MAX: usize = 128;
/// Of a GUID table.
const ENTRIES_MAX: u32 = 1024;
const ENTRY_BYTES: std::ops::RangeInclusive<u32> = 128..=4096;
/// Kinds of parts that hold parts.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

/// A stretch of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub start: u64,
    pub length: u64,
}

/// The parts of a disk, the largest first; the whole of one that has none.
pub(crate) fn parts(disk: &File, length: u64) -> io::Result<Vec<Part>> {
    let mut found = match guid_table(disk)? {
        Some(parts) => parts,
        None => old_table(disk)?,
    };
    found.retain(|part| {
        part.length > 0 && part.start.checked_add(part.length).is_some_and(|end| end <= length)
    });
    found.truncate(PARTS_MAX);
    if found.is_empty() {
        found.push(Part { start: 0, length });
    }
    found.sort_by_key(|part| std::cmp::Reverse(part.length));
    Ok(found)
}

fn guid_table(disk: &File) -> io::Result<Option<Vec<Part>>> {
    let mut head = [0; 92];
    if disk.read_exact_at(&mut head, SECTOR).is_err() || !head.starts_with(b"EFI PART") {
        return Ok(None);
    }
    let (table, count, size) = (long(&head, 72), word(&head, 80), word(&head, 84));
    if count > ENTRIES_MAX || !ENTRY_BYTES.contains(&size) {
        return Err(io::Error::other("its table of parts is damaged"));
    }
    let mut parts = Vec::new();
    for index in 0..u64::from(count) {
        let mut entry = [0; 48];
        let at = table.checked_mul(SECTOR).and_then(|at| at.checked_add(index * u64::from(size)));
        disk.read_exact_at(&mut entry, at.unwrap_or(u64::MAX >> 1))?;
        let (kind, first, last) = (entry.get(..16), long(&entry, 32), long(&entry, 40));
        if kind.is_some_and(|kind| kind.iter().any(|byte| *byte != 0)) && first <= last {
            parts.push(sectors(first, last - first + 1));
        }
    }
    Ok(Some(parts))
}

fn old_table(disk: &File) -> io::Result<Vec<Part>> {
    let (mut parts, mut extended) = (Vec::new(), None);
    for (kind, start, length) in entries(disk, 0)? {
        match EXTENDED.contains(&kind) {
            true => extended = Some(start),
            false => parts.push(sectors(start, length)),
        }
    }
    // Each table of the chain has one part, counted from itself, and the next table, counted from the first.
    let (first, mut next) = (extended.unwrap_or(0), extended);
    while let Some(at) = next.take() {
        for (kind, start, length) in entries(disk, at)? {
            match EXTENDED.contains(&kind) {
                true => next = Some(first + start),
                false => parts.push(sectors(at + start, length)),
            }
        }
        if parts.len() >= PARTS_MAX {
            break;
        }
    }
    Ok(parts)
}

/// The four entries of an old table in this sector: kind, start and length, both in sectors.
fn entries(disk: &File, sector: u64) -> io::Result<Vec<(u8, u64, u64)>> {
    let mut bytes = [0; 512];
    disk.read_exact_at(&mut bytes, sector.saturating_mul(SECTOR))?;
    if bytes.last_chunk() != Some(&[0x55, 0xaa]) {
        return Ok(Vec::new());
    }
    let table = bytes.get(446..510).unwrap_or_default();
    let entries = table.chunks(16).map(|entry| {
        let kind = entry.get(4).copied().unwrap_or(0);
        (kind, u64::from(word(entry, 8)), u64::from(word(entry, 12)))
    });
    Ok(entries.filter(|(kind, ..)| *kind != 0).collect())
}

fn sectors(start: u64, count: u64) -> Part {
    Part { start: start.saturating_mul(SECTOR), length: count.saturating_mul(SECTOR) }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |eight| u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const DISK: u64 = 64 << 20;

    fn disk(pieces: &[(u64, Vec<u8>)]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"").unwrap();
        file.set_len(DISK).unwrap();
        for (at, bytes) in pieces {
            file.write_all_at(bytes, *at).unwrap();
        }
        file
    }

    fn entry(kind: u8, start: u32, count: u32) -> Vec<u8> {
        let mut entry = vec![0; 16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..].copy_from_slice(&count.to_le_bytes());
        entry
    }

    fn table(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut sector = vec![0; 446];
        sector.extend(entries.iter().flatten());
        sector.resize(510, 0);
        sector.extend([0x55, 0xaa]);
        sector
    }

    #[test]
    fn a_disk_without_a_table_is_one_part() {
        assert_eq!(parts(&disk(&[]), DISK).unwrap(), [Part { start: 0, length: DISK }]);
    }

    #[test]
    fn parts_of_an_old_table_and_its_chain_are_found_the_largest_first() {
        let main = table(&[entry(0x83, 8, 16), entry(0x05, 100, 1_000)]);
        let first = table(&[entry(0x83, 2, 64), entry(0x05, 200, 100)]);
        let second = table(&[entry(0x83, 2, 32)]);
        let disk = disk(&[(0, main), (100 * SECTOR, first), (300 * SECTOR, second)]);
        let found: Vec<_> =
            parts(&disk, DISK).unwrap().iter().map(|p| (p.start / 512, p.length / 512)).collect();
        assert_eq!(found, [(102, 64), (302, 32), (8, 16)]);
    }

    #[test]
    fn a_chain_without_an_end_is_left() {
        let main = table(&[entry(0x05, 100, 1_000)]);
        let round = table(&[entry(0x83, 2, 64), entry(0x05, 0, 100)]);
        assert_eq!(parts(&disk(&[(0, main), (100 * SECTOR, round)]), DISK).unwrap().len(), PARTS_MAX);
    }

    #[test]
    fn parts_of_a_guid_table_are_found_and_a_damaged_one_is_told() {
        let head = |count: u32| {
            let mut head = b"EFI PART".to_vec();
            head.resize(72, 0);
            head.extend(2_u64.to_le_bytes());
            head.extend(count.to_le_bytes());
            head.extend(128_u32.to_le_bytes());
            head
        };
        let entry = |kind: u8, first: u64, last: u64| {
            let mut entry = vec![kind; 16];
            entry.resize(32, 0);
            entry.extend(first.to_le_bytes());
            entry.extend(last.to_le_bytes());
            entry.resize(128, 0);
            entry
        };
        let entries =
            [entry(1, 34, 33 + 8), entry(0, 50, 60), entry(2, 2048, 2047 + 4096), entry(3, 9, u64::MAX)];
        let made = disk(&[(512, head(4)), (1024, entries.concat())]);
        let found: Vec<_> =
            parts(&made, DISK).unwrap().iter().map(|p| (p.start / 512, p.length / 512)).collect();
        assert_eq!(found, [(2048, 4096), (34, 8)]);
        assert!(parts(&disk(&[(512, head(5_000))]), DISK).is_err());
    }
}
