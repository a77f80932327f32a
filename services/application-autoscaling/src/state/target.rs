//! Scalable targets: the bounds of a capacity, what waits to be decided about it, and the change that is under way.

use std::collections::BTreeMap;

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use scaling::alarm::Told;
use serde::{Deserialize, Serialize};

use crate::rules::key::TargetKey;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub key: TargetKey,
    /// The end of its ARN.
    pub id: String,
    pub min: i32,
    pub max: i32,
    pub suspended: Suspended,
    pub created_at: Millis,
    pub tags: BTreeMap<String, String>,
    /// What was asked of it and is not decided yet, in order; one of each asker at most.
    pub demands: Vec<Demand>,
    pub change: Option<Change>,
    pub cooling: Option<Cooling>,
}

/// What is not done meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    pub scale_in: bool,
    pub scale_out: bool,
    pub scheduled: bool,
}

/// Somebody wants another capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    pub id: String,
    pub by: By,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum By {
    /// A policy whose alarm told something.
    Policy { name: String, told: Told },
    /// A scheduled action set other bounds: the capacity keeps within them.
    Bounds,
}

/// A change under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where its activity is kept.
    pub activity: (Millis, String),
    pub from: i32,
    pub to: i32,
    /// How long one waits once it has come about.
    pub cooldown_ms: Millis,
    /// The resource was told; it is to come about.
    pub is_set: bool,
}

/// How long, and since what capacity, one waits after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooling {
    pub until: Millis,
    pub from: i32,
    pub is_out: bool,
}

/// By the text of its key.
static TARGETS: Table<Target> = Table::new("application-autoscaling/target");

impl Target {
    pub fn arn(&self, scope: &Scope) -> String {
        scope.arn("application-autoscaling", format_args!("scalable-target/{}", self.id))
    }

    /// The newest of each asker takes the place of what they asked before.
    pub fn demand(&mut self, demand: Demand) {
        let is_same = |other: &Demand| match (&other.by, &demand.by) {
            (By::Policy { name, .. }, By::Policy { name: new, .. }) => name == new,
            (By::Bounds, By::Bounds) => true,
            _ => false,
        };
        self.demands.retain(|other| !is_same(other));
        self.demands.push(demand);
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, key: &TargetKey) -> Result<Option<Target>> {
    TARGETS.get(from, scope, key.text())
}

/// The target an ARN names.
pub fn find_by_arn(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<Option<Target>> {
    Ok(all(from, scope)?.into_iter().find(|one| one.arn(scope) == arn))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Target>> {
    TARGETS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Target)>> {
    TARGETS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Target) -> Result<()> {
    TARGETS.put(tx, scope, one.key.text(), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, key: &TargetKey) -> Result<()> {
    TARGETS.delete(tx, scope, key.text())
}
