//! Reserved instances: offered, bought, shown, changed.

use api_ec2 as api;
use kernel::tokens::fingerprint;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::books;
use super::page::{self, Once, check_dry_run};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance_type;
use crate::rules::reserved_instances::{self as rules, Offering, PRODUCT, Target};
use crate::rules::{instant, region};
use crate::state::reserved_instances::{self as state, Modification, ReservedInstances};
use crate::state::tag::Tags;
use price::{Commitment, Dollars};

/// Offerings of one answer where no number is asked for.
const OFFERINGS_DEFAULT: i32 = 100;
const COUNT_MAX: i32 = 1_000;
const MODIFY: &str = "ModifyReservedInstances";

const OFFERING_FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "duration",
    "fixed-price",
    "instance-type",
    "marketplace",
    "product-description",
    "reserved-instances-offering-id",
    "scope",
    "usage-price",
];

pub async fn describe_reserved_instances_offerings(
    ctx: &Ctx,
    input: api::DescribeReservedInstancesOfferingsRequest,
) -> Result<api::DescribeReservedInstancesOfferingsResult> {
    const OPERATION: &str = "DescribeReservedInstancesOfferings";
    let filters = Filters::check(input.filters, OFFERING_FILTERS)?;
    let rows = input.max_results.unwrap_or(OFFERINGS_DEFAULT);
    let page = page::open(ctx, OPERATION, Some(rows), input.next_token)?;
    check_dry_run(input.dry_run)?;
    let region_name = ctx.region().as_str().to_owned();
    let mut all = rules::offerings(&region_name);
    let ids = input.reserved_instances_offering_ids.unwrap_or_default();
    if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|one| one.id == **id)) {
        return Err(errors::offering_not_found(unknown));
    }
    let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|wanted| wanted == has);
    let least = input.min_duration.and_then(|least| u64::try_from(least).ok()).unwrap_or(0);
    let most = input.max_duration.and_then(|most| u64::try_from(most).ok()).unwrap_or(u64::MAX);
    let zone_id = |one: &Offering| {
        one.zone.as_ref().map(|zone| region::zone_id(&region_name, zone)).unwrap_or_default()
    };
    all.retain(|one| {
        (ids.is_empty() || ids.contains(&one.id))
            && is(&input.instance_type, one.size.name)
            && is(&input.availability_zone, one.zone.as_deref().unwrap_or_default())
            && is(&input.availability_zone_id, &zone_id(one))
            && is(&input.offering_class, one.class.name())
            && is(&input.offering_type, one.payment.name())
            && is(&input.instance_tenancy, "default")
            && input.product_description.as_deref().is_none_or(|name| name.starts_with(PRODUCT))
            && (least..=most).contains(&one.term.seconds())
            && filters.accept(&Tags::new(), |name| offering_values(one, &region_name, name))
    });
    let (all, last) = page.cut(all, |one| one.id.clone());
    Ok(api::DescribeReservedInstancesOfferingsResult {
        reserved_instances_offerings: Some(all.iter().map(|one| show_offering(one, &region_name)).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

fn offering_values(one: &Offering, region_name: &str, name: &str) -> Vec<String> {
    vec![match name {
        "availability-zone" => return one.zone.clone().into_iter().collect(),
        "availability-zone-id" => {
            return one.zone.iter().map(|zone| region::zone_id(region_name, zone)).collect();
        }
        "duration" => one.term.seconds().to_string(),
        "fixed-price" => one.price.upfront.to_string(),
        "instance-type" => one.size.name.to_owned(),
        "marketplace" => "false".to_owned(),
        "product-description" => PRODUCT.to_owned(),
        "reserved-instances-offering-id" => one.id.clone(),
        "scope" => place(one.zone.as_ref()).to_owned(),
        "usage-price" => Dollars::default().to_string(),
        _ => return Vec::new(),
    }]
}

fn place(zone: Option<&String>) -> &'static str {
    if zone.is_some() { "Availability Zone" } else { "Region" }
}

fn charges(price: Commitment) -> Option<Vec<api::RecurringCharge>> {
    Some(vec![api::RecurringCharge {
        amount: Some(price.hourly.as_double()),
        frequency: Some("Hourly".to_owned()),
    }])
}

/// A price as the API's members of type float.
fn float(price: Dollars) -> Option<f32> {
    price.to_string().parse().ok()
}

fn show_offering(one: &Offering, region_name: &str) -> api::ReservedInstancesOffering {
    let text = |text: &str| Some(text.to_owned());
    api::ReservedInstancesOffering {
        reserved_instances_offering_id: Some(one.id.clone()),
        instance_type: text(one.size.name),
        availability_zone: one.zone.clone(),
        availability_zone_id: one.zone.as_ref().map(|zone| region::zone_id(region_name, zone)),
        scope: text(place(one.zone.as_ref())),
        duration: i64::try_from(one.term.seconds()).ok(),
        fixed_price: float(one.price.upfront),
        usage_price: float(Dollars::default()),
        recurring_charges: charges(one.price),
        product_description: text(PRODUCT),
        currency_code: text("USD"),
        instance_tenancy: text("default"),
        offering_class: text(one.class.name()),
        offering_type: text(one.payment.name()),
        marketplace: Some(false),
        pricing_details: Some(Vec::new()),
    }
}

pub async fn purchase_reserved_instances_offering(
    ctx: &Ctx,
    input: api::PurchaseReservedInstancesOfferingRequest,
) -> Result<api::PurchaseReservedInstancesOfferingResult> {
    let count = check_count(input.instance_count)?;
    let offerings = rules::offerings(ctx.region().as_str());
    let wanted = &input.reserved_instances_offering_id;
    let offering = offerings.into_iter().find(|one| one.id == *wanted);
    let offering = offering.ok_or_else(|| errors::offering_not_found(wanted))?;
    let limit = input.limit_price.and_then(|limit| limit.amount);
    let whole = offering.price.upfront.times(count.into()).as_double();
    if limit.is_some_and(|limit| whole > limit) {
        return Err(errors::reserved_too_dear());
    }
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let id = ctx
        .write(|tx| {
            let now = tx.ctx().now();
            rules::check_month(&state::all(tx, &scope)?, offering.zone.as_ref(), count, now)?;
            let term_ms = i64::try_from(offering.term.seconds() * 1_000).unwrap_or(i64::MAX);
            let bought = ReservedInstances {
                id: tx.ctx().ids().uuid(),
                instance_type: offering.size.name.to_owned(),
                zone: offering.zone.clone(),
                count,
                class: offering.class,
                term: offering.term,
                payment: offering.payment,
                price: offering.price,
                start_at: now,
                end_at: now.saturating_add(term_ms),
                since: now,
                retired_at: None,
            };
            if let Some(fee) = rules::fee(&bought) {
                tx.meter(&fee)?;
            }
            state::put(tx, &scope, &bought)?;
            Ok(bought.id)
        })
        .await?;
    Ok(api::PurchaseReservedInstancesOfferingResult { reserved_instances_id: Some(id) })
}

fn check_count(count: i32) -> Result<u32> {
    match u32::try_from(count) {
        Ok(counted @ 1..) if count <= COUNT_MAX => Ok(counted),
        _ => Err(errors::invalid_because(count, "instanceCount", "It must be from 1 to 1000.")),
    }
}

const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "duration",
    "end",
    "fixed-price",
    "instance-type",
    "product-description",
    "reserved-instances-id",
    "scope",
    "start",
    "state",
    "usage-price",
];

pub async fn describe_reserved_instances(
    ctx: &Ctx,
    input: api::DescribeReservedInstancesRequest,
) -> Result<api::DescribeReservedInstancesResult> {
    let filters = Filters::check(input.filters, FILTERS)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let now = ctx.now();
    let mut all = ctx.read(|snap| state::all(snap, &scope)).await?;
    let ids = input.reserved_instances_ids.unwrap_or_default();
    if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|one| one.id == **id)) {
        return Err(errors::reserved_not_found(unknown));
    }
    let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|wanted| wanted == has);
    all.retain(|one| {
        (ids.is_empty() || ids.contains(&one.id))
            && is(&input.offering_class, one.class.name())
            && is(&input.offering_type, one.payment.name())
            && filters.accept(&Tags::new(), |name| values(one, &scope, now, name))
    });
    let shown = all.iter().map(|one| show(one, &scope, now)).collect();
    Ok(api::DescribeReservedInstancesResult { reserved_instances: Some(shown) })
}

