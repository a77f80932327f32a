//! Network interfaces: an address in a subnet, the groups it wears, the instance it belongs to.

use std::net::Ipv4Addr;

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::network_interface as rules;
use crate::rules::security_group::DEFAULT_NAME;
use crate::state::id::{AttachmentId, GroupId, InstanceId, InterfaceId, SubnetId, VpcId};
use crate::state::public_address::{self, Holder};
use crate::state::subnet::Subnet;
use crate::state::tag::Tags;
use crate::state::{security_group, subnet, tag};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInterface {
    pub id: InterfaceId,
    pub vpc: VpcId,
    pub subnet: SubnetId,
    /// `us-east-1a`
    pub zone: String,
    pub private_ip: Ipv4Addr,
    /// `0a:…`, in lower case.
    pub mac: String,
    pub groups: Vec<GroupId>,
    pub description: String,
    pub attachment: Attachment,
    /// It is given a public address whenever its instance starts.
    pub wants_public: bool,
    pub public_ip: Option<Ipv4Addr>,
    pub created_at: Millis,
}

/// Which instance it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub id: AttachmentId,
    pub instance: InstanceId,
    pub device_index: i32,
    pub delete_on_termination: bool,
    pub attached_at: Millis,
}

/// What an instance asks of its interface.
#[derive(Clone, Debug)]
pub struct InterfaceWish {
    pub instance: InstanceId,
    pub subnet: SubnetId,
    /// Any free one where `None`.
    pub private_ip: Option<Ipv4Addr>,
    /// The VPC's default group where empty.
    pub groups: Vec<GroupId>,
    /// As the subnet says where `None`.
    pub associate_public: Option<bool>,
    pub description: String,
    pub delete_on_termination: bool,
    pub tags: Tags,
}

static INTERFACES: Table<NetworkInterface> = Table::new("ec2/network-interface");
/// By subnet and private address.
static ADDRESSES: Table<InterfaceId> = Table::new("ec2/private-address");

fn number(address: Ipv4Addr) -> u64 {
    u64::from(u32::from(address))
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &InterfaceId) -> Result<Option<NetworkInterface>> {
    INTERFACES.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &InterfaceId) -> Result<NetworkInterface> {
    find(from, scope, id)?.ok_or_else(|| errors::interface_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<NetworkInterface>> {
    super::all(&INTERFACES, from, scope, ())
}

/// Every interface of every account, with its scope.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, NetworkInterface)>> {
    super::all_scopes(&INTERFACES, from)
}

/// Who has this private address in the VPC: how a listener inside a network knows its caller.
pub fn find_by_private_ip(
    from: &mut impl Reader,
    scope: &Scope,
    vpc: &VpcId,
    address: Ipv4Addr,
) -> Result<Option<NetworkInterface>> {
    let subnets = subnet::all(from, scope)?;
    let Some(subnet) = subnets.into_iter().find(|s| s.vpc == *vpc && s.cidr.contains(&address)) else {
        return Ok(None);
    };
    match ADDRESSES.get(from, scope, (&subnet.id, number(address)))? {
        Some(id) => find(from, scope, &id),
        None => Ok(None),
    }
}

/// How many addresses of the subnet are free.
pub fn count_free(from: &mut impl Reader, scope: &Scope, subnet: &Subnet) -> Result<u32> {
    let taken = super::all(&ADDRESSES, from, scope, &subnet.id)?.len();
    let (_, assignable) = crate::rules::subnet::assignable(subnet.cidr);
    Ok(assignable.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX)))
}

/// An instance's first interface, with its private address and, where it wants one, its public address.
///
/// # Errors
/// When the subnet or a group is not there or they are of different VPCs, when the address is outside of the subnet,
/// reserved or in use, or when no address is left.
pub fn insert_for_instance(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wish: InterfaceWish,
) -> Result<NetworkInterface> {
    let subnet = subnet::get(tx, scope, &wish.subnet)?;
    let groups = check_groups(tx, scope, &subnet.vpc, &wish.subnet, wish.groups)?;
    let private_ip = take_private(tx, scope, &subnet, wish.private_ip)?;
    let ctx = tx.ctx();
    let mut interface = NetworkInterface {
        id: InterfaceId::fresh(ctx.ids()),
        vpc: subnet.vpc,
        subnet: subnet.id,
        zone: subnet.zone,
        private_ip,
        mac: rules::mac(&ctx.ids().hex(10)),
        groups,
        description: wish.description,
        attachment: Attachment {
            id: AttachmentId::fresh(ctx.ids()),
            instance: wish.instance,
            device_index: 0,
            delete_on_termination: wish.delete_on_termination,
            attached_at: ctx.now(),
        },
        wants_public: wish.associate_public.unwrap_or(subnet.map_public_ip_on_launch),
        public_ip: None,
        created_at: ctx.now(),
    };
    if interface.wants_public {
        let holder = Holder { scope: *scope, interface: interface.id.clone() };
        interface.public_ip = Some(public_address::take(tx, &holder)?);
    }
    ADDRESSES.put(tx, scope, (&interface.subnet, number(private_ip)), &interface.id)?;
    INTERFACES.put(tx, scope, &interface.id, &interface)?;
    tag::put(tx, scope, &interface.id, wish.tags)?;
    Ok(interface)
}

