//! Reserved instances: the offerings, how one becomes others, and what it costs.

use kernel::Result;
use kernel::clock::Millis;
use kernel::meter::Usage;

use super::instance_type::{self, InstanceType};
use super::{image, region};
use crate::errors;
use crate::state::reserved_instances::ReservedInstances;
use price::{Class, Commitment, Payment, Term, offering_id, reserved};

pub const PRODUCT: &str = "Linux/UNIX";

/// Something that can be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    pub id: String,
    pub size: &'static InstanceType,
    pub zone: Option<String>,
    pub class: Class,
    pub term: Term,
    pub payment: Payment,
    pub price: Commitment,
}

/// Every offering of a region: each type this host's kind runs, for each zone and for all of them, in every class, term
/// and way to pay.
pub fn offerings(region_name: &str) -> Vec<Offering> {
    let zones = region::zones(region_name).into_iter().map(|zone| Some(zone.name));
    let places: Vec<Option<String>> = std::iter::once(None).chain(zones).collect();
    let sizes = instance_type::all().iter().filter(|size| size.architecture == image::architecture());
    let mut all = Vec::new();
    for size in sizes {
        for zone in &places {
            for class in Class::ALL {
                for term in Term::ALL {
                    for payment in Payment::ALL {
                        let place = zone.as_deref().unwrap_or(region_name);
                        let name = format!("{place} {} {class:?} {term:?} {payment:?}", size.name);
                        let price = reserved(size.price, class, term, payment);
                        all.push(Offering {
                            id: offering_id(&name),
                            size,
                            zone: zone.clone(),
                            class,
                            term,
                            payment,
                            price,
                        });
                    }
                }
            }
        }
    }
    all
}

pub fn state(reserved: &ReservedInstances, now: Millis) -> &'static str {
    if reserved.retired_at.is_some() || reserved.end_at <= now { "retired" } else { "active" }
}

/// What is paid for its hours, used or not, up to `now`. What was paid at once has a line of its own.
pub fn usage(reserved: &ReservedInstances, now: Millis) -> Usage {
    let end_at = now.min(reserved.end_at).min(reserved.retired_at.unwrap_or(now)).max(reserved.since);
    let seconds = u64::try_from((end_at - reserved.since) / 1_000).unwrap_or(0);
    Usage {
        service: "ec2".to_owned(),
        usage_type: format!("HeavyUsage:{}", reserved.instance_type),
        resource: reserved.id.clone(),
        start_at: reserved.since,
        end_at,
        quantity: seconds * u64::from(reserved.count),
        unit: "Seconds".to_owned(),
    }
}

/// What is paid when it is bought, in millionths of a dollar.
pub fn fee(reserved: &ReservedInstances) -> Option<Usage> {
    let paid = reserved.price.upfront.times(reserved.count.into()).as_millionths();
    (paid > 0).then(|| Usage {
        service: "ec2".to_owned(),
        usage_type: format!("ReservedInstancesFee:{}", reserved.instance_type),
        resource: reserved.id.clone(),
        start_at: reserved.since,
        end_at: reserved.since,
        quantity: paid,
        unit: "MicroDollars".to_owned(),
    })
}

/// What a modification asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub size: &'static InstanceType,
    pub zone: Option<String>,
    pub count: u32,
}

/// Whether reservations may become others: alike in all but place and size, of one family, and as big together after
/// as before (EC2 user guide, "Modify Reserved Instances").
///
/// # Errors
/// `InvalidParameterValue`, saying what does not fit.
pub fn check_modification(from: &[ReservedInstances], into: &[Target], now: Millis) -> Result<()> {
    let Some(first) = from.first() else { return Err(errors::missing("ReservedInstancesId")) };
    if into.is_empty() {
        return Err(errors::missing("ReservedInstancesConfiguration"));
    }
    let refuse = |why: &str| Err(errors::invalid_parameter_value(why));
    if from.iter().any(|one| state(one, now) != "active") {
        return refuse("Only active Reserved Instances can be modified.");
    }
    let kind = |one: &ReservedInstances| (one.class, one.term, one.payment, one.end_at);
    if from.iter().any(|one| kind(one) != kind(first)) {
        return refuse("Reserved Instances that are modified together must have the same end and offering.");
    }
    let size = |one: &ReservedInstances| instance_type::find(&one.instance_type);
    let family = size(first).map(InstanceType::family);
    if from.iter().any(|one| size(one).map(InstanceType::family) != family)
        || into.iter().any(|one| Some(one.size.family()) != family)
    {
        return refuse("The target configurations must be of the instance family of the Reserved Instances.");
    }
    let before: u64 =
        from.iter().map(|one| size(one).map_or(0, InstanceType::quarters) * u64::from(one.count)).sum();
    let after: u64 = into.iter().map(|one| one.size.quarters() * u64::from(one.count)).sum();
    if before != after {
        return refuse(
            "The target configurations must be of the same size footprint as the Reserved Instances.",
        );
    }
    Ok(())
}

