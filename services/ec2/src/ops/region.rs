//! Regions and their zones.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::check_dry_run;
use crate::errors;
use crate::rules::filter::{Filters, pick};
use crate::rules::region::{self as rules, Region, Zone};
use crate::state::tag::Tags;

pub async fn describe_regions(
    ctx: &Ctx,
    input: api::DescribeRegionsRequest,
) -> Result<api::DescribeRegionsResult> {
    let filters = Filters::check(input.filters, rules::REGION_FILTERS)?;
    check_dry_run(input.dry_run)?;
    let partition = ctx.partition();
    let regions = rules::all().filter(|region| kernel::Partition::of_region(region.name) == partition);
    let named = input.region_names.as_ref();
    let mut regions = pick(regions.collect(), named, |r: &Region| r.name, errors::region_invalid)?;
    let everything = input.all_regions == Some(true);
    // Regions to opt in to are not shown unless asked for; here all of them can be used.
    regions.retain(|region| everything || named.is_some() || !region.opt_in);
    regions.retain(|region| filters.accept(&Tags::new(), |name| rules::region_values(region, name)));
    let show = |region: Region| api::Region {
        opt_in_status: Some(rules::opt_in_status(&region).to_owned()),
        region_name: Some(region.name.to_owned()),
        endpoint: Some(rules::endpoint(region.name)),
        ..api::Region::default()
    };
    Ok(api::DescribeRegionsResult { regions: Some(regions.into_iter().map(show).collect()) })
}

pub async fn describe_availability_zones(
    ctx: &Ctx,
    input: api::DescribeAvailabilityZonesRequest,
) -> Result<api::DescribeAvailabilityZonesResult> {
    let filters = Filters::check(input.filters, rules::ZONE_FILTERS)?;
    check_dry_run(input.dry_run)?;
    let region = ctx.region();
    let zones = rules::zones(region.as_str());
    let zones =
        pick(zones, input.zone_names.as_ref(), |zone| zone.name.as_str(), |z| errors::zone_invalid(&z))?;
    let mut zones =
        pick(zones, input.zone_ids.as_ref(), |zone| zone.id.as_str(), |z| errors::zone_invalid(&z))?;
    zones.retain(|zone| filters.accept(&Tags::new(), |name| rules::zone_values(zone, region.as_str(), name)));
    let show = |zone: Zone| api::AvailabilityZone {
        opt_in_status: Some("opt-in-not-required".to_owned()),
        messages: Some(Vec::new()),
        region_name: Some(region.to_string()),
        zone_name: Some(zone.name),
        zone_id: Some(zone.id),
        group_name: Some(rules::zone_group(region.as_str())),
        network_border_group: Some(region.to_string()),
        zone_type: Some("availability-zone".to_owned()),
        state: Some("available".to_owned()),
        ..api::AvailabilityZone::default()
    };
    let availability_zones = Some(zones.into_iter().map(show).collect());
    Ok(api::DescribeAvailabilityZonesResult { availability_zones })
}
