//! A front at work: what requests are decided by now, and members that outlive changes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::counters::{FrontCounters, Zones};
use crate::journal::Journal;
use crate::space::Space;
use crate::spec::{
    Ailment, DoorSpec, FrontSpec, Health, Manners, MemberId, MemberSpec, Place, PoolId, PoolSpec, Probe,
    Speaks,
};
use crate::tls::Acceptors;

/// A front as it is now. Whoever works with it keeps it; the next request sees its successor.
pub(crate) struct Live {
    pub(crate) manners: Manners,
    pub(crate) places: Vec<Arc<LivePlace>>,
    pub(crate) doors: Vec<Arc<LiveDoor>>,
    pub(crate) pools: BTreeMap<PoolId, Arc<LivePool>>,
    /// Of requests that came by no place.
    pub(crate) counters: Arc<FrontCounters>,
    pub(crate) journal: Option<Arc<Journal>>,
}

pub(crate) struct LivePlace {
    /// No other place of this process has it, before or after.
    pub(crate) number: u64,
    pub(crate) spec: Place,
    pub(crate) space: Space,
    pub(crate) counters: Arc<FrontCounters>,
    /// Of datagrams, now.
    pub(crate) flows: AtomicUsize,
}

impl LivePlace {
    fn open(spec: Place) -> std::io::Result<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let space = Space::open(spec.space.as_deref())?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, space, spec, counters: Arc::default(), flows: AtomicUsize::new(0) })
    }
}

pub(crate) struct LiveDoor {
    pub(crate) spec: DoorSpec,
    pub(crate) tls: Option<Acceptors>,
}

impl Live {
    /// Lets members go that its successor does not have in the same pool.
    pub(crate) fn part(&self, successor: &Self) {
        for (id, pool) in &successor.pools {
            self.pools.get(id).into_iter().for_each(|former| former.part(pool));
        }
    }

    pub(crate) fn door(&self, port: u16, datagrams: bool) -> Option<&Arc<LiveDoor>> {
        let is = |door: &&Arc<LiveDoor>| {
            door.spec.port == port && (door.spec.speaks == Speaks::Datagrams) == datagrams
        };
        self.doors.iter().find(is)
    }
}

/// Where the front of now is found.
pub(crate) struct Slot {
    live: RwLock<Arc<Live>>,
    ended: AtomicBool,
}

impl Slot {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        Self { live: RwLock::new(live), ended: AtomicBool::new(false) }
    }

    /// From now on there is no front: its connections are closed.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, live: Arc<Live>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
    }
}

/// A pool and who of it may be asked.
pub(crate) struct LivePool {
    pub(crate) spec: PoolSpec,
    pub(crate) members: Vec<Arc<Member>>,
    eligible: RwLock<Arc<Vec<Arc<Member>>>>,
    pub(crate) next: AtomicUsize,
    pub(crate) counters: Arc<Zones>,
}

impl LivePool {
    /// From a spec, with the members of its predecessor where they are the same.
    pub(crate) fn new(spec: PoolSpec, former: Option<&Self>) -> Self {
        let known: BTreeMap<&MemberId, &Arc<Member>> =
            former.iter().flat_map(|pool| &pool.members).map(|member| (&member.id, member)).collect();
        let same_probe = former.is_some_and(|former| former.spec.probe == spec.probe);
        let member = |wanted: &MemberSpec| match known.get(&wanted.id) {
            Some(member) if member.address == wanted.address && member.zone == wanted.zone => {
                member.set_draining(wanted.draining);
                if !same_probe {
                    member.ask_anew(spec.probe.is_some());
                }
                Arc::clone(member)
            }
            _ => Arc::new(Member::new(wanted, spec.probe.is_some())),
        };
        let members = spec.members.iter().map(member).collect();
        let counters = former.map(|former| former.counters.clone()).unwrap_or_default();
        let next = AtomicUsize::new(former.map_or(0, |former| former.next.load(Ordering::Relaxed)));
        let pool = Self { spec, members, eligible: RwLock::default(), next, counters };
        pool.refresh();
        pool
    }

    /// Lets those go that its successor does not have.
    fn part(&self, successor: &Self) {
        let stays = |member: &&Arc<Member>| successor.members.iter().any(|other| Arc::ptr_eq(other, member));
        self.members.iter().filter(|member| !stays(member)).for_each(|member| member.go());
    }

    /// Those that get new requests now.
    pub(crate) fn eligible(&self) -> Arc<Vec<Arc<Member>>> {
        self.eligible.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After somebody's health changed. When nobody is well, an answer may still come from those that nobody knows
    /// yet, and where the spec says so from everybody.
    pub(crate) fn refresh(&self) {
        let open = || self.members.iter().filter(|member| !member.is_draining());
        let mut eligible: Vec<_> = open().filter(|member| member.is_healthy()).cloned().collect();
        if eligible.is_empty() {
            let may = |member: &&Arc<Member>| self.spec.fail_open || member.health() == Health::Initial;
            eligible = open().filter(may).cloned().collect();
        }
        *self.eligible.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(eligible);
    }

    /// Healthy and unhealthy members by zone; those on their way out are neither.
    pub(crate) fn health_by_zone(&self) -> BTreeMap<String, (usize, usize)> {
        let mut zones = BTreeMap::<String, (usize, usize)>::new();
        for member in self.members.iter().filter(|member| !member.is_draining()) {
            let (well, ill) = zones.entry(member.zone.clone().unwrap_or_default()).or_default();
            *(if member.is_healthy() { well } else { ill }) += 1;
        }
        zones
    }

    pub(crate) fn find(&self, hash: u64) -> Option<Arc<Member>> {
        self.eligible().iter().find(|member| member.hash == hash).cloned()
    }
}

/// Who answers.
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) zone: Option<String>,
    /// Stands for it in cookies.
    pub(crate) hash: u64,
    /// Requests or streams under way.
    pub(crate) outstanding: AtomicU32,
    state: Mutex<State>,
    /// Raised whenever its probing must begin anew.
    pub(crate) epoch: AtomicU64,
    gone: AtomicBool,
    /// Told when it has become ill, and when it is gone.
    pub(crate) farewell: Notify,
}

