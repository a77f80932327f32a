//! Endpoints listen inside their VPCs: a nic of each endpoint's own, whose connections are brought to the door.
//!
//! A gateway endpoint's nic has no address of the VPC. It goes by the public address of its service, and routes lead there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::AbortHandle;
use kernel::{Arrival, Arrivals, Ctx, Error, Next, PrivateWay, Result, Scope};
use net::{NicId, NicSpec};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::{listener, network};
use crate::rules::network_interface::{mac, mac_bytes};
use crate::rules::vpc_endpoint as rules;
use crate::state::id::{EndpointId, Id};
use crate::state::vpc_endpoint::{Kind, VpcEndpoint};
use crate::state::{network_interface, vpc_endpoint};

/// The controller's name: its ids are endpoints'.
pub const CONTROLLER: &str = "ec2/vpc-endpoint";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: i64 = 60_000;

/// The group gateway endpoints' nics wear: whoever a route leads there may come in.
const GROUP: &str = "gateway-endpoints";
/// The router's address on gateway endpoints' links; they take the addresses behind it.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 64, 1);

/// What listens, by endpoint, and where connections are brought.
pub struct Endpoints {
    open: Mutex<BTreeMap<EndpointId, Open>>,
    /// Without a door, nobody listens.
    door: Option<Arrivals>,
}

struct Open {
    way: Arc<PrivateWay>,
    listening: BTreeMap<NicId, Listening>,
}

/// What listens at a nic, by its addresses.
type Listening = BTreeMap<IpAddr, Vec<AbortHandle>>;

impl Endpoints {
    pub fn new(door: Option<Arrivals>) -> Self {
        Self { open: Mutex::default(), door }
    }

    /// Stops listening everywhere.
    pub async fn close(&self) {
        let open = std::mem::take(&mut *self.open.lock().await);
        let tasks = open.into_values().flat_map(|open| open.listening.into_values());
        tasks.flat_map(BTreeMap::into_values).flatten().for_each(|task| task.abort());
    }
}

/// The engine's nic of a gateway endpoint.
pub fn gateway_nic(id: &EndpointId) -> NicId {
    NicId(id.to_string())
}

/// Every endpoint.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| vpc_endpoint::all_scopes(snap)).await?;
    Ok(all.into_iter().map(|(scope, endpoint)| (scope, endpoint.id.to_string())).collect())
}

/// Brings what listens in line with the endpoint's record.
pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    if let Some(id) = EndpointId::parse(&id) {
        ensure(ctx, &id).await?;
    }
    Ok(Next::Done)
}

/// Stops listening everywhere, before the networks go.
pub async fn close_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<Endpoints>().close().await;
    Ok(())
}

/// Lets the endpoint listen where its record says, under its policy, and nowhere else.
///
/// # Errors
/// When the engine cannot.
pub async fn ensure(ctx: &Ctx, id: &EndpointId) -> Result<()> {
    let endpoints = ctx.own::<Endpoints>();
    let mut open = endpoints.open.lock().await;
    let read = ctx.read(|snap| {
        let Some(endpoint) = vpc_endpoint::find(snap, ctx.scope(), id)? else { return Ok(None) };
        let interfaces = endpoint.places().iter();
        let interfaces = interfaces.map(|place| network_interface::get(snap, ctx.scope(), &place.interface));
        Ok(Some((interfaces.collect::<Result<Vec<_>>>()?, endpoint)))
    });
    let Some((interfaces, endpoint)) = read.await? else {
        let gone = open.remove(id).map(|open| open.listening).unwrap_or_default();
        // One that was never opened by this process may still have its nic.
        let gone = gone.into_iter().chain([(gateway_nic(id), Listening::new())]);
        return remove(ctx, gone).await;
    };
    let Some(service) = rules::find(&endpoint.word) else { return Ok(()) };
    let entry = open.entry(id.clone()).or_insert_with(|| Open {
        way: Arc::new(way(ctx, &endpoint, service.service)),
        listening: BTreeMap::new(),
    });
    entry.way.set_policy(rules::policy(&endpoint));
    let mut wanted: BTreeMap<NicId, Vec<IpAddr>> = BTreeMap::new();
    for interface in &interfaces {
        network::ensure_managed(ctx, interface).await?;
        let six = interface.ipv6.iter().copied().map(IpAddr::V6);
        let addresses = six.chain([interface.private_ip.into()]).collect();
        wanted.insert(network::nic_id(&interface.id), addresses);
    }
    if let (Kind::Gateway { number, .. }, Some(guise)) = (&endpoint.kind, service.gateway) {
        let nic = gateway_spec(&endpoint, *number, guise);
        wanted.insert(nic.id.clone(), vec![guise.into()]);
        network::ensure_own_nic(ctx, &endpoint.vpc, group(), nic).await?;
    }
    for (nic, addresses) in &wanted {
        let at = entry.listening.entry(nic.clone()).or_default();
        let gone = at.extract_if(.., |address, _| !addresses.contains(address));
        gone.flat_map(|(_, tasks)| tasks).for_each(|task| task.abort());
        for address in addresses {
            if let (false, Some(door)) = (at.contains_key(address), &endpoints.door) {
                at.insert(*address, listen(ctx, nic, *address, &entry.way, door).await?);
            }
        }
    }
    let gone = entry.listening.extract_if(.., |nic, _| !wanted.contains_key(nic));
    remove(ctx, gone).await
}

