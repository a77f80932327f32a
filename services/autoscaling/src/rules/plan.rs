//! What a group does next about the number of its instances. Pure: facts in, a plan out.

use kernel::Millis;

use super::termination::{self, Current};
use super::{cause, mixed, zone};
use crate::state::group::{Group, Place};
use crate::state::instance::{Instance, Stage, Wish};

/// Instances begun at one look.
pub const LAUNCHES_MAX: usize = 20;

pub struct Facts<'a> {
    pub group: &'a Group,
    pub instances: &'a [Instance],
    pub current: &'a Current,
    pub now: Millis,
    /// Launches failed lately: none before then.
    pub retry_at: Millis,
    /// Units of capacity a new instance brings.
    pub unit: i32,
}

/// An instance to begin, or to bring out of the warm pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    pub place: Place,
    pub cause: String,
    pub replaces: Option<String>,
    pub from_pool: Option<String>,
    pub wish: Wish,
}

/// An instance to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub slot: String,
    pub cause: String,
    pub wish: Wish,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub launches: Vec<New>,
    pub ends: Vec<End>,
    /// Slots that stand for themselves now.
    pub handed_over: Vec<String>,
    /// The capacity is what is wanted, or was before instances that are not well were ended.
    pub is_settled: bool,
    /// Instances that are not well end: what is launched next is there for them.
    pub is_replacing: bool,
    /// What is too much is protected: nothing more will end.
    pub is_stuck: bool,
    /// Look again then.
    pub again_at: Option<Millis>,
}

pub fn plan(facts: &Facts<'_>) -> Plan {
    let mut plan = Plan::default();
    if facts.group.is_deleting {
        end_all(facts, &mut plan);
        return plan;
    }
    let counted: Vec<&Instance> = facts.instances.iter().filter(|one| one.counts()).collect();
    let capacity: i32 = counted.iter().map(|one| one.weight).sum();
    end_unhealthy(facts, &mut plan);
    plan.is_replacing = !plan.ends.is_empty();
    plan.is_settled = plan.is_replacing && capacity >= facts.group.desired;
    hand_over(facts, &mut plan);
    if !plan.ends.is_empty() || !plan.handed_over.is_empty() || !plan.launches.is_empty() {
        return plan;
    }
    match facts.group.desired - capacity {
        missing if missing > 0 => grow(facts, &counted, capacity, missing, &mut plan),
        missing if missing < 0 => shrink(facts, &counted, capacity, &mut plan),
        _ => {
            plan.is_settled = true;
            if counted.iter().all(|one| one.is_in_service()) {
                exchange(facts, &counted, &mut plan);
            }
        }
    }
    if plan.launches.is_empty() && plan.ends.is_empty() {
        warm(facts, &mut plan);
    }
    plan
}

fn end_all(facts: &Facts<'_>, plan: &mut Plan) {
    let still = |one: &&Instance| !matches!(one.wish, Wish::Terminate | Wish::Detach);
    for one in facts.instances.iter().filter(still) {
        let id = one.id.clone().unwrap_or_default();
        let cause = cause::asked(facts.now, &id, "taken out of service", None);
        plan.ends.push(End { slot: one.slot.clone(), cause, wish: Wish::Terminate });
    }
}

fn end_unhealthy(facts: &Facts<'_>, plan: &mut Plan) {
    if facts.group.is_suspended("ReplaceUnhealthy") || facts.group.is_suspended("Terminate") {
        return;
    }
    for one in facts.instances.iter().filter(|one| matches!(one.wish, Wish::Serve | Wish::Warm)) {
        let Some(why) = &one.unhealthy else { continue };
        if one.wish == Wish::Serve && facts.group.launches_first() {
            let is_seen_to = facts.instances.iter().any(|other| other.replaces.as_ref() == Some(&one.slot));
            if !is_seen_to && !facts.group.is_suspended("Launch") && facts.retry_at <= facts.now {
                let (cause, place) = (cause::replaced(facts.now), one.place.clone());
                let replaces = Some(one.slot.clone());
                plan.launches.push(New { place, cause, replaces, from_pool: None, wish: Wish::Serve });
            }
            continue;
        }
        let cause = cause::unhealthy(facts.now, why);
        plan.ends.push(End { slot: one.slot.clone(), cause, wish: Wish::Terminate });
    }
}

