//! What a guest wants shipped, and how far that has been done.

use std::collections::BTreeMap;

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{Id, InstanceId};
use crate::rules::guest_tail::Cursor;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The configuration as it was read last, for the time after a restart.
    pub config: Vec<u8>,
    /// By what is shipped: path, group, stream.
    pub cursors: BTreeMap<String, Cursor>,
}

/// By the instance's id.
static SHIPPED: Table<Shipped> = Table::new("ec2/shipped-files");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Option<Shipped>> {
    SHIPPED.get(from, scope, id)
}

/// Of all accounts.
pub fn all(from: &mut impl Reader) -> Result<Vec<(InstanceId, Shipped)>> {
    let mut all = Vec::new();
    for (scope, id) in SHIPPED.all_ids(from)? {
        let Some(id) = InstanceId::parse(&id) else { continue };
        all.extend(find(from, &scope, &id)?.map(|shipped| (id, shipped)));
    }
    Ok(all)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, shipped: &Shipped) -> Result<()> {
    SHIPPED.put(tx, scope, id, shipped)
}

pub fn forget(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId) -> Result<()> {
    SHIPPED.delete(tx, scope, id)
}
