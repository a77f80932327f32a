//! Brings networks, groups and interfaces to the engine: what is stored is in force when these return.
//!
//! Records are read again when it is one's turn (one at a time per interface, and per VPC's groups): of two who changed
//! the same thing, the one who reaches the engine last brings what both wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Ctx, Error, Next, Result, Scope};
use net::{NetworkId, NetworkSpec, NicId, NicSpec, Object};

use super::instance::machine_id;
use super::transfer;
use super::vpc_endpoint::gateway_nic;
use crate::rules::network_interface::mac_bytes;
use crate::service::Engines;
use crate::state::id::{GroupId, Id, InstanceId, InterfaceId, VpcId};
use crate::state::network_interface::{Kind, NetworkInterface};
use crate::state::security_group::{Peer, SecurityGroup, Traffic};
use crate::state::subnet::Subnet;
use crate::state::vpc::Vpc;
use crate::state::{
    dhcp_options, flow_log, instance, network_interface, peering, security_group, subnet, topology, vpc,
    vpc_endpoint,
};

/// The controller's name: its ids are VPCs'.
pub const CONTROLLER: &str = "ec2/network";
/// How many VPCs are brought up to date at once.
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// Bytes per packet inside of a VPC and between peers; what leaves it has 1,500 (EC2 user guide, "Network MTU").
pub(super) const MTU: u32 = 9_001;

/// Public addresses tried at one start, before that is a failure.
const PUBLIC_TRIES: u32 = 4;

/// How many interfaces can be worked on at once; more take turns.
const LANES: usize = 64;

/// The engine, and what it was last brought to.
pub struct Networks {
    engine: Arc<dyn net::Networks>,
    applied: Mutex<BTreeMap<VpcId, Arc<tokio::sync::Mutex<Applied>>>>,
    /// An interface always takes the same lane.
    lanes: [tokio::sync::Mutex<()>; LANES],
}

/// What this process has brought to the engine for one VPC. It saves repeating it for every interface.
#[derive(Default)]
struct Applied {
    network: Option<NetworkSpec>,
    groups: BTreeMap<GroupId, net::GroupSpec>,
}

impl Networks {
    pub fn new(engine: Arc<dyn net::Networks>) -> Self {
        let lanes = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { engine, applied: Mutex::default(), lanes }
    }

    pub fn engine(&self) -> &Arc<dyn net::Networks> {
        &self.engine
    }

    /// Waits for the interface's turn.
    async fn turn(&self, id: &InterfaceId) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let lane = id.as_str().bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31) + usize::from(byte));
        match self.lanes.get(lane % LANES) {
            Some(lane) => Some(lane.lock().await),
            None => None,
        }
    }

    fn of(&self, vpc: &VpcId) -> Arc<tokio::sync::Mutex<Applied>> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        applied.entry(vpc.clone()).or_default().clone()
    }
}

/// The engine's network of a VPC.
pub fn network_id(vpc: &VpcId) -> NetworkId {
    NetworkId(vpc.to_string())
}

/// The engine's nic of an interface.
pub fn nic_id(interface: &InterfaceId) -> NicId {
    NicId(interface.to_string())
}

/// Makes the interface's nic, or adapts it to what its record says now, with everything it stands on. A public address
/// that something else on this host has is exchanged for another one of the pool.
///
/// # Errors
/// When the interface is gone, or the engine cannot.
pub async fn ensure_interface(ctx: &Ctx, interface: &NetworkInterface) -> Result<net::Nic> {
    let nic = ensure_first(ctx, interface).await?;
    if let Some(instance) = interface.instance() {
        for other in ctx.read(|snap| network_interface::further_of(snap, ctx.scope(), instance)).await? {
            adapt(ctx, &other, true).await?;
        }
    }
    tell_peers(ctx, &interface.vpc).await?;
    Ok(nic)
}

