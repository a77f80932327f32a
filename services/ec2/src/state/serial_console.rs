//! Whether an account may use serial consoles, as it is stored.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};

static ACCESS: Table<bool> = Table::new("ec2/serial-console-access");
const ONLY: &str = "access";

/// It may not until it says so.
pub fn is_allowed(from: &mut impl Reader, scope: &Scope) -> Result<bool> {
    Ok(ACCESS.get(from, scope, ONLY)?.unwrap_or_default())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, is_allowed: bool) -> Result<()> {
    ACCESS.put(tx, scope, ONLY, &is_allowed)
}
