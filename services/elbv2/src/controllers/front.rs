//! A load balancer as the engine is asked to make it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use balance::{
    Choice, Codes, DoorSpec, Forward, ForwardedFor, FrontSpec, Identity, Manners, MemberSpec, Pattern, Place,
    PoolSpec, Probe, ProbeBy, ProxyHeader, RuleSpec, Speaks, Sticky, Strictness, Upstream,
};
use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use kernel::{Ctx, Result};
use net::NicId;

use super::certificate;
use crate::ops::network;
use crate::rules::arn::Named;
use crate::rules::{health_check, listener_fields, load_balancer as names};
use crate::service::Engines;
use crate::state::action::Action;
use crate::state::condition::Condition;
use crate::state::listener::Listener;
use crate::state::load_balancer::{Kind, LoadBalancer};
use crate::state::node::Nodes;
use crate::state::rule::Rule;
use crate::state::target::Target;
use crate::state::target_group::TargetGroup;
use crate::state::{listener, rule, target, target_group};

/// Asks targets under this name.
const AGENT: &str = "ELB-HealthChecker/2.0";

/// Everything that is stored of a load balancer and that its front follows; `false` where interfaces are not there yet.
pub async fn spec(ctx: &Ctx, of: &LoadBalancer, nodes: &Nodes) -> Result<(FrontSpec, bool)> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let mut doors = Vec::new();
        let mut groups = BTreeMap::new();
        for listener in listener::all(snap, &scope, &of.id)? {
            let rules = rule::all(snap, &scope, &listener.id)?;
            let actions = rules.iter().map(|rule| &rule.action).chain([&listener.action]);
            for id in actions.flat_map(Action::groups).filter_map(id_of) {
                if let Some(group) = target_group::find(snap, &scope, &id)? {
                    let targets = target::all(snap, &scope, &id)?;
                    groups.insert(id, (group, targets));
                }
            }
            doors.push((listener, rules));
        }
        Ok((doors, groups))
    });
    let (doors, groups) = read.await?;
    let near = if of.denies_gateways() { Some(network::near(ctx, &of.vpc).await?) } else { None };
    let places = places(ctx, of, nodes, near.as_ref());
    let complete = places.len() == of.zones.len() * if of.address_type.has_six() { 2 } else { 1 };
    let mut specs = Vec::new();
    for (listener, rules) in &doors {
        let identity = certificate::identity(ctx, listener).await?;
        specs.extend(door(of, listener, rules, identity));
    }
    let spec = FrontSpec {
        id: of.id.as_str().into(),
        names: names::names(&scope, &of.name, &of.dns_name),
        places,
        doors: specs,
        pools: groups.values().map(|(group, targets)| pool(group, targets)).collect(),
        manners: manners(of),
        journal: of.is_logged(),
    };
    Ok((spec, complete))
}

fn id_of(arn: &str) -> Option<String> {
    match Named::of(arn)? {
        Named::TargetGroup { id } => Some(id),
        _ => None,
    }
}

/// Where it stands; by IPv6 for clients that are `near`, where not for all.
fn places(ctx: &Ctx, of: &LoadBalancer, nodes: &Nodes, near: Option<&Vec<IpNet>>) -> Vec<Place> {
    let networks = &ctx.own::<Engines>().networks;
    let place = |node: &nodes::Node| {
        let space = networks.space_of(&NicId(node.interface.clone()))?;
        let at = |(address, known_as, admits)| Place {
            space: Some(space.clone()),
            address,
            known_as,
            admits,
            zone: node.zone.clone(),
        };
        let known_as = of.address_type.is_known_by_four().then(|| node.known_as(of.internal));
        let four = (node.private_ip.into(), known_as, None);
        let six = node.ipv6.map(|six| (six.into(), Some(six.into()), near.cloned()));
        Some(std::iter::once(four).chain(six).map(at).collect::<Vec<_>>())
    };
    nodes.nodes.iter().filter_map(place).flatten().collect()
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().unwrap_or_default())
}

