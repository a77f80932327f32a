//! The metadata service at 169.254.169.254: who asks is known by the address it asks from (EC2 user guide, "Use the
//! Instance Metadata Service").

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use kernel::{Ctx, Result, Scope};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{listener, role_credentials};
use crate::rules::imds::{self, Facts, SpotFacts};
use crate::rules::imds_network::InterfaceFacts;
use crate::rules::spot::Spot;
use crate::rules::{image, imds_role, instant, launch, private_name, spot_view};
use crate::state::id::{Id, VpcId};
use crate::state::instance::{self, Instance};
use crate::state::network_interface::NetworkInterface;
use crate::state::{ipv6, network_interface, scheduled_event, security_group, subnet, tag, vpc};

const TOKEN_PATH: &str = "/latest/api/token";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const FORWARDED: &str = "x-forwarded-for";
/// What tokens are sealed for.
const TOKEN_SEAL: &str = "imds-token";
/// Connections at once, in one VPC.
const CONNECTIONS_MAX: usize = 256;
const IDLE: Duration = Duration::from_secs(30);
/// Of answers without a limit of their own (RFC 1700).
const HOPS_DEFAULT: u8 = 64;

/// Serves the instances of a VPC for ever.
pub async fn serve(ctx: Ctx, vpc: VpcId, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, peer)) => {
                connections.spawn(serve_one(ctx.clone(), vpc.clone(), peer.ip(), stream));
            }
            Err(error) => listener::pause(&ctx, &error).await,
        }
    }
}

async fn serve_one(ctx: Ctx, vpc: VpcId, peer: IpAddr, stream: TcpStream) {
    let stream = Arc::new(stream);
    let hops = stream.clone();
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (ctx, vpc, stream) = (ctx.clone(), vpc.clone(), hops.clone());
        async move {
            let (parts, _) = request.into_parts();
            let answer = respond(&ctx, &vpc, peer, &parts.method, parts.uri.path(), &parts.headers).await;
            // A socket that refuses has lost its peer.
            let _ = net::set_hop_limit(&stream, answer.hop_limit.unwrap_or(HOPS_DEFAULT));
            Ok::<_, Infallible>(answer.response)
        }
    });
    let mut http = http1::Builder::new();
    let served = http.timer(TokioTimer::new()).header_read_timeout(IDLE);
    if let Err(error) = served.serve_connection(TokioIo::new(Shared(stream)), service).await {
        tracing::debug!(%error, "a connection to the metadata service ended early");
    }
}

/// What is answered, and how far the answer may travel.
#[derive(Debug)]
pub struct Answer {
    pub response: Response<Full<Bytes>>,
    pub hop_limit: Option<u8>,
}

impl From<Response<Full<Bytes>>> for Answer {
    fn from(response: Response<Full<Bytes>>) -> Self {
        Self { response, hop_limit: None }
    }
}

/// Answers the instance that has the address `peer` in `vpc`.
pub async fn respond(
    ctx: &Ctx,
    vpc: &VpcId,
    peer: IpAddr,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let instance = match ctx.read(|snap| find_instance(snap, ctx.scope(), vpc, peer)).await {
        Ok(Some(it)) if it.metadata.enabled && (peer.is_ipv4() || it.metadata.ipv6) => it,
        Ok(_) => return refuse(StatusCode::FORBIDDEN).into(),
        Err(error) => {
            tracing::error!(%error, cause = error.cause().map(tracing::field::display), "metadata unreadable");
            return refuse(StatusCode::INTERNAL_SERVER_ERROR).into();
        }
    };
    if *method == Method::PUT && path == TOKEN_PATH {
        return give_token(ctx, &instance, header(TOKEN_TTL), headers.contains_key(FORWARDED));
    }
    if *method != Method::GET && *method != Method::HEAD {
        return refuse(StatusCode::METHOD_NOT_ALLOWED).into();
    }
    let may = match header(TOKEN) {
        Some(token) => is_valid(ctx, &instance, token),
        None => !instance.metadata.tokens_required,
    };
    if !may {
        return refuse(StatusCode::UNAUTHORIZED).into();
    }
    match facts_for(ctx, &instance, path).await {
        Ok(facts) => match imds::get(path, &facts) {
            Some(body) => plain(StatusCode::OK, body).into(),
            None => refuse(StatusCode::NOT_FOUND).into(),
        },
        Err(error) => {
            tracing::error!(%error, cause = error.cause().map(tracing::field::display), "metadata unreadable");
            refuse(StatusCode::INTERNAL_SERVER_ERROR).into()
        }
    }
}

/// With the documents about its role, where the path may lead to them.
async fn facts_for(ctx: &Ctx, instance: &Instance, path: &str) -> Result<Facts> {
    let facts = ctx.read(|snap| facts(snap, ctx.scope(), instance)).await?;
    let Some(profile) = instance.profile.as_ref().filter(|_| imds_role::is_about(path)) else {
        return Ok(facts);
    };
    let role = Some(role_credentials::facts(ctx, instance, profile).await?);
    Ok(Facts { role, ..facts })
}