async fn ensure_first(ctx: &Ctx, interface: &NetworkInterface) -> Result<net::Nic> {
    let id = &interface.id;
    let _turn = ctx.own::<Networks>().turn(id).await;
    for _ in 1..PUBLIC_TRIES {
        match ensure_in_turn(ctx, id).await? {
            Err(net::Error::AddressTaken { address, holder }) if exchange(ctx, id, address).await? => {
                tracing::info!(id = id.as_str(), %address, holder, "its public address is taken: it gets another");
            }
            outcome => return outcome.map_err(Error::internal),
        }
    }
    ensure_in_turn(ctx, id).await?.map_err(Error::internal)
}

/// Gives the interface another public address than `unusable`, if that is its own.
async fn exchange(ctx: &Ctx, id: &InterfaceId, unusable: Ipv4Addr) -> Result<bool> {
    let scope = *ctx.scope();
    ctx.write(|tx| network_interface::exchange_public(tx, &scope, id, unusable)).await
}

/// Lets the VPCs whose rules name groups of this one learn who wears them now.
async fn tell_peers(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    let read = ctx.read(|snap| {
        let mut told = Vec::new();
        for (_, side) in peering::of_vpc(snap, vpc)? {
            if topology::names_groups_of(snap, &side.scope, &side.vpc, vpc)? {
                told.push(side);
            }
        }
        Ok(told)
    });
    for side in read.await? {
        ensure_vpc(&ctx.in_scope(side.scope), &side.vpc).await?;
    }
    Ok(())
}

/// Brings a VPC's ranges, routes, ACLs, gateways, peers and sets in force, where the VPC is in use at all; and first
/// those of its peers, whose end of a link it takes.
pub async fn ensure_vpc(ctx: &Ctx, id: &VpcId) -> Result<()> {
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let is_used = network_interface::all(snap, scope)?.iter().any(|interface| interface.vpc == *id);
        if is_used { vpc::find(snap, scope, id) } else { Ok(None) }
    });
    let Some(vpc) = read.await? else { return Ok(()) };
    let applied = ctx.own::<Networks>().of(id);
    let outcome = bring(ctx, &applied, &vpc, &[]).await;
    if outcome.is_err() {
        // What the engine cannot do now is tried again by the controller.
        ctx.nudge(CONTROLLER, id.as_str());
    }
    outcome
}

/// As [`ensure_vpc`], also where nothing lives in the VPC any more: something that had a public address has gone.
pub async fn ensure_vpc_always(ctx: &Ctx, id: &VpcId) -> Result<()> {
    let networks = ctx.own::<Networks>();
    let known = networks.engine.observe().await.map_err(Error::internal)?;
    if !known.contains(&Object::Network(network_id(id))) {
        return Ok(());
    }
    let Some(vpc) = ctx.read(|snap| vpc::find(snap, ctx.scope(), id)).await? else { return Ok(()) };
    bring(ctx, &networks.of(id), &vpc, &[]).await
}

/// Forgets what was brought for a VPC, and lets its network go.
pub async fn remove_vpc(ctx: &Ctx, id: &VpcId) -> Result<()> {
    let networks = ctx.own::<Networks>();
    networks.engine.remove_network(network_id(id)).await.map_err(Error::internal)?;
    networks.applied.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    Ok(())
}

/// Makes the nic of an interface that no instance has: an endpoint's.
///
/// # Errors
/// When the interface is gone, or the engine cannot.
pub async fn ensure_managed(ctx: &Ctx, interface: &NetworkInterface) -> Result<()> {
    adapt(ctx, interface, true).await?;
    tell_peers(ctx, &interface.vpc).await
}

