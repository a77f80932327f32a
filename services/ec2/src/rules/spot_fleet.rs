//! Spot fleets: what their requests describe as pools of a fleet, and how they are seen (EC2 user guide, "Spot Fleet").

use api_ec2 as api;
use kernel::Result;
use serde_json::{Value, json};

use super::fleet::{Kind, Pool, Target, check_weight, thousandths};
use super::launch_template::{Data, check_members};
use super::{reshape, spot};
use crate::errors;
use crate::state::fleet::{Deleted, Fleet};
use price::Dollars;

/// Who takes on the role of a fleet.
pub const SERVICE: &str = "spotfleet.amazonaws.com";
const CAPACITY_MAX: i32 = 1_000;
const POOLS_MAX: usize = 50;
/// Of a specification, what is about the fleet and not about its launches.
const OF_THE_FLEET: [&str; 3] = ["SecurityGroups", "SpotPrice", "WeightedCapacity"];

/// # Errors
/// For what cannot be kept, and for `instant`, which spot fleets do not have.
pub fn check_kind(given: Option<&str>) -> Result<Kind> {
    match given {
        None | Some("maintain") => Ok(Kind::Maintain),
        Some("request") => Ok(Kind::Request),
        Some(other) => Err(errors::spot_fleet_config("Type", other)),
    }
}

/// A strategy as [`super::fleet::order`] knows it.
///
/// # Errors
/// For one that is none.
pub fn check_strategy(given: Option<&str>) -> Result<String> {
    let name = match given.unwrap_or("lowestPrice") {
        "lowestPrice" => "lowest-price",
        "diversified" => "diversified",
        "capacityOptimized" => "capacity-optimized",
        "capacityOptimizedPrioritized" => "capacity-optimized-prioritized",
        "priceCapacityOptimized" => "price-capacity-optimized",
        other => return Err(errors::spot_fleet_config("AllocationStrategy", other)),
    };
    Ok(name.to_owned())
}

/// # Errors
/// For one that is none.
pub fn check_firm_strategy(given: Option<&str>) -> Result<String> {
    match given.unwrap_or("lowestPrice") {
        "lowestPrice" => Ok("lowest-price".to_owned()),
        "prioritized" => Ok("prioritized".to_owned()),
        other => Err(errors::spot_fleet_config("OnDemandAllocationStrategy", other)),
    }
}

/// Whether what is beyond the target stays.
///
/// # Errors
/// For what is no policy.
pub fn check_excess(given: Option<&str>, stays: &str) -> Result<bool> {
    match given {
        Some(policy) if policy == stays => Ok(true),
        None | Some("default" | "termination") => Ok(false),
        Some(other) => Err(errors::invalid_value(other, "ExcessCapacityTerminationPolicy")),
    }
}

/// # Errors
/// When a part is more than the whole, or either is out of bounds.
pub fn check_target(whole: i32, firm: Option<i32>) -> Result<Target> {
    let count = |given: i32, name: &str| match u32::try_from(given) {
        Ok(count) if given <= CAPACITY_MAX => Ok(count),
        _ => Err(errors::spot_fleet_config(name, given)),
    };
    let (whole, firm) =
        (count(whole, "TargetCapacity")?, count(firm.unwrap_or(0), "OnDemandTargetCapacity")?);
    let spot =
        whole.checked_sub(firm).ok_or_else(|| errors::spot_fleet_config("OnDemandTargetCapacity", firm))?;
    Ok(Target { on_demand: firm, spot, default_is_spot: true })
}

/// The pools of a request: of launch specifications, or of launch templates and what overrides them.
///
/// # Errors
/// When there are none, both, too many, or one that no launch takes.
pub fn check_pools(config: &api::SpotFleetRequestConfigData) -> Result<Vec<Pool>> {
    let price = config.spot_price.as_deref().map(spot::check_price).transpose()?;
    let specifications = config.launch_specifications.as_deref().unwrap_or_default();
    let templates = config.launch_template_configs.as_deref().unwrap_or_default();
    if specifications.is_empty() == templates.is_empty() {
        return Err(errors::spot_fleet_without_launches());
    }
    let mut pools = Vec::new();
    for one in specifications {
        pools.extend(of_specification(one, price)?);
    }
    pools.extend(check_templates(templates, price)?);
    check_count(pools)
}

