//! Which blocks of a file differ from another file that once shared all blocks with it: told by where they lie, without
//! reading them.

use std::collections::BTreeSet;
use std::fs::File;

use crate::error::{Result, Trying};
use crate::manifest::BLOCK_BYTES;
use crate::sys::{self, Extent};

/// All extents that hold data, in their order.
pub(crate) fn all(file: &File) -> Result<Vec<Extent>> {
    let mut found = Vec::new();
    let mut start = 0;
    loop {
        let (extents, last) = sys::extents(file, start).trying(|| "ask where a file lies".to_owned())?;
        let end = extents.last().map(|extent| extent.logical.saturating_add(extent.length));
        found.extend(extents.into_iter().filter(|extent| extent.length > 0));
        match end {
            Some(end) if !last && end > start => start = end,
            _ => return Ok(found),
        }
    }
}

/// The blocks in which anything lies elsewhere than in `base`, or that only one of both has.
pub(crate) fn changed(now: &[Extent], base: &[Extent]) -> BTreeSet<u64> {
    let mut blocks = BTreeSet::new();
    mark_missing(now, base, &mut blocks);
    mark_missing(base, now, &mut blocks);
    blocks
}

/// The blocks that hold data.
pub(crate) fn filled(now: &[Extent]) -> BTreeSet<u64> {
    changed(now, &[])
}

/// Marks what of `these` is not at the same place in `those`. Both are sorted and do not overlap in themselves.
fn mark_missing(these: &[Extent], those: &[Extent], blocks: &mut BTreeSet<u64>) {
    let mut others = those.iter().peekable();
    for extent in these {
        let end = extent.logical.saturating_add(extent.length);
        let mut at = extent.logical;
        while at < end {
            while others.next_if(|other| other.logical.saturating_add(other.length) <= at).is_some() {}
            let (until, same) = match others.peek() {
                Some(other) if other.logical <= at => {
                    let until = end.min(other.logical.saturating_add(other.length));
                    (until, same_place(extent, other))
                }
                Some(other) => (end.min(other.logical), false),
                None => (end, false),
            };
            if !same {
                blocks.extend(at / BLOCK_BYTES..=until.saturating_sub(1) / BLOCK_BYTES);
            }
            at = until;
        }
    }
}

/// Whether two extents put the same byte of a file at the same place.
fn same_place(one: &Extent, other: &Extent) -> bool {
    match (one.physical, other.physical) {
        (Some(one_at), Some(other_at)) => {
            one_at.wrapping_sub(one.logical) == other_at.wrapping_sub(other.logical)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(logical: u64, physical: u64, length: u64) -> Extent {
        Extent {
            logical: logical * BLOCK_BYTES,
            physical: Some(physical * BLOCK_BYTES),
            length: length * BLOCK_BYTES,
        }
    }

    #[test]
    fn only_what_lies_elsewhere_has_changed() {
        let base = [extent(0, 100, 10), extent(20, 200, 5)];
        assert!(changed(&base, &base).is_empty());
        // A write in the middle splits an extent; a hole was punched, another filled.
        let now =
            [extent(0, 100, 4), extent(4, 500, 1), extent(5, 105, 5), extent(21, 201, 4), extent(30, 600, 1)];
        assert_eq!(changed(&now, &base), BTreeSet::from([4, 20, 30]));
        assert_eq!(filled(&now).len(), 15);
    }

    #[test]
    fn what_cannot_be_told_counts_as_changed() {
        let base = [extent(0, 1, 2)];
        let now = [Extent { physical: None, ..extent(0, 1, 2) }];
        assert_eq!(changed(&now, &base), BTreeSet::from([0, 1]));
    }
}
