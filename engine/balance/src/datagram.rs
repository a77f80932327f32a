//! Datagrams carried to members and back, by flow.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::counters::add;
use crate::live::{LivePlace, Member, Slot, Underway};
use crate::spec::PoolId;
use crate::stream::{choose, is_parted, pool_of, source};

/// Flows at once at one door and thread; the next client waits until one has ended.
const FLOWS_MAX: usize = 4_096;
/// Silence that ends a flow.
const IDLE_S: u32 = 120;
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// A client and its member.
struct Flow {
    socket: Arc<UdpSocket>,
    member: Arc<Member>,
    pool: PoolId,
    last: Arc<AtomicU32>,
    reader: tokio::task::AbortHandle,
    _underway: Underway,
    place: Arc<LivePlace>,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.place.flows.fetch_sub(1, Ordering::Relaxed);
        self.reader.abort();
    }
}

fn count(place: &LivePlace, length: usize) {
    let length = u64::try_from(length).unwrap_or(0);
    add(&place.counters.bytes, length);
    add(&place.counters.datagram_bytes, length);
}

/// Carries for ever.
pub(crate) async fn run(socket: UdpSocket, slot: Arc<Slot>, place: Arc<LivePlace>, port: u16) {
    let (socket, clock) = (Arc::new(socket), Arc::new(AtomicU32::new(0)));
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut readers = JoinSet::new();
    let mut second = interval(Duration::from_secs(1));
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let Ok((length, peer)) = received else { continue };
                let Some(bytes) = buffer.get(..length) else { continue };
                let is_over = |flow: &Flow| !flow.member.is_healthy() || is_parted(&slot, &flow.pool, &flow.member);
                if flows.get(&peer).is_some_and(is_over) {
                    flows.remove(&peer);
                }
                if !flows.contains_key(&peer) && flows.len() < FLOWS_MAX && place.spec.lets_in(peer.ip()) {
                    let begun = begin(&slot, &place, port, (peer, &socket), &clock, &mut readers).await;
                    flows.extend(begun.map(|flow| (peer, flow)));
                }
                if let Some(flow) = flows.get(&peer) {
                    flow.last.store(clock.load(Ordering::Relaxed), Ordering::Relaxed);
                    count(&place, length);
                    // Datagrams may be lost.
                    let _ = flow.socket.send(bytes).await;
                }
            }
            _ = second.tick() => {
                let now = clock.fetch_add(1, Ordering::Relaxed) + 1;
                flows.retain(|_, flow| now.saturating_sub(flow.last.load(Ordering::Relaxed)) < IDLE_S);
                while readers.try_join_next().is_some() {}
            }
        }
    }
}

async fn begin(
    slot: &Arc<Slot>,
    place: &Arc<LivePlace>,
    port: u16,
    (peer, front): (SocketAddr, &Arc<UdpSocket>),
    clock: &Arc<AtomicU32>,
    readers: &mut JoinSet<()>,
) -> Option<Flow> {
    let live = slot.get();
    let pool = pool_of(slot, live.door(port, true)?)?;
    let cross_zone = pool.spec.cross_zone.unwrap_or(live.manners.cross_zone);
    let member = choose(&pool, (!cross_zone).then_some(&*place.spec.zone), &[], peer.ip())?;
    let by = source(&pool, member.address, peer);
    let socket = Arc::new(place.space.connect_datagrams(member.address, by).await.ok()?);
    add(&place.counters.flows, 1);
    add(&pool.counters.of(&place.spec.zone).requests, 1);
    let last = Arc::new(AtomicU32::new(clock.load(Ordering::Relaxed)));
    let (from, to, clock, seen) = (socket.clone(), front.clone(), clock.clone(), last.clone());
    let at = place.clone();
    let reader = readers.spawn(async move {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        // Until the flow ends; an unreachable member is no end, it may come back.
        loop {
            let Ok(length) = from.recv(&mut buffer).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            seen.store(clock.load(Ordering::Relaxed), Ordering::Relaxed);
            count(&at, length);
            let _ = to.send_to(buffer.get(..length).unwrap_or_default(), peer).await;
        }
    });
    let underway = member.begin();
    place.flows.fetch_add(1, Ordering::Relaxed);
    let pool = pool.spec.id.clone();
    Some(Flow { socket, member, pool, last, reader, _underway: underway, place: place.clone() })
}
