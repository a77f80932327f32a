//! One network on the host: its namespace, links, routes and filter, kept in step with its members.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ipnet::Ipv4Net;

use crate::check::{self, Members};
use crate::error::{Doing, Error, Result};
use crate::filter::{self, Script, nic_key};
use crate::name::Tag;
use crate::netlink::{Netlink, Request};
use crate::record::{Network, Records};
use crate::space::{self, Space};
use crate::uplink::{self, Uplink};
use crate::wiring::{self, IF_NAME};
use crate::{Counters, GroupId, GroupSpec, NetworkId, NetworkSpec, Nic, NicId, NicSpec};

/// What all routers of a cloudlet share.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) tag: Tag,
    /// Folder of the namespaces' bind mounts.
    pub(crate) spaces: PathBuf,
    pub(crate) records: Records,
    /// The host's namespace.
    pub(crate) host: Space,
    pub(crate) uplinks: Ipv4Net,
    pub(crate) lock: PathBuf,
    /// Where nics with a public address may go beyond their network.
    pub(crate) reach: Vec<Ipv4Net>,
    pub(crate) directory: RwLock<Directory>,
}

/// Who is where, for quick looks from outside.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) addresses: BTreeMap<(NetworkId, Ipv4Addr), NicId>,
    pub(crate) homes: BTreeMap<NicId, NetworkId>,
    /// Names of links to the host.
    pub(crate) uplinks: BTreeMap<NetworkId, String>,
    /// Those of removed networks, until the kernel has cleared them.
    pub(crate) leaving: BTreeSet<String>,
}

impl Setting {
    pub(crate) fn write(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn nic_space(&self, id: &NicId) -> PathBuf {
        self.spaces.join(self.tag.nic(id))
    }

    pub(crate) fn router_space(&self, id: &NetworkId) -> PathBuf {
        self.spaces.join(self.tag.router(id))
    }
}

/// A thread's place in the router's namespace, with a foot in the host's.
pub(crate) struct Seat {
    space: Space,
    inside: Netlink,
    host: Netlink,
    uplink: Uplink,
}

/// A network as it should be, and how much of it is known to be so.
pub(crate) struct Router {
    setting: Arc<Setting>,
    network: Network,
    members: Members,
    /// Nics whose links and routes are complete.
    made: BTreeSet<NicId>,
    /// Whether the kernel's filter is `members` but for `script`.
    in_step: bool,
    script: Script,
    seat: Option<Seat>,
    removed: bool,
}

impl Router {
    pub(crate) fn new(setting: Arc<Setting>, network: Network, members: Members) -> Self {
        setting.write(|directory| {
            let id = &network.spec.id;
            directory
                .uplinks
                .extend(network.uplink.map(|address| (id.clone(), setting.tag.uplink(id, address))));
            for nic in members.nics.values() {
                directory.addresses.insert((nic.network.clone(), nic.address), nic.id.clone());
                directory.homes.insert(nic.id.clone(), nic.network.clone());
            }
        });
        let (made, script) = (BTreeSet::new(), Script::default());
        Self { setting, network, members, made, in_step: false, script, seat: None, removed: false }
    }

    /// Leaves the namespace: the thread that sat here ends.
    pub(crate) fn leave(&mut self) {
        self.seat = None;
    }

    /// Makes the network or completes it, on a thread that will serve nothing else.
    pub(crate) fn ensure_network(&mut self, spec: &NetworkSpec) -> Result<()> {
        self.check_there()?;
        check::network(Some(&self.network.spec), spec)?;
        let former = std::mem::replace(&mut self.network.spec, spec.clone());
        self.setting.records.save_network(&self.network)?;
        if former != *spec {
            self.seat = None;
        }
        let seat = self.sit()?;
        let gone = former.cidrs.iter().filter(|range| !spec.cidrs.contains(range));
        let gone: Vec<Request> = gone.map(wiring::without).collect();
        seat.inside.batch(&gone)
    }

    pub(crate) fn ensure_groups(&mut self, groups: Vec<GroupSpec>) -> Result<()> {
        self.check_there()?;
        groups.iter().try_for_each(check::group)?;
        self.sit()?;
        for group in groups {
            if self.in_step && self.members.groups.get(&group.id) == Some(&group) {
                continue;
            }
            self.setting.records.save_group(&self.network.spec.id, &group)?;
            self.script.ensure_group(&group);
            self.members.groups.insert(group.id.clone(), group);
        }
        Ok(())
    }