fn check_count(pools: Vec<Pool>) -> Result<Vec<Pool>> {
    match pools.len() {
        count if count > POOLS_MAX => Err(errors::spot_fleet_config("LaunchSpecifications", count)),
        _ => Ok(pools),
    }
}

/// # Errors
/// As [`check_pools`].
pub fn check_templates(templates: &[api::LaunchTemplateConfig], price: Option<Dollars>) -> Result<Vec<Pool>> {
    let mut pools = Vec::new();
    for config in templates {
        let named = config.launch_template_specification.as_ref();
        let named = named.ok_or_else(|| errors::missing("LaunchTemplateSpecification"))?;
        let template = reshape::read(named);
        let none = api::LaunchTemplateOverrides::default();
        let overrides = config.overrides.as_deref().filter(|all| !all.is_empty());
        for one in overrides.unwrap_or(std::slice::from_ref(&none)) {
            let weight = check_weight(one.weighted_capacity)?;
            let own = one.spot_price.as_deref().map(spot::check_price).transpose()?;
            pools.push(Pool {
                config: 0,
                template: template.clone(),
                overrides: reshape::read(one),
                launch: Data::new(),
                max_price: of_units(own.or(price), weight),
                weight,
                priority: one.priority.map(thousandths).transpose()?,
            });
        }
    }
    check_count(pools)
}

/// One pool for each subnet, or zone, that a specification lists.
fn of_specification(one: &api::SpotFleetLaunchSpecification, price: Option<Dollars>) -> Result<Vec<Pool>> {
    let weight = check_weight(one.weighted_capacity)?;
    let own = one.spot_price.as_deref().map(spot::check_price).transpose()?;
    let named = |face: &api::InstanceNetworkInterfaceSpecification| face.network_interface_id.clone();
    if let Some(id) = one.network_interfaces.iter().flatten().find_map(named) {
        return Err(errors::spot_fleet_config(
            "LaunchSpecifications.NetworkInterfaces.NetworkInterfaceId",
            id,
        ));
    }
    let mut launch = reshape::read(one);
    for name in OF_THE_FLEET {
        launch.remove(name);
    }
    let groups = one.security_groups.iter().flatten().filter_map(|group| group.group_id.clone());
    let groups: Vec<String> = groups.collect();
    if !groups.is_empty() {
        launch.insert("SecurityGroupIds".to_owned(), json!(groups));
    }
    let launch = check_members(launch)?;
    let placement = one.placement.as_ref();
    let subnets = listed(one.subnet_id.as_deref());
    let zones = listed(placement.and_then(|placement| placement.availability_zone.as_deref()));
    let places = subnets.iter().map(|subnet| ("SubnetId", subnet));
    let places: Vec<_> = match subnets.is_empty() {
        true => zones.iter().map(|zone| ("AvailabilityZone", zone)).collect(),
        false => places.collect(),
    };
    let pool = |place: Option<&(&str, &String)>| {
        let (mut overrides, mut launch) = (Data::new(), launch.clone());
        overrides.extend(launch.get("InstanceType").map(|name| ("InstanceType".to_owned(), name.clone())));
        match (place, launch.get_mut("Placement")) {
            (Some(("SubnetId", subnet)), _) => {
                launch.insert("SubnetId".to_owned(), Value::from(subnet.as_str()));
            }
            (Some((name, zone)), Some(Value::Object(placement))) => {
                placement.insert((*name).to_owned(), Value::from(zone.as_str()));
            }
            _ => {}
        }
        let max_price = of_units(own.or(price), weight);
        Pool { config: 0, template: Data::new(), overrides, launch, max_price, weight, priority: None }
    };
    Ok(match places.as_slice() {
        [] => vec![pool(None)],
        places => places.iter().map(|place| pool(Some(place))).collect(),
    })
}

