//! Elastic IP addresses: public addresses an account keeps, and what they stand for now.

use std::net::Ipv4Addr;

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::address as rules;
use crate::state::id::{AddressAssociationId, AllocationId, InterfaceId};
use crate::state::network_interface::{self, Elastic, NetworkInterface};
use crate::state::public_address::{self, Holder};
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub id: AllocationId,
    pub public_ip: Ipv4Addr,
    pub association: Option<Association>,
    /// When it became what it is, in use or idle: where its current usage line begins.
    pub since: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    pub id: AddressAssociationId,
    pub interface: InterfaceId,
    pub private_ip: Ipv4Addr,
}

static ADDRESSES: Table<Address> = Table::new("ec2/address");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &AllocationId) -> Result<Option<Address>> {
    ADDRESSES.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &AllocationId) -> Result<Address> {
    find(from, scope, id)?.ok_or_else(|| errors::allocation_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Address>> {
    ADDRESSES.all(from, scope, ())
}

/// Of every account, with their scopes.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Address)>> {
    ADDRESSES.all_scopes(from)
}

/// A new address: `wanted`, or any free one.
///
/// # Errors
/// When the account has too many, `wanted` cannot be had, or none is left.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, wanted: Option<Ipv4Addr>) -> Result<Address> {
    if all(tx, scope)?.len() >= rules::ADDRESSES_MAX {
        return Err(errors::address_limit());
    }
    let holder = Holder { scope: *scope, interface: None };
    let public_ip = match wanted {
        Some(address) => {
            public_address::take_this(tx, address, &holder)?;
            address
        }
        None => public_address::take(tx, &holder)?,
    };
    let ctx = tx.ctx();
    let address =
        Address { id: AllocationId::fresh(ctx.ids()), public_ip, association: None, since: ctx.now() };
    ADDRESSES.put(tx, scope, &address.id, &address)?;
    Ok(address)
}

/// Lets the address stand for a private address of an interface, which has no other elastic one there.
pub fn associate(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    address: &mut Address,
    interface: &mut NetworkInterface,
    private_ip: Ipv4Addr,
) -> Result<AddressAssociationId> {
    let id = AddressAssociationId::fresh(tx.ctx().ids());
    let association = Association { id: id.clone(), interface: interface.id.clone(), private_ip };
    become_of(tx, scope, address, Some(association))?;
    let elastic = Elastic { address: address.public_ip, allocation: address.id.clone() };
    network_interface::put_elastic(tx, scope, interface, private_ip, elastic)?;
    Ok(id)
}

/// Takes the address off whatever it stands for.
pub fn disassociate(tx: &mut Tx<'_, '_>, scope: &Scope, address: &mut Address, on: bool) -> Result<()> {
    let Some(association) = address.association.clone() else { return Ok(()) };
    become_of(tx, scope, address, None)?;
    public_address::hand_over(tx, address.public_ip, &Holder { scope: *scope, interface: None })?;
    if let Some(mut interface) = network_interface::find(tx, scope, &association.interface)? {
        network_interface::take_elastic(tx, scope, &mut interface, &address.id, on)?;
    }
    Ok(())
}

/// Writes the association; what the address was before is metered.
fn become_of(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    address: &mut Address,
    association: Option<Association>,
) -> Result<()> {
    let now = tx.ctx().now();
    tx.meter(&rules::usage(address, now))?;
    address.since = now;
    address.association = association;
    ADDRESSES.put(tx, scope, &address.id, address)
}

/// Leaves the elastic addresses of an interface that goes idle.
pub(super) fn let_go(tx: &mut Tx<'_, '_>, scope: &Scope, interface: &NetworkInterface) -> Result<()> {
    let further = interface.secondary.iter().filter_map(|other| Some(&other.elastic.as_ref()?.allocation));
    for id in interface.elastic.iter().chain(further) {
        if let Some(mut address) = find(tx, scope, id)? {
            become_of(tx, scope, &mut address, None)?;
            public_address::hand_over(tx, address.public_ip, &Holder { scope: *scope, interface: None })?;
        }
    }
    Ok(())
}

/// Gives the address back to the pool. That it stands for nothing was checked.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, address: &Address) -> Result<()> {
    let now = tx.ctx().now();
    tx.meter(&rules::usage(address, now))?;
    public_address::give_back(tx, address.public_ip)?;
    tag::forget(tx, scope, &address.id)?;
    ADDRESSES.delete(tx, scope, &address.id)
}
