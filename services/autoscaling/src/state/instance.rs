//! An instance of a group as it is stored: what is wanted of it, and how far it has come.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::group::Place;

/// What is wanted of an instance. Operations and the group's controller write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    Serve,
    Standby,
    /// It waits in the warm pool.
    Warm,
    /// It leaves the group and runs on.
    Detach,
    Terminate,
}

/// How far an instance has come. Its own controller writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// EC2 has not been asked yet, or has not answered.
    Launching,
    Pending,
    PendingWait,
    PendingProceed,
    InService,
    EnteringStandby,
    Standby,
    Detaching,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    WarmedPending,
    WarmedPendingWait,
    WarmedPendingProceed,
    WarmedStopped,
    WarmedRunning,
}

/// What it was launched from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub configuration: Option<String>,
    /// Id, name and number of the version.
    pub template: Option<(String, String, String)>,
}

/// A hook that has not been answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub hook: String,
    pub token: String,
    pub since: Millis,
    /// Goes on by itself then.
    pub until: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Ours, and the token EC2 knows the launch by.
    pub slot: String,
    pub group: String,
    /// EC2's.
    pub id: Option<String>,
    pub wish: Wish,
    pub stage: Stage,
    pub place: Place,
    pub origin: Origin,
    pub instance_type: String,
    pub image: String,
    pub is_spot: bool,
    /// Units of the group's capacity; 1 without weights.
    pub weight: i32,
    pub weight_is_given: bool,
    pub protected: bool,
    pub created_at: Millis,
    #[serde(default)]
    pub in_service_at: Option<Millis>,
    /// Why it is unhealthy, in the words of an activity.
    #[serde(default)]
    pub unhealthy: Option<String>,
    /// Why its wish is what it is, in the words of an activity.
    #[serde(default)]
    pub why: Option<String>,
    /// Target groups it is a target of.
    #[serde(default)]
    pub registered: Vec<String>,
    /// Hooks of the stage it waits in.
    #[serde(default)]
    pub held: Vec<Held>,
    /// The activity that is under way.
    #[serde(default)]
    pub activity: Option<(Millis, String)>,
    /// It takes the place of this slot, which goes when this is in service.
    #[serde(default)]
    pub replaces: Option<String>,
    /// The refresh that launched it.
    #[serde(default)]
    pub refresh: Option<String>,
    /// It came out of the warm pool, or was attached: EC2 starts it.
    #[serde(default)]
    pub was_warm: bool,
    /// A hook said to abandon it, or its launch came to nothing.
    #[serde(default)]
    pub is_abandoned: bool,
}

impl Instance {
    /// One that is to be launched, before anything is known of it.
    pub fn blank(group: &str, place: &Place, now: Millis) -> Self {
        Self {
            slot: String::new(),
            group: group.to_owned(),
            id: None,
            wish: Wish::Serve,
            stage: Stage::Launching,
            place: place.clone(),
            origin: Origin::default(),
            instance_type: String::new(),
            image: String::new(),
            is_spot: false,
            weight: 1,
            weight_is_given: false,
            protected: false,
            created_at: now,
            in_service_at: None,
            unhealthy: None,
            why: None,
            registered: Vec::new(),
            held: Vec::new(),
            activity: None,
            replaces: None,
            refresh: None,
            was_warm: false,
            is_abandoned: false,
        }
    }

    /// As AWS calls its state.
    pub fn state(&self) -> &'static str {
        match self.stage {
            Stage::Launching | Stage::Pending => "Pending",
            Stage::PendingWait => "Pending:Wait",
            Stage::PendingProceed => "Pending:Proceed",
            Stage::InService => "InService",
            Stage::EnteringStandby => "EnteringStandby",
            Stage::Standby => "Standby",
            Stage::Detaching => "Detaching",
            Stage::Terminating if self.wish == Wish::Warm => "Warmed:Pending",
            Stage::Terminating => "Terminating",
            Stage::TerminatingWait => "Terminating:Wait",
            Stage::TerminatingProceed => "Terminating:Proceed",
            Stage::WarmedPending => "Warmed:Pending",
            Stage::WarmedPendingWait => "Warmed:Pending:Wait",
            Stage::WarmedPendingProceed => "Warmed:Pending:Proceed",
            Stage::WarmedStopped => "Warmed:Stopped",
            Stage::WarmedRunning => "Warmed:Running",
        }
    }

    pub fn health(&self) -> &'static str {
        if self.unhealthy.is_some() { "Unhealthy" } else { "Healthy" }
    }

    /// The controller's key.
    pub fn key(&self) -> String {
        format!("{}:{}", self.slot, self.group)
    }

    /// Counts for the group's capacity.
    pub fn counts(&self) -> bool {
        self.wish == Wish::Serve && self.replaces.is_none()
    }

    pub fn is_in_service(&self) -> bool {
        self.stage == Stage::InService && self.wish == Wish::Serve
    }

    pub fn is_warm(&self) -> bool {
        use Stage::{WarmedPending, WarmedPendingProceed, WarmedPendingWait, WarmedRunning, WarmedStopped};
        self.wish == Wish::Warm
            || matches!(
                self.stage,
                WarmedPending | WarmedPendingWait | WarmedPendingProceed | WarmedStopped | WarmedRunning
            )
    }
}

static INSTANCES: Table<Instance> = Table::new("autoscaling/instance");
/// Slots by EC2's id: an instance is in one group at most.
static BY_ID: Table<(String, String)> = Table::new("autoscaling/instance-id");

pub fn find(from: &mut impl Reader, scope: &Scope, group: &str, slot: &str) -> Result<Option<Instance>> {
    INSTANCES.get(from, scope, (group, slot))
}

pub fn find_by_id(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Instance>> {
    let Some((group, slot)) = BY_ID.get(from, scope, id)? else { return Ok(None) };
    find(from, scope, &group, &slot)
}

/// Of a group, the oldest first.
pub fn of_group(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<Instance>> {
    let mut found = INSTANCES.all(from, scope, group)?;
    found.sort_by(|a, b| (a.created_at, &a.slot).cmp(&(b.created_at, &b.slot)));
    Ok(found)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Instance>> {
    INSTANCES.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Instance)>> {
    INSTANCES.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Instance) -> Result<()> {
    if let Some(id) = &one.id {
        BY_ID.put(tx, scope, id, &(one.group.clone(), one.slot.clone()))?;
    }
    INSTANCES.put(tx, scope, (&*one.group, &*one.slot), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Instance) -> Result<()> {
    if let Some(id) = &one.id {
        BY_ID.delete(tx, scope, id)?;
    }
    INSTANCES.delete(tx, scope, (&*one.group, &*one.slot))
}
