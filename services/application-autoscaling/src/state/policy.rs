//! Scaling policies as they are stored, with the alarms that are their own.

use api_application_autoscaling as api;
use kept::{Kept, to_json};
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use scaling::owner::Trial;
use serde::{Deserialize, Serialize};

use super::chore::ALARMS;
use crate::rules::key::TargetKey;

#[derive(Clone, Serialize, Deserialize)]
pub struct Policy {
    pub key: TargetKey,
    pub asked: Kept<api::PutScalingPolicyRequest>,
    pub uuid: String,
    pub created_at: Millis,
    /// Of target tracking: made and deleted with it.
    pub alarms: Vec<String>,
    /// Until all its alarms are made, which may be refused.
    #[serde(default)]
    pub trial: Option<Trial<Self>>,
}

/// What a policy does.
#[derive(Clone, Copy, Debug)]
pub enum Does<'a> {
    Steps(&'a api::StepScalingPolicyConfiguration),
    Tracks(&'a api::TargetTrackingScalingPolicyConfiguration),
}

impl Policy {
    pub fn name(&self) -> &str {
        &self.asked.0.policy_name
    }

    /// `None` for what no policy here is: such are refused.
    pub fn does(&self) -> Option<Does<'_>> {
        let asked = &self.asked.0;
        match asked.policy_type.as_deref() {
            Some("TargetTrackingScaling") => {
                asked.target_tracking_scaling_policy_configuration.as_ref().map(Does::Tracks)
            }
            Some("StepScaling") => asked.step_scaling_policy_configuration.as_ref().map(Does::Steps),
            _ => None,
        }
    }

    pub fn arn(&self, scope: &Scope) -> String {
        let (uuid, path, name) = (&self.uuid, self.key.path(), self.name());
        scope.arn("autoscaling", format_args!("scalingPolicy:{uuid}:{path}:policyName/{name}"))
    }
}

/// By the text of the target's key, and name.
static POLICIES: Table<Policy> = Table::new("application-autoscaling/policy");

pub fn find(from: &mut impl Reader, scope: &Scope, key: &TargetKey, name: &str) -> Result<Option<Policy>> {
    POLICIES.get(from, scope, (key.text(), name))
}

/// The policy an alarm's action names.
pub fn find_by_arn(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<Option<Policy>> {
    let named = arn.split_once(":resource/").and_then(|(_, rest)| rest.split_once(":policyName/"));
    let Some((path, name)) = named else { return Ok(None) };
    for key in TargetKey::of_path(path) {
        if let Some(found) = find(from, scope, &key, name)?.filter(|one| one.arn(scope) == arn) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

pub fn of_target(from: &mut impl Reader, scope: &Scope, key: &TargetKey) -> Result<Vec<Policy>> {
    POLICIES.all(from, scope, key.text())
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Policy>> {
    POLICIES.all(from, scope, ())
}

/// Stores it; its alarms, and those of before that it has no more, are to be seen to.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Policy) -> Result<()> {
    let before = find(tx, scope, &one.key, one.name())?;
    let alarms = before.iter().flat_map(|before| &before.alarms).chain(&one.alarms);
    alarms.into_iter().try_for_each(|alarm| ALARMS.put(tx, scope, alarm))?;
    POLICIES.put(tx, scope, (one.key.text(), one.name()), one)
}

/// Whether it is this one that is stored, and none that was put meanwhile.
pub fn is_stored(from: &mut impl Reader, scope: &Scope, one: &Policy) -> Result<bool> {
    let same = |other: Policy| {
        (&other.uuid, &other.alarms) == (&one.uuid, &one.alarms)
            && to_json(&other.asked.0) == to_json(&one.asked.0)
    };
    Ok(find(from, scope, &one.key, one.name())?.is_some_and(same))
}

/// All its alarms are made: it holds.
pub fn hold(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Policy) -> Result<()> {
    POLICIES.put(tx, scope, (one.key.text(), one.name()), &Policy { trial: None, ..one.clone() })
}

/// With its alarms, soon.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Policy) -> Result<()> {
    one.alarms.iter().try_for_each(|alarm| ALARMS.put(tx, scope, alarm))?;
    POLICIES.delete(tx, scope, (one.key.text(), one.name()))
}
