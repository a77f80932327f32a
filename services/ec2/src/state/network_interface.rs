//! Network interfaces: an address in a subnet, the groups it wears, the instance it belongs to.

use std::net::{Ipv4Addr, Ipv6Addr};

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::network_interface as rules;
use crate::rules::security_group::DEFAULT_NAME;
use crate::state::id::{AllocationId, AttachmentId, GroupId, InstanceId, InterfaceId, SubnetId, VpcId};
use crate::state::public_address::{self, Holder};
use crate::state::subnet::Subnet;
use crate::state::tag::Tags;
use crate::state::{address, automatic_address, ipv6, security_group, subnet, tag};

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
    /// None of what belongs to no instance.
    pub attachment: Option<Attachment>,
    /// It is given a public address whenever its instance starts.
    pub wants_public: bool,
    pub public_ip: Option<Ipv4Addr>,
    /// Whose public address that is, where it is an elastic one.
    #[serde(default)]
    pub elastic: Option<AllocationId>,
    /// Its further private addresses.
    #[serde(default)]
    pub secondary: Vec<Secondary>,
    /// Its addresses of IPv6.
    #[serde(default)]
    pub ipv6: Vec<Ipv6Addr>,
    /// Packets to and from strangers are let through.
    #[serde(default)]
    pub forwards: bool,
    #[serde(default)]
    pub kind: Kind,
    pub created_at: Millis,
}

/// A further private address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secondary {
    pub private_ip: Ipv4Addr,
    pub elastic: Option<Elastic>,
}

/// An elastic address on a further private address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elastic {
    pub address: Ipv4Addr,
    pub allocation: AllocationId,
}

/// Whose interface it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A customer's.
    #[default]
    Interface,
    NatGateway,
    /// A VPC endpoint's.
    Endpoint,
    /// Of another service of the house, which listens and calls from there.
    Managed,
}

impl NetworkInterface {
    pub fn instance(&self) -> Option<&InstanceId> {
        Some(&self.attachment.as_ref()?.instance)
    }

    /// Its private addresses, the first one first.
    pub fn private_ips(&self) -> impl Iterator<Item = Ipv4Addr> {
        std::iter::once(self.private_ip).chain(self.secondary.iter().map(|other| other.private_ip))
    }

    /// Its public addresses.
    pub fn public_ips(&self) -> impl Iterator<Item = Ipv4Addr> {
        let further = self.secondary.iter().filter_map(|other| Some(other.elastic.as_ref()?.address));
        self.public_ip.into_iter().chain(further)
    }

    /// The private address that a public one stands for.
    pub fn private_of(&self, public: Ipv4Addr) -> Option<Ipv4Addr> {
        if self.public_ip == Some(public) {
            return Some(self.private_ip);
        }
        let is = |other: &&Secondary| other.elastic.as_ref().is_some_and(|elastic| elastic.address == public);
        self.secondary.iter().find(is).map(|other| other.private_ip)
    }
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

/// Where an interface of an instance goes.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    pub instance: &'a InstanceId,
    pub device_index: i32,
    pub delete_on_termination: bool,
}

static INTERFACES: Table<NetworkInterface> = Table::new("ec2/network-interface");
/// By subnet and private address.
static ADDRESSES: Table<InterfaceId> = Table::new("ec2/private-address");
/// By instance and device index, what is attached besides the first interface.
static FURTHER: Table<InterfaceId> = Table::new("ec2/further-interface");

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
    INTERFACES.all(from, scope, ())
}

/// Every interface of every account, with its scope.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, NetworkInterface)>> {
    INTERFACES.all_scopes(from)
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
    let taken = ADDRESSES.all(from, scope, &subnet.id)?.len();
    let (_, assignable) = crate::rules::subnet::assignable(subnet.cidr);
    Ok(assignable.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX)))
}

/// What is asked of an interface, whoever's it will be.
#[derive(Clone, Debug)]
pub struct Wish {
    pub subnet: SubnetId,
    /// The first one first; any free one where there is none.
    pub private_ips: Vec<Ipv4Addr>,
    /// How many free ones besides those.
    pub more: usize,
    /// The VPC's default group where empty.
    pub groups: Vec<GroupId>,
    pub description: String,
    pub kind: Kind,
    pub ipv6: ipv6::Wish,
    pub tags: Tags,
}

