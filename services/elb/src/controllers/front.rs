//! A load balancer as the engine is asked to make it: a door and a pool for every listener.

use std::net::SocketAddr;
use std::time::Duration;

use balance::{
    Action, Choice, DoorSpec, Forward, ForwardedFor, FrontSpec, Manners, MemberSpec, Place, PoolId, PoolSpec,
    ProxyHeader, Speaks, Sticky, Strictness, Upstream,
};
use kernel::{Ctx, Result};
use net::NicId;
use nodes::Node;

use super::certificate;
use crate::rules::listener::{is_http, is_secure};
use crate::rules::{health_check, load_balancer as rules};
use crate::service::Engines;
use crate::state::instance::{self, Instance};
use crate::state::load_balancer::{self, Listener, LoadBalancer, Says};
use crate::state::node::Nodes;

/// By which clients come back, whichever policy it is.
const COOKIE: &str = "AWSELB";

/// Everything that is stored of a load balancer and that its front follows; `false` where interfaces are not there yet.
pub async fn spec(ctx: &Ctx, of: &LoadBalancer, nodes: &Nodes) -> Result<(FrontSpec, bool)> {
    let scope = *ctx.scope();
    let instances = ctx.read(|snap| instance::all(snap, &scope, &of.id)).await?;
    let places = places(ctx, of, nodes);
    let complete = places.len() == of.zones.len();
    let mut doors = Vec::new();
    for one in &of.listeners {
        doors.extend(speaks(ctx, of, one).await?.map(|speaks| door(one, speaks)));
    }
    let spec = FrontSpec {
        id: load_balancer::front(&of.id),
        names: rules::names(&scope, &of.name, &of.dns_name),
        places,
        doors,
        pools: of.listeners.iter().map(|one| pool(of, one, &instances)).collect(),
        manners: manners(of),
        journal: of.attributes.log.is_some(),
    };
    Ok((spec, complete))
}

fn places(ctx: &Ctx, of: &LoadBalancer, nodes: &Nodes) -> Vec<Place> {
    let networks = &ctx.own::<Engines>().networks;
    let place = |node: &Node| {
        Some(Place {
            space: Some(networks.space_of(&NicId(node.interface.clone()))?),
            address: node.private_ip.into(),
            known_as: Some(node.known_as(of.internal)),
            admits: None,
            zone: node.zone.clone(),
        })
    };
    nodes.nodes.iter().filter_map(place).collect()
}

fn seconds(count: impl TryInto<u64>) -> Duration {
    Duration::from_secs(count.try_into().unwrap_or_default())
}

fn manners(of: &LoadBalancer) -> Manners {
    Manners {
        idle: seconds(of.attributes.idle_s),
        client_idle: Duration::MAX,
        client_life: Duration::MAX,
        forwarded_for: ForwardedFor::Append,
        forwarded_port: false,
        keep_host: true,
        drop_invalid: false,
        strictness: match &*of.attributes.desync {
            "monitor" => Strictness::Monitor,
            "strictest" => Strictness::Strictest,
            _ => Strictness::Defensive,
        },
        http2: false,
        cross_zone: of.attributes.cross_zone,
    }
}

/// Without a certificate, as when it was deleted, the door stays closed.
async fn speaks(ctx: &Ctx, of: &LoadBalancer, listener: &Listener) -> Result<Option<Speaks>> {
    let idle = seconds(of.attributes.idle_s);
    let identity = match &listener.certificate {
        Some(arn) => certificate::identity(ctx, arn).await?,
        None => None,
    };
    let tls = is_secure(&listener.protocol);
    Ok(match (is_http(&listener.protocol), identity) {
        (_, None) if tls => None,
        (true, identity) => Some(Speaks::Http(identity)),
        (false, tls) => Some(Speaks::Stream { tls, idle }),
    })
}

/// A listener's pool is called by its port.
pub fn pool_of(listener: &Listener) -> PoolId {
    listener.port.to_string().as_str().into()
}

fn port(number: i32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

fn door(listener: &Listener, speaks: Speaks) -> DoorSpec {
    DoorSpec {
        port: port(listener.port),
        speaks,
        rules: Vec::new(),
        otherwise: Action::Forward(Forward { pools: vec![(pool_of(listener), 1)], sticky: None }),
        server_field: true,
        fields: Vec::new(),
        tls_fields: None,
    }
}

fn pool(of: &LoadBalancer, listener: &Listener, instances: &[Instance]) -> PoolSpec {
    let http = is_http(&listener.protocol);
    let sticky = of.said(&listener.policies).find_map(|says| match says {
        Says::BalancerCookie(period) => Some(Sticky::Ours { cookie: COOKIE, life: period.map(seconds) }),
        Says::ApplicationCookie(name) => {
            Some(Sticky::Application { name: name.clone(), cookie: COOKIE, life: None })
        }
        _ => None,
    });
    let backend = of.backends.get(&listener.instance_port).map_or(&[][..], Vec::as_slice);
    let tells = !http && of.said(backend).any(|says| *says == Says::ProxyProtocol(true));
    let serving = instances.iter().filter(|one| one.out_of_service.is_none());
    PoolSpec {
        id: pool_of(listener),
        members: serving.map(|one| member(one, listener.instance_port)).collect(),
        protocol: if http { Upstream::Http1 } else { Upstream::Bytes },
        tls: is_secure(&listener.instance_protocol),
        // User guide, "Request routing": streams in turn, requests where the fewest are under way.
        choice: if http { Choice::LeastOutstanding } else { Choice::RoundRobin },
        sticky,
        slow_start: Duration::ZERO,
        probe: health_check::probe(&of.check),
        proxy_header: if tells { ProxyHeader::V1 } else { ProxyHeader::None },
        keep_source: false,
        fail_open: false,
        end_of_ill: false,
        end_of_gone: true,
        cross_zone: None,
    }
}

fn member(of: &Instance, to: i32) -> MemberSpec {
    MemberSpec {
        id: of.id.as_str().into(),
        address: SocketAddr::from((of.address, port(to))),
        zone: Some(of.zone.clone()),
        draining: of.draining_since.is_some(),
    }
}
