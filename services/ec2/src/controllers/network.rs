//! Brings networks, groups and interfaces to the engine: what is stored is in force when these return.
//!
//! Records are read again under the lock of their VPC, so that of two who change the same thing at once, the later one
//! to reach the engine brings the later state.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Ctx, Error, Next, Result, Scope};
use net::{NetworkId, NetworkSpec, NicId, NicSpec, Object};

use crate::rules::network_interface::mac_bytes;
use crate::state::id::{GroupId, Id, InterfaceId, VpcId};
use crate::state::network_interface::NetworkInterface;
use crate::state::security_group::{Peer, SecurityGroup, Traffic};
use crate::state::subnet::Subnet;
use crate::state::vpc::Vpc;
use crate::state::{network_interface, security_group, subnet, vpc};

/// The controller's name: its ids are VPCs'.
pub const CONTROLLER: &str = "ec2/network";
/// How many VPCs are brought up to date at once.
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// Bytes per packet: what every path out of a VPC carries.
const MTU: u32 = 1_500;

/// The engine, and what it was last brought to.
pub struct Networks {
    engine: Arc<dyn net::Networks>,
    applied: Mutex<BTreeMap<VpcId, Arc<tokio::sync::Mutex<Applied>>>>,
}

/// What this process has brought to the engine for one VPC. It saves repeating it for every interface.
#[derive(Default)]
struct Applied {
    network: Option<NetworkSpec>,
    groups: BTreeMap<GroupId, net::GroupSpec>,
}

impl Networks {
    pub fn new(engine: Arc<dyn net::Networks>) -> Self {
        Self { engine, applied: Mutex::default() }
    }

