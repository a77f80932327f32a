//! The engine: threads that each serve every door, and the fronts they serve.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};
use tokio::task::AbortHandle;

use crate::accept::{self, Room, Worker};
use crate::body::Outgoing;
use crate::counters::{FrontSample, PoolSample};
use crate::fields::Client;
use crate::journal::Entry;
use crate::live::{Live, LivePlace, Slot, succeed};
use crate::proxy::Passage;
use crate::spec::{FrontId, FrontSpec, Health, MemberId, PoolId, Speaks, Visitor};
use crate::upstream::Desk;
use crate::{answer, datagram, probe};

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {doing}")]
    Host { doing: String, source: io::Error },
    #[error("a thread of the balancer has ended")]
    Thread,
}

pub type Result<T> = std::result::Result<T, Error>;
/// The answer of a verb, later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What has been counted since the last look.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// By the zone of the place where clients came in; without a name for those who came by none.
    pub zones: BTreeMap<String, FrontSample>,
    pub active_connections: usize,
    /// Of datagrams.
    pub active_flows: usize,
    /// By the zone of the place where clients came in.
    pub pools: BTreeMap<PoolId, BTreeMap<String, PoolSample>>,
    /// Healthy and unhealthy members by their own zone.
    pub members: BTreeMap<PoolId, BTreeMap<String, (usize, usize)>>,
}

impl Sample {
    /// Of all zones together.
    pub fn front(&self) -> FrontSample {
        let mut all = FrontSample::default();
        self.zones.values().for_each(|zone| all += zone);
        all
    }
}

/// Fronts, made and changed by what they should be. Verbs are idempotent.
pub trait Fronts: Send + Sync {
    /// Makes a front or changes it. Connections and requests under way go on.
    ///
    /// # Errors
    /// `Host` when a door cannot be opened or an identity cannot be used; the other doors are open nevertheless.
    fn ensure(&self, spec: FrontSpec) -> Pending<'_, ()>;

    /// Closes a front with all its connections. Absent is fine.
    fn remove(&self, id: &FrontId) -> Pending<'_, ()>;

    /// How the members of a pool fare; `None` where there is no such pool.
    fn health(&self, front: &FrontId, pool: &PoolId) -> Option<BTreeMap<MemberId, Health>>;

    /// Takes what has been counted since the last look.
    fn sample(&self, front: &FrontId) -> Option<Sample>;

    /// Takes what has been written down since the last look; nothing where nothing is.
    fn journal(&self, front: &FrontId) -> Vec<Entry>;
}

/// Fronts on sockets of this host.
pub struct Balance {
    workers: Vec<(Handle, Arc<Worker>)>,
    running: Mutex<BTreeMap<FrontId, Running>>,
    directory: RwLock<Directory>,
    /// For requests that come another way than through a door.
    desk: Arc<Desk>,
    /// How many names there are: most hosts are nobody's.
    names: AtomicUsize,
}

#[derive(Default)]
struct Directory {
    slots: BTreeMap<FrontId, Arc<Slot>>,
    /// Those that share a name stand in line: the first is found.
    names: HashMap<String, Vec<Arc<Slot>>>,
}

impl Directory {
    fn enter(&mut self, slot: &Arc<Slot>, name: &str) {
        let line = self.names.entry(name.to_owned()).or_default();
        if !line.iter().any(|other| Arc::ptr_eq(other, slot)) {
            line.push(slot.clone());
        }
    }

    fn leave(&mut self, slot: &Arc<Slot>, name: &str) {
        let Some(line) = self.names.get_mut(name) else { return };
        line.retain(|other| !Arc::ptr_eq(other, slot));
        if line.is_empty() {
            self.names.remove(name);
        }
    }
}

/// A place's number, a port, and whether it is for datagrams.
type DoorKey = (u64, u16, bool);

struct Running {
    slot: Arc<Slot>,
    names: Vec<String>,
    doors: BTreeMap<DoorKey, Vec<AbortHandle>>,
    probes: BTreeMap<(PoolId, MemberId), AbortHandle>,
}

/// Threads that serve.
const THREADS_MAX: usize = 8;

