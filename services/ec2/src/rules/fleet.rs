//! Fleets: which pools there are, in which order they are tried, and how much is still missing.

use std::collections::BTreeMap;

use api_ec2 as api;
use kernel::Result;
use serde::{Deserialize, Serialize};

use super::instance_type;
use super::launch_template::Data;
use super::{launch, reshape, spot, tag};
use crate::errors;
use crate::state::fleet::TAGGED;
use crate::state::spot::{Behavior, Kind as SpotKind};
use crate::state::tag::Tags;
use price::Dollars;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Done, and answered, at once.
    Instant,
    /// Tried once.
    Request,
    /// Kept at its target.
    Maintain,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Instant => "instant",
            Kind::Request => "request",
            Kind::Maintain => "maintain",
        }
    }
}

/// Units a fleet shall have: with a weight, an instance counts as several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub on_demand: u32,
    pub spot: u32,
    /// What units beyond both would be.
    pub default_is_spot: bool,
}

/// One way to launch: a launch template, and what overrides it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Which of the request's templates it is of, where one has several overrides.
    #[serde(default)]
    pub config: usize,
    /// Members of LaunchTemplateSpecification.
    pub template: Data,
    /// Members of overrides.
    pub overrides: Data,
    /// Members of RunInstances that are in neither.
    #[serde(default)]
    pub launch: Data,
    pub max_price: Option<Dollars>,
    pub weight: u32,
    /// In thousandths; the least goes first.
    pub priority: Option<u64>,
}

const CAPACITY_MAX: i32 = 1_000;
const POOLS_MAX: usize = 50;
const WEIGHT_MAX: f64 = 999.0;

/// # Errors
/// `InvalidParameterValue`.
pub fn check_kind(given: Option<&str>) -> Result<Kind> {
    match given {
        None | Some("maintain") => Ok(Kind::Maintain),
        Some("request") => Ok(Kind::Request),
        Some("instant") => Ok(Kind::Instant),
        Some(other) => Err(errors::invalid_value(other, "Type")),
    }
}

/// What a fleet shall have. What is not said of the other market than units are of by default stays as it was `before`,
/// as far as the whole has room for it.
///
/// # Errors
/// When parts and whole do not fit.
pub fn check_target(
    given: &api::TargetCapacitySpecificationRequest,
    before: Option<Target>,
) -> Result<Target> {
    let count = |given: i32, name: &str| match u32::try_from(given) {
        Ok(count) if given <= CAPACITY_MAX => Ok(count),
        _ => Err(errors::invalid_value(given, name)),
    };
    let total = count(given.total_target_capacity, "TotalTargetCapacity")?;
    let part = |given: Option<i32>, name: &str| given.map(|given| count(given, name)).transpose();
    let on_demand = part(given.on_demand_target_capacity, "OnDemandTargetCapacity")?;
    let spot = part(given.spot_target_capacity, "SpotTargetCapacity")?;
    let default_is_spot = match given.default_target_capacity_type.as_deref() {
        Some("spot") => true,
        Some("on-demand") => false,
        None => before.is_some_and(|before| before.default_is_spot),
        Some(other) => return Err(errors::unsupported(&format!("The target capacity type {other}"))),
    };
    let rest = total.checked_sub(on_demand.unwrap_or(0) + spot.unwrap_or(0));
    let rest = rest.ok_or_else(|| {
        errors::invalid_parameter_value("The target capacities are more than the total target capacity.")
    })?;
    let kept = |given: Option<u32>, former: fn(Target) -> u32| match given {
        Some(_) => 0,
        None => before.filter(|before| before.default_is_spot == default_is_spot).map_or(0, former).min(rest),
    };
    let (more_firm, more_spot) = if default_is_spot {
        let kept = kept(on_demand, |before| before.on_demand);
        (kept, rest - kept)
    } else {
        let kept = kept(spot, |before| before.spot);
        (rest - kept, kept)
    };
    Ok(Target {
        on_demand: on_demand.unwrap_or(0) + more_firm,
        spot: spot.unwrap_or(0) + more_spot,
        default_is_spot,
    })
}