/// Makes a nic that is nobody's interface, with the one group it wears.
///
/// # Errors
/// When the engine cannot.
pub async fn ensure_own_nic(ctx: &Ctx, vpc: &VpcId, group: net::GroupSpec, nic: NicSpec) -> Result<()> {
    let networks = ctx.own::<Networks>();
    let vpc = ctx.read(|snap| vpc::get(snap, ctx.scope(), vpc)).await?;
    bring(ctx, &networks.of(&vpc.id), &vpc, &[]).await?;
    let engine = &networks.engine;
    engine.ensure_groups(network_id(&vpc.id), vec![group]).await.map_err(Error::internal)?;
    engine.ensure_nic(nic).await.map(drop).map_err(Error::internal)
}

/// Removes a nic that no instance has. Nothing happens where there is none.
pub async fn remove_own_nic(ctx: &Ctx, nic: NicId) -> Result<()> {
    ctx.own::<Networks>().engine.remove_nic(nic).await.map_err(Error::internal)
}

/// Adapts the interface's nic where it has one. Whether it has is for its instance to say.
pub async fn adapt_interface(ctx: &Ctx, interface: &NetworkInterface) -> Result<()> {
    adapt(ctx, interface, false).await?;
    tell_peers(ctx, &interface.vpc).await
}

/// Makes the nic of a further interface where its instance's first has one.
pub async fn ensure_further(ctx: &Ctx, interface: &NetworkInterface) -> Result<()> {
    let read = ctx.read(|snap| World::read(snap, ctx.scope(), &interface.id));
    let beside = read.await?.beside;
    let engine = &ctx.own::<Networks>().engine;
    let networks = engine.observe().await.map_err(Error::internal)?;
    let is_on = networks.iter().any(|object| matches!(object, Object::Nic { id, .. } if beside.as_ref().is_some_and(|beside| beside.nic == *id)));
    if is_on {
        adapt(ctx, interface, true).await?;
    }
    tell_peers(ctx, &interface.vpc).await
}

async fn adapt(ctx: &Ctx, interface: &NetworkInterface, make: bool) -> Result<()> {
    let networks = ctx.own::<Networks>();
    let _turn = networks.turn(&interface.id).await;
    let still = ctx.read(|snap| network_interface::find(snap, ctx.scope(), &interface.id)).await?;
    if still.is_some() && (make || has_nic(ctx, interface)) {
        // What runs keeps its public address, and it is an error where it cannot.
        ensure_in_turn(ctx, &interface.id).await?.map_err(Error::internal)?;
        if let Some(instance) = interface.instance() {
            tell_machine(ctx, instance).await?;
        }
    }
    Ok(())
}

/// Lets an instance's machine take over what changed of its links. A guest that does not hear finds it at its next start.
pub async fn tell_machine(ctx: &Ctx, instance: &InstanceId) -> Result<()> {
    let machines = &ctx.own::<Engines>().machines;
    if let Err(error) = machines.ensure_links(&machine_id(instance)?).await {
        tracing::debug!(id = instance.as_str(), %error, "a guest was not told of its links");
    }
    Ok(())
}

/// Whether the interface has a nic now.
fn has_nic(ctx: &Ctx, interface: &NetworkInterface) -> bool {
    let engine = &ctx.own::<Networks>().engine;
    engine.find_nic(&network_id(&interface.vpc), interface.private_ip) == Some(nic_id(&interface.id))
}

/// The nic as its record says now, or why the engine refuses.
async fn ensure_in_turn(ctx: &Ctx, id: &InterfaceId) -> Result<net::Result<net::Nic>> {
    let networks = ctx.own::<Networks>();
    let world = ctx.read(|snap| World::read(snap, ctx.scope(), id)).await?;
    let applied = networks.of(&world.vpc.id);
    bring(ctx, &applied, &world.vpc, &world.interface.groups).await?;
    let spec = nic_spec(&world.interface, &world.subnet, world.beside);
    let mut nic = NicSpec { watched: world.watched, ..spec };
    if world.interface.kind == Kind::Managed && nic.groups.is_empty() {
        let open = networks.engine.ensure_groups(network_id(&world.vpc.id), vec![open_group()]);
        open.await.map_err(Error::internal)?;
        nic.groups.push(OPEN_GROUP.into());
    }
    let made = networks.engine.ensure_nic(nic).await;
    if made.is_err() {
        // It may lack what it was brought: the next try begins anew.
        *applied.lock().await = Applied::default();
    }
    Ok(made)
}

