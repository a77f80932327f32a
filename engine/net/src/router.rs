//! One network on the host: its namespace, links, routes and filter, kept in step with its members.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use crate::check::{self, Members};
use crate::error::{Doing, Error, Result};
use crate::filter::{self, Script, nic_key, translator_key};
use crate::flows::{self, Turn};
use crate::netlink::{LOOPBACK, Netlink, Request};
use crate::record::Network;
use crate::routes;
use crate::setting::Setting;
use crate::space::{self, Space};
use crate::uplink::{self, Uplink};
use crate::{
    Counters, Flows, GroupId, GroupSpec, Hop, NetworkSpec, Nic, NicId, NicSpec, Traffic, Translator,
};
use crate::{wiring, world};

/// Public addresses that the network itself answers for.
fn publics(spec: &NetworkSpec) -> impl Iterator<Item = Ipv4Addr> {
    spec.translators.iter().filter_map(|translator| translator.public_address)
}

/// A place in the router's namespace, with a foot in the host's: kept from one thread to the next.
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
    /// Whether the kernel's routes beyond the network are what its shape says.
    routed: bool,
    script: Script,
    /// Where the kernel counts the flows of watched nics, if there are any.
    counting: Option<Turn>,
    /// What it counted before, and nobody has asked for.
    flows: Flows,
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
            members.nics.values().for_each(|nic| directory.enter(nic));
        });
        let (made, script) = (BTreeSet::new(), Script::default());
        let network = network.numbered();
        Self {
            setting,
            network,
            members,
            made,
            in_step: false,
            routed: false,
            script,
            counting: None,
            flows: Flows::default(),
            seat: None,
            removed: false,
        }
    }

    /// Forgets its place: how it was left is not known.
    pub(crate) fn leave(&mut self) {
        self.seat = None;
    }

    /// Makes the network or completes it, on a thread that will serve nothing else.
    pub(crate) fn ensure_network(&mut self, spec: &NetworkSpec) -> Result<()> {
        self.check_there()?;
        // What is missing is made again.
        self.seat = None;
        check::network(Some(&self.network.spec), spec)?;
        check::shape(&self.members, spec)?;
        let former = self.network.clone();
        if former.spec != *spec {
            // Outside addresses are claimed before the record names them: two networks may want one at once.
            let seat = self.sit()?;
            for public in publics(spec) {
                seat.uplink.publish(&mut seat.host, public)?;
            }
            for public in publics(&former.spec).filter(|public| !publics(spec).any(|kept| kept == *public)) {
                seat.uplink.withdraw(&mut seat.host, public)?;
            }
            for range in former.spec.cidrs6.iter().filter(|range| !spec.cidrs6.contains(range)) {
                seat.uplink.withdraw6(&mut seat.host, *range)?;
            }
            self.network.spec = spec.clone();
            self.network = self.network.clone().numbered();
            self.reshape(&former);
            self.seat = None;
        }
        self.setting.records.save_network(&self.network)?;
        let seat = self.sit()?;
        let gone = former.spec.cidrs.iter().filter(|range| !spec.cidrs.contains(range));
        let mut gone: Vec<Request> = gone.map(wiring::without).collect();
        let gone6 = former.spec.cidrs6.iter().filter(|range| !spec.cidrs6.contains(range));
        gone.extend(gone6.filter(|_| spec.has_six()).map(wiring::without6));
        let silent = former
            .spec
            .services
            .iter()
            .filter(|old| !spec.services.iter().any(|new| new.address == old.address));
        gone.extend(silent.map(|service| Request::delete_address(LOOPBACK, service.address, 32)));
        seat.inside.batch(&gone)
    }

    /// Routes and filter follow the shape from the next commit on.
    fn reshape(&mut self, former: &Network) {
        self.routed = false;
        let (spec, slots) = (&self.network.spec, &self.network.slots);
        // A segment's links are known by its range, a service's address by its groups: what of those changed needs
        // all of the filter written anew.
        let kept = former.spec.segments.iter().all(|old| {
            slots.get(&old.id) == former.slots.get(&old.id)
                && spec.segments.iter().any(|new| (&new.id, new.range) == (&old.id, old.range))
        });
        let bound =
            self.members.nics.values().all(|nic| former.slot(nic.address) == self.network.slot(nic.address));
        if kept && bound && former.spec.services == spec.services {
            self.script.shape(&self.setting.tag, spec, slots);
        } else {
            self.in_step = false;
        }
    }

    /// Completes the links to other networks: one of them has come.
    pub(crate) fn meet(&mut self) -> Result<()> {
        self.routed = false;
        Ok(())
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
        let path = self.setting.place(spec);
        let nic = Nic { netns_path: path.clone(), if_name: wiring::name_inside(spec) };
        let old = self.members.nics.get(&spec.id).cloned();
        let made = self.made.contains(&spec.id) && space::is_kept(&path);
        if made && self.in_step && old.as_ref() == Some(spec) {
            return Ok(nic);
        }
        let setting = Arc::clone(&self.setting);
        let seat = self.sit()?;
        for public in old.iter().flat_map(NicSpec::publics) {
            if !spec.publics().any(|kept| kept == public) {
                seat.uplink.withdraw(&mut seat.host, public)?;
            }
        }
        // A public address is claimed before the record names it: two networks may want it at once.
        for public in spec.publics() {
            seat.uplink.publish(&mut seat.host, public)?;
        }
        setting.records.save_nic(spec)?;
        setting.write(|directory| {
            directory.leave(old.as_ref());
            directory.enter(spec);
        });
        if let Some(old) = &old {
            self.script.unbind_nic(&setting.tag, old, self.network.slot(old.address));
        }
        self.script.bind_nic(&setting.tag, spec, self.network.slot(spec.address));
        self.members.nics.insert(spec.id.clone(), spec.clone());
        let is_same = |old: &NicSpec| {
            (old.mtu, old.carries) == (spec.mtu, spec.carries) && old.all_addresses().eq(spec.all_addresses())
        };
        let same_wires = old.as_ref().is_some_and(is_same);
        if !made || !same_wires {
            let former = old.iter().flat_map(NicSpec::all_addresses);
            let gone: Vec<IpAddr> =
                former.filter(|address| !spec.all_addresses().any(|new| new == *address)).collect();
            let seat = self.sit()?;
            wiring::ensure_nic(&setting, &seat.space, &mut seat.inside, spec, &gone)?;
            if let Some(old) = old.as_ref().filter(|old| old.carrier() != spec.carrier()) {
                seat.inside.batch(&wiring::without_carrier(old))?;
            }
            self.made.insert(spec.id.clone());
        }
        self.routed &= !self.is_hop(&spec.id);
        Ok(nic)
    }

    /// Whether some segment's routes lead through the nic.
    fn is_hop(&self, id: &NicId) -> bool {
        let mut routes = self.network.spec.segments.iter().flat_map(|segment| &segment.routes);
        routes.any(|route| route.hop == Hop::Nic(id.clone()))
    }

    pub(crate) fn remove_nic(&mut self, id: &NicId) -> Result<()> {
        let Some(nic) = self.members.nics.get(id).cloned().filter(|_| !self.removed) else { return Ok(()) };
        let setting = Arc::clone(&self.setting);
        let (path, link) = (setting.nic_space(id), setting.tag.nic(id));
        let seat = self.sit()?;
        for public in nic.publics() {
            seat.uplink.withdraw(&mut seat.host, public)?;
        }
        // Without route and filter entries the link is dead. Removing it takes the kernel 20 ms, which it
        // spends in the background when the namespace goes.
        if let Some(link) = seat.inside.find_link(&link)? {
            seat.inside.batch(&wiring::without_nic(&nic, link.index))?;
            if nic.beside.is_some() {
                // The namespace it is in stays.
                seat.inside.batch(&[Request::delete_link(&link.name)])?;
            }
        }
        if nic.beside.is_none() {
            space::release(&path)?;
        } else {
            wiring::leave_machine(&setting, &seat.space, &nic)?;
        }
        self.made.remove(id);
        self.routed &= !self.is_hop(id);
        self.script.remove_nic(&self.setting.tag, &nic, self.network.slot(nic.address));
        self.setting.records.forget_nic(&nic.network, id)?;
        self.members.nics.remove(id);
        self.setting.write(|directory| {
            directory.leave(Some(&nic));
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
        let of_nics = self.members.nics.values().flat_map(NicSpec::publics);
        let mut all = of_nics.chain(publics(&self.network.spec));
        all.try_for_each(|public| uplink.withdraw(&mut host, public))
    }

    pub(crate) fn traffic(&mut self) -> Result<Traffic> {
        self.check_there()?;
        let seat = self.sit()?;
        let links = seat.inside.list_links()?;
        let counted = if self.in_step { filter::counted()? } else { BTreeMap::new() };
        let counted =
            |letter: char, key: String| counted.get(&format!("{letter}_{key}")).copied().unwrap_or_default();
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
                dropped: counted('d', nic_key(id)).0,
                bytes_near: counted('n', nic_key(id)).1,
                bytes_world: counted('w', nic_key(id)).1,
            };
            (id.clone(), counters)
        };
        let pass = |by: &Translator| (by.id.clone(), counted('t', translator_key(&by.id)).1);
        Ok(Traffic {
            nics: self.members.nics.keys().map(count).collect(),
            translators: self.network.spec.translators.iter().map(pass).collect(),
        })
    }

    /// What was counted of watched nics since the last time.
    pub(crate) fn flows(&mut self) -> Result<Flows> {
        self.check_there()?;
        self.commit()?;
        if let Some(turn) = self.counting {
            self.sit()?;
            let mut script = Script::default();
            script.watch(Some(turn.other()));
            script.commit()?;
            self.counting = Some(turn.other());
            self.gather(turn)?;
        }
        Ok(std::mem::take(&mut self.flows))
    }

    /// Takes what was counted in a turn that is over, in the router's namespace.
    fn gather(&mut self, turn: Turn) -> Result<()> {
        let watched = self.members.nics.keys().map(|id| (self.setting.tag.nic(id), id.clone()));
        flows::read(turn, &watched.collect(), &mut self.flows)?;
        let mut script = Script::default();
        script.forget_flows(turn);
        script.commit()
    }

    /// Counts where some nic is watched, and only there.
    fn watch(&mut self) {
        let wanted = self.members.nics.values().any(|nic| nic.watched);
        if wanted != self.counting.is_some() {
            self.counting = wanted.then_some(Turn::Odd);
            self.script.watch(self.counting);
        }
    }

    /// Opens a socket inside the network; it stays there while its user is elsewhere.
    pub(crate) fn open<T>(
        &mut self,
        at: SocketAddr,
        tcp: bool,
        open: impl FnOnce(SocketAddr) -> io::Result<T>,
    ) -> Result<T> {
        self.check_there()?;
        check::service(&self.network.spec, at, tcp)?;
        self.sit()?;
        open(at).doing(|| format!("listen on {at} in {}", self.network.spec.id))
    }

    /// As [`Router::open`], in the namespace of a nic.
    pub(crate) fn open_at(&mut self, nic: &NicId, at: SocketAddr) -> Result<TcpListener> {
        self.check_there()?;
        let spec = self.members.nics.get(nic).ok_or_else(|| Error::NoSuchNic(nic.clone()))?;
        check::answers(spec, at.ip())?;
        let path = self.setting.nic_space(nic);
        let space = Space::find(&path)?.ok_or_else(|| Error::NoSuchNic(nic.clone()))?;
        space.enter()?;
        let opened = TcpListener::bind(at).doing(|| format!("listen on {at} of {nic}"));
        self.sit()?;
        opened
    }

    /// Makes the filter what `members` say: by what changed, or entirely when that is unknown or refused.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if self.removed {
            return Ok(());
        }
        self.commit_routes()?;
        self.watch();
        if self.in_step && self.script.is_empty() {
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
        if let Some(turn) = self.counting {
            // What cannot be read of a filter that is void is lost with it.
            let _ = self.gather(turn);
        }
        self.in_step = false;
        let mut script = Script::default();
        script.table(&self.network.spec, &self.setting.tag, &self.setting.reach, &self.setting.publics);
        script.shape(&self.setting.tag, &self.network.spec, &self.network.slots);
        self.members.groups.values().for_each(|group| script.ensure_group(group));
        for nic in self.members.nics.values() {
            script.bind_nic(&self.setting.tag, nic, self.network.slot(nic.address));
        }
        script.watch(self.counting);
        self.script = Script::default();
        script.commit()?;
        self.in_step = true;
        Ok(())
    }

    /// Makes the routes beyond the network what its shape says, where that is not known to be so.
    fn commit_routes(&mut self) -> Result<()> {
        if self.routed {
            return Ok(());
        }
        let setting = Arc::clone(&self.setting);
        self.sit()?;
        let Some(seat) = &mut self.seat else { return Ok(()) };
        for public in publics(&self.network.spec) {
            seat.uplink.publish(&mut seat.host, public)?;
        }
        for range in &self.network.spec.cidrs6 {
            seat.uplink.publish6(&mut seat.host, *range)?;
        }
        let host_address = seat.uplink.host_address;
        routes::sync(&setting, &mut seat.inside, &self.network, &self.members, host_address)?;
        self.routed = true;
        Ok(())
    }

    fn check_there(&self) -> Result<()> {
        if self.removed { Err(Error::NoSuchNetwork(self.network.spec.id.clone())) } else { Ok(()) }
    }

    /// Takes the thread into the router's namespace, which is made or completed first.
    fn sit(&mut self) -> Result<&mut Seat> {
        let path = self.setting.router_space(&self.network.spec.id);
        let seat = match self.seat.take() {
            Some(seat) if seat.space.is_at(&path) => {
                seat.space.enter()?;
                seat
            }
            _ => self.build()?,
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
                self.routed = false;
                if setting.to_world {
                    // It went with the last network, when all were removed.
                    world::open(&setting.tag, &setting.spaces, &setting.publics)?;
                }
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
        let has_six = self.network.spec.has_six();
        let ensure = |host: &mut Netlink, address| {
            let name = setting.tag.uplink(&id, address);
            Ok((address, uplink::ensure_host_side(host, space, &name, address, has_six)?))
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
                let network = Network { uplink: Some(address), ..self.network.clone() };
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