/// Bought in a month, of each region and of each zone (EC2 user guide, "Reserved Instance quotas").
const OF_MONTH_MAX: u32 = 20;
const MONTH_MS: Millis = 30 * 86_400_000;

/// Whether so many more may be bought there.
///
/// # Errors
/// `ReservedInstancesLimitExceeded`.
pub fn check_month(all: &[ReservedInstances], zone: Option<&String>, count: u32, now: Millis) -> Result<()> {
    let is_of = |one: &&ReservedInstances| {
        one.zone.as_ref() == zone && one.retired_at.is_none() && one.start_at > now - MONTH_MS
    };
    let bought: u32 = all.iter().filter(is_of).map(|one| one.count).sum();
    if bought.saturating_add(count) > OF_MONTH_MAX {
        Err(errors::reserved_limit(OF_MONTH_MAX))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use price::Dollars;

    fn bought(name: &str, count: u32) -> ReservedInstances {
        ReservedInstances {
            id: "r".to_owned(),
            instance_type: name.to_owned(),
            zone: None,
            count,
            class: Class::Standard,
            term: Term::OneYear,
            payment: Payment::All,
            price: Commitment { upfront: Dollars::millionths(7), hourly: Dollars::default() },
            start_at: 0,
            end_at: 100_000,
            since: 10_000,
            retired_at: None,
        }
    }

    #[test]
    fn each_offering_is_one_of_its_kind() {
        let all = offerings("us-east-1");
        let ids: std::collections::BTreeSet<_> = all.iter().map(|one| &one.id).collect();
        assert_eq!(ids.len(), all.len());
        assert_eq!(all[0].id.len(), 36);
        assert_eq!(all, offerings("us-east-1"));
        assert!(!offerings("eu-west-1").iter().any(|one| one.id == all[0].id));
    }

    #[test]
    fn it_is_paid_for_until_it_ends_or_becomes_another() {
        let one = bought("t3.micro", 2);
        assert_eq!(usage(&one, 20_000).quantity, 20);
        assert_eq!(usage(&one, 1_000_000).quantity, 180);
        assert_eq!(
            usage(&ReservedInstances { retired_at: Some(15_000), ..one.clone() }, 20_000).quantity,
            10
        );
        assert_eq!(fee(&one).unwrap().quantity, 14);
        assert_eq!((state(&one, 99_999), state(&one, 100_000)), ("active", "retired"));
    }

    #[test]
    fn a_modification_keeps_family_and_footprint() {
        let target =
            |name: &str, count| Target { size: instance_type::find(name).unwrap(), zone: None, count };
        let small = [bought("t3.small", 1)];
        assert!(check_modification(&small, &[target("t3.micro", 2)], 50).is_ok());
        assert!(check_modification(&small, &[target("t3.micro", 1), target("t3.nano", 2)], 50).is_ok());
        assert!(check_modification(&small, &[target("t3.micro", 1)], 50).is_err());
        assert!(check_modification(&small, &[target("t2.small", 1)], 50).is_err());
        assert!(check_modification(&small, &[], 50).is_err());
        assert!(check_modification(&small, &[target("t3.small", 1)], 100_000).is_err());
        let unlike =
            [bought("t3.small", 1), ReservedInstances { class: Class::Convertible, ..bought("t3.small", 1) }];
        assert!(check_modification(&unlike, &[target("t3.medium", 1)], 50).is_err());
    }

    #[test]
    fn twenty_are_bought_in_a_month_of_each_place() {
        let zone = Some("us-east-1a".to_owned());
        let held =
            [bought("t3.micro", 15), ReservedInstances { zone: zone.clone(), ..bought("t3.micro", 20) }];
        let check = |zone, count, now| check_month(&held, zone, count, now).map_err(|error| error.code());
        assert_eq!(check(None, 5, 1_000), Ok(()));
        assert_eq!(check(None, 6, 1_000), Err("ReservedInstancesLimitExceeded"));
        assert_eq!(check(zone.as_ref(), 1, 1_000), Err("ReservedInstancesLimitExceeded"));
        assert_eq!(check(zone.as_ref(), 20, MONTH_MS), Ok(()), "a month later");
    }
}
