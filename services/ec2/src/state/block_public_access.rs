//! Whether an account may share with everybody, in a region.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPublicAccess {
    pub snapshots: Blocked,
    /// New sharing of images.
    pub images: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocked {
    #[default]
    Nothing,
    /// What is shared already stays so.
    New,
    /// What is shared already is not seen by others.
    All,
}

static BLOCKED: Table<BlockPublicAccess> = Table::new("ec2/block-public-access");
const ONLY: &str = "settings";

pub fn get(from: &mut impl Reader, scope: &Scope) -> Result<BlockPublicAccess> {
    Ok(BLOCKED.get(from, scope, ONLY)?.unwrap_or_default())
}

pub fn change(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    change: impl FnOnce(&mut BlockPublicAccess),
) -> Result<BlockPublicAccess> {
    let mut now = get(tx, scope)?;
    change(&mut now);
    BLOCKED.put(tx, scope, ONLY, &now)?;
    Ok(now)
}
