//! Which of several types, and on demand or on spot (user guide, "Auto Scaling groups with multiple instance types").

use api_autoscaling as api;

/// One way to launch.
#[derive(Clone, Debug)]
pub struct Choice {
    pub template: api::LaunchTemplateSpecification,
    pub instance_type: Option<String>,
    pub image: Option<String>,
    pub weight: i32,
    pub weight_is_given: bool,
}

/// A template: its id, and its name.
pub type Named = (String, String);

/// A template is known by both.
pub fn complete(spec: &mut api::LaunchTemplateSpecification, known: &[Named]) {
    let given = (&spec.launch_template_id, &spec.launch_template_name);
    let is = |(id, name): &&Named| match given {
        (Some(given), _) => given == id,
        (None, given) => given.as_ref() == Some(name),
    };
    if let Some((id, name)) = known.iter().find(is).cloned() {
        (spec.launch_template_id, spec.launch_template_name) = (Some(id), Some(name));
    }
}

/// The same for every template of a policy.
pub fn complete_policy(policy: &mut api::MixedInstancesPolicy, known: &[Named]) {
    let Some(template) = &mut policy.launch_template else { return };
    let overrides = template.overrides.iter_mut().flatten();
    let others = overrides.filter_map(|one| one.launch_template_specification.as_mut());
    template.launch_template_specification.iter_mut().chain(others).for_each(|spec| complete(spec, known));
}

/// Shares with all that is assumed (API reference, InstancesDistribution).
pub fn whole(shares: Option<api::InstancesDistribution>) -> api::InstancesDistribution {
    let mut shares = shares.unwrap_or_default();
    shares.on_demand_allocation_strategy.get_or_insert_with(|| "prioritized".to_owned());
    shares.on_demand_base_capacity.get_or_insert(0);
    shares.on_demand_percentage_above_base_capacity.get_or_insert(100);
    let spot = shares.spot_allocation_strategy.get_or_insert_with(|| LOWEST_PRICE.to_owned());
    if spot == LOWEST_PRICE {
        shares.spot_instance_pools.get_or_insert(2);
    }
    shares
}

const LOWEST_PRICE: &str = "lowest-price";

/// The ways of a policy, the first to be tried first. There is one market, so what strategies would order by capacity
/// stays as it was given.
pub fn choices(policy: &api::MixedInstancesPolicy) -> Vec<Choice> {
    let Some(template) = &policy.launch_template else { return Vec::new() };
    let base = template.launch_template_specification.clone().unwrap_or_default();
    let overrides = template.overrides.as_deref().unwrap_or_default();
    if overrides.is_empty() {
        return vec![plain(&base)];
    }
    let choice = |one: &api::LaunchTemplateOverrides| Choice {
        template: one.launch_template_specification.clone().unwrap_or_else(|| base.clone()),
        instance_type: one.instance_type.clone(),
        image: one.image_id.clone(),
        weight: one.weighted_capacity.as_deref().and_then(|weight| weight.parse().ok()).unwrap_or(1),
        weight_is_given: one.weighted_capacity.is_some(),
    };
    overrides.iter().map(choice).collect()
}

pub fn plain(template: &api::LaunchTemplateSpecification) -> Choice {
    Choice { template: template.clone(), instance_type: None, image: None, weight: 1, weight_is_given: false }
}

/// Whether the next instance is spot, with so many units there on demand and on spot: first the base on demand, above it
/// the share.
pub fn next_is_spot(policy: &api::MixedInstancesPolicy, on_demand: i32, spot: i32) -> bool {
    let shares = policy.instances_distribution.clone().unwrap_or_default();
    let base = shares.on_demand_base_capacity.unwrap_or_default();
    let percent = shares.on_demand_percentage_above_base_capacity.unwrap_or(100);
    if on_demand < base {
        return false;
    }
    let above = on_demand - base + spot + 1;
    // Rounded up: on demand is preferred.
    let wanted = (above * percent + 99) / 100;
    on_demand - base >= wanted
}

/// Whether the next to go is spot: what stays is as the shares want it.
pub fn goes_spot(policy: &api::MixedInstancesPolicy, on_demand: i32, spot: i32) -> bool {
    let shares = policy.instances_distribution.clone().unwrap_or_default();
    let staying = on_demand + spot - 1;
    let base = shares.on_demand_base_capacity.unwrap_or_default().min(staying);
    let percent = shares.on_demand_percentage_above_base_capacity.unwrap_or(100);
    on_demand <= base + ((staying - base) * percent + 99) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_on_demand_and_a_share_above_it() {
        let policy = |base, percent| api::MixedInstancesPolicy {
            instances_distribution: Some(api::InstancesDistribution {
                on_demand_base_capacity: Some(base),
                on_demand_percentage_above_base_capacity: Some(percent),
                ..Default::default()
            }),
            ..Default::default()
        };
        let run = |base, percent, count| {
            let (mut on_demand, mut spot) = (0, 0);
            for _ in 0..count {
                if next_is_spot(&policy(base, percent), on_demand, spot) { spot += 1 } else { on_demand += 1 }
            }
            (on_demand, spot)
        };
        assert_eq!(run(2, 0, 5), (2, 3));
        assert_eq!(run(1, 50, 5), (3, 2));
        assert_eq!(run(0, 100, 4), (4, 0));
        assert_eq!(run(0, 25, 8), (2, 6));
        // And back the same way.
        for (base, percent) in [(2, 0), (1, 50), (0, 100), (0, 25), (9, 50)] {
            let (mut on_demand, mut spot) = run(base, percent, 8);
            for count in (1..8).rev() {
                let goes = goes_spot(&policy(base, percent), on_demand, spot);
                if goes {
                    spot -= 1;
                } else {
                    on_demand -= 1;
                }
                assert_eq!((on_demand, spot), run(base, percent, count), "{base} {percent}");
            }
        }
    }
}
