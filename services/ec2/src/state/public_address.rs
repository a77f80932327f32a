//! Public addresses: one pool for all accounts, each address held by one interface at a time.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::state::id::InterfaceId;

/// Where public addresses are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool(pub Ipv4Net);

impl Pool {
    /// Of the range for benchmarks of networks (RFC 2544): routed nowhere, so that no real host is shadowed.
    pub const DEFAULT: Self = Self(Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 16));
}

/// Who holds an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub scope: Scope,
    /// None while it is an elastic address that nothing is associated with.
    pub interface: Option<InterfaceId>,
}

/// By address as a number, in the scope of the house: the pool is one for all accounts and regions.
static HELD: Table<Holder> = Table::new("ec2/public-address");

fn number(address: Ipv4Addr) -> u64 {
    u64::from(u32::from(address))
}

/// Takes a free address of the pool.
///
/// # Errors
/// When none is left.
pub(super) fn take(tx: &mut Tx<'_, '_>, holder: &Holder) -> Result<Ipv4Addr> {
    let Pool(pool) = *tx.ctx().own::<Pool>();
    let free =
        super::find_free(tx, pool, |tx, address| Ok(HELD.get(tx, &HOUSE_SCOPE, number(address))?.is_none()))?;
    let address = free.ok_or_else(errors::no_public_address)?;
    HELD.put(tx, &HOUSE_SCOPE, number(address), holder)?;
    Ok(address)
}

/// Takes this address, if it is of the pool and free.
///
/// # Errors
/// When it is not.
pub(super) fn take_this(tx: &mut Tx<'_, '_>, address: Ipv4Addr, holder: &Holder) -> Result<()> {
    let Pool(pool) = *tx.ctx().own::<Pool>();
    let is_held = HELD.get(tx, &HOUSE_SCOPE, number(address))?.is_some();
    if is_held || crate::rules::subnet::check_assignable(pool, address).is_err() {
        return Err(errors::address_not_available(address));
    }
    HELD.put(tx, &HOUSE_SCOPE, number(address), holder)
}

/// Notes who has an address that was taken.
pub(super) fn hand_over(tx: &mut Tx<'_, '_>, address: Ipv4Addr, holder: &Holder) -> Result<()> {
    HELD.put(tx, &HOUSE_SCOPE, number(address), holder)
}

pub(super) fn give_back(tx: &mut Tx<'_, '_>, address: Ipv4Addr) -> Result<()> {
    HELD.delete(tx, &HOUSE_SCOPE, number(address))
}

/// Who holds `address` now.
pub fn find_holder(from: &mut impl Reader, address: Ipv4Addr) -> Result<Option<Holder>> {
    HELD.get(from, &HOUSE_SCOPE, number(address))
}