/// A new interface with its private addresses, which belongs to no instance.
///
/// # Errors
/// When the subnet or a group is not there or they are of different VPCs, when an address is outside of the subnet,
/// reserved or in use, or when none is left.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, wish: Wish) -> Result<NetworkInterface> {
    let subnet = subnet::get(tx, scope, &wish.subnet)?;
    let groups = match wish.kind {
        // Whoever listens there filters for itself.
        Kind::Managed if wish.groups.is_empty() => Vec::new(),
        Kind::Interface | Kind::Endpoint | Kind::Managed => {
            check_groups(tx, scope, &subnet.vpc, &wish.subnet, wish.groups)?
        }
        Kind::NatGateway => Vec::new(),
    };
    let id = InterfaceId::fresh(tx.ctx().ids());
    let mut wanted: Vec<Option<Ipv4Addr>> = wish.private_ips.into_iter().map(Some).collect();
    if wanted.is_empty() {
        wanted.push(None);
    }
    wanted.extend(std::iter::repeat_n(None, wish.more));
    if wanted.len() > rules::ADDRESSES_MAX {
        return Err(errors::addresses_per_interface_limit());
    }
    let mut taken = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let address = take_private(tx, scope, &subnet, wanted)?;
        ADDRESSES.put(tx, scope, (&subnet.id, number(address)), &id)?;
        taken.push(address);
    }
    let mut taken = taken.into_iter();
    let Some(private_ip) = taken.next() else { return Err(errors::no_free_address(&subnet.id)) };
    let ctx = tx.ctx();
    let mut interface = NetworkInterface {
        id,
        vpc: subnet.vpc.clone(),
        subnet: subnet.id.clone(),
        zone: subnet.zone.clone(),
        private_ip,
        mac: rules::mac(&ctx.ids().hex(10)),
        groups,
        description: wish.description,
        attachment: None,
        wants_public: false,
        public_ip: None,
        elastic: None,
        secondary: taken.map(|private_ip| Secondary { private_ip, elastic: None }).collect(),
        ipv6: Vec::new(),
        forwards: false,
        kind: wish.kind,
        created_at: ctx.now(),
    };
    ipv6::grant(tx, scope, &mut interface, &subnet, &wish.ipv6)?;
    put(tx, scope, &interface)?;
    tag::put(tx, scope, &interface.id, wish.tags)?;
    Ok(interface)
}

/// Writes an interface that changed.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, interface: &NetworkInterface) -> Result<()> {
    let automatic = interface.public_ip.filter(|_| interface.elastic.is_none());
    automatic_address::note(tx, scope, &interface.id, automatic)?;
    INTERFACES.put(tx, scope, &interface.id, interface)
}

/// An instance's interface, with its private addresses and, where it wants one (as the subnet says where that is
/// `None`), its public address.
///
/// # Errors
/// As [`insert`].
pub fn insert_for_instance(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wish: Wish,
    associate_public: Option<bool>,
    slot: Slot<'_>,
) -> Result<NetworkInterface> {
    let maps = subnet::get(tx, scope, &wish.subnet)?.map_public_ip_on_launch;
    let mut interface = insert(tx, scope, wish)?;
    interface.wants_public = associate_public.unwrap_or(maps);
    if interface.wants_public {
        let holder = Holder { scope: *scope, interface: Some(interface.id.clone()) };
        interface.public_ip = Some(public_address::take(tx, &holder)?);
    }
    attach(tx, scope, &mut interface, slot)?;
    Ok(interface)
}

/// Attaches an interface to an instance.
pub fn attach(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    slot: Slot<'_>,
) -> Result<AttachmentId> {
    let Slot { instance, device_index, delete_on_termination } = slot;
    let id = AttachmentId::fresh(tx.ctx().ids());
    let attached_at = tx.ctx().now();
    interface.attachment = Some(Attachment {
        id: id.clone(),
        instance: instance.clone(),
        device_index,
        delete_on_termination,
        attached_at,
    });
    if device_index > 0 {
        FURTHER.put(tx, scope, (instance, number_of(device_index)), &interface.id)?;
    }
    put(tx, scope, interface)?;
    Ok(id)
}

/// Takes a further interface from its instance.
pub fn detach(tx: &mut Tx<'_, '_>, scope: &Scope, interface: &mut NetworkInterface) -> Result<()> {
    if let Some(attachment) = interface.attachment.take() {
        FURTHER.delete(tx, scope, (&attachment.instance, number_of(attachment.device_index)))?;
        put(tx, scope, interface)?;
    }
    Ok(())
}

fn number_of(device_index: i32) -> u64 {
    u64::try_from(device_index).unwrap_or(0)
}

