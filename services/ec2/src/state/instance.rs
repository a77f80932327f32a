//! The stored instance: what was asked for, what was seen, and where the two are written.

use kernel::clock::Millis;
use kernel::events::Event;
use kernel::house::HOUSE_SCOPE;
use kernel::timers::TimerKey;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{
    CapacityReservationId, HostId, ImageId, InstanceId, InterfaceId, PlacementGroupId, ProfileAssociationId,
    ReservationId, SubnetId, VolumeId, VpcId,
};
use super::subnet::NameOptions;
use super::{capacity_reservation, host, spot};
use crate::rules::instance::{State, bill, visible_state};
use crate::rules::spot::Spot;

/// What the API asks for. Only operations write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    pub power: Power,
    /// Grows with every change of `power`.
    pub generation: u64,
    /// How many reboots have been asked for, ever.
    pub reboots: u64,
    /// A stop that gives the guest no time.
    pub force: bool,
    pub at: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Power {
    Running,
    Stopped,
    Terminated,
}

/// What the controller has seen. Only it writes this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub machine: Seen,
    /// The generation of [`Desired`] this answers.
    pub generation: u64,
    /// Reboots done.
    pub reboots: u64,
    /// The machine ended without being asked.
    pub ended: Option<Ended>,
    pub running_since: Option<Millis>,
    /// Its interface and its address are given back.
    pub released: bool,
    /// What went wrong last, for the console.
    pub last_error: Option<String>,
    /// Tries to start it that failed, in this generation.
    pub failures: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// There is no machine (yet, or any more).
    #[default]
    Absent,
    Off,
    On,
}

/// An end nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The generation it was running in: a later wish overrides it.
    pub generation: u64,
    pub cause: Cause,
    pub at: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The guest switched itself off.
    PoweredOff,
    /// It died.
    Died(String),
    /// What it runs on was taken from it: it was killed from outside, or is gone.
    Lost(String),
    /// It could not be started.
    NeverStarted(String),
}

/// What a shutdown from inside leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnShutdown {
    #[default]
    Stop,
    Terminate,
}

/// How the metadata service answers this instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    pub enabled: bool,
    pub tokens_required: bool,
    pub hop_limit: u8,
    pub tags: bool,
    /// At its address of IPv6 too.
    #[serde(default)]
    pub ipv6: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self { enabled: true, tokens_required: false, hop_limit: 1, tags: false, ipv6: false }
    }
}

/// The instance profile an instance has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub association: ProfileAssociationId,
    pub arn: String,
    /// Its unique id: a profile made anew under the same name is another one.
    pub id: String,
    pub since: Millis,
}

/// The disk an instance boots from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootVolume {
    pub id: VolumeId,
    pub size_gib: u32,
    pub volume_type: String,
    pub delete_on_termination: bool,
}

/// Which capacity reservations an instance may run in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preference {
    /// Any that is open and fits.
    #[default]
    Open,
    None,
    /// As [`Preference::Open`], and nowhere else.
    Only,
    Targeted(CapacityReservationId),
}

/// With whom an instance shares processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tenancy {
    #[default]
    Default,
    /// With its account's others.
    Dedicated,
    /// With those on its host.
    Host,
}

/// Where it is, beside whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub tenancy: Tenancy,
    pub host: Option<HostId>,
    /// It comes back to its host after a stop.
    pub affinity: bool,
    /// Its placement group: id and name.
    pub group: Option<(PlacementGroupId, String)>,
    pub partition: Option<u32>,
}

/// What is done when the machine below an instance is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// It stays stopped.
    pub recovery_off: bool,
    /// When it was started again.
    pub recovered: Vec<Millis>,
}

/// Where it has its room from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    pub preference: Preference,
    /// The reservation it runs in.
    pub reservation: Option<CapacityReservationId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    pub reservation: ReservationId,
    pub launch_index: u32,
    pub client_token: Option<String>,
    pub created_at: Millis,
    /// The last start.
    pub launched_at: Millis,
    pub image: ImageId,
    pub instance_type: String,
    pub key_name: Option<String>,
    /// Of the key pair as it was at the launch.
    pub public_key: Option<String>,
    /// Base64, as it was given.
    pub user_data: Option<String>,
    pub interface: InterfaceId,
    pub vpc: VpcId,
    pub subnet: SubnetId,
    pub zone: String,
    pub private_ip: std::net::Ipv4Addr,
    pub metadata: MetadataOptions,
    #[serde(default)]
    pub profile: Option<Profile>,
    pub termination_protected: bool,
    pub stop_protected: bool,
    pub on_shutdown: OnShutdown,
    pub monitoring: bool,
    pub root: RootVolume,
    /// What a burstable type does when its credits are used up.
    pub cpu_credits: Option<String>,
    pub ebs_optimized: bool,
    /// Bought on the spot market.
    #[serde(default)]
    pub spot: Option<Spot>,
    #[serde(default)]
    pub capacity: Capacity,
    #[serde(default)]
    pub place: Place,
    #[serde(default)]
    pub maintenance: Maintenance,
    #[serde(default)]
    pub names: NameOptions,
    pub desired: Desired,
    pub observed: Observed,
    /// Since when it is in the state that is seen.
    pub state_since: Millis,
}