/// Those that came to replace others: when they serve, the others go.
fn hand_over(facts: &Facts<'_>, plan: &mut Plan) {
    for one in facts.instances.iter().filter(|one| one.wish == Wish::Serve) {
        let Some(other) = &one.replaces else { continue };
        let other = facts.instances.iter().find(|known| known.slot == *other && known.wish == Wish::Serve);
        match other {
            None => plan.handed_over.push(one.slot.clone()),
            Some(other) if one.is_in_service() => {
                let id = other.id.clone().unwrap_or_default();
                let why = other.unhealthy.as_deref().or(other.why.as_deref());
                let why = why
                    .map_or_else(|| cause::balanced(facts.now, &id), |why| cause::unhealthy(facts.now, why));
                plan.ends.push(End { slot: other.slot.clone(), cause: why, wish: Wish::Terminate });
                plan.handed_over.push(one.slot.clone());
            }
            Some(_) => {}
        }
    }
}

fn grow(facts: &Facts<'_>, counted: &[&Instance], capacity: i32, missing: i32, plan: &mut Plan) {
    if facts.group.is_suspended("Launch") {
        return;
    }
    if facts.retry_at > facts.now {
        plan.again_at = Some(facts.retry_at);
        return;
    }
    let unit = facts.unit.max(1);
    let count = usize::try_from((missing + unit - 1) / unit).unwrap_or_default().min(LAUNCHES_MAX);
    let cause = if facts.group.cause.is_none() && facts.group.is_replacing {
        cause::replaced(facts.now)
    } else {
        cause::started(facts.now, facts.group.cause.as_deref(), capacity, facts.group.desired)
    };
    let mut pool = facts.instances.iter().filter(|one| {
        one.wish == Wish::Warm && matches!(one.stage, Stage::WarmedStopped | Stage::WarmedRunning)
    });
    let mut there: Vec<Instance> = counted.iter().map(|one| (*one).clone()).collect();
    for _ in 0..count {
        let taken = pool.next();
        let seen: Vec<&Instance> = there.iter().collect();
        let place =
            taken.map(|one| one.place.clone()).or_else(|| zone::next_place(&facts.group.places, &seen));
        let Some(place) = place else { return };
        there.push(Instance::blank(facts.group.name(), &place, facts.now));
        plan.launches.push(New {
            place,
            cause: cause.clone(),
            replaces: None,
            from_pool: taken.map(|one| one.slot.clone()),
            wish: Wish::Serve,
        });
    }
}

