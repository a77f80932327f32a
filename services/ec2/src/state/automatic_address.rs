//! Public addresses that interfaces were given by themselves, and since when: what their usage lines are made of.

use std::net::Ipv4Addr;

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::address::usage_of_automatic;
use crate::state::id::InterfaceId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automatic {
    pub interface: InterfaceId,
    pub address: Ipv4Addr,
    pub since: Millis,
}

static AUTOMATIC: Table<Automatic> = Table::new("ec2/automatic-address");

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Automatic)>> {
    AUTOMATIC.all_scopes(from)
}

/// The interface has this address by itself now, or none; of one that ends by that, the last line is written.
pub fn note(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &InterfaceId,
    address: Option<Ipv4Addr>,
) -> Result<()> {
    let before = AUTOMATIC.get(tx, scope, interface)?;
    if before.as_ref().map(|before| before.address) == address {
        return Ok(());
    }
    if before.is_some() {
        write_line(tx, scope, interface)?;
        AUTOMATIC.delete(tx, scope, interface)?;
    }
    let Some(address) = address else { return Ok(()) };
    let new = Automatic { interface: interface.clone(), address, since: tx.ctx().now() };
    AUTOMATIC.put(tx, scope, interface, &new)
}

/// Brings the usage line of an interface's address up to date, if it has one.
pub fn write_line(tx: &mut Tx<'_, '_>, scope: &Scope, interface: &InterfaceId) -> Result<()> {
    let now = tx.ctx().now();
    match AUTOMATIC.get(tx, scope, interface)? {
        Some(one) => tx.meter(&usage_of_automatic(&one, now)),
        None => Ok(()),
    }
}