    pub fn engine(&self) -> &Arc<dyn net::Networks> {
        &self.engine
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

/// Makes the interface's nic, or adapts it to what its record says now, with everything it stands on.
///
/// # Errors
/// When the interface is gone, or the engine cannot.
pub async fn ensure_interface(ctx: &Ctx, interface: &NetworkInterface) -> Result<net::Nic> {
    let networks = ctx.own::<Networks>();
    let applied = networks.of(&interface.vpc);
    let mut applied = applied.lock().await;
    let world = ctx.read(|snap| World::read(snap, ctx.scope(), &interface.id)).await?;
    bring(&*networks.engine, &mut applied, &world.vpc, &world.groups).await?;
    let nic = nic_spec(&world.interface, &world.subnet)?;
    networks.engine.ensure_nic(nic).await.map_err(Error::internal)
}

/// Whether the engine has the interface's nic now.
pub fn has_nic(ctx: &Ctx, interface: &NetworkInterface) -> bool {
    let engine = &ctx.own::<Networks>().engine;
    engine.find_nic(&network_id(&interface.vpc), interface.private_ip).is_some()
}

/// Removes the interface's nic. Nothing happens where there is none.
pub async fn remove_interface(ctx: &Ctx, id: &InterfaceId) -> Result<()> {
    ctx.own::<Networks>().engine.remove_nic(nic_id(id)).await.map_err(Error::internal)
}

/// Puts a group's rules in force, where its VPC is in use at all.
pub async fn ensure_group(ctx: &Ctx, vpc: &VpcId, id: &GroupId) -> Result<()> {
    let networks = ctx.own::<Networks>();
    let applied = networks.of(vpc);
    let mut applied = applied.lock().await;
    let found = ctx.read(|snap| {
        if !vpc_in_use(snap, ctx.scope(), vpc)? {
            return Ok(None);
        }
        let group = security_group::find(snap, ctx.scope(), id)?;
        let vpc = vpc::find(snap, ctx.scope(), vpc)?;
        Ok(vpc.zip(group))
    });
    let Some((vpc, group)) = found.await? else { return Ok(()) };
    bring(&*networks.engine, &mut applied, &vpc, &[group]).await
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

fn vpc_in_use(from: &mut impl kernel::tx::Reader, scope: &Scope, vpc: &VpcId) -> Result<bool> {
    Ok(network_interface::all(from, scope)?.iter().any(|interface| interface.vpc == *vpc))
}

/// What an interface stands on.
struct World {
    interface: NetworkInterface,
    subnet: Subnet,
    vpc: Vpc,
    groups: Vec<SecurityGroup>,
}

impl World {
    fn read(from: &mut impl kernel::tx::Reader, scope: &Scope, id: &InterfaceId) -> Result<Self> {
        let interface = network_interface::get(from, scope, id)?;
        let groups = interface.groups.iter().map(|id| security_group::get(from, scope, id));
        let groups = groups.collect::<Result<_>>()?;
        let subnet = subnet::get(from, scope, &interface.subnet)?;
        let vpc = vpc::get(from, scope, &interface.vpc)?;
        Ok(Self { interface, subnet, vpc, groups })
    }
}

/// Brings a network and some of its groups to the engine, as far as it has not been done.
async fn bring(
    engine: &dyn net::Networks,
    applied: &mut Applied,
    vpc: &Vpc,
    groups: &[SecurityGroup],
) -> Result<()> {
    let spec = network_spec(vpc);
    if applied.network.as_ref() != Some(&spec) {
        engine.ensure_network(spec.clone()).await.map_err(Error::internal)?;
        applied.network = Some(spec);
    }
    let specs = groups.iter().map(|group| (group.id.clone(), group_spec(group)));
    let changed: Vec<_> = specs.filter(|(id, spec)| applied.groups.get(id) != Some(spec)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    // What fails may have been done in part: then nothing is known of these groups.
    changed.iter().for_each(|(id, _)| drop(applied.groups.remove(id)));
    let specs = changed.iter().map(|(_, spec)| spec.clone()).collect();
    engine.ensure_groups(network_id(&vpc.id), specs).await.map_err(Error::internal)?;
    applied.groups.extend(changed);
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
    let Some(vpc_id) = VpcId::parse(&id) else { return Ok(Next::Done) };
    let networks = ctx.own::<Networks>();
    let found = networks.engine.observe().await.map_err(Error::internal)?;
    let here = |object| match object {
        Object::Nic { id, network } if network == network_id(&vpc_id) => Some(id),
        _ => None,
    };
    let nics: BTreeSet<_> = found.into_iter().filter_map(here).collect();
    let interfaces = ctx.read(|snap| network_interface::all(snap, ctx.scope())).await?;
    // Whether an interface has a nic is for its instance to say: here those that have one are kept right.
    for interface in interfaces.iter().filter(|i| i.vpc == vpc_id && nics.contains(&nic_id(&i.id))) {
        ensure_interface(ctx, interface).await?;
    }
    Ok(Next::Done)
}

/// Removes networks and nics that no record knows.
pub async fn remove_orphans(ctx: &Ctx) -> Result<()> {
    let networks = ctx.own::<Networks>();
    // Looked at before the records are read: what is made meanwhile has its record already.
    let found = networks.engine.observe().await.map_err(Error::internal)?;
    let known = ctx.read(|snap| network_interface::all_scopes(snap)).await?;
    let known: BTreeSet<_> = known.into_iter().map(|(_, interface)| nic_id(&interface.id)).collect();
    for object in found {
        if let Object::Nic { id, .. } = object
            && !known.contains(&id)
        {
            networks.engine.remove_nic(id).await.map_err(Error::internal)?;
        }
    }
    let strays = networks.engine.remove_where(&|object| matches!(object, Object::Stray(_)));
    strays.await.map_err(Error::internal)
}

/// Lets go of every network, before the store forgets them.
pub async fn remove_all(ctx: &Ctx) -> Result<()> {
    let networks = ctx.own::<Networks>();
    networks.engine.remove_all().await.map_err(Error::internal)?;
    networks.applied.lock().unwrap_or_else(PoisonError::into_inner).clear();
    Ok(())
}

/// The address of the name server: two above the VPC's base (VPC user guide, "Amazon DNS server").
pub fn resolver(vpc: &Vpc) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(vpc.cidr.network()).saturating_add(2))
}

fn network_spec(vpc: &Vpc) -> NetworkSpec {
    NetworkSpec { id: network_id(&vpc.id), cidrs: vec![vpc.cidr], resolver: resolver(vpc) }
}

fn nic_spec(interface: &NetworkInterface, subnet: &Subnet) -> Result<NicSpec> {
    Ok(NicSpec {
        id: nic_id(&interface.id),
        network: network_id(&interface.vpc),
        mac: mac_bytes(&interface.mac),
        address: interface.private_ip,
        prefix_len: subnet.cidr.prefix_len(),
        gateway: Ipv4Addr::from(u32::from(subnet.cidr.network()).saturating_add(1)),
        groups: interface.groups.iter().map(|id| net::GroupId(id.to_string())).collect(),
        source_check: true,
        public_address: interface.public_ip,
        mtu: MTU,
    })
}

/// A group as the engine filters. Rules about IPv6 say nothing here: networks carry IPv4.
fn group_spec(group: &SecurityGroup) -> net::GroupSpec {
    let rules = |egress| {
        let rules = group.rules.iter().filter(move |rule| rule.egress == egress);
        rules
            .filter_map(|rule| Some(net::Rule { protocol: protocol(rule.traffic)?, peer: peer(&rule.peer)? }))
    };
    net::GroupSpec {
        id: net::GroupId(group.id.to_string()),
        ingress: rules(false).collect(),
        egress: rules(true).collect(),
    }
}

fn protocol(traffic: Traffic) -> Option<net::Protocol> {
    Some(match traffic {
        Traffic::All => net::Protocol::All,
        Traffic::Tcp { from, to } => net::Protocol::Tcp(net::Ports { from, to }),
        Traffic::Udp { from, to } => net::Protocol::Udp(net::Ports { from, to }),
        Traffic::Icmp { kind, code } => net::Protocol::Icmp { kind, code },
        Traffic::Icmpv6 { .. } => return None,
        Traffic::Protocol(number) => net::Protocol::Number(number),
    })
}

fn peer(peer: &Peer) -> Option<net::Peer> {
    match peer {
        Peer::Ipv4(cidr) => Some(net::Peer::Cidr(*cidr)),
        Peer::Ipv6(_) => None,
        Peer::Group { id, .. } => Some(net::Peer::Group(net::GroupId(id.to_string()))),
    }
}
