//! Bytes carried both ways between a client and a member.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::counters::add;
use crate::journal::Draft;
use crate::live::{LiveDoor, LivePlace, LivePool, Member, Slot};
use crate::spec::{Action, Health, PoolId, ProxyHeader, Sticky};
use crate::tally::Tallied;
use crate::upstream::CONNECT_MAX;
use crate::{cookie, pick, tls};

/// Members tried before a client is let go.
const TRIES: usize = 3;
/// Bytes on their way, in each direction.
const BUFFER_BYTES: usize = 64 * 1_024;
/// Begins every PROXY header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Carries until both sides are done.
pub(crate) async fn carry<S>(
    slot: &Arc<Slot>,
    door: &LiveDoor,
    place: &Arc<LivePlace>,
    peer: SocketAddr,
    (client, draft): (S, Option<Draft>),
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let notes = draft.as_ref().map(|draft| draft.notes.clone());
    let mut client = Tallied { stream: client, notes: notes.clone() };
    let Some(pool) = pool_of(slot, door) else { return };
    let cross_zone = pool.spec.cross_zone.unwrap_or_else(|| slot.get().manners.cross_zone);
    let zone = (!cross_zone).then_some(&*place.spec.zone);
    let of_pool = pool.counters.of(&place.spec.zone);
    let mut tried = Vec::new();
    while tried.len() < TRIES {
        let Some(member) = choose(&pool, zone, &tried, peer.ip()) else { return };
        let (underway, asked) = (member.begin(), Instant::now());
        let connecting = async {
            match source(&pool, member.address, peer) {
                Some(by) => place.space.connect_as(member.address, by).await,
                None => place.space.connect(member.address).await,
            }
        };
        let Ok(Ok(mut stream)) = timeout(CONNECT_MAX, connecting).await else {
            add(&place.counters.connect_errors, 1);
            add(&of_pool.connect_errors, 1);
            tried.push(member);
            continue;
        };
        add(&of_pool.requests, 1);
        if let Some(notes) = &notes {
            notes.joined(&pool.spec.id, member.address, asked);
        }
        let local = SocketAddr::from((place.spec.address, door.spec.port));
        let header = match pool.spec.proxy_header {
            ProxyHeader::None => Vec::new(),
            ProxyHeader::V1 => proxy_line(peer, local),
            ProxyHeader::V2 => proxy_header(peer, local),
        };
        if !header.is_empty() && stream.write_all(&header).await.is_err() {
            return;
        }
        tokio::select! {
            () = join(&mut client, stream, &member, pool.spec.tls) => {}
            () = parted(slot, &pool.spec.id, &member) => {}
        }
        drop((underway, draft));
        return;
    }
}

async fn join<S>(client: &mut Tallied<S>, mut stream: TcpStream, member: &Member, tls: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !tls {
        copy(client, &mut stream).await;
    } else if let Ok(mut stream) = tls::connect(stream, member.address, false).await {
        copy(client, &mut stream).await;
    }
}

/// Waits until a stream may not go on with its member.
async fn parted(slot: &Slot, pool: &PoolId, member: &Member) {
    loop {
        let mut told = pin!(member.farewell.notified());
        told.as_mut().enable();
        if is_parted(slot, pool, member) {
            return;
        }
        told.await;
        let live = slot.get();
        let ends = live.pools.get(pool).is_some_and(|pool| pool.spec.end_of_ill);
        if ends && matches!(member.health(), Health::Unhealthy(_)) {
            return;
        }
    }
}

/// Whether a member has left its pool, where that is the end of what it carries.
pub(crate) fn is_parted(slot: &Slot, pool: &PoolId, member: &Member) -> bool {
    member.is_gone() && slot.get().pools.get(pool).is_some_and(|pool| pool.spec.end_of_gone)
}

async fn copy<A, B>(client: &mut A, member: &mut B)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    // Either side may end it in any way.
    let _ = copy_bidirectional_with_sizes(client, member, BUFFER_BYTES, BUFFER_BYTES).await;
}

/// The pool a door of streams or datagrams leads to.
pub(crate) fn pool_of(slot: &Slot, door: &LiveDoor) -> Option<Arc<LivePool>> {
    let Action::Forward(forward) = &door.spec.otherwise else { return None };
    slot.get().pools.get(pick::pool(forward)?).cloned()
}

/// Under which address a member sees a client, if not under the place's own.
pub(crate) fn source(pool: &LivePool, member: SocketAddr, client: SocketAddr) -> Option<SocketAddr> {
    let by = SocketAddr::new(client.ip().to_canonical(), client.port());
    (pool.spec.keep_source && by.is_ipv4() == member.is_ipv4()).then_some(by)
}

/// By the client's address where that is to stick.
pub(crate) fn choose(
    pool: &LivePool,
    zone: Option<&str>,
    tried: &[Arc<Member>],
    client: IpAddr,
) -> Option<Arc<Member>> {
    if pool.spec.sticky == Some(Sticky::Source) && tried.is_empty() {
        let all = pick::near(pool, zone, tried);
        let hash = cookie::hash(client.to_string().as_bytes());
        // Rendezvous: when members change, few clients move.
        let rank = |member: &&Arc<Member>| cookie::hash(&(member.hash ^ hash).to_be_bytes());
        return all.iter().max_by_key(rank).cloned();
    }
    pick::member(pool, zone, tried)
}

/// Who the client is, for members that read a line (PROXY protocol specification, section 2.1).
fn proxy_line(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let (source, target) = (from.ip().to_canonical(), to.ip().to_canonical());
    let family = if source.is_ipv4() && target.is_ipv4() { "TCP4" } else { "TCP6" };
    format!("PROXY {family} {source} {target} {} {}\r\n", from.port(), to.port()).into_bytes()
}

/// Who the client is, for members that read bytes (PROXY protocol specification, section 2.2).
fn proxy_header(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            header.extend([0x21, 0x11, 0, 12]);
            header.extend(source.octets());
            header.extend(target.octets());
        }
        (source, target) => {
            let wide = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            header.extend([0x21, 0x21, 0, 36]);
            header.extend(wide(source).octets());
            header.extend(wide(target).octets());
        }
    }
    header.extend(from.port().to_be_bytes());
    header.extend(to.port().to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_header_names_both_ends() {
        let header = proxy_header("10.0.0.1:4096".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        assert_eq!(header[..12], SIGNATURE);
        assert_eq!(header[12..], [0x21, 0x11, 0, 12, 10, 0, 0, 1, 10, 0, 0, 2, 16, 0, 0, 80]);
        let line = proxy_line("10.0.0.1:4096".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        assert_eq!(line, b"PROXY TCP4 10.0.0.1 10.0.0.2 4096 80\r\n");
    }
}
