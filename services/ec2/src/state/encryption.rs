//! The keys of volumes and snapshots as they are stored, sealed by KMS, and what a region seals by default.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// A volume's key, sealed under one of KMS. Snapshots of the volume have the same, and volumes made from those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The ARN of KMS's key.
    pub key: String,
    /// That is AWS's own for volumes, which no other account may use.
    pub managed: bool,
    /// Base64.
    pub wrapped: String,
    /// The volume or snapshot it was made for: KMS binds it to that.
    pub of: String,
}

/// What a region does where a request says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defaults {
    pub encrypts: bool,
    /// The ARN of KMS's key; AWS's own for volumes without.
    pub key: Option<String>,
}

static DEFAULTS: Table<Defaults> = Table::new("ec2/encryption");
const ONLY: &str = "defaults";

pub fn defaults(from: &mut impl Reader, scope: &Scope) -> Result<Defaults> {
    Ok(DEFAULTS.get(from, scope, ONLY)?.unwrap_or_default())
}

/// Changes the defaults; gives them as they are then.
pub fn change(tx: &mut Tx<'_, '_>, scope: &Scope, change: impl FnOnce(&mut Defaults)) -> Result<Defaults> {
    let mut now = defaults(tx, scope)?;
    change(&mut now);
    DEFAULTS.put(tx, scope, ONLY, &now)?;
    Ok(now)
}