/// Removes the interface's nic. Nothing happens where there is none.
pub async fn remove_interface(ctx: &Ctx, id: &InterfaceId) -> Result<()> {
    let read = ctx.read(|snap| {
        let Some(found) = network_interface::find(snap, ctx.scope(), id)? else { return Ok(None) };
        let first = found.attachment.filter(|attachment| attachment.device_index == 0);
        let further = first.map(|first| network_interface::further_of(snap, ctx.scope(), &first.instance));
        Ok(Some((found.vpc, further.transpose()?.unwrap_or_default())))
    });
    let (vpc, further) = read.await?.unzip();
    if let Some(vpc) = vpc {
        transfer::meter(ctx, &vpc).await?;
    }
    let networks = ctx.own::<Networks>();
    // Those that live beside it go first.
    for other in further.unwrap_or_default() {
        let _turn = networks.turn(&other.id).await;
        networks.engine.remove_nic(nic_id(&other.id)).await.map_err(Error::internal)?;
    }
    let _turn = networks.turn(id).await;
    networks.engine.remove_nic(nic_id(id)).await.map_err(Error::internal)
}

/// Puts a group's rules in force, where its VPC is in use at all.
pub async fn ensure_group(ctx: &Ctx, vpc: &VpcId, id: &GroupId) -> Result<()> {
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let is_used = network_interface::all(snap, scope)?.iter().any(|interface| interface.vpc == *vpc);
        if is_used { vpc::find(snap, scope, vpc) } else { Ok(None) }
    });
    let Some(vpc) = read.await? else { return Ok(()) };
    let applied = ctx.own::<Networks>().of(&vpc.id);
    bring(ctx, &applied, &vpc, std::slice::from_ref(id)).await
}

/// Takes a deleted group out of force.
pub async fn remove_group(ctx: &Ctx, vpc: &VpcId, id: &GroupId) -> Result<()> {
    let networks = ctx.own::<Networks>();
    let applied = networks.of(vpc);
    let mut applied = applied.lock().await;
    applied.groups.remove(id);
    let removed = networks.engine.remove_group(network_id(vpc), net::GroupId(id.to_string()));
    removed.await.map_err(Error::internal)
}

/// What an interface stands on.
struct World {
    interface: NetworkInterface,
    subnet: Subnet,
    vpc: Vpc,
    /// The instance's first interface, where this is a further one.
    beside: Option<net::Beside>,
    /// A flow log is about it.
    watched: bool,
}

impl World {
    fn read(from: &mut impl kernel::tx::Reader, scope: &Scope, id: &InterfaceId) -> Result<Self> {
        let interface = network_interface::get(from, scope, id)?;
        let subnet = subnet::get(from, scope, &interface.subnet)?;
        let vpc = vpc::get(from, scope, &interface.vpc)?;
        let beside = match &interface.attachment {
            Some(attachment) if attachment.device_index > 0 => {
                let instance = instance::find(from, scope, &attachment.instance)?;
                let number = u8::try_from(attachment.device_index).unwrap_or(u8::MAX);
                instance.map(|instance| net::Beside { nic: nic_id(&instance.interface), number })
            }
            _ => None,
        };
        let watched = flow_log::watches(from, scope, &interface)?;
        Ok(Self { interface, subnet, vpc, beside, watched })
    }
}

