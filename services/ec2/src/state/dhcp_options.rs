//! DHCP options: the names and servers a VPC's instances are told.

use std::collections::BTreeMap;

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::region;
use crate::state::id::DhcpOptionsId;

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
    super::all(&OPTIONS, from, scope, ())
}

pub(super) fn insert_default(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<DhcpOptions> {
    let options = BTreeMap::from([
        ("domain-name".to_owned(), vec![region::private_domain(scope.region.as_str())]),
        ("domain-name-servers".to_owned(), vec!["AmazonProvidedDNS".to_owned()]),
    ]);
    let options = DhcpOptions { id: DhcpOptionsId::fresh(tx.ctx().ids()), options };
    OPTIONS.put(tx, scope, &options.id, &options)?;
    Ok(options)
}