    pub(crate) fn remove_group(&mut self, id: &GroupId) -> Result<()> {
        check::group_unused(&self.members, id)?;
        if self.members.groups.remove(id).is_some() {
            self.script.remove_group(id);
            self.setting.records.forget_group(&self.network.spec.id, id)?;
        }
        Ok(())
    }

    pub(crate) fn ensure_nic(&mut self, spec: &NicSpec) -> Result<Nic> {
        self.check_there()?;
        check::nic(&self.network.spec, &self.members, spec)?;
        let path = self.setting.nic_space(&spec.id);
        let nic = Nic { netns_path: path.clone(), if_name: IF_NAME.to_owned() };
        let old = self.members.nics.get(&spec.id).cloned();
        let made = self.made.contains(&spec.id) && space::is_kept(&path);
        if made && self.in_step && old.as_ref() == Some(spec) {
            return Ok(nic);
        }
        let setting = Arc::clone(&self.setting);
        let seat = self.sit()?;
        let former = old.as_ref().and_then(|old| old.public_address);
        if let Some(public) = former.filter(|_| former != spec.public_address) {
            seat.uplink.withdraw(&mut seat.host, public)?;
        }
        // The public address is claimed before the record names it: two networks may want it at once.
        if let Some(public) = spec.public_address {
            seat.uplink.publish(&mut seat.host, public)?;
        }
        setting.records.save_nic(spec)?;
        setting.write(|directory| {
            directory.addresses.insert((spec.network.clone(), spec.address), spec.id.clone());
            directory.homes.insert(spec.id.clone(), spec.network.clone());
        });
        if let Some(old) = &old {
            self.script.unbind_nic(&setting.tag, old);
        }
        self.script.bind_nic(&setting.tag, spec);
        self.members.nics.insert(spec.id.clone(), spec.clone());
        if !made {
            let seat = self.sit()?;
            wiring::ensure_nic(&setting, &seat.space, &mut seat.inside, spec)?;
            self.made.insert(spec.id.clone());
        }
        Ok(nic)
    }

    pub(crate) fn remove_nic(&mut self, id: &NicId) -> Result<()> {
        let Some(nic) = self.members.nics.get(id).cloned().filter(|_| !self.removed) else { return Ok(()) };
        let (path, link) = (self.setting.nic_space(id), self.setting.tag.nic(id));
        let seat = self.sit()?;
        if let Some(public) = nic.public_address {
            seat.uplink.withdraw(&mut seat.host, public)?;
        }
        // Without route and filter entries the link is dead. Removing it takes the kernel 20 ms, which it
        // spends in the background when the namespace goes.
        if let Some(link) = seat.inside.find_link(&link)? {
            seat.inside.batch(&[wiring::without_nic(&nic, link.index)])?;
        }
        space::release(&path)?;
        self.made.remove(id);
        self.script.remove_nic(&self.setting.tag, &nic);
        self.setting.records.forget_nic(&nic.network, id)?;
        self.members.nics.remove(id);
        self.setting.write(|directory| {
            directory.addresses.remove(&(nic.network.clone(), nic.address));
            directory.homes.remove(id);
        });
        Ok(())
    }

    /// Removes the network at once: with its namespaces gone, the kernel clears what is inside, and the
    /// host's end of its link, in its own time.
    pub(crate) fn remove_network(&mut self) -> Result<()> {
        let (setting, id) = (Arc::clone(&self.setting), self.network.spec.id.clone());
        self.seat = None;
        self.removed = true;
        setting.host.enter()?;
        self.withdraw_all()?;
        for nic in self.members.nics.keys() {
            space::release(&setting.nic_space(nic))?;
        }
        space::release(&setting.router_space(&id))?;
        setting.records.forget_network(&id)?;
        setting.write(|directory| {
            directory.addresses.retain(|(network, _), _| *network != id);
            directory.homes.retain(|_, network| *network != id);
            let uplink = directory.uplinks.remove(&id);
            directory.leaving.extend(uplink);
        });
        self.members = Members::default();
        self.script = Script::default();
        Ok(())
    }

    /// Takes back the host's routes to all public addresses.
    fn withdraw_all(&self) -> Result<()> {
        let Some(host_address) = self.network.uplink else { return Ok(()) };
        let mut host = Netlink::open()?;
        let name = self.setting.tag.uplink(&self.network.spec.id, host_address);
        let Some(link) = host.find_link(&name)? else { return Ok(()) };
        let uplink = Uplink { host_address, host_link: link.index };
        let mut publics = self.members.nics.values().filter_map(|nic| nic.public_address);
        publics.try_for_each(|public| uplink.withdraw(&mut host, public))
    }

