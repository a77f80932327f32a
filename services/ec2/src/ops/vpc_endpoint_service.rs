//! Operations on the services that can have endpoints, and on the lists of their addresses.

use std::collections::BTreeMap;

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::{Listing, check_dry_run};
use crate::errors;
use crate::rules::vpc_endpoint::{self as rules, EndpointService};
use crate::rules::{prefix_list as list_rules, region};
use crate::state::id::Id;
use crate::state::prefix_list;

pub async fn describe_vpc_endpoint_services(
    ctx: &Ctx,
    input: api::DescribeVpcEndpointServicesRequest,
) -> Result<api::DescribeVpcEndpointServicesResult> {
    let filters = (input.filters, rules::SERVICE_FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVpcEndpointServices", input.service_names, filters, page)?;
    check_dry_run(input.dry_run)?;
    let region = ctx.region();
    let region = region.as_str();
    let known = rules::installed(|service| ctx.house().services().any(|def| def.name == service));
    let known: Vec<(String, EndpointService)> = known.map(|it| (it.full_name(region), it)).collect();
    let values =
        |(_, service): &(String, EndpointService), name: &str| rules::service_values(service, region, name);
    let (found, next_token) = listing.cut(
        ctx,
        known,
        &BTreeMap::new(),
        |(name, _)| name.as_str(),
        values,
        |name| errors::endpoint_service_unknown(&name),
    )?;
    let details = found.iter().flat_map(|(_, service)| show(service, region));
    Ok(api::DescribeVpcEndpointServicesResult {
        service_details: Some(details.collect()),
        service_names: Some(found.iter().map(|(name, _)| name.clone()).collect()),
        next_token,
    })
}

/// One detail for each kind of endpoint, as AWS shows them.
fn show(service: &EndpointService, region: &str) -> Vec<api::ServiceDetail> {
    let zones: Vec<String> = region::zones(region).into_iter().map(|zone| zone.name).collect();
    let host = service.host(region);
    let detail = |kind: &'static str| {
        let private = (kind == rules::INTERFACE).then(|| host.clone());
        api::ServiceDetail {
            service_name: Some(service.full_name(region)),
            service_type: Some(vec![api::ServiceTypeDetail { service_type: Some(kind.to_owned()) }]),
            service_region: Some(region.to_owned()),
            availability_zones: Some(zones.clone()),
            owner: Some(rules::OWNER.to_owned()),
            base_endpoint_dns_names: Some(vec![match kind {
                rules::GATEWAY => host.clone(),
                _ => format!("{}.{region}.vpce.amazonaws.com", service.word),
            }]),
            private_dns_names: private
                .clone()
                .map(|name| vec![api::PrivateDnsDetails { private_dns_name: Some(name) }]),
            private_dns_name: private,
            vpc_endpoint_policy_supported: Some(true),
            acceptance_required: Some(false),
            manages_vpc_endpoints: Some(false),
            tags: Some(Vec::new()),
            private_dns_name_verification_state: Some("verified".to_owned()),
            supported_ip_address_types: Some(rules::ADDRESS_TYPES.map(str::to_owned).to_vec()),
            ..api::ServiceDetail::default()
        }
    };
    service.kinds().into_iter().map(detail).collect()
}

pub async fn describe_prefix_lists(
    ctx: &Ctx,
    input: api::DescribePrefixListsRequest,
) -> Result<api::DescribePrefixListsResult> {
    let filters = (input.filters, &["prefix-list-id", "prefix-list-name"][..]);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribePrefixLists", input.prefix_list_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let lists = prefix_list::of_services(scope.region.as_str());
    let values = |list: &prefix_list::PrefixList, name: &str| list_rules::values(list, scope, name);
    let (found, next_token) = listing.cut(
        ctx,
        lists,
        &BTreeMap::new(),
        |it| it.id.as_str(),
        values,
        errors::prefix_list_not_found,
    )?;
    let show = |list: &prefix_list::PrefixList| api::PrefixList {
        cidrs: Some(list.entries().iter().map(|entry| entry.cidr.to_string()).collect()),
        prefix_list_id: Some(list.id.to_string()),
        prefix_list_name: Some(list.name.clone()),
    };
    Ok(api::DescribePrefixListsResult { prefix_lists: Some(found.iter().map(show).collect()), next_token })
}