/// Where shares of spot are wanted, those of the market that has too many; all where it has none of them.
fn of_market<'a>(
    facts: &Facts<'_>,
    counted: &[&'a Instance],
    chosen: &[&'a Instance],
    left: &[&'a Instance],
) -> Vec<&'a Instance> {
    let Some(policy) = &facts.group.asked.0.mixed_instances_policy else { return left.to_vec() };
    let stays = |one: &&&Instance| !chosen.iter().any(|gone| gone.slot == one.slot);
    let units = |is_spot| {
        counted.iter().filter(stays).filter(|one| one.is_spot == is_spot).map(|one| one.weight).sum()
    };
    let is_spot = mixed::goes_spot(policy, units(false), units(true));
    let wanted: Vec<&Instance> = left.iter().filter(|one| one.is_spot == is_spot).copied().collect();
    if wanted.is_empty() { left.to_vec() } else { wanted }
}

fn shrink(facts: &Facts<'_>, counted: &[&Instance], capacity: i32, plan: &mut Plan) {
    if facts.group.is_suspended("Terminate") {
        return;
    }
    let policies = facts.group.asked.0.termination_policies.clone().unwrap_or_default();
    let zones = facts.group.zones();
    let mut left: Vec<&Instance> = counted.iter().filter(|one| !one.protected).copied().collect();
    let (mut now_there, mut chosen) = (capacity, Vec::new());
    while now_there > facts.group.desired {
        let candidates = of_market(facts, counted, &chosen, &left);
        let Some(victim) = termination::choose(&policies, &zones, &candidates, facts.current) else { break };
        left.retain(|one| one.slot != victim.slot);
        if now_there - victim.weight < facts.group.desired {
            continue;
        }
        now_there -= victim.weight;
        chosen.push(victim);
    }
    plan.is_stuck = now_there > facts.group.desired
        && counted.iter().all(|one| one.protected || chosen.iter().any(|gone| gone.slot == one.slot));
    let reuses = facts.group.warm_pool.as_ref().is_some_and(|pool| {
        pool.0.instance_reuse_policy.as_ref().and_then(|policy| policy.reuse_on_scale_in) == Some(true)
    });
    for victim in chosen {
        let id = victim.id.clone().unwrap_or_default();
        let before = facts.group.cause.as_deref();
        let cause = cause::shrunk(facts.now, before, capacity, facts.group.desired, &id);
        let goes_back = reuses && victim.is_in_service() && !facts.group.is_pool_deleting;
        let wish = if goes_back { Wish::Warm } else { Wish::Terminate };
        plan.ends.push(End { slot: victim.slot.clone(), cause, wish });
    }
}

/// With the right number in service: one at a time makes room for a better one.
fn exchange(facts: &Facts<'_>, counted: &[&Instance], plan: &mut Plan) {
    let group = facts.group;
    let is_busy = facts.instances.iter().any(|one| one.wish == Wish::Serve && one.replaces.is_some());
    if is_busy || group.is_suspended("Launch") || group.is_suspended("Terminate") {
        return;
    }
    if facts.retry_at > facts.now {
        plan.again_at = Some(facts.retry_at);
        return;
    }
    if let Some((one, why)) = outlived(facts, counted, plan) {
        let place = if group.places.contains(&one.place) {
            one.place.clone()
        } else {
            match group.places.first() {
                Some(place) => place.clone(),
                None => return,
            }
        };
        plan.launches.push(New {
            place,
            cause: cause::launched_for(facts.now, &why),
            replaces: Some(one.slot.clone()),
            from_pool: None,
            wish: Wish::Serve,
        });
        return;
    }
    if group.is_suspended("AZRebalance") {
        return;
    }
    let counts = zone::counts(&group.zones(), counted);
    let Some((from, to)) = zone::uneven(&counts) else { return };
    let movable: Vec<&Instance> =
        counted.iter().filter(|one| one.place.zone == from && !one.protected).copied().collect();
    let policies = group.asked.0.termination_policies.clone().unwrap_or_default();
    let victim = termination::choose(&policies, &group.zones(), &movable, facts.current);
    let place = group.places.iter().find(|place| place.zone == to);
    if let (Some(victim), Some(place)) = (victim, place) {
        plan.launches.push(New {
            place: place.clone(),
            cause: cause::balancing(facts.now, &counts),
            replaces: Some(victim.slot.clone()),
            from_pool: None,
            wish: Wish::Serve,
        });
    }
}

/// One that is too old, or that EC2 is about to take.
fn outlived<'a>(
    facts: &Facts<'_>,
    counted: &[&'a Instance],
    plan: &mut Plan,
) -> Option<(&'a Instance, String)> {
    if let Some(one) = counted.iter().find(|one| one.why.as_deref() == Some(cause::REBALANCE)) {
        return Some((one, cause::REBALANCE.to_owned()));
    }
    let life_s = facts.group.asked.0.max_instance_lifetime.filter(|life| *life > 0)?;
    let life_ms = Millis::from(life_s) * 1_000;
    let oldest = counted.iter().min_by_key(|one| one.created_at)?;
    let end = oldest.created_at + life_ms;
    if end > facts.now {
        plan.again_at = Some(end);
        return None;
    }
    Some((oldest, cause::LIFETIME.to_owned()))
}

/// The warm pool holds what the group could still grow by.
fn warm(facts: &Facts<'_>, plan: &mut Plan) {
    let group = facts.group;
    let pool: Vec<&Instance> = facts.instances.iter().filter(|one| one.wish == Wish::Warm).collect();
    let have = i32::try_from(pool.len()).unwrap_or(i32::MAX);
    let want = match &group.warm_pool {
        Some(asked) if !group.is_pool_deleting => {
            let prepared = asked.0.max_group_prepared_capacity.filter(|max| *max >= 0);
            let prepared = prepared.unwrap_or(group.asked.0.max_size) - group.desired;
            prepared.max(asked.0.min_size.unwrap_or_default()).max(0)
        }
        _ => 0,
    };
    let seen: Vec<&Instance> = facts.instances.iter().collect();
    if have < want && !group.is_suspended("Launch") && facts.retry_at <= facts.now {
        for _ in 0..usize::try_from(want - have).unwrap_or_default().min(LAUNCHES_MAX) {
            let Some(place) = zone::next_place(&group.places, &seen) else { return };
            let why = "a difference between the desired and actual capacity of the warm pool";
            let (cause, wish) = (cause::launched_for(facts.now, why), Wish::Warm);
            plan.launches.push(New { place, cause, replaces: None, from_pool: None, wish });
        }
    } else if have > want && !group.is_suspended("Terminate") {
        let surplus = usize::try_from(have - want).unwrap_or_default();
        for one in pool.iter().rev().take(surplus) {
            let why = "a difference between the desired and actual capacity of the warm pool";
            let cause = cause::unhealthy(facts.now, why);
            plan.ends.push(End { slot: one.slot.clone(), cause, wish: Wish::Terminate });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(desired: i32, cause: Option<&str>) -> Group {
        Group {
            asked: Default::default(),
            uuid: String::new(),
            created_at: 0,
            desired,
            cause: cause.map(str::to_owned),
            is_replacing: false,
            places: vec![Place { zone: "a".to_owned(), subnet: None }],
            suspended: Default::default(),
            metrics: Vec::new(),
            is_deleting: false,
            cooldown_until: 0,
            warm_pool: None,
            is_pool_deleting: false,
            predicted: None,
            ceiling: None,
        }
    }

    fn served(slot: &str, group: &Group) -> Instance {
        let blank = Instance::blank("g", &group.places[0], 0);
        Instance { slot: slot.to_owned(), stage: Stage::InService, ..blank }
    }

    fn planned(group: &Group, instances: &[Instance]) -> Plan {
        let current = Current::default();
        plan(&Facts { group, instances, current: &current, now: 0, retry_at: 0, unit: 1 })
    }

    #[test]
    fn what_is_launched_for_one_that_was_not_well_says_so_though_it_is_long_gone() {
        // The request that made the group is met, and nobody looked since: it is not why the next one comes.
        let mut group = group(2, Some("a user request."));
        let mut all = [served("1", &group), served("2", &group)];
        all[0].unhealthy = Some("a check".to_owned());
        let made = planned(&group, &all);
        assert_eq!(made.ends.len(), 1);
        assert!(made.is_settled && made.is_replacing);

        (group.cause, group.is_replacing) = (None, true);
        let made = planned(&group, &all[1..]);
        assert!(!made.is_settled && !made.is_replacing);
        assert_eq!(made.launches[0].cause, cause::replaced(0));
    }

    #[test]
    fn a_request_that_is_not_met_yet_stays_the_reason() {
        let group = group(3, Some("a user request."));
        let mut all = [served("1", &group), served("2", &group)];
        all[0].unhealthy = Some("a check".to_owned());
        let made = planned(&group, &all);
        assert!(!made.is_settled && made.is_replacing);
        let made = planned(&Group { is_replacing: true, ..group }, &all[1..]);
        assert!(made.launches[0].cause.starts_with("a user request."), "{}", made.launches[0].cause);
    }

    #[test]
    fn where_the_rest_is_protected_it_is_stuck() {
        let group = group(0, Some("a user request."));
        let mut all = [served("1", &group), served("2", &group)];
        assert!(!planned(&group, &all).is_stuck);
        all[0].protected = true;
        let made = planned(&group, &all);
        assert!(made.is_stuck && made.ends.len() == 1);
        assert!(!planned(&Group { desired: 1, ..group }, &all).is_stuck);
    }
}