    pub(crate) fn counters(&mut self) -> Result<BTreeMap<NicId, Counters>> {
        self.check_there()?;
        let seat = self.sit()?;
        let links = seat.inside.list_links()?;
        let drops = if self.in_step { filter::drops()? } else { BTreeMap::new() };
        let stats: BTreeMap<String, _> =
            links.into_iter().filter_map(|link| Some((link.name, link.stats?))).collect();
        let count = |id: &NicId| {
            // What the router receives, the machine sent.
            let stats = stats.get(&self.setting.tag.nic(id)).copied().unwrap_or_default();
            let counters = Counters {
                bytes_in: stats.tx_bytes,
                packets_in: stats.tx_packets,
                bytes_out: stats.rx_bytes,
                packets_out: stats.rx_packets,
                dropped: drops.get(&nic_key(id)).copied().unwrap_or_default(),
            };
            (id.clone(), counters)
        };
        Ok(self.members.nics.keys().map(count).collect())
    }

    /// Opens a socket inside the network; it stays there while its user is elsewhere.
    pub(crate) fn open<T>(
        &mut self,
        at: SocketAddrV4,
        tcp: bool,
        open: impl FnOnce(SocketAddrV4) -> io::Result<T>,
    ) -> Result<T> {
        self.check_there()?;
        check::service(self.network.spec.resolver, at, tcp)?;
        self.sit()?;
        open(at).doing(|| format!("listen on {at} in {}", self.network.spec.id))
    }

    /// Makes the filter what `members` say: by what changed, or entirely when that is unknown or refused.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if self.removed || (self.in_step && self.script.is_empty()) {
            return Ok(());
        }
        self.sit()?;
        if self.in_step {
            match self.script.commit() {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::info!(network = %self.network.spec.id, %error, "the filter is written anew");
                }
            }
        }
        self.in_step = false;
        let mut script = Script::default();
        script.table(&self.network.spec, &self.setting.tag, &self.setting.reach);
        self.members.groups.values().for_each(|group| script.ensure_group(group));
        self.members.nics.values().for_each(|nic| script.bind_nic(&self.setting.tag, nic));
        self.script = Script::default();
        script.commit()?;
        self.in_step = true;
        Ok(())
    }

    fn check_there(&self) -> Result<()> {
        if self.removed { Err(Error::NoSuchNetwork(self.network.spec.id.clone())) } else { Ok(()) }
    }

    /// Takes the thread into the router's namespace, which is made or completed first.
    fn sit(&mut self) -> Result<&mut Seat> {
        let seat = match self.seat.take() {
            Some(seat) => {
                seat.space.enter()?;
                seat
            }
            None => self.build()?,
        };
        Ok(self.seat.insert(seat))
    }

    fn build(&mut self) -> Result<Seat> {
        let setting = Arc::clone(&self.setting);
        let id = self.network.spec.id.clone();
        let path = setting.router_space(&id);
        setting.host.enter()?;
        let mut host = Netlink::open()?;
        let space = match Space::find(&path)? {
            Some(space) => space,
            None => {
                // Whatever was known belonged to a namespace that is gone.
                self.made.clear();
                self.in_step = false;
                Space::create(&path)?
            }
        };
        setting.host.enter()?;
        let (host_address, host_link) = self.ensure_host_side(&mut host, &space)?;
        space.enter()?;
        let mut inside = Netlink::open()?;
        let router_link = uplink::ensure_router_side(&mut inside, host_address)?;
        wiring::ensure_router(&mut inside, &self.network.spec, host_address, router_link)?;
        Ok(Seat { space, inside, host, uplink: Uplink { host_address, host_link } })
    }

    fn ensure_host_side(&mut self, host: &mut Netlink, space: &Space) -> Result<(Ipv4Addr, u32)> {
        let setting = Arc::clone(&self.setting);
        let id = self.network.spec.id.clone();
        let ensure = |host: &mut Netlink, address| {
            let name = setting.tag.uplink(&id, address);
            Ok((address, uplink::ensure_host_side(host, space, &name, address)?))
        };
        if let Some(address) = self.network.uplink {
            return ensure(host, address);
        }
        uplink::allocate(
            &setting.lock,
            setting.uplinks,
            &format!("{}{id}", setting.tag.uplinks()),
            host,
            |host, address| {
                let network = Network { spec: self.network.spec.clone(), uplink: Some(address) };
                setting.records.save_network(&network)?;
                self.network = network;
                setting.write(|directory| {
                    directory.uplinks.insert(id.clone(), setting.tag.uplink(&id, address));
                });
                ensure(host, address)
            },
        )
    }
}
