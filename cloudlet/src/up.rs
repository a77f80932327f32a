//! `cloudlet up`: the parts put together, served until told to end.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use balance::Fronts;
use kernel::authorize::ByPolicies;
use kernel::clock::{Clock, SystemClock};
use kernel::house::Parts;
use kernel::ids::SystemIds;
use kernel::plugs::ReadInput;
use kernel::snapshot_blocks::SnapshotDesk;
use kernel::{Arrivals, House, Issuer, Mode, Names, Plugs, Sealer};
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing_subscriber::EnvFilter;
use wire::door::{Door, Fittings, Limits, Server, Source, listen};
use wire::route::{Domains, Router};
use wire::tls::Authority;

use crate::balancers::Balancers;
use crate::cli::{Outcome, Problem};
use crate::config::Up;
use crate::engines::{self, Engines};
use crate::front::Front;
use crate::identity::{self, AllCredentials, RootCredentials};
use crate::leftovers::{self, Found};
use crate::lines::{complain, say};
use crate::registry;
use crate::routes::Facts;

/// Connections by endpoints of networks that wait for the door; more wait in their listeners' backlogs.
const ARRIVALS_MAX: usize = 64;
/// Threads for requests: those that wait for the disk do not hold one.
const WORKERS_MAX: usize = 8;

pub(crate) fn run(options: &Up) -> Outcome {
    log(options.debug > 0);
    let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cpus.clamp(2, WORKERS_MAX))
        .enable_all()
        .build()
        .map_err(|e| Problem::new("the runtime does not start", &e))?;
    runtime.block_on(serve(options))
}