impl Balance {
    /// Starts the threads; `connections_max` clients are served at once, more are turned away.
    ///
    /// # Errors
    /// `Host` when a thread does not start.
    pub fn start(connections_max: usize) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(THREADS_MAX);
        let room = Arc::new(Room::new(connections_max));
        let desk = Arc::<Desk>::default();
        let mut workers = Vec::new();
        for number in 0..threads {
            let worker = Arc::new(Worker { desk: Arc::default(), watch: Arc::default(), room: room.clone() });
            let handle = thread(number, &worker, (number == 0).then(|| desk.clone()))?;
            workers.push((handle, worker));
        }
        Ok(Self {
            workers,
            running: Mutex::default(),
            directory: RwLock::default(),
            desk,
            names: AtomicUsize::new(0),
        })
    }

    /// Whether a host name, with or without a port, is a front's.
    pub fn serves(&self, host: &str) -> bool {
        self.names.load(Ordering::Relaxed) > 0 && self.find(host).is_some()
    }

    fn find(&self, host: &str) -> Option<Arc<Slot>> {
        let name = crate::rule::without_port(host).trim_end_matches('.').to_ascii_lowercase();
        self.directory.read().unwrap_or_else(PoisonError::into_inner).names.get(&name)?.first().cloned()
    }

    /// The addresses of a front by its name.
    pub fn resolve(&self, name: &str) -> Option<Vec<IpAddr>> {
        let live = self.find(name)?.get();
        Some(live.places.iter().filter_map(|place| place.spec.known_as).collect())
    }

    /// Answers a request for a front's host that came another way than through a door: by the door that speaks as the
    /// visitor does, the well-known port first.
    pub async fn answer(
        &self,
        host: &str,
        request: Request<Incoming>,
        visitor: Visitor,
    ) -> Response<Outgoing> {
        let Some(slot) = self.find(host) else { return answer::page(503) };
        let live = slot.get();
        let speaks = |secure: bool| {
            let doors = live.doors.iter();
            let mut fit: Vec<_> = doors
                .filter(|door| matches!(&door.spec.speaks, Speaks::Http(tls) if tls.is_some() == secure))
                .collect();
            fit.sort_by_key(|door| (!matches!(door.spec.port, 80 | 443), door.spec.port));
            fit.first().copied()
        };
        let Some(door) = speaks(visitor.secure).or_else(|| speaks(!visitor.secure)) else {
            return answer::page(503);
        };
        let client = Client::new(visitor.address, visitor.port, visitor.secure, door.spec.port);
        let place = live.places.first();
        Passage::answer(&self.desk, &live, door, place, &client, request).await
    }

    async fn make(&self, spec: FrontSpec) -> Result<()> {
        let mut all = self.running.lock().await;
        let former = all.get(&spec.id).map(|running| running.slot.get());
        let (id, names) = (spec.id.clone(), spec.names.clone());
        let host = |source| Error::Host { doing: format!("make front {id}"), source };
        let live = Arc::new(succeed(spec, former.as_deref()).map_err(host)?);
        let running = all.entry(id.clone()).or_insert_with(|| Running {
            slot: Arc::new(Slot::new(live.clone())),
            names: Vec::new(),
            doors: BTreeMap::new(),
            probes: BTreeMap::new(),
        });
        running.slot.set(live.clone());
        live.pools.values().for_each(|pool| pool.refresh());
        if let Some(former) = former {
            former.part(&live);
        }
        self.enter(&id, &running.slot, &running.names, &names);
        running.names = names;
        self.keep_asking(running, &live);
        self.open_doors(running, &live).await
    }

    fn enter(&self, id: &FrontId, slot: &Arc<Slot>, former: &[String], names: &[String]) {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        former.iter().filter(|name| !names.contains(name)).for_each(|name| directory.leave(slot, name));
        directory.slots.insert(id.clone(), slot.clone());
        names.iter().for_each(|name| directory.enter(slot, name));
        self.names.store(directory.names.len(), Ordering::Relaxed);
    }

    /// One task per member that is to be asked.
    fn keep_asking(&self, running: &mut Running, live: &Live) {
        running.probes.retain(|(pool, member), task| {
            let pool = live.pools.get(pool);
            let stays = pool.is_some_and(|pool| pool.members.iter().any(|other| other.id == *member));
            if !stays {
                task.abort();
            }
            stays && !task.is_finished()
        });
        let Some((handle, _)) = self.workers.first() else { return };
        for (id, pool) in &live.pools {
            for member in
                pool.members.iter().filter(|member| pool.spec.probe.is_some() && !member.is_draining())
            {
                let key = (id.clone(), member.id.clone());
                let task = || probe::run(running.slot.clone(), id.clone(), member.clone());
                running.probes.entry(key).or_insert_with(|| handle.spawn(task()).abort_handle());
            }
        }
    }

    async fn open_doors(&self, running: &mut Running, live: &Live) -> Result<()> {
        let mut wanted: BTreeMap<DoorKey, &Arc<LivePlace>> = BTreeMap::new();
        for place in &live.places {
            for door in &live.doors {
                let datagrams = door.spec.speaks == Speaks::Datagrams;
                wanted.insert((place.number, door.spec.port, datagrams), place);
            }
        }
        running.doors.retain(|key, tasks| {
            let stays = wanted.contains_key(key);
            if !stays {
                tasks.iter().for_each(AbortHandle::abort);
            }
            stays
        });
        let known: BTreeSet<DoorKey> = running.doors.keys().copied().collect();
        let mut outcome = Ok(());
        for (key, place) in wanted.into_iter().filter(|(key, _)| !known.contains(key)) {
            match self.open_door(&running.slot, place, key).await {
                Ok(tasks) => drop(running.doors.insert(key, tasks)),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// The door on every thread.
    async fn open_door(
        &self,
        slot: &Arc<Slot>,
        place: &Arc<LivePlace>,
        key: DoorKey,
    ) -> Result<Vec<AbortHandle>> {
        let (_, port, datagrams) = key;
        let at = SocketAddr::from((place.spec.address, port));
        let mut tasks = Vec::new();
        for (handle, worker) in &self.workers {
            let (tell, told) = oneshot::channel();
            let (worker, slot, place) = (worker.clone(), slot.clone(), place.clone());
            let task = handle.spawn(async move {
                let opened = match datagrams {
                    true => place.space.bind(at).map(|socket| (None, Some(socket))),
                    false => place.space.listen(at).map(|listener| (Some(listener), None)),
                };
                let (outcome, opened) = match opened {
                    Ok(opened) => (Ok(()), opened),
                    Err(error) => (Err(error), (None, None)),
                };
                // Whoever asked may have gone away.
                let _ = tell.send(outcome);
                match opened {
                    (Some(listener), _) => accept::run(worker, listener, slot, place, port).await,
                    (_, Some(socket)) => datagram::run(socket, slot, place, port).await,
                    _ => {}
                }
            });
            tasks.push(task.abort_handle());
            if let Err(source) = told.await.map_err(|_| Error::Thread)? {
                tasks.iter().for_each(AbortHandle::abort);
                return Err(Error::Host { doing: format!("listen on {at}"), source });
            }
        }
        Ok(tasks)
    }
}

impl Fronts for Balance {
    fn ensure(&self, spec: FrontSpec) -> Pending<'_, ()> {
        Box::pin(self.make(spec))
    }

    fn remove(&self, id: &FrontId) -> Pending<'_, ()> {
        let id = id.clone();
        Box::pin(async move {
            let Some(running) = self.running.lock().await.remove(&id) else { return Ok(()) };
            let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
            running.names.iter().for_each(|name| directory.leave(&running.slot, name));
            directory.slots.remove(&id);
            self.names.store(directory.names.len(), Ordering::Relaxed);
            running.doors.values().flatten().chain(running.probes.values()).for_each(AbortHandle::abort);
            running.slot.end();
            Ok(())
        })
    }

    fn health(&self, front: &FrontId, pool: &PoolId) -> Option<BTreeMap<MemberId, Health>> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        let live = directory.slots.get(front)?.get();
        let members = &live.pools.get(pool)?.members;
        Some(members.iter().map(|member| (member.id.clone(), member.health())).collect())
    }

    fn journal(&self, front: &FrontId) -> Vec<Entry> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        let live = directory.slots.get(front).map(|slot| slot.get());
        live.and_then(|live| live.journal.clone()).map_or_else(Vec::new, |journal| journal.take())
    }

    fn sample(&self, front: &FrontId) -> Option<Sample> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        let slot = directory.slots.get(front)?;
        let live = slot.get();
        let mut zones = BTreeMap::from([(String::new(), live.counters.take())]);
        for place in &live.places {
            *zones.entry(place.spec.zone.clone()).or_default() += &place.counters.take();
        }
        Some(Sample {
            zones,
            active_connections: self.workers.iter().map(|(_, worker)| worker.watch.count(slot)).sum(),
            active_flows: live.places.iter().map(|place| place.flows.load(Ordering::Relaxed)).sum(),
            pools: live.pools.iter().map(|(id, pool)| (id.clone(), pool.counters.take())).collect(),
            members: live.pools.iter().map(|(id, pool)| (id.clone(), pool.health_by_zone())).collect(),
        })
    }
}

/// A thread with a runtime of its own: a connection stays with the thread that accepted it, so that threads share nothing.
fn thread(number: usize, worker: &Arc<Worker>, extra: Option<Arc<Desk>>) -> Result<Handle> {
    let host = |source| Error::Host { doing: "start a thread".to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(host)?;
    let handle = runtime.handle().clone();
    let worker = worker.clone();
    let run = move || {
        runtime.block_on(async move {
            let mut second = tokio::time::interval(Duration::from_secs(1));
            loop {
                second.tick().await;
                worker.watch.tick();
                worker.desk.tick();
                extra.iter().for_each(|desk| desk.tick());
            }
        });
    };
    std::thread::Builder::new().name(format!("balance-{number}")).spawn(run).map_err(host)?;
    Ok(handle)
}