impl Instance {
    pub fn state(&self) -> State {
        visible_state(self)
    }
    pub fn arn(&self, scope: &Scope) -> String {
        scope.arn("ec2", format_args!("instance/{}", self.id))
    }
}

static INSTANCES: Table<Instance> = Table::new("ec2/instance");
/// Where an instance is, for who knows no more than its id: the engine.
static PLACES: Table<Scope> = Table::new("ec2/instance-place");

/// A terminated instance stays visible for so long.
pub const VISIBLE_MS: Millis = 3_600_000;
/// The timer that ends it.
pub const FORGET: &str = "forget-instance";

pub fn find(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Option<Instance>> {
    INSTANCES.get(from, scope, id)
}

/// In the order of their ids.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Instance>> {
    INSTANCES.all(from, scope, ())
}

/// Instances of every scope.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Instance)>> {
    INSTANCES.all_scopes(from)
}

/// The scope of an instance, wherever it is.
pub fn find_place(from: &mut impl Reader, id: &InstanceId) -> Result<Option<Scope>> {
    PLACES.get(from, &HOUSE_SCOPE, id)
}

/// Stores a new instance and tells that it is pending.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, instance: &Instance) -> Result<()> {
    PLACES.put(tx, &HOUSE_SCOPE, &instance.id, scope)?;
    tell(tx, scope, instance)?;
    INSTANCES.put(tx, scope, &instance.id, instance)
}

/// Stores what `change` makes of the instance, and what follows when the state that is seen changes: the event, the
/// usage line, the end of a terminated one. `None` when there is no such instance.
pub fn update<T>(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &InstanceId,
    change: impl FnOnce(&mut Instance) -> Result<T>,
) -> Result<Option<T>> {
    let Some(before) = find(tx, scope, id)? else { return Ok(None) };
    let mut after = before.clone();
    let answer = change(&mut after)?;
    if after == before {
        return Ok(Some(answer));
    }
    let now = tx.ctx().now();
    let (was, is) = (before.state(), after.state());
    if is == State::Running && was != State::Running {
        after.observed.running_since = Some(now);
    }
    if was == State::Running && is != State::Running {
        for line in bill(&before, now).lines {
            tx.meter(&line)?;
        }
        after.observed.running_since = None;
        if let Some(spot) = &mut after.spot {
            spot.billed_until = None;
        }
    }
    let has_left = was != is && matches!(is, State::Stopped | State::Terminated);
    let left = has_left.then(|| after.capacity.reservation.take());
    if has_left && !after.place.affinity {
        after.place.host = None;
    }
    if was != is {
        after.state_since = now;
        tell(tx, scope, &after)?;
        if is == State::Terminated {
            let forget = TimerKey::new(tx.ctx(), FORGET, id.to_string());
            tx.schedule(&forget, now + VISIBLE_MS)?;
        }
    }
    INSTANCES.put(tx, scope, id, &after)?;
    if let Some(held) = after.spot.as_ref().filter(|_| was != is)
        && let Some(request) = spot::find(tx, scope, &held.request)?
        && let Some(next) = crate::rules::spot::follow(&request, held, is)
    {
        spot::set_state(tx, scope, &request.id, next)?;
    }
    if let Some(reservation) = left.flatten() {
        capacity_reservation::settle(tx, scope, &reservation)?;
    }
    if has_left && after.place.tenancy == Tenancy::Dedicated {
        host::let_go(tx, scope)?;
    }
    Ok(Some(answer))
}

/// Forgets an instance for good.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId) -> Result<()> {
    super::scheduled_event::forget_of(tx, scope, id)?;
    super::guest_agent::forget(tx, scope, id)?;
    PLACES.delete(tx, &HOUSE_SCOPE, id)?;
    INSTANCES.delete(tx, scope, id)
}

fn tell(tx: &mut Tx<'_, '_>, scope: &Scope, instance: &Instance) -> Result<()> {
    let event: Event = crate::events::state_changed(tx.ctx(), scope, instance);
    tx.publish(&event)
}