/// The interfaces of an instance besides its first.
pub fn further_of(
    from: &mut impl Reader,
    scope: &Scope,
    instance: &InstanceId,
) -> Result<Vec<NetworkInterface>> {
    let ids = FURTHER.all(from, scope, instance)?;
    let found = ids.iter().map(|id| find(from, scope, id)).collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Takes one more private address.
///
/// # Errors
/// As [`insert`].
pub fn add_private(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    wanted: Option<Ipv4Addr>,
) -> Result<Ipv4Addr> {
    if interface.private_ips().count() >= rules::ADDRESSES_MAX {
        return Err(errors::addresses_per_interface_limit());
    }
    let subnet = subnet::get(tx, scope, &interface.subnet)?;
    let private_ip = take_private(tx, scope, &subnet, wanted)?;
    ADDRESSES.put(tx, scope, (&subnet.id, number(private_ip)), &interface.id)?;
    interface.secondary.push(Secondary { private_ip, elastic: None });
    put(tx, scope, interface)?;
    Ok(private_ip)
}

/// Gives a further private address back. Elastic addresses on it were taken off.
pub fn remove_private(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    address: Ipv4Addr,
) -> Result<()> {
    interface.secondary.retain(|other| other.private_ip != address);
    ADDRESSES.delete(tx, scope, (&interface.subnet, number(address)))?;
    put(tx, scope, interface)
}

/// Puts an elastic address on one of the interface's private addresses. An automatic one goes back to the pool.
pub fn put_elastic(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    private_ip: Ipv4Addr,
    elastic: Elastic,
) -> Result<()> {
    let holder = Holder { scope: *scope, interface: Some(interface.id.clone()) };
    public_address::hand_over(tx, elastic.address, &holder)?;
    if interface.private_ip == private_ip {
        if let Some(automatic) = interface.public_ip.filter(|_| interface.elastic.is_none()) {
            public_address::give_back(tx, automatic)?;
        }
        interface.public_ip = Some(elastic.address);
        interface.elastic = Some(elastic.allocation);
    } else if let Some(other) = interface.secondary.iter_mut().find(|other| other.private_ip == private_ip) {
        other.elastic = Some(elastic);
    }
    put(tx, scope, interface)
}

/// Takes an elastic address off. An interface that wants a public address, of an instance that is `on`, gets an
/// automatic one instead.
pub fn take_elastic(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    allocation: &AllocationId,
    on: bool,
) -> Result<()> {
    if interface.elastic.as_ref() == Some(allocation) {
        interface.elastic = None;
        let holder = Holder { scope: *scope, interface: Some(interface.id.clone()) };
        interface.public_ip = match interface.wants_public && on {
            true => Some(public_address::take(tx, &holder)?),
            false => None,
        };
    }
    for other in &mut interface.secondary {
        other.elastic = other.elastic.take().filter(|elastic| elastic.allocation != *allocation);
    }
    put(tx, scope, interface)
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
    put(tx, scope, &interface)?;
    Ok(interface)
}

/// Gives the interface a public address where it wants one and has none: when its instance starts.
pub fn assign_public(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<NetworkInterface> {
    let mut interface = get(tx, scope, id)?;
    if interface.wants_public && interface.public_ip.is_none() {
        let holder = Holder { scope: *scope, interface: Some(id.clone()) };
        interface.public_ip = Some(public_address::take(tx, &holder)?);
        put(tx, scope, &interface)?;
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
    if interface.public_ip != Some(unusable) || interface.elastic.is_some() {
        return Ok(false);
    }
    // Taken before the other is given back: so they differ.
    let holder = Holder { scope: *scope, interface: Some(id.clone()) };
    interface.public_ip = Some(public_address::take(tx, &holder)?);
    public_address::give_back(tx, unusable)?;
    put(tx, scope, &interface)?;
    Ok(true)
}

/// Takes the public address back: when its instance stops.
pub fn release_public(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<NetworkInterface> {
    let mut interface = get(tx, scope, id)?;
    if interface.elastic.is_some() {
        return Ok(interface);
    }
    if let Some(address) = interface.public_ip.take() {
        public_address::give_back(tx, address)?;
        put(tx, scope, &interface)?;
    }
    Ok(interface)
}

/// Parts an instance that ends from its interfaces: those that shall go with it are deleted.
pub fn part(tx: &mut Tx<'_, '_>, scope: &Scope, instance: &InstanceId, first: &InterfaceId) -> Result<()> {
    let first = find(tx, scope, first)?.filter(|first| first.instance() == Some(instance));
    for mut one in further_of(tx, scope, instance)?.into_iter().chain(first) {
        let goes = one.attachment.as_ref().is_some_and(|attachment| attachment.delete_on_termination);
        detach(tx, scope, &mut one)?;
        if goes {
            delete(tx, scope, &one.id)?;
        } else {
            // An automatic address is for instances only.
            one.wants_public = false;
            put(tx, scope, &one)?;
            release_public(tx, scope, &one.id)?;
        }
    }
    Ok(())
}

/// Forgets the interface and frees its addresses. Nothing happens where there is none.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<()> {
    let Some(mut interface) = find(tx, scope, id)? else { return Ok(()) };
    detach(tx, scope, &mut interface)?;
    address::let_go(tx, scope, &interface)?;
    if let Some(address) = interface.public_ip.filter(|_| interface.elastic.is_none()) {
        public_address::give_back(tx, address)?;
    }
    for address in interface.private_ips() {
        ADDRESSES.delete(tx, scope, (&interface.subnet, number(address)))?;
    }
    ipv6::let_go(tx, scope, &interface)?;
    tag::forget(tx, scope, id)?;
    automatic_address::note(tx, scope, id, None)?;
    INTERFACES.delete(tx, scope, id)
}
