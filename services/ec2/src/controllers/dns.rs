//! The name server of a VPC, at base+2 and at 169.254.169.253 (VPC user guide, "Amazon DNS server"; RFC 1035).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use kernel::{Ctx, Names};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::listener;
use crate::rules::dns::{Answer, Asked, answer};
use crate::rules::vpc_endpoint::{self as names, Named};
use crate::state::id::{InstanceId, VpcId};
use crate::state::vpc_endpoint::{Records, VpcEndpoint};
use crate::state::{instance, network_interface, public_address, vpc, vpc_endpoint};

/// Seconds an answer may be kept.
const TTL_S: u32 = 60;
const DATAGRAM_BYTES_MAX: usize = 4_096;
const STREAMS_MAX: usize = 64;
const QUESTIONS_MAX: usize = 256;
const DNS_PORT: u16 = 53;
/// Name servers of the world that are asked, in their order, and how long each may take.
const SERVERS_MAX: usize = 3;
const FORWARD_TIME_MAX: Duration = Duration::from_secs(2);
const STREAM_IDLE: Duration = Duration::from_secs(10);

/// Who knows names of the house besides EC2's own, where somebody does.
pub struct NamesPlug(pub Option<Arc<dyn Names>>);

/// Answers datagrams for ever, several at once: one may wait for the world.
pub async fn serve_datagrams(ctx: Ctx, vpc: VpcId, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut asked = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        while asked.try_join_next().is_some() {}
        while asked.len() >= QUESTIONS_MAX {
            asked.join_next().await;
        }
        match socket.recv_from(&mut buffer).await {
            Ok((length, peer)) => {
                let question = buffer.get(..length).unwrap_or_default().to_vec();
                let (ctx, vpc, socket) = (ctx.clone(), vpc.clone(), socket.clone());
                asked.spawn(async move {
                    if let Some(reply) = respond(&ctx, &vpc, &question).await {
                        // A peer that has gone does not miss its answer.
                        let _ = socket.send_to(&reply, peer).await;
                    }
                });
            }
            Err(error) => listener::pause(&ctx, &error).await,
        }
    }
}

/// Answers connections for ever.
pub async fn serve_streams(ctx: Ctx, vpc: VpcId, listener: TcpListener) {
    let mut streams = JoinSet::new();
    loop {
        while streams.len() >= STREAMS_MAX {
            streams.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => drop(streams.spawn(serve_stream(ctx.clone(), vpc.clone(), stream))),
            Err(error) => listener::pause(&ctx, &error).await,
        }
    }
}

async fn serve_stream(ctx: Ctx, vpc: VpcId, mut stream: TcpStream) {
    while let Ok(Some(())) = tokio::time::timeout(STREAM_IDLE, serve_one(&ctx, &vpc, &mut stream)).await {}
}

/// One question on a stream: two bytes of length before each message. `None` ends it.
async fn serve_one(ctx: &Ctx, vpc: &VpcId, stream: &mut TcpStream) -> Option<()> {
    let length = stream.read_u16().await.ok()?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.ok()?;
    let reply = respond(ctx, vpc, &message).await?;
    stream.write_u16(u16::try_from(reply.len()).ok()?).await.ok()?;
    stream.write_all(&reply).await.ok()
}

