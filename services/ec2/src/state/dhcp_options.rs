//! DHCP options: the names and servers a VPC's instances are told.

use std::collections::BTreeMap;

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::{dhcp_options as rules, region};
use crate::state::id::DhcpOptionsId;
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOptions {
    pub id: DhcpOptionsId,
    pub options: BTreeMap<String, Vec<String>>,
}

static OPTIONS: Table<DhcpOptions> = Table::new("ec2/dhcp-options");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &DhcpOptionsId) -> Result<Option<DhcpOptions>> {
    OPTIONS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<DhcpOptions>> {
    OPTIONS.all(from, scope, ())
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &DhcpOptionsId) -> Result<DhcpOptions> {
    find(from, scope, id)?.ok_or_else(|| errors::dhcp_options_not_found(id))
}

/// The options AWS gives new VPCs.
fn defaults(scope: &Scope) -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([
        ("domain-name".to_owned(), vec![region::private_domain(scope.region.as_str())]),
        ("domain-name-servers".to_owned(), vec![rules::AMAZON.to_owned()]),
    ])
}

/// Options like those AWS gives new VPCs: any that are there, or new ones.
pub(super) fn ensure_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<DhcpOptions> {
    let defaults = defaults(scope);
    match all(tx, scope)?.into_iter().find(|known| known.options == defaults) {
        Some(known) => Ok(known),
        None => insert(tx, scope, defaults),
    }
}

pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    options: BTreeMap<String, Vec<String>>,
) -> Result<DhcpOptions> {
    let options = DhcpOptions { id: DhcpOptionsId::fresh(tx.ctx().ids()), options };
    OPTIONS.put(tx, scope, &options.id, &options)?;
    Ok(options)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &DhcpOptionsId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    OPTIONS.delete(tx, scope, id)
}
