//! The services inside a VPC that instances find at fixed addresses: metadata and names. Opened with the first instance
//! of a VPC, in its network, so that no other network reaches them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{AbortHandle, abortable};
use kernel::{Ctx, Error, Result};
use tokio::sync::Mutex;

use super::{dns, imds, network};
use crate::service::Engines;
use crate::state::id::VpcId;
use crate::state::network_interface;
use crate::state::vpc::{self, Vpc};

const HTTP_PORT: u16 = 80;
const DNS_PORT: u16 = 53;
const PAUSE_MS: i64 = 100;

/// What listens, by VPC.
#[derive(Default)]
pub struct Listeners {
    open: Mutex<BTreeMap<VpcId, Open>>,
    watching: AtomicBool,
}

/// What listens in one VPC, by the family of its addresses.
#[derive(Default)]
struct Open {
    four: Vec<AbortHandle>,
    six: Vec<AbortHandle>,
}

impl Open {
    fn close(self) {
        self.four.into_iter().chain(self.six).for_each(|task| task.abort());
    }
}

impl Listeners {
    /// `true` once: who gets it watches the machines, for as long as the process lives.
    pub fn begin_watch(&self) -> bool {
        !self.watching.swap(true, Ordering::Relaxed)
    }

    /// Stops listening in a VPC that goes.
    pub async fn close_of(&self, vpc: &VpcId) {
        self.open.lock().await.remove(vpc).into_iter().for_each(Open::close);
    }

    /// Stops listening everywhere.
    pub async fn close(&self) {
        std::mem::take(&mut *self.open.lock().await).into_values().for_each(Open::close);
    }
}

/// Listens in the network of `vpc`, which the engine has.
///
/// # Errors
/// When the engine cannot.
pub async fn ensure(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    let mut open = ctx.own::<Listeners>().open.lock().await;
    if !open.contains_key(vpc) {
        let record = ctx.read(|snap| vpc::get(snap, ctx.scope(), vpc)).await?;
        let names = [IpAddr::V4(network::resolver(&record)), net::RESOLVER.into()];
        let four = listen(ctx, &record, net::METADATA.into(), &names).await?;
        open.insert(vpc.clone(), Open { four, six: listen_six(ctx, &record).await? });
    }
    Ok(())
}

async fn listen_six(ctx: &Ctx, vpc: &Vpc) -> Result<Vec<AbortHandle>> {
    if vpc.cidrs6().is_empty() {
        return Ok(Vec::new());
    }
    listen(ctx, vpc, net::METADATA6.into(), &[net::RESOLVER6.into()]).await
}

/// At an address for metadata, and those for names where the VPC has such a service.
async fn listen(ctx: &Ctx, vpc: &Vpc, metadata: IpAddr, names: &[IpAddr]) -> Result<Vec<AbortHandle>> {
    let engine = &ctx.own::<Engines>().networks;
    let (network, id) = (network::network_id(&vpc.id), &vpc.id);
    let http = engine.listen_tcp(network.clone(), SocketAddr::new(metadata, HTTP_PORT));
    let http = http.await.map_err(Error::internal)?;
    let mut tasks = vec![spawn(ctx, imds::serve(ctx.clone(), id.clone(), http))];
    for address in names.iter().filter(|_| vpc.dns_support) {
        let at = SocketAddr::new(*address, DNS_PORT);
        let socket = engine.bind_udp(network.clone(), at).await.map_err(Error::internal)?;
        tasks.push(spawn(ctx, dns::serve_datagrams(ctx.clone(), id.clone(), socket)));
        let listener = engine.listen_tcp(network.clone(), at).await.map_err(Error::internal)?;
        tasks.push(spawn(ctx, dns::serve_streams(ctx.clone(), id.clone(), listener)));
    }
    Ok(tasks)
}

/// Listens anew where it was listened: the VPC's attributes say otherwise now.
///
/// # Errors
/// When the engine cannot.
pub async fn renew(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    let listeners = ctx.own::<Listeners>();
    if !listeners.open.lock().await.contains_key(vpc) {
        return Ok(());
    }
    listeners.close_of(vpc).await;
    ensure(ctx, vpc).await
}

/// Listens at addresses of IPv6, or no more, where it is listened: the VPC has its first block, or lost its last.
///
/// # Errors
/// When the engine cannot.
pub async fn follow_ipv6(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    let mut all = ctx.own::<Listeners>().open.lock().await;
    let Some(open) = all.get_mut(vpc) else { return Ok(()) };
    let read = ctx.read(|snap| {
        let interfaces = network_interface::all(snap, ctx.scope())?;
        Ok((vpc::get(snap, ctx.scope(), vpc)?, interfaces.iter().any(|interface| interface.vpc == *vpc)))
    });
    let (record, is_used) = read.await?;
    match (record.cidrs6().is_empty(), open.six.is_empty()) {
        (false, true) if is_used => open.six = listen_six(ctx, &record).await?,
        // The engine learns of the block with the next who lives there, and so do we.
        (false, true) => all.remove(vpc).into_iter().for_each(Open::close),
        (true, false) => open.six.drain(..).for_each(|task| task.abort()),
        _ => {}
    }
    Ok(())
}

/// A task that ends with the house, or when it is aborted.
pub(super) fn spawn(ctx: &Ctx, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let (task, handle) = abortable(task);
    ctx.house().spawn(async move {
        // Aborted or ended: both are an end.
        let _ = task.await;
    });
    handle
}

/// After a listener failed: too many files, most likely. It goes on when some are closed.
pub(super) async fn pause(ctx: &Ctx, error: &std::io::Error) {
    tracing::warn!(%error, "a listener in a network failed and goes on");
    ctx.sleep_until(ctx.now() + PAUSE_MS).await;
}