fn log(debug: bool) {
    let default = if debug { "debug" } else { "info" };
    let filter = EnvFilter::try_from_env("CLOUDLET_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

async fn serve(options: &Up) -> Outcome {
    let mut told = Told::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let addresses = options.listen_on()?;
    // Bound first: a port that is taken should be heard of before anything is touched.
    let listeners = bind(&addresses)?;
    let folder = DataFolder::open(options)?;
    let data = folder.path();
    let credentials = who_may_come_in(options, &addresses, data)?;
    // The store waits for its disk, the engines for the kernel: beside each other.
    let place = data.join("store");
    let store = tokio::task::spawn_blocking(move || Store::open(place, &store::Options::default()));
    let engines = match engines::open(data, &options.public_cidr, options.internet).await {
        Ok(engines) => engines,
        // Where the folder is another's, that is what is wrong.
        Err(problem) => return opened(store).await.and(Err(problem)),
    };
    let objects = match options.remote_objects()? {
        Some(remote) => blob::Blobs::remote(&remote),
        None => blob::Blobs::local(data.join("objects")),
    };
    let objects = objects.map_err(|e| Problem::new("the bytes of objects cannot be kept", &e))?;
    let (arrivals, arriving) = mpsc::channel(ARRIVALS_MAX);
    let balancers = Arc::new(Balancers::start()?);
    let tls = Authority::new(data.join("tls"), clock.clone());
    let plugs = plugs(options, &engines, data)
        .with(objects)
        .with::<Arrivals>(arrivals)
        .with::<Arc<dyn Issuer>>(tls.clone())
        .with::<Arc<dyn Fronts>>(balancers.0.clone())
        .with::<Arc<dyn Names>>(balancers.clone());
    let ends_instances = options.stop_instances || folder.is_temporary();
    let plugs = if ends_instances { plugs.set("ec2.instances-end", "1".to_owned()) } else { plugs };
    let services = wanted(registry::services(&plugs), &options.services)?;
    let house = House::open(Parts {
        store: opened(store).await?,
        clock: clock.clone(),
        ids: Box::new(SystemIds),
        authorizer: Box::new(ByPolicies),
        gate: options.gate(),
        authority: authority(options, &listeners),
        services,
    })
    .await
    .map_err(|e| Problem::new("the services do not start", &e))?;
    let facts = Facts {
        house: house.clone(),
        data: data.display().to_string(),
        started_at: clock.now(),
        session: house.ids().uuid(),
        engines: engines.clone(),
        ca: tls.clone(),
    };
    let known_as = options.public_host.as_ref().map(|_| house.authority().to_owned());
    let services: Vec<_> = house.services().collect();
    let door = Arc::new(Door::new(Fittings {
        router: Router::new(&services, Domains::new(public_host(options))),
        credentials: Arc::new(AllCredentials { root: credentials, house: house.clone() }),
        gate: Box::new(Front { house: house.clone(), facts, known_as }),
        codec: Box::new(wire::door::Protocols),
        clock,
        ids: Box::new(SystemIds),
        local_prefixes: vec!["/_".to_owned(), "/health".to_owned(), "/moto-api/".to_owned()],
    }));
    let tls = tls.server_config().map_err(|e| Problem::new("TLS does not start", &e))?;
    let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let sources = listeners.into_iter().map(Source::from).chain([Source::Arrivals(arriving)]);
    let servers = Servers::start(sources, || Server {
        door: door.clone(),
        tls: Some(tls.clone()),
        limits: Limits::default(),
        hosts: Some(balancers.clone()),
        ssh: Some(engines.consoles.clone()),
    });
    if house.mode() == Mode::Observe {
        complain(
            "IDENTITY IS ONLY OBSERVED: what policies deny is recorded and let pass. --identity enforce ends that.",
        );
    }
    tracing::info!(?addresses, "listening");
    say("Ready.");
    once_ready(options, addresses.first().copied());
    told.wait().await;
    tracing::info!("closing");
    servers.close();
    house.leave();
    servers.ended().await;
    house.close().await;
    engines.close(ends_instances).await
}

/// What goes on while the first requests come.
fn once_ready(options: &Up, local: Option<SocketAddr>) {
    if let Some(local) = local {
        let ready_d = options.ready_d.clone();
        let endpoint = format!("http://{}", reachable(local));
        tokio::spawn(async move { crate::hooks::run_ready(&ready_d, &endpoint).await });
    }
    tokio::spawn(async {
        tidy_host().await;
        if let Err(error) = compute::let_go_of_code() {
            tracing::debug!(%error, "what the start went through stays in memory");
        }
    });
}

/// Those who serve, one for each place that connections come from.
struct Servers {
    running: JoinSet<()>,
    end: watch::Sender<bool>,
}

impl Servers {
    fn start(sources: impl Iterator<Item = Source>, server: impl Fn() -> Server) -> Self {
        let (end, ended) = watch::channel(false);
        let mut running = JoinSet::new();
        for source in sources {
            let mut ended = ended.clone();
            running.spawn(server().run(source, async move {
                // An error means the sender is gone, which is an end too.
                let _ = ended.wait_for(|ended| *ended).await;
            }));
        }
        Self { running, end }
    }

    /// Nobody is let in any more; what is under way goes on.
    fn close(&self) {
        self.end.send_replace(true);
    }

    /// Until all that was under way has ended.
    async fn ended(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

async fn opened(opening: JoinHandle<store::Result<Store>>) -> Outcome<Store> {
    let closed = |e: &dyn std::error::Error| Problem::new("the store does not open", e);
    opening.await.map_err(|e| closed(&e))?.map_err(|e| closed(&e))
}

/// What clouds left here that nobody can open any more goes.
async fn tidy_host() {
    for (tag, data, found) in leftovers::clean().await {
        let data = data.display();
        match found {
            Found::Removed => tracing::info!(tag, %data, "removed what a cloud left"),
            Found::Kept(why) => tracing::debug!(tag, %data, why, "a cloud that is gone left something"),
        }
    }
}

fn bind(addresses: &[SocketAddr]) -> Outcome<Vec<TcpListener>> {
    let bound = addresses.iter().map(|address| {
        listen(*address).map_err(|e| Problem::new(&format!("cannot listen on {address}"), &e))
    });
    bound.collect()
}

/// Refuses to stand open to the world with a credential everybody knows.
fn who_may_come_in(options: &Up, addresses: &[SocketAddr], data: &Path) -> Outcome<RootCredentials> {
    let keys = identity::load(data)?;
    let loopback = addresses.iter().all(|address| address.ip().is_loopback());
    if !loopback && keys.is_empty() && !options.allow_test_credentials {
        return Err(Problem(format!(
            "listening on {} lets others in, and the only credential is the well-known test/test.\n\
             Make a real one with `cloudlet root-key --data {}` first, or say --allow-test-credentials \
             if everybody who reaches this address may do everything.",
            options.listen,
            data.display()
        )));
    }
    Ok(RootCredentials { allow_test: loopback || options.allow_test_credentials, keys })
}

/// The folder of everything that lasts, or one that goes with the process.
enum DataFolder {
    Lasting(PathBuf),
    Temporary(tempfile::TempDir),
}

impl DataFolder {
    fn open(options: &Up) -> Outcome<Self> {
        let Some(path) = options.data_dir()? else {
            // By its own name: devices of the host are found by the files they are of, which links do not name.
            let below = std::env::temp_dir().canonicalize();
            let made = below.and_then(|below| tempfile::Builder::new().prefix("cloudlet-").tempdir_in(below));
            return made.map(Self::Temporary).map_err(|e| Problem::new("no temporary folder", &e));
        };
        let make = || -> io::Result<PathBuf> {
            // What lies there is nobody else's business.
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            match stranger(&path)? {
                Some(found) => {
                    Err(io::Error::other(format!("it holds {found:?}, which is not a cloudlet's")))
                }
                None => path.canonicalize(),
            }
        };
        let path = make().map_err(|e| Problem::new(&format!("cannot use {}", path.display()), &e))?;
        Ok(Self::Lasting(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Lasting(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary(_))
    }
}

/// Something in a folder that no cloudlet has used yet, which therefore is for something else.
fn stranger(folder: &Path) -> io::Result<Option<OsString>> {
    // By `root-key` before the first start, as a disk of their own, or by the file system.
    const KNOWN: [&str; 6] = ["identity", "lost+found", "machines", "objects", "tls", "volumes"];
    if folder.join("store").exists() {
        return Ok(None);
    }
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !KNOWN.iter().any(|known| name == *known) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn plugs(options: &Up, engines: &Engines, data: &Path) -> Plugs {
    let sealer: Arc<dyn Sealer> = Arc::new(identity::sealer(data));
    let read_input: ReadInput = Arc::new(wire::codec::read_named);
    Plugs::default()
        .with(sealer)
        .with(read_input)
        .with(engines.machines.clone())
        .with(engines.networks.clone())
        .with(engines.volumes.clone())
        .with(engines.consoles.keys.clone())
        .with(Arc::new(SnapshotDesk::default()))
        .set("ec2.public-addresses", options.public_cidr.clone())
        .set("ec2.overcommit", options.overcommit.to_string())
        .set("ec2.machines", options.machines.clone())
        .set("ec2.name-servers", name_servers(options))
        .set("s3.restore-speed", options.restore_speed.to_string())
        .set("metrics.every-s", options.metrics_every.to_string())
}

/// The name servers of the host, where instances may ask them too.
fn name_servers(options: &Up) -> String {
    let text = if options.internet { std::fs::read_to_string("/etc/resolv.conf") } else { Ok(String::new()) };
    let servers = text.unwrap_or_default();
    let servers = servers.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Those of the services that were asked for; all when none was.
fn wanted(mut services: Vec<kernel::Service>, names: &[String]) -> Outcome<Vec<kernel::Service>> {
    let names: Vec<&str> = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    let known = |name: &&str| services.iter().any(|service| service.def().name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(Problem(format!("there is no service {unknown:?} in this build")));
    }
    if !names.is_empty() {
        services.retain(|service| names.contains(&service.def().name));
    }
    Ok(services)
}

fn public_host(options: &Up) -> Option<String> {
    let host = options.public_host.as_deref()?;
    Some(host.split(':').next().unwrap_or(host).to_owned())
}

/// `host:port` for URLs when the caller did not say how it reached us.
fn authority(options: &Up, listeners: &[TcpListener]) -> String {
    let port = listeners.iter().find_map(|l| l.local_addr().ok()).map_or(4566, |address| address.port());
    match &options.public_host {
        Some(host) if host.contains(':') => host.clone(),
        Some(host) => format!("{host}:{port}"),
        None => format!("localhost.localstack.cloud:{port}"),
    }
}

/// An address a client on this host can connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// The end somebody asks for. Heard from the moment this is made, so that an early word is not the last.
struct Told {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Told {
    fn listen() -> Outcome<Self> {
        let listen = |kind| signal(kind).map_err(|e| Problem::new("signals cannot be heard", &e));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Four letters that stand for a data folder in the names of host objects, the same at every start.
pub(crate) fn tag_of(data: &Path, attempt: u32) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in data.as_os_str().as_encoded_bytes().iter().chain(&attempt.to_le_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let letter = |at: u32| {
        let index = usize::try_from((hash >> (40 + 5 * at)) & 31).unwrap_or(0);
        char::from(*LETTERS.get(index).unwrap_or(&b'a'))
    };
    (0..4).map(letter).collect()
}
