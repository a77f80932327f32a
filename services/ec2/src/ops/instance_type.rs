//! Describing instance types and where they are offered.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::{self, check_dry_run};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::instance_type::{self as rules, InstanceType};
use crate::rules::instance_type_view::{FILTERS, show, values};
use crate::rules::region;
use crate::state::tag::Tags;

pub async fn describe_instance_types(
    ctx: &Ctx,
    input: api::DescribeInstanceTypesRequest,
) -> Result<api::DescribeInstanceTypesResult> {
    const OPERATION: &str = "DescribeInstanceTypes";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let names = input.instance_types.unwrap_or_default();
    let unknown: Vec<_> = names.iter().filter(|name| rules::find(name).is_none()).cloned().collect();
    if !unknown.is_empty() {
        return Err(errors::instance_types_unknown(&unknown));
    }
    check_dry_run(input.dry_run)?;
    let is_wanted = |t: &&InstanceType| {
        let named = names.is_empty() || names.iter().any(|name| name == t.name);
        named && filters.accept(&Tags::new(), |name| values(t, name))
    };
    let types: Vec<&InstanceType> = rules::all().iter().filter(is_wanted).collect();
    let (types, last) = page.cut(types, |t| t.name.to_owned());
    Ok(api::DescribeInstanceTypesResult {
        instance_types: Some(types.into_iter().map(show).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}

/// Every type is offered everywhere; whether this host is big enough for it, a launch tells.
pub async fn describe_instance_type_offerings(
    ctx: &Ctx,
    input: api::DescribeInstanceTypeOfferingsRequest,
) -> Result<api::DescribeInstanceTypeOfferingsResult> {
    const OPERATION: &str = "DescribeInstanceTypeOfferings";
    let filters = Filters::check(input.filters, &["instance-type", "location"])?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    let location_type = input.location_type.unwrap_or_else(|| "region".to_owned());
    let zones = region::zones(ctx.region().as_str()).into_iter();
    let locations: Vec<String> = match location_type.as_str() {
        "region" => vec![ctx.region().to_string()],
        "availability-zone" => zones.map(|zone| zone.name).collect(),
        "availability-zone-id" => zones.map(|zone| zone.id).collect(),
        "outpost" => Vec::new(),
        other => return Err(errors::invalid_value(other, "locationType")),
    };
    check_dry_run(input.dry_run)?;
    let all = rules::all().iter().flat_map(|t| locations.iter().map(move |location| (t.name, location)));
    let offerings = all.filter(|(name, location)| {
        filters.accept(&Tags::new(), |filter| match filter {
            "instance-type" => vec![(*name).to_owned()],
            _ => vec![(*location).clone()],
        })
    });
    let (offerings, last) =
        page.cut(offerings.collect(), |(name, location): &(&str, &String)| format!("{name} {location}"));
    let show = |(name, location): (&str, &String)| api::InstanceTypeOffering {
        instance_type: Some(name.to_owned()),
        location_type: Some(location_type.clone()),
        location: Some(location.clone()),
    };
    Ok(api::DescribeInstanceTypeOfferingsResult {
        instance_type_offerings: Some(offerings.into_iter().map(show).collect()),
        next_token: page::seal(ctx, OPERATION, last),
    })
}