/// The reply to a message; `None` when it is no question that could be replied to.
pub async fn respond(ctx: &Ctx, vpc: &VpcId, message: &[u8]) -> Option<Vec<u8>> {
    let query = Message::from_vec(message).ok()?;
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&query.queries);
    let question = match (query.metadata.op_code, query.queries.as_slice()) {
        (OpCode::Query, [question]) if question.query_class() == DNSClass::IN => question,
        (OpCode::Query, _) => return fail(reply, ResponseCode::FormErr),
        _ => return fail(reply, ResponseCode::NotImp),
    };
    let asked = match question.query_type() {
        RecordType::A => Asked::A,
        RecordType::AAAA => Asked::Aaaa,
        RecordType::PTR => Asked::Ptr,
        _ => Asked::Other,
    };
    let name = question.name().to_ascii();
    let mut say = |data| {
        reply.answers.push(Record::from_rdata(question.name().clone(), TTL_S, data));
    };
    if let Some(found) = endpoint_addresses(ctx, vpc, &name).await {
        if found.is_empty() {
            return fail(reply, ResponseCode::NXDomain);
        }
        found.into_iter().filter_map(|address| of_family(address, asked)).for_each(say);
        return reply.to_vec().ok();
    }
    if let Some(found) = ctx.own::<NamesPlug>().0.as_ref().and_then(|names| names.find(&name)) {
        found.into_iter().filter_map(|address| of_family(address, asked)).for_each(say);
        return reply.to_vec().ok();
    }
    match answer(ctx.region().as_str(), &name, asked) {
        Answer::Address(address) if address == net::METADATA || gives_names(ctx, vpc).await => {
            say(RData::A(A(address)));
        }
        Answer::Name(name) if gives_names(ctx, vpc).await => match Name::from_ascii(format!("{name}.")) {
            Ok(name) => say(RData::PTR(PTR(name))),
            Err(_) => return fail(reply, ResponseCode::ServFail),
        },
        Answer::Address(_) | Answer::Name(_) => return fail(reply, ResponseCode::NXDomain),
        Answer::Public(address) => match private_address(ctx, address).await {
            Some(private) => say(RData::A(A(private))),
            None => return fail(reply, ResponseCode::NXDomain),
        },
        Answer::Resource(id) => match records(ctx, vpc, &id).await {
            Some((four, _)) if asked == Asked::A => four.into_iter().for_each(|it| say(RData::A(A(it)))),
            Some((_, six)) if asked == Asked::Aaaa => {
                six.into_iter().for_each(|it| say(RData::AAAA(AAAA(it))));
            }
            Some(_) => {}
            None => return fail(reply, ResponseCode::NXDomain),
        },
        Answer::NoData => {}
        Answer::NoName => {
            let told = forward(ctx, message).await;
            return told.or_else(|| fail(reply, ResponseCode::NXDomain));
        }
    }
    reply.to_vec().ok()
}

/// The record of an address, where it was asked for addresses of its family.
fn of_family(address: IpAddr, asked: Asked) -> Option<RData> {
    match (address, asked) {
        (IpAddr::V4(address), Asked::A) => Some(RData::A(A(address))),
        (IpAddr::V6(address), Asked::Aaaa) => Some(RData::AAAA(AAAA(address))),
        _ => None,
    }
}

fn fail(mut reply: Message, code: ResponseCode) -> Option<Vec<u8>> {
    reply.metadata.response_code = code;
    reply.to_vec().ok()
}

/// The addresses behind a name of a service or of an endpoint; `None` where the name is neither's.
async fn endpoint_addresses(ctx: &Ctx, vpc: &VpcId, name: &str) -> Option<Vec<IpAddr>> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let named = names::named(ctx.region().as_str(), &name)?;
    let is_installed = |service: &str| ctx.house().services().any(|def| def.name == service);
    let read = ctx.read(|snap| {
        let scope = ctx.scope();
        let (endpoint, zone, public) = match &named {
            Named::Service(service) => {
                let all = vpc_endpoint::of_vpc(snap, scope, vpc)?;
                let own = |it: &VpcEndpoint| it.word == service.word && it.has_private_dns();
                let public = service.gateway.filter(|_| is_installed(service.service));
                (all.into_iter().find(own), None, public)
            }
            Named::Endpoint { id, suffix, zone, word } => {
                let found = vpc_endpoint::find(snap, scope, id)?;
                (found.filter(|it| it.suffix == *suffix && it.word == *word), zone.as_deref(), None)
            }
        };
        let Some(endpoint) = endpoint else { return Ok(public.into_iter().map(IpAddr::V4).collect()) };
        let records = endpoint.stack().records;
        let mut addresses = Vec::new();
        for place in endpoint.places() {
            let interface = network_interface::get(snap, scope, &place.interface)?;
            if zone.is_none_or(|zone| zone == interface.zone) {
                let six = interface.ipv6.iter().copied().map(IpAddr::V6);
                addresses.extend(six.filter(|_| records != Records::Ipv4));
                addresses.extend((records != Records::Ipv6).then_some(IpAddr::V4(interface.private_ip)));
            }
        }
        Ok(addresses)
    });
    // A name that cannot be looked up now is asked for again.
    read.await.ok()
}