fn values(one: &ReservedInstances, scope: &Scope, now: i64, name: &str) -> Vec<String> {
    vec![match name {
        "availability-zone" => return one.zone.clone().into_iter().collect(),
        "availability-zone-id" => {
            return one.zone.iter().map(|zone| region::zone_id(scope.region.as_str(), zone)).collect();
        }
        "duration" => one.term.seconds().to_string(),
        "end" => instant::iso_millis(one.end_at),
        "fixed-price" => one.price.upfront.to_string(),
        "instance-type" => one.instance_type.clone(),
        "product-description" => PRODUCT.to_owned(),
        "reserved-instances-id" => one.id.clone(),
        "scope" => place(one.zone.as_ref()).to_owned(),
        "start" => instant::iso_millis(one.start_at),
        "state" => rules::state(one, now).to_owned(),
        "usage-price" => Dollars::default().to_string(),
        _ => return Vec::new(),
    }]
}

fn show(one: &ReservedInstances, scope: &Scope, now: i64) -> api::ReservedInstances {
    let text = |text: &str| Some(text.to_owned());
    api::ReservedInstances {
        reserved_instances_id: Some(one.id.clone()),
        instance_type: Some(one.instance_type.clone()),
        availability_zone: one.zone.clone(),
        availability_zone_id: one.zone.as_ref().map(|zone| region::zone_id(scope.region.as_str(), zone)),
        scope: text(place(one.zone.as_ref())),
        start: Some(Timestamp::from_millis(one.start_at)),
        end: Some(Timestamp::from_millis(one.retired_at.unwrap_or(one.end_at))),
        duration: i64::try_from(one.term.seconds()).ok(),
        fixed_price: float(one.price.upfront),
        usage_price: float(Dollars::default()),
        recurring_charges: charges(one.price),
        instance_count: i32::try_from(one.count).ok(),
        product_description: text(PRODUCT),
        currency_code: text("USD"),
        instance_tenancy: text("default"),
        offering_class: text(one.class.name()),
        offering_type: text(one.payment.name()),
        state: text(rules::state(one, now)),
        ..Default::default()
    }
}