/// Brings a network and some of its groups to the engine, as far as it has not been done.
///
/// The groups are read under the lock: who changed one last also brings it last.
async fn bring(
    ctx: &Ctx,
    applied: &tokio::sync::Mutex<Applied>,
    vpc: &Vpc,
    groups: &[GroupId],
) -> Result<()> {
    let engine = &*ctx.own::<Networks>().engine;
    let mut applied = applied.lock().await;
    let read = ctx.read(|snap| {
        let vpc = vpc::find(snap, ctx.scope(), &vpc.id)?;
        vpc.map(|vpc| topology::network(snap, ctx.scope(), &vpc)).transpose()
    });
    let Some(network) = read.await? else { return Ok(()) };
    if applied.network.as_ref() != Some(&network) {
        applied.network = None;
        engine.ensure_network(network.clone()).await.map_err(Error::internal)?;
        applied.network = Some(network);
    }
    let read = ctx.read(|snap| {
        let found = groups.iter().map(|id| security_group::find(snap, ctx.scope(), id));
        found.collect::<Result<Vec<_>>>()
    });
    let found = read.await?.into_iter().flatten();
    let specs = found.map(|group| (group_spec(&group), group.id));
    let changed: Vec<_> = specs.filter(|(spec, id)| applied.groups.get(id) != Some(spec)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    // What fails may have been done in part: then nothing is known of these groups.
    changed.iter().for_each(|(_, id)| drop(applied.groups.remove(id)));
    let specs = changed.iter().map(|(spec, _)| spec.clone()).collect();
    if let Err(error) = engine.ensure_groups(network_id(&vpc.id), specs).await {
        *applied = Applied::default();
        return Err(Error::internal(error));
    }
    applied.groups.extend(changed.into_iter().map(|(spec, id)| (id, spec)));
    Ok(())
}

/// Every VPC that something lives in: those the controller looks after.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let interfaces = ctx.read(|snap| network_interface::all_scopes(snap)).await?;
    let vpcs: BTreeSet<_> = interfaces.into_iter().map(|(scope, i)| (scope, i.vpc.to_string())).collect();
    Ok(vpcs.into_iter().collect())
}

/// Brings a whole VPC up to date: what an operation could not, and what an engine that was restarted does not know.
pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(vpc) = VpcId::parse(&id) else { return Ok(Next::Done) };
    ensure_vpc(ctx, &vpc).await?;
    let interfaces = ctx.read(|snap| network_interface::all(snap, ctx.scope())).await?;
    for interface in interfaces.iter().filter(|interface| interface.vpc == vpc) {
        adapt(ctx, interface, interface.kind == Kind::Managed).await?;
    }
    Ok(Next::Done)
}

/// Removes networks and nics that no record knows.
pub async fn remove_orphans(ctx: &Ctx) -> Result<()> {
    let engine = &*ctx.own::<Networks>().engine;
    // Looked at before the records are read: what is made meanwhile has its record already.
    let found = engine.observe().await.map_err(Error::internal)?;
    if found.is_empty() {
        return Ok(());
    }
    let read = ctx.read(|snap| {
        let endpoints = vpc_endpoint::all_scopes(snap)?;
        Ok((vpc::all_scopes(snap)?, network_interface::all_scopes(snap)?, endpoints))
    });
    let (vpcs, interfaces, endpoints) = read.await?;
    let networks: BTreeSet<_> = vpcs.iter().map(|(_, vpc)| network_id(&vpc.id)).collect();
    let gateways = endpoints.iter().map(|(_, endpoint)| gateway_nic(&endpoint.id));
    let nics: BTreeSet<_> =
        interfaces.iter().map(|(_, interface)| nic_id(&interface.id)).chain(gateways).collect();
    let orphans: BTreeSet<_> = found
        .into_iter()
        .filter(|object| match object {
            Object::Network(id) => !networks.contains(id),
            Object::Nic { id, .. } => !nics.contains(id),
            Object::Stray(_) => true,
        })
        .collect();
    if orphans.is_empty() {
        return Ok(());
    }
    engine.remove_where(&|object| orphans.contains(object)).await.map_err(Error::internal)
}

