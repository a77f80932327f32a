//! Operations on subnets.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run};
use super::vpc::ensure_default;
use crate::errors;
use crate::rules::region::zone_id;
use crate::rules::subnet as rules;
use crate::rules::tag::shown;
use crate::state::id::{Id, SubnetId};
use crate::state::subnet::Subnet;
use crate::state::tag::Tags;
use crate::state::{network_interface, subnet, tag};

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
        assign_ipv6_address_on_creation: Some(false),
        ipv6_cidr_block_association_set: Some(Vec::new()),
        tags: tags.and_then(shown),
        subnet_arn: Some(scope.arn("ec2", format_args!("subnet/{}", subnet.id))),
        enable_dns64: Some(false),
        ipv6_native: Some(false),
        private_dns_name_options_on_launch: Some(api::PrivateDnsNameOptionsOnLaunch {
            hostname_type: Some("ip-name".to_owned()),
            enable_resource_name_dns_a_record: Some(false),
            enable_resource_name_dns_aaaa_record: Some(false),
        }),
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
