//! The stored spot request, and the course of the spot price.

use kernel::clock::Millis;
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{InstanceId, SpotRequestId};
use crate::errors;
use crate::rules::launch_template::Data;
use price::{Dollars, Level};

/// Whether an interrupted request is open again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    OneTime,
    Persistent,
}

/// What an interruption does to the instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Behavior {
    #[default]
    Terminate,
    Stop,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Open,
    Active,
    /// Its instance is stopped.
    Disabled,
    Closed,
    Cancelled,
    Failed,
}

/// AWS's status codes of a request (EC2 user guide, "Spot Instance request status").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    PendingEvaluation,
    NotScheduledYet,
    ScheduleExpired,
    PriceTooLow,
    CapacityNotAvailable,
    /// What it names is somebody else's for now.
    ConstraintNotFulfillable,
    BadParameters,
    Fulfilled,
    CanceledBeforeFulfillment,
    RequestCanceledAndInstanceRunning,
    MarkedForTermination,
    MarkedForStop,
    InstanceTerminatedByPrice,
    InstanceTerminatedNoCapacity,
    InstanceTerminatedByUser,
    InstanceStoppedByPrice,
    InstanceStoppedNoCapacity,
    InstanceStoppedByUser,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpotRequest {
    pub id: SpotRequestId,
    pub kind: Kind,
    pub behavior: Behavior,
    /// At most the price on demand where none was given.
    pub max_price: Dollars,
    pub instance_type: String,
    /// The launch, as members of RunInstances.
    pub launch: Data,
    pub created_at: Millis,
    pub valid_from: Option<Millis>,
    pub valid_until: Option<Millis>,
    pub state: State,
    pub code: Code,
    /// What was wrong with a request that failed: code and message.
    pub fault: Option<(String, String)>,
    pub updated_at: Millis,
    pub instance: Option<InstanceId>,
    pub zone: Option<String>,
}

static REQUESTS: Table<SpotRequest> = Table::new("ec2/spot-request");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &SpotRequestId) -> Result<Option<SpotRequest>> {
    REQUESTS.get(from, scope, id)
}

/// # Errors
/// `InvalidSpotInstanceRequestID.NotFound`.
pub fn get(from: &mut impl Reader, scope: &Scope, id: &SpotRequestId) -> Result<SpotRequest> {
    find(from, scope, id)?.ok_or_else(|| errors::spot_request_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<SpotRequest>> {
    REQUESTS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, SpotRequest)>> {
    REQUESTS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, request: &SpotRequest) -> Result<()> {
    REQUESTS.put(tx, scope, &request.id, request)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &SpotRequestId) -> Result<()> {
    super::tag::forget(tx, scope, id)?;
    REQUESTS.delete(tx, scope, id)
}

/// Writes a request's new state, when it is another one.
pub fn set_state(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &SpotRequestId,
    (state, code): (State, Code),
) -> Result<()> {
    let Some(mut request) = find(tx, scope, id)? else { return Ok(()) };
    if (request.state, request.code) == (state, code) {
        return Ok(());
    }
    (request.state, request.code, request.updated_at) = (state, code, tx.ctx().now());
    if state == State::Open {
        request.instance = None;
    }
    put(tx, scope, &request)
}

/// Since when spot prices stand at a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub at: Millis,
    pub level: Level,
}

/// By time. One host, one market: all regions and zones share its price.
static COURSE: Table<Point> = Table::new("ec2/spot-course");

/// AWS tells prices of the last ninety days.
pub const COURSE_KEPT_MS: Millis = 90 * 86_400_000;

/// All points that are kept, in the order of time.
pub fn course(from: &mut impl Reader) -> Result<Vec<Point>> {
    COURSE.all(from, &HOUSE_SCOPE, ())
}

/// Notes a level, and forgets what is older than [`COURSE_KEPT_MS`], but for the point that still holds there.
pub fn note(tx: &mut Tx<'_, '_>, point: Point) -> Result<()> {
    let course = course(tx)?;
    let bound = point.at - COURSE_KEPT_MS;
    let old = course.iter().filter(|one| one.at <= bound).count();
    for one in course.iter().take(old.saturating_sub(1)) {
        COURSE.delete(tx, &HOUSE_SCOPE, one.at)?;
    }
    COURSE.put(tx, &HOUSE_SCOPE, point.at, &point)
}