async fn remove(ctx: &Ctx, gone: impl IntoIterator<Item = (NicId, Listening)>) -> Result<()> {
    for (nic, listening) in gone {
        listening.into_values().flatten().for_each(|task| task.abort());
        network::remove_own_nic(ctx, nic).await?;
    }
    Ok(())
}

fn way(ctx: &Ctx, endpoint: &VpcEndpoint, service: &str) -> PrivateWay {
    let (id, vpc) = (endpoint.id.to_string(), endpoint.vpc.to_string());
    PrivateWay::new(id, vpc, service.to_owned(), ctx.region(), rules::policy(endpoint))
}

/// HTTP and HTTPS from anywhere; nothing begins there.
fn group() -> net::GroupSpec {
    let rule = |port| net::Rule {
        protocol: net::Protocol::Tcp(net::Ports::one(port)),
        peer: net::Peer::Cidr(ipnet::Ipv4Net::default().into()),
    };
    net::GroupSpec { id: GROUP.into(), ingress: rules::PORTS.map(rule).to_vec(), egress: Vec::new() }
}

fn gateway_spec(endpoint: &VpcEndpoint, number: u8, guise: Ipv4Addr) -> NicSpec {
    let address = u32::from(GATEWAY).saturating_add(1).saturating_add(u32::from(number));
    let digits = endpoint.id.as_str().rsplit('-').next().unwrap_or_default();
    NicSpec {
        id: gateway_nic(&endpoint.id),
        network: network::network_id(&endpoint.vpc),
        mac: mac_bytes(&mac(digits)),
        address: Ipv4Addr::from(address),
        prefix_len: 32,
        gateway: GATEWAY,
        groups: vec![GROUP.into()],
        source_check: false,
        carries: false,
        public_address: None,
        secondary: Vec::new(),
        addresses6: Vec::new(),
        guises: vec![guise],
        beside: None,
        mtu: network::MTU,
        watched: false,
    }
}

async fn listen(
    ctx: &Ctx,
    nic: &NicId,
    address: IpAddr,
    way: &Arc<PrivateWay>,
    door: &Arrivals,
) -> Result<Vec<AbortHandle>> {
    let engine = ctx.own::<network::Networks>().engine();
    let mut tasks = Vec::new();
    for port in rules::PORTS {
        let opened = engine.listen_at(nic.clone(), SocketAddr::new(address, port)).await;
        let accepting = accept(ctx.clone(), opened.map_err(Error::internal)?, way.clone(), door.clone());
        tasks.push(listener::spawn(ctx, accepting));
    }
    Ok(tasks)
}

/// Brings every connection to the door, for ever.
async fn accept(ctx: Ctx, listener: TcpListener, way: Arc<PrivateWay>, door: Arrivals) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let peer = SocketAddr::new(IpAddr::to_canonical(&peer.ip()), peer.port());
                // A door that is gone opens no more.
                if door.send(Arrival { stream, peer, way: way.clone() }).await.is_err() {
                    return;
                }
            }
            Err(error) => listener::pause(&ctx, &error).await,
        }
    }
}
