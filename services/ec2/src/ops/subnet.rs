//! Operations on subnets.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run, parse};
use super::subnet_cidr::{association6, put_ipv6};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::private_name;
use crate::rules::region::zone_id;
use crate::rules::subnet as rules;
use crate::rules::tag::{of_one, shown};
use crate::rules::vpc as vpc_rules;
use crate::state::id::{Id, SubnetId, VpcId};
use crate::state::subnet::Subnet;
use crate::state::tag::Tags;
use crate::state::{network_interface, subnet, tag, vpc};

pub async fn describe_subnets(
    ctx: &Ctx,
    input: api::DescribeSubnetsRequest,
) -> Result<api::DescribeSubnetsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeSubnets", input.subnet_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let subnets = subnet::all(snap, scope)?.into_iter();
        let counted =
            subnets.map(|subnet| Ok((network_interface::count_free(snap, scope, &subnet)?, subnet)));
        Ok((counted.collect::<Result<Vec<_>>>()?, tag::of_all::<SubnetId>(snap, scope)?))
    });
    let (subnets, tags) = read.await?;
    let values = |(free, subnet): &(u32, Subnet), name: &str| rules::values(subnet, *free, scope, name);
    let (subnets, next_token) =
        listing.cut(ctx, subnets, &tags, |row| row.1.id.as_str(), values, errors::subnet_not_found)?;
    let show = |(free, subnet): &(u32, Subnet)| show(subnet, *free, scope, tags.get(subnet.id.as_str()));
    Ok(api::DescribeSubnetsResult { subnets: Some(subnets.iter().map(show).collect()), next_token })
}

fn show(subnet: &Subnet, free: u32, scope: &Scope, tags: Option<&Tags>) -> api::Subnet {
    api::Subnet {
        availability_zone_id: Some(zone_id(scope.region.as_str(), &subnet.zone)),
        map_customer_owned_ip_on_launch: Some(false),
        owner_id: Some(scope.account.to_string()),
        assign_ipv6_address_on_creation: Some(subnet.assign_ipv6_address_on_creation),
        ipv6_cidr_block_association_set: Some(
            subnet.ipv6.iter().map(|block| association6(block, "associated")).collect(),
        ),
        tags: tags.and_then(shown),
        subnet_arn: Some(scope.arn("ec2", format_args!("subnet/{}", subnet.id))),
        enable_dns64: Some(false),
        ipv6_native: Some(false),
        private_dns_name_options_on_launch: Some(private_name::shown_on_launch(subnet.names)),
        subnet_id: Some(subnet.id.to_string()),
        state: Some("available".to_owned()),
        vpc_id: Some(subnet.vpc.to_string()),
        cidr_block: Some(subnet.cidr.to_string()),
        available_ip_address_count: i32::try_from(free).ok(),
        availability_zone: Some(subnet.zone.clone()),
        default_for_az: Some(subnet.default_for_az),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch),
        ..api::Subnet::default()
    }
}

pub async fn create_subnet(ctx: &Ctx, input: api::CreateSubnetRequest) -> Result<api::CreateSubnetResult> {
    let vpc_id: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let text = input.cidr_block.ok_or_else(|| errors::missing("cidrBlock"))?;
    let cidr = vpc_rules::check_cidr(&text, "cidrBlock", errors::subnet_range)?;
    let zone = check_zone(ctx.scope(), input.availability_zone, input.availability_zone_id)?;
    if input.ipv6_native == Some(true) {
        return Err(errors::unsupported("IPv6"));
    }
    let tags = of_one::<SubnetId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let vpc = vpc::get(tx, scope, &vpc_id)?;
        if !vpc.cidrs().iter().any(|range| range.contains(&cidr)) {
            return Err(errors::subnet_range(&text));
        }
        let there = subnet::of_vpc(tx, scope, &vpc_id)?;
        if there.iter().any(|known| vpc_rules::overlap(known.cidr, cidr)) {
            return Err(errors::subnet_conflict(cidr));
        }
        if there.len() >= vpc_rules::SUBNETS_MAX {
            return Err(errors::subnet_limit());
        }
        let zones = crate::rules::region::zones(scope.region.as_str());
        let first = || zones.first().map(|zone| zone.name.clone()).unwrap_or_default();
        let zone = zone.clone().unwrap_or_else(first);
        let mut subnet = subnet::insert(tx, scope, &vpc_id, cidr, zone)?;
        if let Some(text) = &input.ipv6_cidr_block {
            put_ipv6(tx, scope, &vpc, &mut subnet, text)?;
        }
        tag::put(tx, scope, &subnet.id, tags.clone())?;
        Ok((network_interface::count_free(tx, scope, &subnet)?, subnet))
    });
    let (free, subnet) = write.await?;
    network::ensure_vpc(ctx, &vpc_id).await?;
    Ok(api::CreateSubnetResult { subnet: Some(show(&subnet, free, scope, Some(&tags))) })
}