fn manners(of: &LoadBalancer) -> Manners {
    let is_on = |key: &str| of.attribute(key) == "true";
    Manners {
        idle: match of.kind {
            Kind::Application => seconds(of.attribute("idle_timeout.timeout_seconds")),
            Kind::Network => Duration::from_secs(350),
        },
        client_idle: Duration::MAX,
        client_life: seconds(of.attribute("client_keep_alive.seconds")),
        forwarded_for: match of.attribute("routing.http.xff_header_processing.mode") {
            "preserve" => ForwardedFor::Preserve,
            "remove" => ForwardedFor::Remove,
            _ => ForwardedFor::Append,
        },
        forwarded_port: is_on("routing.http.xff_client_port.enabled"),
        keep_host: is_on("routing.http.preserve_host_header.enabled"),
        drop_invalid: is_on("routing.http.drop_invalid_header_fields.enabled"),
        strictness: match of.attribute("routing.http.desync_mitigation_mode") {
            "monitor" => Strictness::Monitor,
            "strictest" => Strictness::Strictest,
            _ => Strictness::Defensive,
        },
        http2: is_on("routing.http2.enabled"),
        cross_zone: is_on("load_balancing.cross_zone.enabled"),
    }
}

/// A listener is one door, or two where it takes streams and datagrams.
fn door(of: &LoadBalancer, listener: &Listener, rules: &[Rule], identity: Option<Identity>) -> Vec<DoorSpec> {
    let port = u16::try_from(listener.port).unwrap_or_default();
    let idle = seconds(listener.attribute("tcp.idle_timeout.seconds"));
    let stream = |tls| Speaks::Stream { tls, idle };
    let ways = match &*listener.protocol {
        "HTTP" => vec![Speaks::Http(None)],
        // Without a certificate, as when it was deleted, the door stays closed.
        "HTTPS" => identity.map(|identity| Speaks::Http(Some(identity))).into_iter().collect(),
        "TLS" => identity.map(|identity| stream(Some(identity))).into_iter().collect(),
        "TCP" => vec![stream(None)],
        "UDP" => vec![Speaks::Datagrams],
        "TCP_UDP" => vec![stream(None), Speaks::Datagrams],
        _ => Vec::new(),
    };
    let tells_tls = of.attribute("routing.http.x_amzn_tls_version_and_cipher_suite.enabled") == "true";
    let rule = |rule: &Rule| RuleSpec {
        conditions: rule.conditions.iter().filter_map(condition).collect(),
        action: action(&rule.action),
    };
    let door = |speaks| DoorSpec {
        port,
        speaks,
        rules: rules.iter().map(rule).collect(),
        otherwise: action(&listener.action),
        server_field: listener.attribute("routing.http.response.server.enabled") != "false",
        fields: fields(listener),
        tls_fields: tells_tls.then(|| tls_fields(listener)).flatten(),
    };
    ways.into_iter().map(door).collect()
}

/// What a listener adds to answers.
fn fields(listener: &Listener) -> Vec<(HeaderName, HeaderValue)> {
    let set = listener_fields::added().filter_map(|(key, name)| {
        let value = Some(listener.attribute(key)).filter(|value| !value.is_empty())?;
        Some((name.parse().ok()?, value.parse().ok()?))
    });
    set.collect()
}

fn tls_fields(listener: &Listener) -> Option<[HeaderName; 2]> {
    let name = |key| listener.attribute(key).parse().ok();
    Some([name(listener_fields::TLS_VERSION)?, name(listener_fields::TLS_SUITE)?])
}

fn action(of: &Action) -> balance::Action {
    match of {
        Action::Forward { groups, sticky_s } => {
            let pools = groups.iter().filter_map(|(arn, weight)| {
                Some((id_of(arn)?.as_str().into(), u32::try_from(*weight).unwrap_or_default()))
            });
            let sticky = sticky_s.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
            balance::Action::Forward(Forward { pools: pools.collect(), sticky })
        }
        Action::Redirect { permanent, protocol, host, port, path, query } => {
            balance::Action::Redirect(balance::Redirect {
                permanent: *permanent,
                protocol: protocol.clone(),
                host: host.clone(),
                port: port.clone(),
                path: path.clone(),
                query: query.clone(),
            })
        }
        Action::Fixed { status, content_type, body } => balance::Action::Answer {
            status: StatusCode::from_u16(*status).unwrap_or(StatusCode::OK),
            content_type: content_type.clone().unwrap_or_else(|| "text/plain; charset=utf-8".to_owned()),
            body: body.clone().unwrap_or_default(),
        },
    }
}