/// The name servers of the world, asked for names nobody here knows. Without any, such names do not exist.
pub struct NameServers(pub Vec<SocketAddr>);

impl NameServers {
    /// Addresses, some with a port, with spaces between; what is none is left out.
    pub fn parse(text: &str) -> Self {
        let at = |address: IpAddr| SocketAddr::new(address, DNS_PORT);
        let read = |one: &str| one.parse().ok().or_else(|| one.parse().ok().map(at));
        Self(text.split_whitespace().filter_map(read).take(SERVERS_MAX).collect())
    }
}

/// What the first of the world's name servers to answer says, word for word.
async fn forward(ctx: &Ctx, message: &[u8]) -> Option<Vec<u8>> {
    for server in &ctx.own::<NameServers>().0 {
        if let Ok(Ok(reply)) = tokio::time::timeout(FORWARD_TIME_MAX, ask(*server, message)).await {
            return Some(reply);
        }
    }
    None
}

async fn ask(server: SocketAddr, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(message).await?;
    let mut reply = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let length = socket.recv(&mut reply).await?;
        let told = reply.get(..length).unwrap_or_default();
        // Two bytes of id: what answers another question is left.
        if told.get(..2) == message.get(..2) {
            return Ok(told.to_vec());
        }
    }
}

/// Whether names of the VPC's own addresses are known there.
async fn gives_names(ctx: &Ctx, vpc: &VpcId) -> bool {
    let found = ctx.read(|snap| vpc::find(snap, ctx.scope(), vpc)).await;
    found.is_ok_and(|found| found.is_some_and(|vpc| vpc.gives_names()))
}

/// What the name of an instance after its id stands for, as its options say; `None` where there is no such name.
async fn records(ctx: &Ctx, vpc: &VpcId, id: &InstanceId) -> Option<(Option<Ipv4Addr>, Option<Ipv6Addr>)> {
    let found = ctx.read(|snap| {
        let Some(it) = instance::find(snap, ctx.scope(), id)? else { return Ok(None) };
        // One that stayed when its instance ended may be another's by now.
        let interface = network_interface::find(snap, ctx.scope(), &it.interface)?
            .filter(|interface| interface.instance() == Some(id) && it.vpc == *vpc);
        Ok(interface.map(|interface| (it.names, interface)))
    });
    let (names, interface) = found.await.ok().flatten()?;
    let is_named = (names.a_record || names.aaaa_record) && gives_names(ctx, vpc).await;
    let six = interface.ipv6.first().copied().filter(|_| names.aaaa_record);
    is_named.then_some((names.a_record.then_some(interface.private_ip), six))
}

/// Inside its own account a public name means the private address; from elsewhere the public one.
async fn private_address(ctx: &Ctx, public: Ipv4Addr) -> Option<Ipv4Addr> {
    let found = ctx.read(|snap| {
        let Some(holder) = public_address::find_holder(snap, public)? else { return Ok(None) };
        let Some(interface) = holder.interface else { return Ok(None) };
        let found = network_interface::find(snap, &holder.scope, &interface)?;
        let Some(found) = found else { return Ok(None) };
        let vpc = vpc::find(snap, &holder.scope, &found.vpc)?;
        let shown = if holder.scope == *ctx.scope() { found.private_of(public) } else { Some(public) };
        Ok(shown.filter(|_| vpc.is_some_and(|vpc| vpc.gives_names())))
    });
    found.await.ok().flatten()
}
