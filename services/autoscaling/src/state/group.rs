//! A group as it is stored: what its owner asked for, and what its controller remembers.

use std::collections::BTreeMap;

use api_autoscaling as api;
use kept::Kept;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// A group, as operations and policies want it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Group {
    /// The request that made it, with what changed since. The capacity stands in `desired`.
    pub asked: Kept<api::CreateAutoScalingGroupType>,
    pub uuid: String,
    pub created_at: Millis,
    pub desired: i32,
    /// Why `desired` is what it is, for the activities that follow from it.
    pub cause: Option<String>,
    /// Instances that were not well ended since `desired` was last met.
    #[serde(default)]
    pub is_replacing: bool,
    /// Where instances may be.
    pub places: Vec<Place>,
    /// Processes that are off, with the reason.
    #[serde(default)]
    pub suspended: BTreeMap<String, String>,
    /// Metrics that are collected.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// It goes, and its instances with it.
    #[serde(default)]
    pub is_deleting: bool,
    /// Simple policies wait until then.
    #[serde(default)]
    pub cooldown_until: Millis,
    #[serde(default)]
    pub warm_pool: Option<Kept<api::PutWarmPoolType>>,
    /// The pool goes, and its instances with it.
    #[serde(default)]
    pub is_pool_deleting: bool,
    /// What predictive policies want at least.
    #[serde(default)]
    pub predicted: Option<i32>,
    /// The maximum, where a predictive policy raises it.
    #[serde(default)]
    pub ceiling: Option<i32>,
}

/// A subnet, or a zone without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub zone: String,
    pub subnet: Option<String>,
}

/// What the controller remembers of a group between its looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Launches that failed in a row.
    pub failures: u32,
    /// No launch before.
    pub retry_at: Millis,
}

impl Group {
    pub fn name(&self) -> &str {
        &self.asked.0.auto_scaling_group_name
    }

    pub fn arn(&self, scope: &Scope) -> String {
        arn(scope, &self.uuid, self.name())
    }

    /// The most that policies may want.
    pub fn ceiling(&self) -> i32 {
        self.ceiling.unwrap_or_default().max(self.asked.0.max_size)
    }

    /// The least that they may: the minimum, or what is foretold.
    pub fn floor(&self) -> i32 {
        self.predicted.unwrap_or_default().min(self.ceiling()).max(self.asked.0.min_size)
    }

    pub fn is_suspended(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    /// Zones in the order they were given, each once.
    pub fn zones(&self) -> Vec<String> {
        let mut zones: Vec<String> = Vec::new();
        for place in &self.places {
            if !zones.contains(&place.zone) {
                zones.push(place.zone.clone());
            }
        }
        zones
    }

    /// What sends it traffic, however it was attached: target groups by ARN, classic load balancers by name.
    pub fn sources(&self) -> Vec<String> {
        let mut all = self.asked.0.target_group_arns.clone().unwrap_or_default();
        all.extend(self.asked.0.load_balancer_names.clone().unwrap_or_default());
        let others = self.asked.0.traffic_sources.iter().flatten().map(|one| one.identifier.clone());
        for other in others {
            if !all.contains(&other) {
                all.push(other);
            }
        }
        all
    }

    /// Unhealthy targets of its target groups are unhealthy instances.
    pub fn asks_targets(&self) -> bool {
        self.asked.0.health_check_type.as_deref().is_some_and(|kinds| kinds.split(',').any(|k| k == "ELB"))
    }

    pub fn grace_ms(&self) -> Millis {
        Millis::from(self.asked.0.health_check_grace_period.unwrap_or_default()) * 1_000
    }

    /// How long a new instance counts as warming up.
    pub fn warmup_ms(&self, of_policy: Option<i32>) -> Millis {
        let group = self.asked.0.default_instance_warmup.filter(|seconds| *seconds >= 0);
        let seconds = of_policy.or(group).unwrap_or_else(|| self.cooldown_s());
        Millis::from(seconds) * 1_000
    }

    /// Its maintenance policy wants the new before the old goes.
    pub fn launches_first(&self) -> bool {
        let policy = self.asked.0.instance_maintenance_policy.as_ref();
        policy.and_then(|policy| policy.min_healthy_percentage) == Some(100)
    }

    pub fn cooldown_s(&self) -> i32 {
        self.asked.0.default_cooldown.unwrap_or(DEFAULT_COOLDOWN_S)
    }
}

/// Whether what sends traffic is a classic load balancer, and not a target group.
pub fn is_classic(source: &str) -> bool {
    !source.contains(":targetgroup/")
}

/// EC2 Auto Scaling user guide, "Default cooldown".
pub const DEFAULT_COOLDOWN_S: i32 = 300;

pub fn arn(scope: &Scope, uuid: &str, name: &str) -> String {
    scope.arn("autoscaling", format_args!("autoScalingGroup:{uuid}:autoScalingGroupName/{name}"))
}

static GROUPS: Table<Group> = Table::new("autoscaling/group");
static MEMORIES: Table<Memory> = Table::new("autoscaling/memory");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Group>> {
    GROUPS.get(from, scope, name)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Group>> {
    GROUPS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Group)>> {
    GROUPS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Group) -> Result<()> {
    GROUPS.put(tx, scope, one.name(), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    MEMORIES.delete(tx, scope, name)?;
    GROUPS.delete(tx, scope, name)
}

pub fn memory(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Memory> {
    Ok(MEMORIES.get(from, scope, name)?.unwrap_or_default())
}

pub fn remember(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str, memory: &Memory) -> Result<()> {
    MEMORIES.put(tx, scope, name, memory)
}
