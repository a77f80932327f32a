//! The real engine: a lane per network, and what was there when it was opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::Ipv4Net;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::{JoinSet, spawn_blocking};

use crate::check::{self, Members};
use crate::error::{Doing, Error, Result};
use crate::lane::Lane;
use crate::name::Tag;
use crate::netlink::{Netlink, Request, Way};
use crate::record::{Network, Records};
use crate::router::Router;
use crate::setting::{Directory, Setting};
use crate::space::{self, Space};
use crate::{
    Capability, Flows, GroupId, GroupSpec, NetworkId, NetworkSpec, Networks, Nic, NicId, NicSpec, Object,
    Pending, Traffic, probe, six, world,
};

/// How to use the host.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Four lower-case letters or digits; every cloudlet of a host has its own.
    pub tag: String,
    /// Folder for records and namespaces; its parent holds the lock all cloudlets share.
    pub run_dir: PathBuf,
    /// Where links to the host take their address pairs from; /30 or wider.
    pub uplinks: Ipv4Net,
    /// Ranges of public addresses. Nics with one may open flows to these and nowhere else beyond their network.
    pub public_ranges: Vec<Ipv4Net>,
    /// Whether they may also open flows to the world beyond the host, by its default route and under its address. The
    /// host's links to it forward then.
    pub world: bool,
}

impl NetConfig {
    /// The usual places: `/run/cloudlet/<tag>`, and pairs from 100.64.0.0/10 (RFC 6598).
    pub fn new(tag: &str, public_ranges: Vec<Ipv4Net>) -> Self {
        let uplinks = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);
        Self {
            tag: tag.to_owned(),
            run_dir: PathBuf::from("/run/cloudlet").join(tag),
            uplinks,
            public_ranges,
            world: false,
        }
    }
}

/// Networks of the host's kernel. Dropping it leaves them running; opening it again adopts them.
pub struct Net {
    setting: Arc<Setting>,
    lanes: Mutex<BTreeMap<NetworkId, Arc<Lane>>>,
}

impl Net {
    /// Opens the engine and reads back what an earlier process made. On the host it makes its run folder, and one
    /// route for each public range.
    ///
    /// # Errors
    /// `Invalid` for a bad tag or range, `Host` when the run folder cannot be used.
    pub fn open(config: NetConfig) -> Result<Self> {
        if config.uplinks.prefix_len() > 30 {
            return Err(Error::Invalid(
                config.uplinks.to_string(),
                "the range for links must be a /30 or wider",
            ));
        }
        keep_at_home(&config.public_ranges);
        let spaces = config.run_dir.join("spaces");
        fs::create_dir_all(&spaces).doing(|| format!("make {}", spaces.display()))?;
        let tag = Tag::new(&config.tag)?;
        let publics = config.public_ranges;
        let mut reach = publics.clone();
        if config.world {
            world::open(&tag, &spaces, &publics)?;
            reach.extend(world::ranges());
        }
        let setting = Arc::new(Setting {
            tag,
            spaces,
            records: Records::open(config.run_dir.join("networks"))?,
            host: Space::current()?,
            uplinks: config.uplinks.trunc(),
            lock: config.run_dir.with_file_name("uplinks.lock"),
            reach,
            publics,
            to_world: config.world,
            directory: std::sync::RwLock::new(Directory::default()),
        });
        let mut lanes = BTreeMap::new();
        for (network, members) in setting.records.load()? {
            let id = network.spec.id.clone();
            lanes.insert(id, Lane::new(Router::new(Arc::clone(&setting), network, members)));
        }
        Ok(Self { setting, lanes: Mutex::new(lanes) })
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<NetworkId, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &NetworkId) -> Option<Arc<Lane>> {
        self.lanes().get(id).cloned()
    }

