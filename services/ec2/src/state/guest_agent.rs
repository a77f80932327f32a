//! What a guest wants shipped, and how far that has been done.

use std::collections::BTreeMap;

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{Id, InstanceId};
use crate::rules::guest_tail::Cursors;

/// How far files have been shipped: by what is shipped, which is path, group, stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    pub cursors: BTreeMap<String, Cursors>,
}

/// By the instance's id.
static SHIPPED: Table<Shipped> = Table::new("ec2/shipped-files");
/// The configuration as it was read last, for the time after a restart; by the instance's id.
static CONFIGS: Table<String> = Table::new("ec2/guest-config");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Option<Shipped>> {
    SHIPPED.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, shipped: &Shipped) -> Result<()> {
    SHIPPED.put(tx, scope, id, shipped)
}

/// Configurations of all accounts.
pub fn configs(from: &mut impl Reader) -> Result<Vec<(InstanceId, String)>> {
    let mut all = Vec::new();
    for (scope, id) in CONFIGS.all_ids(from)? {
        let Some(id) = InstanceId::parse(&id) else { continue };
        all.extend(find_config(from, &scope, &id)?.map(|config| (id, config)));
    }
    Ok(all)
}

pub fn find_config(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Option<String>> {
    CONFIGS.get(from, scope, id)
}

/// Stores a configuration; `None` is one that is not there any more.
pub fn put_config(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, config: Option<&str>) -> Result<()> {
    match config {
        Some(config) => CONFIGS.put(tx, scope, id, &config.to_owned()),
        None => CONFIGS.delete(tx, scope, id),
    }
}

pub fn forget(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId) -> Result<()> {
    CONFIGS.delete(tx, scope, id)?;
    SHIPPED.delete(tx, scope, id)
}