/// The old ones are retired, new ones take their place at once.
pub async fn modify_reserved_instances(
    ctx: &Ctx,
    input: api::ModifyReservedInstancesRequest,
) -> Result<api::ModifyReservedInstancesResult> {
    let scope = *ctx.scope();
    let once = Once::new(MODIFY, input.client_token.as_ref(), fingerprint(&input));
    let first = input.reserved_instances_ids.first().cloned().unwrap_or_default();
    let id = ctx
        .write(|tx| {
            if let Some(made) = once.find_text(tx)? {
                return Ok(made);
            }
            let now = tx.ctx().now();
            let mut from = Vec::new();
            for id in &input.reserved_instances_ids {
                from.push(state::find(tx, &scope, id)?.ok_or_else(|| errors::reserved_not_found(id))?);
            }
            let default = from.first().map(|one| one.instance_type.clone()).unwrap_or_default();
            let targets = input.target_configurations.iter();
            let targets: Vec<Target> =
                targets.map(|target| check_target(target, &default, &scope)).collect::<Result<_>>()?;
            rules::check_modification(&from, &targets, now)?;
            let mut into = Vec::new();
            for target in &targets {
                let Some(like) = from.first() else { return Err(errors::reserved_not_found(&first)) };
                let size = instance_type::find(&like.instance_type).map_or(1, |size| size.quarters()).max(1);
                let scale = |price: Dollars| {
                    Dollars::millionths(price.as_millionths() * target.size.quarters() / size)
                };
                let made = ReservedInstances {
                    id: tx.ctx().ids().uuid(),
                    instance_type: target.size.name.to_owned(),
                    zone: target.zone.clone(),
                    count: target.count,
                    price: Commitment {
                        upfront: scale(like.price.upfront),
                        hourly: scale(like.price.hourly),
                    },
                    since: now,
                    ..like.clone()
                };
                state::put(tx, &scope, &made)?;
                into.push(made);
            }
            for old in from {
                let old = ReservedInstances { retired_at: Some(now), ..old };
                tx.meter(&rules::usage(&old, now))?;
                state::put(tx, &scope, &old)?;
            }
            let modification = Modification {
                id: format!("rimod-{}", tx.ctx().ids().uuid()),
                client_token: input.client_token.clone(),
                from: input.reserved_instances_ids.clone(),
                into,
                at: now,
            };
            state::put_modification(tx, &scope, &modification)?;
            once.remember_text(tx, &modification.id)?;
            Ok(modification.id)
        })
        .await?;
    Ok(api::ModifyReservedInstancesResult { reserved_instances_modification_id: Some(id) })
}

fn check_target(
    target: &api::ReservedInstancesConfiguration,
    default: &str,
    scope: &Scope,
) -> Result<Target> {
    let name = target.instance_type.as_deref().unwrap_or(default);
    let size = instance_type::find(name).ok_or_else(|| errors::instance_type_unknown(name))?;
    let zones = region::zones(scope.region.as_str());
    let by_id = target.availability_zone_id.as_ref();
    let by_id = by_id.and_then(|id| zones.iter().find(|zone| zone.id == *id)).map(|zone| zone.name.clone());
    let zone = target.availability_zone.clone().or(by_id);
    if let Some(platform) = target.platform.as_deref().filter(|platform| !platform.starts_with(PRODUCT)) {
        return Err(errors::unsupported(&format!("The platform {platform}")));
    }
    let zone = match (target.scope.as_deref(), zone) {
        (None | Some("Availability Zone"), Some(zone)) if zones.iter().any(|known| known.name == zone) => {
            Some(zone)
        }
        (None | Some("Availability Zone"), Some(zone)) => {
            return Err(errors::invalid_value(zone, "availabilityZone"));
        }
        (Some("Availability Zone"), None) => return Err(errors::missing("AvailabilityZone")),
        (Some("Region") | None, None) => None,
        (Some("Region"), Some(_)) => {
            return Err(errors::combination("A regional configuration has no Availability Zone."));
        }
        (Some(other), _) => return Err(errors::invalid_value(other, "scope")),
    };
    Ok(Target { size, zone, count: check_count(target.instance_count.unwrap_or(1))? })
}

