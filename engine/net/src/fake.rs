//! Networks that only remember: for tests of whatever stands on the engine, on hosts that can do nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, UdpSocket};

use crate::check::{self, Members};
use crate::error::Doing;
use crate::{
    Capability, Counters, Error, Flow, Flows, GroupId, GroupSpec, NetworkId, NetworkSpec, Networks, Nic,
    NicId, NicSpec, Object, Pending, Result, Tally, Traffic, Translator, TranslatorId,
};

/// Accepts and refuses as the real engine does, makes nothing. Its listeners are on the loopback, on any free port.
#[derive(Debug, Default)]
pub struct FakeNetworks {
    world: Mutex<World>,
}

#[derive(Debug, Default)]
struct World {
    networks: BTreeMap<NetworkId, (NetworkSpec, Members)>,
    counters: BTreeMap<NicId, Counters>,
    passed: BTreeMap<TranslatorId, u64>,
    flows: BTreeMap<NetworkId, Flows>,
    failing: Option<Error>,
    /// Public addresses that something else on the host has.
    occupied: BTreeSet<Ipv4Addr>,
    /// How many more will turn out to be.
    to_occupy: usize,
    lacks_six: bool,
}

impl World {
    fn get(&mut self, id: &NetworkId) -> Result<&mut (NetworkSpec, Members)> {
        self.networks.get_mut(id).ok_or_else(|| Error::NoSuchNetwork(id.clone()))
    }

    fn ensure_network(&mut self, spec: NetworkSpec) -> Result<()> {
        let known = self.networks.get(&spec.id);
        check::network(known.map(|(old, _)| old), &spec)?;
        known.map_or(Ok(()), |(_, members)| check::shape(members, &spec))?;
        match self.networks.get_mut(&spec.id) {
            Some((known, _)) => *known = spec,
            None => drop(self.networks.insert(spec.id.clone(), (spec, Members::default()))),
        }
        Ok(())
    }

    fn check_occupied(&mut self, address: Ipv4Addr) -> Result<()> {
        if self.to_occupy > 0 && self.occupied.insert(address) {
            self.to_occupy -= 1;
        }
        if self.occupied.contains(&address) {
            return Err(Error::AddressTaken { address, holder: "another route of the host".to_owned() });
        }
        Ok(())
    }

    fn ensure_nic(&mut self, spec: NicSpec) -> Result<Nic> {
        for public in spec.publics() {
            self.check_occupied(public)?;
        }
        let elsewhere = |(id, (_, members)): (&NetworkId, &(NetworkSpec, Members))| {
            *id != spec.network && members.nics.contains_key(&spec.id)
        };
        if self.networks.iter().any(elsewhere) {
            return Err(Error::Fixed("a nic's network"));
        }
        for (id, (network, members)) in &self.networks {
            let of_nics = members.nics.values().filter(|nic| nic.id != spec.id);
            let held = of_nics.flat_map(|nic| nic.publics().map(|public| (public, nic.id.to_string())));
            let translators = network.translators.iter();
            let mut held = held
                .filter(|_| *id != spec.network)
                .chain(translators.filter_map(|by| Some((by.public_address?, by.id.to_string()))));
            if let Some((address, holder)) = held.find(|(public, _)| spec.publics().any(|new| new == *public))
            {
                return Err(Error::AddressTaken { address, holder });
            }
        }
        let (network, members) = self.get(&spec.network)?;
        check::nic(network, members, &spec)?;
        let nic = Nic {
            netns_path: PathBuf::from("/nonexistent").join(spec.id.as_str()),
            if_name: "eth0".to_owned(),
        };
        members.nics.insert(spec.id.clone(), spec);
        Ok(nic)
    }
}

impl FakeNetworks {
    pub fn new() -> Self {
        Self::default()
    }

    /// The nic as it was last asked for.
    pub fn nic(&self, id: &NicId) -> Option<NicSpec> {
        self.lock().networks.values().find_map(|(_, members)| members.nics.get(id).cloned())
    }

    /// The network as it was last asked for.
    pub fn network(&self, id: &NetworkId) -> Option<NetworkSpec> {
        self.lock().networks.get(id).map(|(spec, _)| spec.clone())
    }

    /// The group as it was last asked for.
    pub fn group(&self, network: &NetworkId, id: &GroupId) -> Option<GroupSpec> {
        self.lock().networks.get(network).and_then(|(_, members)| members.groups.get(id).cloned())
    }

    /// Lets a flow of a watched nic pass, or be refused. Of others nothing is known.
    pub fn pass(&self, network: &NetworkId, flow: Flow, tally: Tally) {
        let mut world = self.lock();
        let watched = |(_, members): &(NetworkSpec, Members)| {
            members.nics.get(&flow.nic).is_some_and(|nic| nic.watched)
        };
        if world.networks.get(network).is_some_and(watched) {
            world.flows.entry(network.clone()).or_default().add(flow, tally);
        }
    }

    /// Sets what [`Networks::traffic`] will say of a translator.
    pub fn pass_on(&self, translator: TranslatorId, bytes: u64) {
        self.lock().passed.insert(translator, bytes);
    }

    /// Sets what [`Networks::traffic`] will say of a nic.
    pub fn count(&self, nic: NicId, counters: Counters) {
        self.lock().counters.insert(nic, counters);
    }

    /// From now on every verb that changes something errs, until `None` is set.
    pub fn fail(&self, with: Option<Error>) {
        self.lock().failing = with;
    }