/// `subnet-1, subnet-2`
fn listed(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A price is one of a unit, and an instance may be several.
fn of_units(price: Option<Dollars>, weight: u32) -> Option<Dollars> {
    price.map(|price| price.times(weight.into()))
}

/// AWS's word for how far a request is; `units` are those that live.
pub fn state(fleet: &Fleet, units: u32) -> &'static str {
    match fleet.deleted {
        None if fleet.is_tried => "active",
        None => "submitted",
        Some(_) if units == 0 => "cancelled",
        Some(Deleted { terminates: true, .. }) => "cancelled_terminating",
        Some(_) => "cancelled_running",
    }
}

pub fn activity(fleet: &Fleet, (firm, spot): (u32, u32)) -> &'static str {
    match fleet.deleted {
        Some(_) => "pending_termination",
        None if firm >= fleet.target.on_demand && spot >= fleet.target.spot => "fulfilled",
        None if !fleet.faults.is_empty() => "error",
        None => "pending_fulfillment",
    }
}

/// AWS's word for why one was not cancelled.
pub fn cancel_code(kind: kernel::Kind) -> &'static str {
    match kind {
        kernel::Kind::NotFound => "fleetRequestIdDoesNotExist",
        kernel::Kind::Invalid => "fleetRequestIdMalformed",
        _ => "fleetRequestNotInCancellableState",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specification() -> api::SpotFleetLaunchSpecification {
        api::SpotFleetLaunchSpecification {
            image_id: Some("ami-1".to_owned()),
            instance_type: Some("t3.micro".to_owned()),
            ..Default::default()
        }
    }

    fn config(one: api::SpotFleetLaunchSpecification) -> api::SpotFleetRequestConfigData {
        api::SpotFleetRequestConfigData {
            launch_specifications: Some(vec![one]),
            spot_price: Some("0.01".to_owned()),
            ..Default::default()
        }
    }

    #[test]
    fn a_specification_is_a_pool_for_each_of_its_subnets_at_a_price_for_its_units() {
        let group = api::GroupIdentifier { group_id: Some("sg-1".to_owned()), ..Default::default() };
        let one = api::SpotFleetLaunchSpecification {
            subnet_id: Some("subnet-1, subnet-2".to_owned()),
            security_groups: Some(vec![group]),
            weighted_capacity: Some(4.0),
            ..specification()
        };
        let pools = check_pools(&config(one)).unwrap();
        let subnet = |pool: &Pool| pool.launch.get("SubnetId").and_then(Value::as_str).map(str::to_owned);
        assert_eq!(
            pools.iter().map(subnet).collect::<Vec<_>>(),
            [Some("subnet-1".to_owned()), Some("subnet-2".to_owned())]
        );
        assert_eq!(pools[0].max_price, Dollars::parse("0.04"));
        assert_eq!(pools[0].launch.get("SecurityGroupIds"), Some(&json!(["sg-1"])));
        assert!(!pools[0].launch.contains_key("WeightedCapacity"));
    }

    #[test]
    fn what_no_launch_takes_is_refused() {
        let kernel =
            api::SpotFleetLaunchSpecification { kernel_id: Some("aki-1".to_owned()), ..specification() };
        assert_eq!(check_pools(&config(kernel)).unwrap_err().code(), "UnsupportedOperation");
        let there = api::InstanceNetworkInterfaceSpecification {
            network_interface_id: Some("eni-0123456789abcdef0".to_owned()),
            ..Default::default()
        };
        let named =
            api::SpotFleetLaunchSpecification { network_interfaces: Some(vec![there]), ..specification() };
        assert_eq!(check_pools(&config(named)).unwrap_err().code(), "InvalidSpotFleetRequestConfig");
        let empty = api::SpotFleetRequestConfigData::default();
        assert_eq!(check_pools(&empty).unwrap_err().code(), "InvalidSpotFleetRequestConfig");
        for (whole, firm) in [(-1, None), (2, Some(3)), (1_001, None)] {
            assert_eq!(check_target(whole, firm).unwrap_err().code(), "InvalidSpotFleetRequestConfig");
        }
        assert_eq!(check_target(5, Some(2)).map(|target| (target.on_demand, target.spot)).unwrap(), (2, 3));
        assert!(check_kind(Some("instant")).is_err() && check_strategy(Some("lowest-price")).is_err());
    }
}
