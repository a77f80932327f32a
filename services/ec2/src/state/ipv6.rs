//! IPv6: each VPC's own blocks out of the one range of this cloud, and which interface has which address.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::ipv6 as rules;
use crate::rules::network_interface::ADDRESSES_MAX;
use crate::state::id::{InterfaceId, VpcId};
use crate::state::network_interface::{self, Kind, NetworkInterface};
use crate::state::subnet::{self, Subnet};

/// What is asked of a new interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// One where its subnet gives them to new interfaces, else none.
    #[default]
    AsSubnet,
    Count(usize),
    These(Vec<Ipv6Addr>),
}

/// In the scope of the house, by the block: no two VPCs of anybody have the same.
static BLOCKS: Table<VpcId> = Table::new("ec2/ipv6-block");
/// By the address, which is nobody else's in the whole cloud.
static ADDRESSES: Table<InterfaceId> = Table::new("ec2/ipv6-address");

/// Random places tried before a range counts as full.
const TRIES: u32 = 64;

/// A block nobody has, for a VPC.
///
/// # Errors
/// When none was found.
pub fn take_block(tx: &mut Tx<'_, '_>, vpc: &VpcId) -> Result<Ipv6Net> {
    for _ in 0..TRIES {
        let Some(block) = rules::block(chance(tx)) else { continue };
        if BLOCKS.get(tx, &HOUSE_SCOPE, block.to_string().as_str())?.is_none() {
            BLOCKS.put(tx, &HOUSE_SCOPE, block.to_string().as_str(), vpc)?;
            return Ok(block);
        }
    }
    Err(errors::no_ipv6_block())
}

pub fn give_back(tx: &mut Tx<'_, '_>, block: Ipv6Net) -> Result<()> {
    BLOCKS.delete(tx, &HOUSE_SCOPE, block.to_string().as_str())
}

fn chance(tx: &mut Tx<'_, '_>) -> u64 {
    u64::from_str_radix(&tx.ctx().ids().hex(16), 16).unwrap_or(0)
}

/// Gives a new interface what it shall have.
///
/// # Errors
/// As [`assign`].
pub fn grant(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    subnet: &Subnet,
    wish: &Wish,
) -> Result<()> {
    let gives = subnet.assign_ipv6_address_on_creation && interface.kind == Kind::Interface;
    let wanted = match wish {
        Wish::AsSubnet => vec![None; usize::from(gives)],
        Wish::Count(count) => vec![None; (*count).min(ADDRESSES_MAX + 1)],
        Wish::These(these) => these.iter().copied().map(Some).collect(),
    };
    wanted.into_iter().try_for_each(|wanted| take(tx, scope, interface, subnet, wanted).map(drop))
}

/// Gives an interface one more address, this one or any free one of its subnet.
///
/// # Errors
/// When the subnet has no block, the interface too many addresses, or the one is outside, reserved or in use.
pub fn assign(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    wanted: Option<Ipv6Addr>,
) -> Result<Ipv6Addr> {
    let subnet = subnet::get(tx, scope, &interface.subnet)?;
    let address = take(tx, scope, interface, &subnet, wanted)?;
    network_interface::put(tx, scope, interface)?;
    Ok(address)
}

fn take(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    subnet: &Subnet,
    wanted: Option<Ipv6Addr>,
) -> Result<Ipv6Addr> {
    let block = subnet.ipv6.as_ref().ok_or_else(|| errors::subnet_without_ipv6(&subnet.id))?.cidr;
    if interface.ipv6.len() >= ADDRESSES_MAX {
        return Err(errors::addresses_per_interface_limit());
    }
    let address = match wanted {
        Some(address) if !rules::is_assignable(block, address) => {
            return Err(errors::ipv6_not_assignable(address));
        }
        Some(address) if is_taken(tx, scope, address)? => return Err(errors::ipv6_in_use(address)),
        Some(address) => address,
        None => find_free(tx, scope, block)?.ok_or_else(|| errors::no_free_address(&subnet.id))?,
    };
    ADDRESSES.put(tx, scope, address.to_string().as_str(), &interface.id)?;
    interface.ipv6.push(address);
    Ok(address)
}

fn is_taken(tx: &mut Tx<'_, '_>, scope: &Scope, address: Ipv6Addr) -> Result<bool> {
    Ok(ADDRESSES.get(tx, scope, address.to_string().as_str())?.is_some())
}

fn find_free(tx: &mut Tx<'_, '_>, scope: &Scope, block: Ipv6Net) -> Result<Option<Ipv6Addr>> {
    for _ in 0..TRIES {
        let address = rules::address(block, chance(tx));
        if rules::is_assignable(block, address) && !is_taken(tx, scope, address)? {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// Who has this address in the VPC: how a listener inside a network knows its caller.
pub fn find_holder(
    from: &mut impl Reader,
    scope: &Scope,
    vpc: &VpcId,
    address: Ipv6Addr,
) -> Result<Option<NetworkInterface>> {
    let Some(id) = ADDRESSES.get(from, scope, address.to_string().as_str())? else { return Ok(None) };
    Ok(network_interface::find(from, scope, &id)?.filter(|found| found.vpc == *vpc))
}

/// Takes an address from its interface.
pub fn unassign(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    address: Ipv6Addr,
) -> Result<()> {
    ADDRESSES.delete(tx, scope, address.to_string().as_str())?;
    interface.ipv6.retain(|known| *known != address);
    network_interface::put(tx, scope, interface)
}

/// Frees what an interface had that goes.
pub fn let_go(tx: &mut Tx<'_, '_>, scope: &Scope, interface: &NetworkInterface) -> Result<()> {
    interface.ipv6.iter().try_for_each(|address| ADDRESSES.delete(tx, scope, address.to_string().as_str()))
}