/// The pools of a request: of each template every override, or the template alone.
///
/// # Errors
/// When there are none, or too many.
pub fn check_pools(given: &[api::FleetLaunchTemplateConfigRequest]) -> Result<Vec<Pool>> {
    let mut pools = Vec::new();
    for (config, (specification, overrides)) in
        given.iter().map(|one| (&one.launch_template_specification, &one.overrides)).enumerate()
    {
        let named = specification.as_ref();
        let named = named.ok_or_else(|| errors::missing("LaunchTemplateSpecification"))?;
        if named.version.is_none() {
            return Err(errors::missing("LaunchTemplateSpecification.Version"));
        }
        let template = reshape::read(named);
        let none = api::FleetLaunchTemplateOverridesRequest::default();
        let overrides = overrides.as_deref().filter(|all| !all.is_empty());
        for one in overrides.unwrap_or(std::slice::from_ref(&none)) {
            pools.push(Pool {
                config,
                template: template.clone(),
                overrides: reshape::read(one),
                launch: Data::new(),
                max_price: one.max_price.as_deref().map(spot::check_price).transpose()?,
                weight: check_weight(one.weighted_capacity)?,
                priority: one.priority.map(thousandths).transpose()?,
            });
        }
    }
    match pools.len() {
        0 => Err(errors::missing("LaunchTemplateConfigs")),
        count if count > POOLS_MAX => Err(errors::invalid_value(count, "LaunchTemplateConfigs")),
        _ => Ok(pools),
    }
}

/// The tags of a request: the fleet's own, and, as members of RunInstances, those that an instant one gives what it
/// launches. Others have them in their templates.
///
/// # Errors
/// As [`tag::of_specifications`].
pub fn check_tags(kind: Kind, given: Option<Vec<api::TagSpecification>>) -> Result<(Tags, Data)> {
    let is_own = |one: &api::TagSpecification| {
        kind != Kind::Instant || one.resource_type.as_deref().is_none_or(|name| name == TAGGED)
    };
    let (own, of_launches): (Vec<_>, Vec<_>) = given.into_iter().flatten().partition(is_own);
    let own = tag::of_specifications(Some(own), &[TAGGED])?.remove(TAGGED).unwrap_or_default();
    tag::of_specifications(Some(of_launches.clone()), launch::TAGGED)?;
    let tag_specifications = (!of_launches.is_empty()).then_some(of_launches);
    let mut launch = reshape::read(&api::RunInstancesRequest { tag_specifications, ..Default::default() });
    launch.retain(|name, _| name == "TagSpecifications");
    Ok((own, launch))
}

/// Whole units only, as AWS asks of fleets that are not of memory or processors.
///
/// # Errors
/// For a part of one, and for none.
pub fn check_weight(given: Option<f64>) -> Result<u32> {
    let Some(weight) = given else { return Ok(1) };
    let whole = (1.0..=WEIGHT_MAX).contains(&weight) && weight.fract() == 0.0;
    let text = format!("{weight:.0}");
    text.parse().ok().filter(|_| whole).ok_or_else(|| errors::invalid_value(weight, "WeightedCapacity"))
}

/// A priority.
///
/// # Errors
/// For one below zero, or beyond all.
pub fn thousandths(priority: f64) -> Result<u64> {
    let fits = (0.0..=1e9).contains(&priority);
    let text = format!("{:.0}", priority * 1_000.0);
    text.parse().ok().filter(|_| fits).ok_or_else(|| errors::invalid_value(priority, "Priority"))
}

