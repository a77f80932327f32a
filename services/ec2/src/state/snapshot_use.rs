//! Which volumes and snapshots are still being made from a snapshot's blocks: kept by those, so that who puts it away need not
//! look at them all.

use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Result, Table, Tx};

use super::id::SnapshotId;

/// By snapshot, then by who needs it.
static USES: Table<String> = Table::new("ec2/snapshot-use");

/// Whether something is still made from the snapshot's blocks.
pub fn is_used(from: &mut impl Reader, id: &SnapshotId) -> Result<bool> {
    Ok(!USES.all(from, &HOUSE_SCOPE, id)?.is_empty())
}

/// Notes whether `who` still needs these.
pub fn note<'i>(
    tx: &mut Tx<'_, '_>,
    who: &str,
    of: impl IntoIterator<Item = &'i SnapshotId>,
    needs: bool,
) -> Result<()> {
    for id in of {
        if needs {
            USES.put(tx, &HOUSE_SCOPE, (id, who), &who.to_owned())?;
        } else {
            USES.delete(tx, &HOUSE_SCOPE, (id, who))?;
        }
    }
    Ok(())
}
