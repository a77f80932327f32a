//! Which instances go first when there are too many (user guide, "Work with Amazon EC2 Auto Scaling termination policies").

use std::collections::BTreeMap;

use kernel::Result;

use super::zone;
use crate::errors;
use crate::state::instance::{Instance, Origin, Stage};

/// All but the one that asks a function.
pub const POLICIES: [&str; 7] = [
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];

const HOUR_MS: i64 = 3_600_000;

/// # Errors
/// What is no policy, and functions.
pub fn check(policies: Option<&[String]>) -> Result<()> {
    for policy in policies.unwrap_or_default() {
        if policy.starts_with("arn:") {
            return Err(errors::validation(format!(
                "Custom termination policies are not supported here: {policy}"
            )));
        }
        if !POLICIES.contains(&&**policy) {
            return Err(errors::validation(format!("{policy} is not a valid termination policy.")));
        }
    }
    Ok(())
}

/// What the group launches now, to know older instances by.
#[derive(Clone, Debug, Default)]
pub struct Current {
    pub origin: Origin,
    pub now: i64,
    /// When each launch configuration there is was made.
    pub configurations: BTreeMap<String, i64>,
}

/// The one to go of `instances`, none of them protected: of the zone with the most, then by the policies in order.
pub fn choose<'a>(
    policies: &[String],
    zones: &[String],
    instances: &[&'a Instance],
    current: &Current,
) -> Option<&'a Instance> {
    let counts = zone::counts(zones, instances);
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let full =
        |one: &&&Instance| counts.iter().any(|(zone, count)| *zone == one.place.zone && *count == most);
    let stray = |one: &&&Instance| !zones.contains(&one.place.zone);
    let mut left: Vec<&Instance> = instances.iter().filter(stray).copied().collect();
    if left.is_empty() {
        left = instances.iter().filter(full).copied().collect();
    }
    // One that does not serve yet is no loss.
    let unready: Vec<&Instance> = left.iter().filter(|one| one.stage != Stage::InService).copied().collect();
    if !unready.is_empty() {
        left = unready;
    }
    let default = ["Default".to_owned()];
    let policies = if policies.is_empty() { &default[..] } else { policies };
    for policy in policies {
        left = narrowed(policy, &left, current);
    }
    left.first().copied()
}

fn narrowed<'a>(policy: &str, left: &[&'a Instance], current: &Current) -> Vec<&'a Instance> {
    match policy {
        "OldestInstance" => best(left, |one| one.created_at),
        "NewestInstance" => best(left, |one| -one.created_at),
        "OldestLaunchConfiguration" => best(left, |one| made_at(one, current)),
        "OldestLaunchTemplate" => best(left, |one| version_of(one, current)),
        "ClosestToNextInstanceHour" => best(left, |one| next_hour(one, current)),
        // Strategies by price leave nothing to align to in one market.
        "AllocationStrategy" => left.to_vec(),
        _ => {
            let old = best(left, |one| made_at(one, current));
            let old = best(&old, |one| version_of(one, current));
            best(&old, |one| next_hour(one, current))
        }
    }
}

/// When its launch configuration was made: those that are gone first, instances without one last.
fn made_at(one: &Instance, current: &Current) -> i64 {
    let known = |name: &String| current.configurations.get(name).copied().unwrap_or(i64::MIN);
    one.origin.configuration.as_ref().map_or(i64::MAX, known)
}

/// Those of another template first, then those of older versions, then the rest.
fn version_of(one: &Instance, current: &Current) -> i64 {
    match (&one.origin.template, &current.origin.template) {
        (Some((id, _, version)), Some((now, _, _))) if id == now => version.parse().unwrap_or(i64::MAX),
        (Some(_), Some(_)) => -1,
        _ => i64::MAX,
    }
}

fn next_hour(one: &Instance, current: &Current) -> i64 {
    HOUR_MS - (current.now - one.created_at).rem_euclid(HOUR_MS)
}

fn best<'a>(left: &[&'a Instance], by: impl Fn(&Instance) -> i64) -> Vec<&'a Instance> {
    let least = left.iter().map(|one| by(one)).min();
    left.iter().filter(|one| Some(by(one)) == least).copied().collect()
}
