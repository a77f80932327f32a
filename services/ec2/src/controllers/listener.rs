//! The services inside a VPC that instances find at fixed addresses: metadata and names. Opened with the first instance
//! of a VPC, in its network, so that no other network reaches them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{AbortHandle, abortable};
use kernel::{Ctx, Error, Result};
use tokio::sync::Mutex;

use super::{dns, imds, network};
use crate::service::Engines;
use crate::state::id::VpcId;
use crate::state::vpc;

const HTTP_PORT: u16 = 80;
const DNS_PORT: u16 = 53;
const PAUSE_MS: i64 = 100;

/// What listens, by VPC.
#[derive(Default)]
pub struct Listeners {
    open: Mutex<BTreeMap<VpcId, Vec<AbortHandle>>>,
    watching: AtomicBool,
}

impl Listeners {
    /// `true` once: who gets it watches the machines, for as long as the process lives.
    pub fn begin_watch(&self) -> bool {
        !self.watching.swap(true, Ordering::Relaxed)
    }

    /// Stops listening in a VPC that goes.
    pub async fn close_of(&self, vpc: &VpcId) {
        let tasks = self.open.lock().await.remove(vpc);
        tasks.into_iter().flatten().for_each(|task| task.abort());
    }

    /// Stops listening everywhere.
    pub async fn close(&self) {
        let open = std::mem::take(&mut *self.open.lock().await);
        open.into_values().flatten().for_each(|task| task.abort());
    }
}

/// Listens in the network of `vpc`, which the engine has.
///
/// # Errors
/// When the engine cannot.
pub async fn ensure(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    let mut open = ctx.own::<Listeners>().open.lock().await;
    if open.contains_key(vpc) {
        return Ok(());
    }
    let record = ctx.read(|snap| vpc::get(snap, ctx.scope(), vpc)).await?;
    let engine = &ctx.own::<Engines>().networks;
    let network = network::network_id(vpc);
    let at = |address: Ipv4Addr, port| SocketAddrV4::new(address, port);
    let http = engine.listen_tcp(network.clone(), at(net::METADATA, HTTP_PORT));
    let http = http.await.map_err(Error::internal)?;
    let mut tasks = vec![spawn(ctx, imds::serve(ctx.clone(), vpc.clone(), http))];
    if record.dns_support {
        for address in [network::resolver(&record), net::RESOLVER] {
            let socket = engine.bind_udp(network.clone(), at(address, DNS_PORT));
            let socket = socket.await.map_err(Error::internal)?;
            tasks.push(spawn(ctx, dns::serve_datagrams(ctx.clone(), vpc.clone(), socket)));
            let listener = engine.listen_tcp(network.clone(), at(address, DNS_PORT));
            let listener = listener.await.map_err(Error::internal)?;
            tasks.push(spawn(ctx, dns::serve_streams(ctx.clone(), vpc.clone(), listener)));
        }
    }
    open.insert(vpc.clone(), tasks);
    Ok(())
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
