//! A scaling policy as it is stored, with the alarms that are its own.

use api_autoscaling as api;
use kept::{Kept, to_json};
use kernel::{Reader, Result, Scope, Table, Tx};
use scaling::owner::Trial;
use serde::{Deserialize, Serialize};

use super::chore::ALARMS;

#[derive(Clone, Serialize, Deserialize)]
pub struct Policy {
    pub asked: Kept<api::PutScalingPolicyType>,
    pub uuid: String,
    /// Of target tracking: made and deleted with it.
    pub alarms: Vec<String>,
    /// Until all its alarms are made, which may be refused.
    #[serde(default)]
    pub trial: Option<Trial<Self>>,
}

/// What a policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Simple,
    Step,
    TargetTracking,
    Predictive,
}

impl Policy {
    pub fn name(&self) -> &str {
        &self.asked.0.policy_name
    }

    pub fn group(&self) -> &str {
        &self.asked.0.auto_scaling_group_name
    }

    pub fn kind(&self) -> Kind {
        match self.asked.0.policy_type.as_deref() {
            Some("StepScaling") => Kind::Step,
            Some("TargetTrackingScaling") => Kind::TargetTracking,
            Some("PredictiveScaling") => Kind::Predictive,
            _ => Kind::Simple,
        }
    }

    /// What tells it from another of its name that was put later.
    pub fn stamp(&self) -> serde_json::Value {
        to_json(&self.asked.0)
    }

    pub fn is_enabled(&self) -> bool {
        self.asked.0.enabled != Some(false)
    }

    pub fn arn(&self, scope: &Scope) -> String {
        let (uuid, group, name) = (&self.uuid, self.group(), self.name());
        scope.arn(
            "autoscaling",
            format_args!("scalingPolicy:{uuid}:autoScalingGroupName/{group}:policyName/{name}"),
        )
    }
}

static POLICIES: Table<Policy> = Table::new("autoscaling/policy");

pub fn find(from: &mut impl Reader, scope: &Scope, group: &str, name: &str) -> Result<Option<Policy>> {
    POLICIES.get(from, scope, (group, name))
}

/// The policy an ARN names.
pub fn find_by_arn(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<Option<Policy>> {
    let Some((_, rest)) = arn.split_once(":autoScalingGroupName/") else { return Ok(None) };
    let Some((group, name)) = rest.split_once(":policyName/") else { return Ok(None) };
    Ok(find(from, scope, group, name)?.filter(|one| one.arn(scope) == arn))
}

pub fn of_group(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<Policy>> {
    POLICIES.all(from, scope, group)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Policy>> {
    POLICIES.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Policy)>> {
    POLICIES.all_scopes(from)
}

/// Stores it; its alarms, and those of before that it has no more, are to be seen to.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Policy) -> Result<()> {
    let before = find(tx, scope, one.group(), one.name())?;
    let alarms = before.iter().flat_map(|before| &before.alarms).chain(&one.alarms);
    alarms.into_iter().try_for_each(|alarm| ALARMS.put(tx, scope, alarm))?;
    POLICIES.put(tx, scope, (one.group(), one.name()), one)
}

/// Whether it is this one that is stored, and none that was put meanwhile.
pub fn is_stored(from: &mut impl Reader, scope: &Scope, one: &Policy) -> Result<bool> {
    let same = |other: Policy| {
        (&other.uuid, &other.alarms) == (&one.uuid, &one.alarms) && other.stamp() == one.stamp()
    };
    Ok(find(from, scope, one.group(), one.name())?.is_some_and(same))
}

/// All its alarms are made: it holds.
pub fn hold(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Policy) -> Result<()> {
    POLICIES.put(tx, scope, (one.group(), one.name()), &Policy { trial: None, ..one.clone() })
}

/// With what it foretold, and soon its alarms.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Policy) -> Result<()> {
    if one.kind() == Kind::Predictive {
        super::forecast::forget(tx, scope, one)?;
    }
    one.alarms.iter().try_for_each(|alarm| ALARMS.put(tx, scope, alarm))?;
    POLICIES.delete(tx, scope, (one.group(), one.name()))
}