/// The zone's name, given by name or by id.
fn check_zone(scope: &Scope, name: Option<String>, id: Option<String>) -> Result<Option<String>> {
    let zones = crate::rules::region::zones(scope.region.as_str());
    let find = |given: Option<String>| {
        let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
        let found = zones.iter().find(|zone| zone.name == given || zone.id == given);
        found.map(|zone| Some(zone.name.clone())).ok_or_else(|| errors::zone_invalid(&given))
    };
    match (find(name)?, find(id)?) {
        (Some(name), Some(other)) if name != other => {
            Err(errors::combination("AvailabilityZone and AvailabilityZoneId are of different zones."))
        }
        (name, of_id) => Ok(name.or(of_id)),
    }
}

pub async fn create_default_subnet(
    ctx: &Ctx,
    input: api::CreateDefaultSubnetRequest,
) -> Result<api::CreateDefaultSubnetResult> {
    if input.availability_zone.is_some() && input.availability_zone_id.is_some() {
        return Err(errors::combination(
            "Specify either AvailabilityZone or AvailabilityZoneId, but not both.",
        ));
    }
    let zone = check_zone(ctx.scope(), input.availability_zone, input.availability_zone_id)?;
    let zone = zone.ok_or_else(|| errors::missing("AvailabilityZone"))?;
    if input.ipv6_native == Some(true) {
        return Err(errors::unsupported("IPv6"));
    }
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let subnet = subnet::insert_default(tx, scope, &zone)?;
        Ok((network_interface::count_free(tx, scope, &subnet)?, subnet))
    });
    let (free, subnet) = write.await?;
    network::ensure_vpc(ctx, &subnet.vpc).await?;
    Ok(api::CreateDefaultSubnetResult { subnet: Some(show(&subnet, free, scope, None)) })
}

pub async fn delete_subnet(ctx: &Ctx, input: api::DeleteSubnetRequest) -> Result<()> {
    let id: SubnetId = parse(&input.subnet_id, errors::subnet_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let subnet = subnet::get(tx, scope, &id)?;
        if network_interface::all(tx, scope)?.iter().any(|interface| interface.subnet == id) {
            return Err(errors::subnet_in_use(&id));
        }
        subnet::delete(tx, scope, &id)?;
        Ok(subnet.vpc)
    });
    let vpc = write.await?;
    network::ensure_vpc(ctx, &vpc).await
}

pub async fn modify_subnet_attribute(ctx: &Ctx, input: api::ModifySubnetAttributeRequest) -> Result<()> {
    let id: SubnetId = parse(&input.subnet_id, errors::subnet_not_found)?;
    let value = |given: Option<api::AttributeBooleanValue>| given.map(|it| it.value.unwrap_or(false));
    let maps = value(input.map_public_ip_on_launch);
    let assigns = value(input.assign_ipv6_address_on_creation);
    let names = private_name::check(
        input.private_dns_hostname_type_on_launch.as_deref(),
        value(input.enable_resource_name_dns_a_record_on_launch),
        value(input.enable_resource_name_dns_aaaa_record_on_launch),
        "PrivateDnsHostnameTypeOnLaunch",
    )?;
    let given = [maps, assigns, names.by_resource, names.a_record, names.aaaa_record];
    match given.into_iter().flatten().count() {
        0 => return Err(errors::missing("MapPublicIpOnLaunch")),
        1 => {}
        _ => return Err(errors::several_attributes()),
    }
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut subnet = subnet::get(tx, scope, &id)?;
        subnet.map_public_ip_on_launch = maps.unwrap_or(subnet.map_public_ip_on_launch);
        if assigns == Some(true) && subnet.ipv6.is_none() {
            return Err(errors::subnet_without_ipv6(&id));
        }
        subnet.assign_ipv6_address_on_creation = assigns.unwrap_or(subnet.assign_ipv6_address_on_creation);
        subnet.names = names.over(subnet.names);
        subnet::put(tx, scope, &subnet)
    })
    .await
}