/// The groups an interface of `subnet` will wear: those asked for, all of the subnet's VPC, or the default one.
fn check_groups(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &VpcId,
    subnet: &SubnetId,
    mut wanted: Vec<GroupId>,
) -> Result<Vec<GroupId>> {
    if wanted.is_empty() {
        wanted.push(security_group::get_by_name(tx, scope, vpc, DEFAULT_NAME)?.id);
    }
    let mut groups = Vec::with_capacity(wanted.len());
    for id in wanted {
        if security_group::get(tx, scope, &id)?.vpc != *vpc {
            return Err(errors::group_of_other_network(&id, subnet));
        }
        if !groups.contains(&id) {
            groups.push(id);
        }
    }
    if groups.len() > rules::GROUPS_MAX {
        return Err(errors::groups_per_interface_limit());
    }
    Ok(groups)
}

fn take_private(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    subnet: &Subnet,
    wanted: Option<Ipv4Addr>,
) -> Result<Ipv4Addr> {
    if let Some(address) = wanted {
        crate::rules::subnet::check_assignable(subnet.cidr, address)?;
        if ADDRESSES.get(tx, scope, (&subnet.id, number(address)))?.is_some() {
            return Err(errors::address_in_use(address));
        }
        return Ok(address);
    }
    let free = super::find_free(tx, subnet.cidr, |tx, address| {
        Ok(ADDRESSES.get(tx, scope, (&subnet.id, number(address)))?.is_none())
    })?;
    free.ok_or_else(|| errors::no_free_address(&subnet.id))
}

/// Changes the groups of an interface.
///
/// # Errors
/// As for [`insert_for_instance`].
pub fn put_groups(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &InterfaceId,
    groups: Vec<GroupId>,
) -> Result<NetworkInterface> {
    let mut interface = get(tx, scope, id)?;
    interface.groups = check_groups(tx, scope, &interface.vpc, &interface.subnet, groups)?;
    INTERFACES.put(tx, scope, id, &interface)?;
    Ok(interface)
}

/// Gives the interface a public address where it wants one and has none: when its instance starts.
pub fn assign_public(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<NetworkInterface> {
    let mut interface = get(tx, scope, id)?;
    if interface.wants_public && interface.public_ip.is_none() {
        let holder = Holder { scope: *scope, interface: id.clone() };
        interface.public_ip = Some(public_address::take(tx, &holder)?);
        INTERFACES.put(tx, scope, id, &interface)?;
    }
    Ok(interface)
}

/// Gives the interface another public address in place of one that cannot be used here. `false` when it does not have
/// that one.
///
/// # Errors
/// When no address is left.
pub fn exchange_public(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &InterfaceId,
    unusable: Ipv4Addr,
) -> Result<bool> {
    let mut interface = get(tx, scope, id)?;
    if interface.public_ip != Some(unusable) {
        return Ok(false);
    }
    // Taken before the other is given back: so they differ.
    let holder = Holder { scope: *scope, interface: id.clone() };
    interface.public_ip = Some(public_address::take(tx, &holder)?);
    public_address::give_back(tx, unusable)?;
    INTERFACES.put(tx, scope, id, &interface)?;
    Ok(true)
}

/// Takes the public address back: when its instance stops.
pub fn release_public(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<NetworkInterface> {
    let mut interface = get(tx, scope, id)?;
    if let Some(address) = interface.public_ip.take() {
        public_address::give_back(tx, address)?;
        INTERFACES.put(tx, scope, id, &interface)?;
    }
    Ok(interface)
}

/// Forgets the interface and frees its addresses. Nothing happens where there is none.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<()> {
    let Some(interface) = find(tx, scope, id)? else { return Ok(()) };
    if let Some(address) = interface.public_ip {
        public_address::give_back(tx, address)?;
    }
    ADDRESSES.delete(tx, scope, (&interface.subnet, number(interface.private_ip)))?;
    tag::forget(tx, scope, id)?;
    INTERFACES.delete(tx, scope, id)
}