fn condition(of: &Condition) -> Option<balance::Condition> {
    let exact = |values: &[String]| values.iter().map(|value| Pattern::new(value)).collect();
    let any_case = |values: &[String]| values.iter().map(|value| Pattern::any_case(value)).collect();
    Some(match of {
        Condition::Host(values) => balance::Condition::Host(any_case(values)),
        Condition::Path(values) => balance::Condition::Path(exact(values)),
        Condition::Header { name, values } => {
            balance::Condition::Header(name.to_ascii_lowercase().parse().ok()?, any_case(values))
        }
        Condition::Method(values) => balance::Condition::Method(values.clone()),
        Condition::Query(pairs) => {
            let pair = |(key, value): &(Option<String>, String)| {
                (key.as_deref().map(Pattern::escaped), Pattern::escaped(value))
            };
            balance::Condition::Query(pairs.iter().map(pair).collect())
        }
        Condition::Source(ranges) => {
            balance::Condition::Source(ranges.iter().filter_map(|range| range.parse().ok()).collect())
        }
    })
}

fn pool(group: &TargetGroup, targets: &[Target]) -> PoolSpec {
    let duration = |key: &str| seconds(group.attribute(key));
    let version = group.protocol_version.as_deref();
    let sticky = || match group.attribute("stickiness.type") {
        "app_cookie" => Sticky::Application {
            name: group.attribute("stickiness.app_cookie.cookie_name").to_owned(),
            cookie: "AWSALBAPP-0",
            life: Some(duration("stickiness.app_cookie.duration_seconds")),
        },
        "lb_cookie" => {
            Sticky::Ours { cookie: "AWSALB", life: Some(duration("stickiness.lb_cookie.duration_seconds")) }
        }
        _ => Sticky::Source,
    };
    PoolSpec {
        id: group.id.as_str().into(),
        members: targets.iter().filter(|target| target.out_of_service.is_none()).map(member).collect(),
        protocol: match (group.is_http(), version) {
            (false, _) => Upstream::Bytes,
            (true, Some("HTTP2")) => Upstream::Http2,
            (true, Some("GRPC")) => Upstream::Grpc,
            (true, _) => Upstream::Http1,
        },
        tls: matches!(&*group.protocol, "HTTPS" | "TLS"),
        choice: match group.attribute("load_balancing.algorithm.type") {
            "least_outstanding_requests" => Choice::LeastOutstanding,
            "weighted_random" => Choice::Random,
            _ => Choice::RoundRobin,
        },
        sticky: (group.attribute("stickiness.enabled") == "true").then(sticky),
        slow_start: duration("slow_start.duration_seconds"),
        probe: group.check.enabled.then(|| probe(group)),
        proxy_header: match group.attribute("proxy_protocol_v2.enabled") {
            "true" => ProxyHeader::V2,
            _ => ProxyHeader::None,
        },
        // Answers of what is outside of the VPC would not come back.
        keep_source: group.attribute("preserve_client_ip.enabled") == "true"
            && targets.iter().all(|target| target.zone.is_some()),
        fail_open: true,
        end_of_ill: group.attribute("target_health_state.unhealthy.connection_termination.enabled") == "true",
        end_of_gone: group.attribute("deregistration_delay.connection_termination.enabled") == "true",
        cross_zone: group.attribute("load_balancing.cross_zone.enabled").parse().ok(),
    }
}

fn member(target: &Target) -> MemberSpec {
    MemberSpec {
        id: target.key().as_str().into(),
        address: SocketAddr::new(target.address, u16::try_from(target.port).unwrap_or_default()),
        zone: target.zone.clone(),
        draining: target.draining_since.is_some(),
    }
}

fn probe(group: &TargetGroup) -> Probe {
    let check = &group.check;
    let by = match &*check.protocol {
        "TCP" => ProbeBy::Connect,
        protocol => ProbeBy::Http {
            path: check.path.clone().unwrap_or_else(|| "/".to_owned()),
            tls: protocol == "HTTPS",
            codes: Codes(
                check.matcher.as_deref().and_then(health_check::codes).unwrap_or_else(|| vec![(200, 200)]),
            ),
            version: match group.protocol_version.as_deref() {
                Some("HTTP2") => Upstream::Http2,
                Some("GRPC") => Upstream::Grpc,
                _ => Upstream::Http1,
            },
            agent: AGENT,
        },
    };
    let time = |seconds: i32| Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
    Probe {
        by,
        port: check.port.parse().ok(),
        every: time(check.interval_s),
        timeout: time(check.timeout_s),
        healthy_after: u32::try_from(check.healthy).unwrap_or(5),
        unhealthy_after: u32::try_from(check.unhealthy).unwrap_or(2),
    }
}