/// The order pools are tried in, by index.
pub fn order(pools: &[Pool], strategy: &str) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pools.len()).collect();
    match strategy {
        "prioritized" | "capacity-optimized-prioritized" => {
            order.sort_by_key(|index| pools.get(*index).and_then(|pool| pool.priority).unwrap_or(u64::MAX));
        }
        // One market has one level: what is cheapest on demand is cheapest, and has as much room as any.
        "lowest-price" | "price-capacity-optimized" => {
            order.sort_by_key(|index| pools.get(*index).map(unit_price));
        }
        _ => {}
    }
    order
}

/// What a unit of a pool costs on demand; where its type is the template's, it goes last.
fn unit_price(pool: &Pool) -> u64 {
    let name = pool.overrides.get("InstanceType").and_then(serde_json::Value::as_str);
    let price = name.and_then(instance_type::find).map(|size| size.price.as_millionths());
    price.map_or(u64::MAX, |price| price / u64::from(pool.weight.max(1)))
}

/// Instances of a weight for so many units that are missing.
pub fn instances_for(missing: u32, weight: u32) -> u32 {
    missing.div_ceil(weight.max(1))
}

/// How many instances to launch in which of the pools that are `open`, in this order, for so many units: all in the
/// first, or, diversified, evenly, seeing what each has (`units`, by index).
pub fn shares(
    strategy: &str,
    pools: &[Pool],
    open: &[usize],
    units: &BTreeMap<usize, u32>,
    missing: u32,
) -> Vec<(usize, u32)> {
    let weight = |index: usize| pools.get(index).map_or(1, |pool| pool.weight.max(1));
    if strategy != "diversified" {
        return open
            .first()
            .map(|index| (*index, instances_for(missing, weight(*index))))
            .into_iter()
            .collect();
    }
    let (mut units, mut missing) = (units.clone(), missing);
    let mut counts: Vec<(usize, u32)> = open.iter().map(|index| (*index, 0)).collect();
    while missing > 0 {
        let has = |index: usize| units.get(&index).copied().unwrap_or_default();
        let Some((index, count)) = counts.iter_mut().min_by_key(|(index, _)| has(*index)) else { break };
        *count += 1;
        *units.entry(*index).or_default() += weight(*index);
        missing = missing.saturating_sub(weight(*index));
    }
    counts.retain(|(_, count)| *count > 0);
    counts
}