/// Lets go of every network, before the store forgets them.
pub async fn remove_all(ctx: &Ctx) -> Result<()> {
    let networks = ctx.own::<Networks>();
    networks.engine.remove_all().await.map_err(Error::internal)?;
    networks.applied.lock().unwrap_or_else(PoisonError::into_inner).clear();
    Ok(())
}

pub use topology::resolver;

/// The name server that the VPC's instances are told of, by its DHCP options.
pub async fn name_server(ctx: &Ctx, vpc: &Vpc) -> Result<Option<String>> {
    let Some(id) = &vpc.dhcp_options else { return Ok(None) };
    let options = ctx.read(|snap| dhcp_options::find(snap, ctx.scope(), id)).await?;
    Ok(options.and_then(|options| crate::rules::dhcp_options::name_server(&options, resolver(vpc))))
}

fn nic_spec(interface: &NetworkInterface, subnet: &Subnet, beside: Option<net::Beside>) -> NicSpec {
    let secondary = interface.secondary.iter().map(|other| net::Secondary {
        address: other.private_ip,
        public_address: other.elastic.as_ref().map(|elastic| elastic.address),
    });
    NicSpec {
        id: nic_id(&interface.id),
        network: network_id(&interface.vpc),
        mac: mac_bytes(&interface.mac),
        address: interface.private_ip,
        prefix_len: subnet.cidr.prefix_len(),
        gateway: Ipv4Addr::from(u32::from(subnet.cidr.network()).saturating_add(1)),
        groups: interface.groups.iter().map(|id| net::GroupId(id.to_string())).collect(),
        source_check: !interface.forwards,
        carries: interface.forwards && interface.kind == Kind::Managed,
        public_address: interface.public_ip,
        secondary: secondary.collect(),
        addresses6: interface.ipv6.clone(),
        guises: Vec::new(),
        beside,
        mtu: MTU,
        watched: false,
    }
}

/// The group of interfaces whose service filters for itself.
const OPEN_GROUP: &str = "open";

fn open_group() -> net::GroupSpec {
    let anywhere = [ipnet::Ipv4Net::default().into(), ipnet::Ipv6Net::default().into()];
    let all = anywhere.map(|range| net::Rule { protocol: net::Protocol::All, peer: net::Peer::Cidr(range) });
    net::GroupSpec { id: OPEN_GROUP.into(), ingress: all.to_vec(), egress: all.to_vec() }
}

/// A group as the engine filters.
fn group_spec(group: &SecurityGroup) -> net::GroupSpec {
    let rules = |egress| {
        let rules = group.rules.iter().filter(move |rule| rule.egress == egress);
        rules.filter_map(|rule| Some(net::Rule { protocol: protocol(rule.traffic), peer: peer(&rule.peer)? }))
    };
    net::GroupSpec {
        id: net::GroupId(group.id.to_string()),
        ingress: rules(false).collect(),
        egress: rules(true).collect(),
    }
}

fn protocol(traffic: Traffic) -> net::Protocol {
    match traffic {
        Traffic::All => net::Protocol::All,
        Traffic::Tcp { from, to } => net::Protocol::Tcp(net::Ports { from, to }),
        Traffic::Udp { from, to } => net::Protocol::Udp(net::Ports { from, to }),
        Traffic::Icmp { kind, code } => net::Protocol::Icmp { kind, code },
        Traffic::Icmpv6 { kind, code } => net::Protocol::Icmp6 { kind, code },
        Traffic::Protocol(number) => net::Protocol::Number(number),
    }
}

fn peer(peer: &Peer) -> Option<net::Peer> {
    match peer {
        Peer::Ipv4(cidr) => Some(net::Peer::Cidr((*cidr).into())),
        Peer::Ipv6(cidr) => Some(net::Peer::Cidr((*cidr).into())),
        Peer::Group { id, foreign: None, .. } => Some(net::Peer::Group(net::GroupId(id.to_string()))),
        Peer::Group { .. } | Peer::PrefixList(_) => topology::set_id(peer).map(net::Peer::Set),
    }
}