struct State {
    draining: bool,
    health: Health,
    /// Answers of the same kind in a row.
    streak: u32,
    healthy_since: Option<Instant>,
}

impl Member {
    fn new(spec: &MemberSpec, probed: bool) -> Self {
        let health = if probed { Health::Initial } else { Health::Healthy };
        let healthy_since = (!probed).then(Instant::now);
        Self {
            id: spec.id.clone(),
            address: spec.address,
            zone: spec.zone.clone(),
            hash: crate::cookie::hash(spec.id.0.as_bytes()),
            outstanding: AtomicU32::new(0),
            state: Mutex::new(State { draining: spec.draining, health, streak: 0, healthy_since }),
            epoch: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            farewell: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state().draining
    }

    fn set_draining(&self, draining: bool) {
        self.state().draining = draining;
    }

    /// Whether its pool has it no more.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn go(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.farewell.notify_waiters();
    }

    fn ask_anew(&self, probed: bool) {
        let mut state = self.state();
        state.streak = 0;
        if !probed {
            state.health = Health::Healthy;
        }
        drop(state);
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.state().health == Health::Healthy
    }

    pub(crate) fn health(&self) -> Health {
        self.state().health.clone()
    }

    /// What a probe found. A first success is enough for a member that was never asked. `true` when others must know.
    pub(crate) fn found(&self, probe: &Probe, outcome: Result<(), Ailment>) -> bool {
        let mut state = self.state();
        let well = outcome.is_ok();
        let same = match (&state.health, &outcome) {
            (Health::Healthy, Ok(())) => true,
            (Health::Unhealthy(_), Err(ailment)) => {
                let ailment = ailment.clone();
                state.health = Health::Unhealthy(ailment);
                true
            }
            _ => false,
        };
        if same {
            state.streak = 0;
            return false;
        }
        state.streak += 1;
        let enough = match (&state.health, well) {
            (Health::Initial, true) => 1,
            (_, true) => probe.healthy_after,
            (_, false) => probe.unhealthy_after,
        };
        if state.streak < enough {
            return false;
        }
        state.streak = 0;
        state.healthy_since = well.then(Instant::now);
        state.health = match outcome {
            Ok(()) => Health::Healthy,
            Err(ailment) => Health::Unhealthy(ailment),
        };
        drop(state);
        if !well {
            self.farewell.notify_waiters();
        }
        true
    }

    /// The part of its share that it gets now: less than 1 while it starts slowly.
    pub(crate) fn share(&self, slow_start: Duration) -> f32 {
        if slow_start.is_zero() {
            return 1.0;
        }
        let since = self.state().healthy_since;
        since.map_or(1.0, |since| (since.elapsed().as_secs_f32() / slow_start.as_secs_f32()).clamp(0.02, 1.0))
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Underway {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        Underway(self.clone())
    }
}

/// A request or stream that counts as long as this lives.
pub(crate) struct Underway(pub(crate) Arc<Member>);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The successor of a front, by a new spec.
pub(crate) fn succeed(spec: FrontSpec, former: Option<&Live>) -> std::io::Result<Live> {
    let FrontSpec { places, doors, pools, manners, journal, .. } = spec;
    let known = |place: &Place| {
        former.and_then(|former| former.places.iter().find(|known| known.spec == *place).cloned())
    };
    let place = |place: Place| match known(&place) {
        Some(known) => Ok(known),
        None => LivePlace::open(place).map(Arc::new),
    };
    let places = places.into_iter().map(place).collect::<std::io::Result<_>>()?;
    let door = |spec: DoorSpec| {
        let same = former.and_then(|former| former.doors.iter().find(|door| door.spec == spec));
        let tls = || Acceptors::of(&spec.speaks, manners.http2);
        match same.filter(|_| former.is_some_and(|former| former.manners.http2 == manners.http2)) {
            Some(door) => Ok(door.clone()),
            None => Ok(Arc::new(LiveDoor { tls: tls()?, spec })),
        }
    };
    let doors = doors.into_iter().map(door).collect::<std::io::Result<_>>()?;
    let pool = |spec: PoolSpec| {
        let former = former.and_then(|former| former.pools.get(&spec.id));
        let same = former.filter(|former| former.spec == spec);
        (
            spec.id.clone(),
            same.cloned().unwrap_or_else(|| Arc::new(LivePool::new(spec, former.map(|f| &**f)))),
        )
    };
    let counters = former.map(|former| former.counters.clone()).unwrap_or_default();
    let known = former.and_then(|former| former.journal.clone());
    let journal = journal.then(|| known.unwrap_or_default());
    Ok(Live { manners, places, doors, pools: pools.into_iter().map(pool).collect(), counters, journal })
}