/// The launch of `count` instances in a pool.
pub fn launch(pool: &Pool, count: u32, is_spot: bool, behavior: Behavior) -> api::RunInstancesRequest {
    let mut request = api::RunInstancesRequest::default();
    let mut template = api::LaunchTemplateSpecification::default();
    reshape::fill(&mut template, &pool.template);
    request.launch_template = (!pool.template.is_empty()).then_some(template);
    let text = |name: &str| pool.overrides.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    request.instance_type = text("InstanceType");
    request.image_id = text("ImageId");
    request.subnet_id = text("SubnetId");
    request.placement = text("AvailabilityZone")
        .map(|zone| api::Placement { availability_zone: Some(zone), ..Default::default() });
    reshape::fill(&mut request, &pool.launch);
    (request.min_count, request.max_count) = (1, i32::try_from(count).unwrap_or(1));
    if is_spot {
        let kind = if behavior == Behavior::Stop { SpotKind::Persistent } else { SpotKind::OneTime };
        let options = api::SpotMarketOptions {
            max_price: pool.max_price.map(|price| price.to_string()),
            spot_instance_type: (kind == SpotKind::Persistent).then(|| "persistent".to_owned()),
            instance_interruption_behavior: Some(super::spot_view::behavior(behavior).to_owned()),
            ..Default::default()
        };
        request.instance_market_options = Some(api::InstanceMarketOptionsRequest {
            market_type: Some("spot".to_owned()),
            spot_options: Some(options),
        });
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str, weight: u32, priority: Option<u64>) -> Pool {
        let mut overrides = Data::new();
        overrides.insert("InstanceType".to_owned(), name.into());
        let (template, launch) = (Data::new(), Data::new());
        Pool { config: 0, template, overrides, launch, max_price: None, weight, priority }
    }

    #[test]
    fn pools_are_tried_in_the_order_of_the_strategy() {
        let pools = [pool("t3.small", 1, Some(2)), pool("t3.micro", 1, Some(1)), pool("t3.medium", 8, None)];
        assert_eq!(order(&pools, "lowest-price"), [2, 1, 0], "by the unit");
        assert_eq!(order(&pools, "prioritized"), [1, 0, 2]);
        assert_eq!(order(&pools, "diversified"), [0, 1, 2]);
    }

    #[test]
    fn what_is_diversified_is_in_all_pools_alike() {
        let pools = [pool("t3.micro", 1, None), pool("t3.small", 2, None), pool("t3.medium", 1, None)];
        let none = BTreeMap::new();
        assert_eq!(shares("lowest-price", &pools, &[1, 0], &none, 5), [(1, 3)]);
        assert_eq!(shares("diversified", &pools, &[0, 1, 2], &none, 6), [(0, 2), (1, 1), (2, 2)]);
        let there = BTreeMap::from([(0, 2), (1, 2)]);
        assert_eq!(shares("diversified", &pools, &[0, 1, 2], &there, 3), [(0, 1), (2, 2)]);
        assert_eq!(shares("diversified", &pools, &[2], &there, 3), [(2, 3)], "the others have no room");
        assert!(shares("diversified", &pools, &[], &none, 3).is_empty());
    }

    #[test]
    fn parts_and_whole_of_a_target_fit() {
        let given = |total, on_demand, spot, default: Option<&str>| api::TargetCapacitySpecificationRequest {
            total_target_capacity: total,
            on_demand_target_capacity: on_demand,
            spot_target_capacity: spot,
            default_target_capacity_type: default.map(str::to_owned),
            ..Default::default()
        };
        let target = |given| check_target(&given, None).map(|target| (target.on_demand, target.spot)).ok();
        assert_eq!(target(given(5, None, None, None)), Some((5, 0)));
        assert_eq!(target(given(5, Some(2), None, Some("spot"))), Some((2, 3)));
        assert_eq!(target(given(5, Some(2), Some(3), None)), Some((2, 3)));
        assert_eq!(target(given(5, Some(6), None, None)), None);
        assert_eq!(target(given(-1, None, None, None)), None);
        assert_eq!(target(given(5, None, None, Some("capacity-block"))), None);
    }

    #[test]
    fn what_is_not_said_of_a_target_stays() {
        let given = |total, on_demand, default: Option<&str>| api::TargetCapacitySpecificationRequest {
            total_target_capacity: total,
            on_demand_target_capacity: on_demand,
            default_target_capacity_type: default.map(str::to_owned),
            ..Default::default()
        };
        let before = |on_demand, spot, default_is_spot| Some(Target { on_demand, spot, default_is_spot });
        let target = |given, before| check_target(&given, before).ok();
        assert_eq!(target(given(2, None, None), before(0, 1, true)), before(0, 2, true));
        assert_eq!(target(given(9, None, None), before(2, 3, true)), before(2, 7, true));
        assert_eq!(target(given(9, None, Some("spot")), before(2, 3, true)), before(2, 7, true));
        assert_eq!(target(given(9, None, None), before(2, 3, false)), before(6, 3, false));
        assert_eq!(target(given(1, None, None), before(2, 3, true)), before(1, 0, true), "no room for both");
        assert_eq!(target(given(9, Some(4), None), before(2, 3, true)), before(4, 5, true));
        assert_eq!(target(given(9, None, Some("on-demand")), before(2, 3, true)), before(9, 0, false));
    }

    #[test]
    fn weights_are_whole_units() {
        assert_eq!(check_weight(None).unwrap(), 1);
        assert_eq!(check_weight(Some(4.0)).unwrap(), 4);
        assert!(check_weight(Some(0.5)).is_err() && check_weight(Some(f64::NAN)).is_err());
        assert_eq!((instances_for(5, 4), instances_for(0, 4), instances_for(3, 1)), (2, 0, 3));
    }
}