/// A token says whose it is and when it ends; the seal says that we said so.
fn give_token(ctx: &Ctx, instance: &Instance, ttl: Option<&str>, forwarded: bool) -> Answer {
    if forwarded {
        return refuse(StatusCode::FORBIDDEN).into();
    }
    let Some(ttl_s) = imds::token_ttl_s(ttl) else { return refuse(StatusCode::BAD_REQUEST).into() };
    let position = format!("{} {}", instance.id, ctx.now() + ttl_s * 1_000);
    let token = ctx.seal_page(TOKEN_SEAL, position.as_bytes());
    let mut response = plain(StatusCode::OK, token.into_bytes());
    response.headers_mut().insert(TOKEN_TTL, HeaderValue::from(ttl_s));
    Answer { response, hop_limit: Some(instance.metadata.hop_limit) }
}

fn is_valid(ctx: &Ctx, instance: &Instance, token: &str) -> bool {
    let Some(position) = ctx.open_page(TOKEN_SEAL, token) else { return false };
    let text = String::from_utf8(position).unwrap_or_default();
    let ends_at =
        text.strip_prefix(instance.id.as_str()).and_then(|rest| rest.trim_start().parse::<i64>().ok());
    ends_at.is_some_and(|at| at > ctx.now())
}

fn plain(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(SERVER, HeaderValue::from_static("EC2ws"));
    response
}

fn refuse(status: StatusCode) -> Response<Full<Bytes>> {
    let reason = status.canonical_reason().unwrap_or_default();
    plain(status, format!("{} - {reason}\n", status.as_u16()).into_bytes())
}

fn find_instance(
    from: &mut impl kernel::tx::Reader,
    scope: &Scope,
    vpc: &VpcId,
    peer: IpAddr,
) -> Result<Option<Instance>> {
    let found = match peer {
        IpAddr::V4(peer) => network_interface::find_by_private_ip(from, scope, vpc, peer)?,
        IpAddr::V6(peer) => ipv6::find_holder(from, scope, vpc, peer)?,
    };
    match found {
        Some(interface) => match interface.instance() {
            Some(id) => instance::find(from, scope, id),
            None => Ok(None),
        },
        None => Ok(None),
    }
}

fn spot_facts(spot: &Spot) -> SpotFacts {
    SpotFacts {
        rebalance: spot.rebalance_at.map(instant::iso),
        action: spot.coming().map(|coming| (spot_view::behavior(spot.behavior), instant::iso(coming.at))),
    }
}

fn interface_facts(
    from: &mut impl kernel::tx::Reader,
    scope: &Scope,
    interface: &NetworkInterface,
) -> Result<InterfaceFacts> {
    let mut groups = Vec::with_capacity(interface.groups.len());
    for id in &interface.groups {
        groups.push((id.to_string(), security_group::get(from, scope, id)?.name));
    }
    let subnet = subnet::get(from, scope, &interface.subnet)?;
    let public = |private| interface.public_ips().find(|it| interface.private_of(*it) == Some(private));
    Ok(InterfaceFacts {
        device: interface.attachment.as_ref().map_or(0, |held| held.device_index),
        id: interface.id.to_string(),
        mac: interface.mac.clone(),
        addresses: interface.private_ips().map(|private| (private, public(private))).collect(),
        ipv6: interface.ipv6.iter().map(ToString::to_string).collect(),
        subnet_id: subnet.id.to_string(),
        subnet_cidr: subnet.cidr.to_string(),
        subnet_cidrs6: subnet.ipv6.iter().map(|block| block.cidr.to_string()).collect(),
        groups,
    })
}

fn facts(from: &mut impl kernel::tx::Reader, scope: &Scope, instance: &Instance) -> Result<Facts> {
    let first = network_interface::get(from, scope, &instance.interface)?;
    let first = interface_facts(from, scope, &first)?;
    let further = network_interface::further_of(from, scope, &instance.id)?;
    let further = further.iter().map(|one| interface_facts(from, scope, one)).collect::<Result<_>>()?;
    let tags = if instance.metadata.tags { Some(tag::of(from, scope, &instance.id)?) } else { None };
    let user_data = instance.user_data.as_deref().map(launch::decode);
    let vpc = vpc::get(from, scope, &instance.vpc)?;
    Ok(Facts {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        zone: instance.zone.clone(),
        partition: scope.partition().to_string(),
        instance_id: instance.id.to_string(),
        instance_type: instance.instance_type.clone(),
        image_id: instance.image.to_string(),
        architecture: image::architecture(),
        reservation_id: instance.reservation.to_string(),
        launch_index: instance.launch_index,
        launched_at: instant::iso(instance.launched_at),
        private_ip: instance.private_ip,
        hostname: private_name::full_name(scope.region.as_str(), instance),
        has_public_name: vpc.gives_names(),
        first,
        further,
        vpc_id: instance.vpc.to_string(),
        vpc_cidrs: vpc.cidrs().iter().map(ToString::to_string).collect(),
        vpc_cidrs6: vpc.cidrs6().iter().map(ToString::to_string).collect(),
        key: instance.key_name.clone().zip(instance.public_key.clone()),
        user_data,
        tags,
        role: None,
        has_role: instance.profile.is_some(),
        events: scheduled_event::of_instance(from, scope, &instance.id)?,
        spot: instance.spot.as_ref().map(spot_facts),
    })
}

/// A connection that the HTTP server reads and writes while we keep a hand on its socket.
struct Shared(Arc<TcpStream>);

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(out.initialize_unfilled()) {
                Ok(count) => {
                    out.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The socket closes when both hands have let go of it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