    /// Sends work to a network's lane.
    fn at<T: Send + 'static>(
        &self,
        id: NetworkId,
        work: impl FnOnce(&mut Router) -> Result<T> + Send + 'static,
    ) -> Pending<'_, T> {
        let lane = self.find(&id);
        Box::pin(async move { lane.ok_or(Error::NoSuchNetwork(id))?.submit(work).await })
    }

    /// Networks and nics with a record, strays without.
    async fn look(&self) -> Result<Vec<Object>> {
        let setting = Arc::clone(&self.setting);
        let networks: Vec<NetworkId> = self.lanes().keys().cloned().collect();
        spawn_blocking(move || {
            setting.host.enter()?;
            let mut known = BTreeSet::new();
            let mut found = Vec::new();
            for id in networks {
                known.insert(setting.tag.router(&id));
                found.push(Object::Network(id));
            }
            let links: Vec<String> =
                Netlink::open()?.list_links()?.into_iter().map(|link| link.name).collect();
            let mut homes = BTreeMap::new();
            setting.write(|directory| {
                directory.leaving.retain(|name| links.contains(name));
                known.extend(directory.leaving.iter().chain(directory.uplinks.values()).cloned());
                homes.clone_from(&directory.homes);
            });
            for (id, network) in homes {
                known.insert(setting.tag.nic(&id));
                found.push(Object::Nic { id, network });
            }
            let uplinks = setting.tag.uplinks();
            let strays = space::list(&setting.spaces)?
                .into_iter()
                .chain(links.into_iter().filter(|name| name.starts_with(&uplinks)))
                .filter(|name| !known.contains(name));
            found.extend(strays.map(Object::Stray));
            Ok(found)
        })
        .await
        .map_err(|_| Error::Worker)?
    }

    async fn remove(&self, objects: Vec<Object>) -> Result<()> {
        let networks: BTreeSet<NetworkId> = objects
            .iter()
            .filter_map(|object| match object {
                Object::Network(id) => Some(id.clone()),
                _ => None,
            })
            .collect();
        let mut removals = JoinSet::new();
        for object in objects {
            match object {
                Object::Network(id) => {
                    let lane = self.lanes().get(&id).cloned();
                    let Some(lane) = lane else { continue };
                    removals
                        .spawn(async move { lane.submit(Router::remove_network).await.map(|()| Some(id)) });
                }
                Object::Nic { id, network } if !networks.contains(&network) => {
                    let Some(lane) = self.find(&network) else { continue };
                    removals.spawn(async move {
                        lane.submit(move |router| router.remove_nic(&id)).await.map(|()| None)
                    });
                }
                Object::Nic { .. } => {}
                Object::Stray(name) => {
                    let setting = Arc::clone(&self.setting);
                    removals.spawn_blocking(move || {
                        setting.host.enter()?;
                        remove_stray(&setting, &name).map(|()| None)
                    });
                }
            }
        }
        let mut outcome = Ok(());
        while let Some(removed) = removals.join_next().await {
            match removed.unwrap_or(Err(Error::Worker)) {
                Ok(Some(network)) => drop(self.lanes().remove(&network)),
                Ok(None) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }
}

/// Sends what is for a public address that nobody has nowhere, instead of out by the host's default route. The route is
/// shared by all engines of the host with this range, so nobody removes it. A host where we may not set it lets us
/// make no networks either.
fn keep_at_home(ranges: &[Ipv4Net]) {
    let nowhere =
        |range: &Ipv4Net| Request::route((range.network(), range.prefix_len()), Way::Unreachable, None);
    let mut requests: Vec<_> = ranges.iter().map(nowhere).collect();
    requests.push(Request::route(six::ends(&six::GLOBAL6), Way::Unreachable, None));
    if let Err(error) = Netlink::open().and_then(|mut host| host.batch(&requests)) {
        tracing::debug!(%error, "public ranges are not kept on this host");
    }
}

fn listening(listener: StdTcpListener, at: SocketAddr) -> Result<TcpListener> {
    listener.set_nonblocking(true).doing(|| format!("listen on {at}"))?;
    TcpListener::from_std(listener).doing(|| format!("listen on {at}"))
}

fn remove_stray(setting: &Setting, name: &str) -> Result<()> {
    if name.starts_with(&setting.tag.uplinks()) {
        return Netlink::open()?.batch(&[Request::delete_link(name)]);
    }
    space::release(&setting.spaces.join(name))
}

impl Networks for Net {
    fn ensure_network(&self, spec: NetworkSpec) -> Pending<'_, ()> {
        Box::pin(async move {
            check::network(None, &spec)?;
            let lane = {
                let network = Network::new(spec.clone());
                let router = || Router::new(Arc::clone(&self.setting), network, Members::default());
                Arc::clone(self.lanes().entry(spec.id.clone()).or_insert_with(|| Lane::new(router())))
            };
            let peers: Vec<NetworkId> = spec.peers.iter().map(|peer| peer.id.clone()).collect();
            lane.submit(move |router| router.ensure_network(&spec)).await?;
            for peer in peers {
                if let Some(lane) = self.find(&peer) {
                    lane.submit(Router::meet).await?;
                }
            }
            Ok(())
        })
    }

    fn remove_network(&self, id: NetworkId) -> Pending<'_, ()> {
        Box::pin(self.remove(vec![Object::Network(id)]))
    }

    fn ensure_nic(&self, spec: NicSpec) -> Pending<'_, Nic> {
        let home = self.setting.read(|directory| directory.homes.get(&spec.id).cloned());
        if home.is_some_and(|home| home != spec.network) {
            return Box::pin(std::future::ready(Err(Error::Fixed("a nic's network"))));
        }
        self.at(spec.network.clone(), move |router| router.ensure_nic(&spec))
    }

    fn remove_nic(&self, id: NicId) -> Pending<'_, ()> {
        match self.setting.read(|directory| directory.homes.get(&id).cloned()) {
            Some(network) => Box::pin(self.remove(vec![Object::Nic { id, network }])),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn ensure_groups(&self, network: NetworkId, groups: Vec<GroupSpec>) -> Pending<'_, ()> {
        self.at(network, move |router| router.ensure_groups(groups))
    }

    fn remove_group(&self, network: NetworkId, id: GroupId) -> Pending<'_, ()> {
        if self.find(&network).is_none() {
            return Box::pin(std::future::ready(Ok(())));
        }
        self.at(network, move |router| router.remove_group(&id))
    }

    fn observe(&self) -> Pending<'_, Vec<Object>> {
        Box::pin(self.look())
    }

    fn find_nic(&self, network: &NetworkId, address: Ipv4Addr) -> Option<NicId> {
        self.setting.read(|directory| directory.addresses.get(&(network.clone(), address)).cloned())
    }

    fn traffic(&self, network: NetworkId) -> Pending<'_, Traffic> {
        self.at(network, Router::traffic)
    }

    fn flows(&self, network: NetworkId) -> Pending<'_, Flows> {
        self.at(network, Router::flows)
    }

    fn listen_tcp(&self, network: NetworkId, at: SocketAddr) -> Pending<'_, TcpListener> {
        let opened = self.at(network, move |router| router.open(at, true, StdTcpListener::bind));
        Box::pin(async move { listening(opened.await?, at) })
    }

    fn listen_at(&self, nic: NicId, at: SocketAddr) -> Pending<'_, TcpListener> {
        let Some(home) = self.setting.read(|directory| directory.homes.get(&nic).cloned()) else {
            return Box::pin(std::future::ready(Err(Error::NoSuchNic(nic))));
        };
        let opened = self.at(home, move |router| router.open_at(&nic, at));
        Box::pin(async move { listening(opened.await?, at) })
    }

    fn space_of(&self, nic: &NicId) -> Option<PathBuf> {
        let path = self.setting.nic_space(nic);
        space::is_kept(&path).then_some(path)
    }

    fn bind_udp(&self, network: NetworkId, at: SocketAddr) -> Pending<'_, UdpSocket> {
        let opened = self.at(network, move |router| router.open(at, false, StdUdpSocket::bind));
        Box::pin(async move {
            let socket = opened.await?;
            socket.set_nonblocking(true).doing(|| format!("listen on {at}"))?;
            UdpSocket::from_std(socket).doing(|| format!("listen on {at}"))
        })
    }

    fn remove_where<'a>(&'a self, condemned: &'a (dyn Fn(&Object) -> bool + Send + Sync)) -> Pending<'a, ()> {
        Box::pin(async move {
            let mut objects = self.look().await?;
            objects.retain(|object| condemned(object));
            self.remove(objects).await
        })
    }

    fn remove_all(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.remove_where(&|_| true).await?;
            let setting = Arc::clone(&self.setting);
            let closed = spawn_blocking(move || {
                setting.host.enter()?;
                world::close(&setting.tag, &setting.spaces)
            });
            closed.await.map_err(|_| Error::Worker)?
        })
    }

    fn carries_six(&self) -> bool {
        six::is_there()
    }

    fn capabilities(&self) -> Pending<'_, Vec<Capability>> {
        Box::pin(async { spawn_blocking(probe::probe).await.map_err(|_| Error::Worker) })
    }
}
