//! Cuts a half-written group off the end of the journal, so that a store opens after a power failure.
//!
//! When power fails during a sync, the last group may be on the disk in parts. Nobody was told that it is written, so it
//! may go. The engine drops it by itself if its structure is broken, but refuses to open if only its content is.

use std::fs::{self, File};
use std::hash::Hasher;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::runway::newest_journal;
use crate::{Result, StoreError};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
/// Tag, kind of value, compression.
const ITEM_HEAD: usize = 3;
const TRAILER: &[u8] = b"FJL\x03";

/// Cuts the last group of the newest journal in `folder` if its content is damaged and nothing follows it; tells
/// whether it did. Damage anywhere else is not the work of a power failure, and is left alone.
pub(crate) fn cut_torn_group(folder: &Path) -> Result<bool> {
    let failed = |error| StoreError::folder("repair the journal in", folder, error);
    let Some((_, path)) = newest_journal(folder).map_err(failed)? else { return Ok(false) };
    let journal = fs::read(&path).map_err(failed)?;
    let Some(end) = torn_group(&journal) else { return Ok(false) };
    tracing::warn!(
        journal = %path.display(),
        at = end,
        "the last group of the journal is incomplete, as after a power failure; it was not acknowledged and is dropped"
    );
    let file = File::options().write(true).open(&path).map_err(failed)?;
    file.set_len(u64::try_from(end).unwrap_or(u64::MAX)).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(true)
}

/// Where the damaged last group starts, if there is one.
fn torn_group(journal: &[u8]) -> Option<usize> {
    let mut rest = journal;
    loop {
        let start = journal.len() - rest.len();
        let (sound, behind) = group(rest)?;
        if !sound {
            return behind.iter().all(|byte| *byte == 0).then_some(start);
        }
        rest = behind;
    }
}

/// Reads one group: whether its content is what was written, and what follows. None if there is no whole group.
fn group(bytes: &[u8]) -> Option<(bool, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    if tag != START {
        return None;
    }
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (_sequence, mut rest) = rest.split_first_chunk::<8>()?;
    let mut hash = Xxh3::new();
    let mut items = 0_u32;
    while rest.first() == Some(&ITEM) {
        let length = item_length(rest)?;
        let (item, behind) = rest.split_at_checked(length)?;
        hash.update(item);
        items += 1;
        rest = behind;
    }
    let (&tag, rest) = rest.split_first()?;
    let (checksum, rest) = rest.split_first_chunk::<8>()?;
    let rest = rest.strip_prefix(TRAILER)?;
    if tag != END {
        return None;
    }
    let sound = items == u32::from_le_bytes(*count) && hash.finish() == u64::from_le_bytes(*checksum);
    Some((sound, rest))
}

/// Keyspace, length of the key, of the value, and of the value as stored; then both.
fn item_length(item: &[u8]) -> Option<usize> {
    let head = item.get(ITEM_HEAD + 8..)?;
    let (key, head) = head.split_first_chunk::<2>()?;
    let (_value, head) = head.split_first_chunk::<4>()?;
    let (stored, _) = head.split_first_chunk::<4>()?;
    let stored = usize::try_from(u32::from_le_bytes(*stored)).ok()?;
    Some(ITEM_HEAD + 8 + 2 + 4 + 4 + usize::from(u16::from_le_bytes(*key)) + stored)
}