const MODIFICATION_FILTERS: &[&str] = &[
    "client-token",
    "create-date",
    "effective-date",
    "modification-result.reserved-instances-id",
    "modification-result.target-configuration.availability-zone",
    "modification-result.target-configuration.instance-count",
    "modification-result.target-configuration.instance-type",
    "reserved-instances-id",
    "reserved-instances-modification-id",
    "status",
    "status-message",
    "update-date",
];

pub async fn describe_reserved_instances_modifications(
    ctx: &Ctx,
    input: api::DescribeReservedInstancesModificationsRequest,
) -> Result<api::DescribeReservedInstancesModificationsResult> {
    const OPERATION: &str = "DescribeReservedInstancesModifications";
    let filters = Filters::check(input.filters, MODIFICATION_FILTERS)?;
    let page = page::open(ctx, OPERATION, None, input.next_token)?;
    let scope = *ctx.scope();
    let mut all = ctx.read(|snap| state::modifications(snap, &scope)).await?;
    let ids = input.reserved_instances_modification_ids.unwrap_or_default();
    all.retain(|one| {
        (ids.is_empty() || ids.contains(&one.id))
            && filters.accept(&Tags::new(), |name| modification_values(one, name))
    });
    let (all, last) = page.cut(all, |one| one.id.clone());
    Ok(api::DescribeReservedInstancesModificationsResult {
        reserved_instances_modifications: Some(all.iter().map(show_modification).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

fn modification_values(one: &Modification, name: &str) -> Vec<String> {
    let of_results =
        |value: fn(&ReservedInstances) -> Option<String>| one.into.iter().filter_map(value).collect();
    match name {
        "client-token" => one.client_token.clone().into_iter().collect(),
        "create-date" | "effective-date" | "update-date" => vec![instant::iso_millis(one.at)],
        "modification-result.reserved-instances-id" => of_results(|made| Some(made.id.clone())),
        "modification-result.target-configuration.availability-zone" => of_results(|made| made.zone.clone()),
        "modification-result.target-configuration.instance-count" => {
            of_results(|made| Some(made.count.to_string()))
        }
        "modification-result.target-configuration.instance-type" => {
            of_results(|made| Some(made.instance_type.clone()))
        }
        "reserved-instances-id" => one.from.clone(),
        "reserved-instances-modification-id" => vec![one.id.clone()],
        "status" => vec!["fulfilled".to_owned()],
        _ => Vec::new(),
    }
}

fn show_modification(one: &Modification) -> api::ReservedInstancesModification {
    let at = Some(Timestamp::from_millis(one.at));
    let result = |made: &ReservedInstances| api::ReservedInstancesModificationResult {
        reserved_instances_id: Some(made.id.clone()),
        target_configuration: Some(api::ReservedInstancesConfiguration {
            availability_zone: made.zone.clone(),
            instance_count: i32::try_from(made.count).ok(),
            instance_type: Some(made.instance_type.clone()),
            platform: Some(PRODUCT.to_owned()),
            scope: Some(place(made.zone.as_ref()).to_owned()),
            ..Default::default()
        }),
    };
    let id = |id: &String| api::ReservedInstancesId { reserved_instances_id: Some(id.clone()) };
    api::ReservedInstancesModification {
        reserved_instances_modification_id: Some(one.id.clone()),
        client_token: one.client_token.clone(),
        create_date: at,
        effective_date: at,
        update_date: at,
        status: Some("fulfilled".to_owned()),
        modification_results: Some(one.into.iter().map(result).collect()),
        reserved_instances_ids: Some(one.from.iter().map(id).collect()),
        ..Default::default()
    }
}

/// Brings the usage lines of what binds up to date.
pub async fn keep_books(ctx: &Ctx) -> Result<()> {
    let (now, all) = (ctx.now(), ctx.read(|snap| state::all_scopes(snap)).await?);
    books::keep(ctx, all, |tx, scope, one| match state::find(tx, scope, &one.id)? {
        Some(one) if one.retired_at.is_none() => tx.meter(&rules::usage(&one, now)),
        _ => Ok(()),
    })
    .await
}