    /// The next so many public addresses that are asked for belong to something else on the host, for good.
    pub fn occupy_next(&self, count: usize) {
        self.lock().to_occupy = count;
    }

    /// As on a host whose kernel has no IPv6.
    pub fn lack_six(&self) {
        self.lock().lacks_six = true;
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T: Send + 'static>(&self, verb: impl FnOnce(&mut World) -> Result<T>) -> Pending<'static, T> {
        let mut world = self.lock();
        let answer = match world.failing.clone() {
            Some(error) => Err(error),
            None => verb(&mut world),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Networks for FakeNetworks {
    fn ensure_network(&self, spec: NetworkSpec) -> Pending<'_, ()> {
        self.answer(|world| world.ensure_network(spec))
    }

    fn remove_network(&self, id: NetworkId) -> Pending<'_, ()> {
        self.answer(|world| {
            world.networks.remove(&id);
            Ok(())
        })
    }

    fn ensure_nic(&self, spec: NicSpec) -> Pending<'_, Nic> {
        self.answer(|world| world.ensure_nic(spec))
    }

    fn remove_nic(&self, id: NicId) -> Pending<'_, ()> {
        self.answer(|world| {
            world.networks.values_mut().for_each(|(_, members)| drop(members.nics.remove(&id)));
            Ok(())
        })
    }

    fn ensure_groups(&self, network: NetworkId, groups: Vec<GroupSpec>) -> Pending<'_, ()> {
        self.answer(|world| {
            let (_, members) = world.get(&network)?;
            groups.iter().try_for_each(check::group)?;
            members.groups.extend(groups.into_iter().map(|group| (group.id.clone(), group)));
            Ok(())
        })
    }

    fn remove_group(&self, network: NetworkId, id: GroupId) -> Pending<'_, ()> {
        self.answer(|world| {
            let Ok((_, members)) = world.get(&network) else { return Ok(()) };
            check::group_unused(members, &id)?;
            members.groups.remove(&id);
            Ok(())
        })
    }

    fn observe(&self) -> Pending<'_, Vec<Object>> {
        let world = self.lock();
        let mut found = Vec::new();
        for (network, (_, members)) in &world.networks {
            found.push(Object::Network(network.clone()));
            let nics = members.nics.keys().cloned();
            found.extend(nics.map(|id| Object::Nic { id, network: network.clone() }));
        }
        Box::pin(std::future::ready(Ok(found)))
    }

    fn find_nic(&self, network: &NetworkId, address: Ipv4Addr) -> Option<NicId> {
        let world = self.lock();
        let (_, members) = world.networks.get(network)?;
        members
            .nics
            .values()
            .find(|nic| nic.addresses().any(|(own, _)| own == address))
            .map(|nic| nic.id.clone())
    }

    fn traffic(&self, network: NetworkId) -> Pending<'_, Traffic> {
        self.answer(|world| {
            let (spec, members) = world.get(&network)?.clone();
            let count = |nic: &NicId| (nic.clone(), world.counters.get(nic).copied().unwrap_or_default());
            let pass =
                |by: &Translator| (by.id.clone(), world.passed.get(&by.id).copied().unwrap_or_default());
            let nics = members.nics.keys().map(count).collect();
            Ok(Traffic { nics, translators: spec.translators.iter().map(pass).collect() })
        })
    }

    fn flows(&self, network: NetworkId) -> Pending<'_, Flows> {
        self.answer(|world| {
            world.get(&network)?;
            Ok(world.flows.remove(&network).unwrap_or_default())
        })
    }

    fn listen_tcp(&self, network: NetworkId, at: SocketAddr) -> Pending<'_, TcpListener> {
        let allowed = self.lock().get(&network).and_then(|(spec, _)| check::service(spec, at, true));
        Box::pin(async move {
            allowed?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.doing(|| format!("listen for {at}"))
        })
    }

    fn listen_at(&self, nic: NicId, at: SocketAddr) -> Pending<'_, TcpListener> {
        let allowed =
            self.nic(&nic).ok_or(Error::NoSuchNic(nic)).and_then(|nic| check::answers(&nic, at.ip()));
        Box::pin(async move {
            allowed?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.doing(|| format!("listen for {at}"))
        })
    }

    fn space_of(&self, nic: &NicId) -> Option<PathBuf> {
        self.nic(nic).map(|_| PathBuf::from("/proc/self/ns/net"))
    }

    fn bind_udp(&self, network: NetworkId, at: SocketAddr) -> Pending<'_, UdpSocket> {
        let allowed = self.lock().get(&network).and_then(|(spec, _)| check::service(spec, at, false));
        Box::pin(async move {
            allowed?;
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.doing(|| format!("listen for {at}"))
        })
    }

    fn remove_where<'a>(&'a self, condemned: &'a (dyn Fn(&Object) -> bool + Send + Sync)) -> Pending<'a, ()> {
        self.answer(|world| {
            world.networks.retain(|id, (_, members)| {
                members
                    .nics
                    .retain(|nic, _| !condemned(&Object::Nic { id: nic.clone(), network: id.clone() }));
                !condemned(&Object::Network(id.clone()))
            });
            Ok(())
        })
    }

    fn carries_six(&self) -> bool {
        !self.lock().lacks_six
    }

    fn capabilities(&self) -> Pending<'_, Vec<Capability>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
