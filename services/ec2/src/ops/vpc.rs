//! Operations on VPCs.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::page::{Listing, check_dry_run, parse};
use super::vpc_cidr::{add_ipv6, association, association6, check_carries_ipv6, check_range};
use crate::controllers::listener::{self, Listeners};
use crate::controllers::network;
use crate::errors;
use crate::rules::security_group::DEFAULT_NAME;
use crate::rules::tag::{of_one, shown};
use crate::rules::vpc as rules;
use crate::state::id::{Id, VpcId};
use crate::state::tag::Tags;
use crate::state::vpc::Vpc;
use crate::state::{
    egress_only_internet_gateway, internet_gateway, network_acl, peering, route_table, security_group,
    subnet, tag, vpc, vpc_endpoint,
};

/// Gives the caller's scope its default VPC, if it has not got it yet: every look at a network begins so.
pub async fn ensure_default(ctx: &Ctx) -> Result<()> {
    if ctx.read(|snap| vpc::has_default(snap, ctx.scope())).await? {
        return Ok(());
    }
    ctx.write(|tx| vpc::ensure_default(tx, ctx.scope())).await
}

pub async fn describe_vpcs(ctx: &Ctx, input: api::DescribeVpcsRequest) -> Result<api::DescribeVpcsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVpcs", input.vpc_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let (vpcs, tags) =
        ctx.read(|snap| Ok((vpc::all(snap, scope)?, tag::of_all::<VpcId>(snap, scope)?))).await?;
    let values = |vpc: &Vpc, name: &str| rules::values(vpc, scope, name);
    let (vpcs, next_token) =
        listing.cut(ctx, vpcs, &tags, |vpc| vpc.id.as_str(), values, errors::vpc_not_found)?;
    let vpcs = vpcs.iter().map(|vpc| show(vpc, scope, tags.get(vpc.id.as_str()))).collect();
    Ok(api::DescribeVpcsResult { vpcs: Some(vpcs), next_token })
}

fn show(vpc: &Vpc, scope: &Scope, tags: Option<&Tags>) -> api::Vpc {
    api::Vpc {
        owner_id: Some(scope.account.to_string()),
        instance_tenancy: Some("default".to_owned()),
        cidr_block_association_set: Some(
            vpc.ranges().map(|range| association(range, "associated")).collect(),
        ),
        ipv6_cidr_block_association_set: (!vpc.ipv6.is_empty())
            .then(|| vpc.ipv6.iter().map(|block| association6(block, scope, "associated")).collect()),
        is_default: Some(vpc.is_default),
        tags: tags.and_then(shown),
        vpc_id: Some(vpc.id.to_string()),
        state: Some("available".to_owned()),
        cidr_block: Some(vpc.cidr.to_string()),
        dhcp_options_id: Some(rules::dhcp_options(vpc)),
        ..api::Vpc::default()
    }
}

pub async fn create_vpc(ctx: &Ctx, input: api::CreateVpcRequest) -> Result<api::CreateVpcResult> {
    let text = input.cidr_block.ok_or_else(|| errors::missing("cidrBlock"))?;
    let cidr = check_range(ctx, &text)?;
    if let Some(other) = input.instance_tenancy.filter(|tenancy| tenancy != "default") {
        return Err(errors::vpc_tenancy(&other));
    }
    let wants_ipv6 = input.amazon_provided_ipv6_cidr_block == Some(true);
    if wants_ipv6 {
        check_carries_ipv6(ctx)?;
    }
    let tags = of_one::<VpcId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut vpc = vpc::insert(tx, scope, cidr)?;
        tag::put(tx, scope, &vpc.id, tags.clone())?;
        if wants_ipv6 {
            add_ipv6(tx, scope, &mut vpc)?;
        }
        Ok(vpc)
    });
    let vpc = api::Vpc { state: Some("pending".to_owned()), ..show(&write.await?, scope, Some(&tags)) };
    Ok(api::CreateVpcResult { vpc: Some(vpc) })
}

pub async fn delete_vpc(ctx: &Ctx, input: api::DeleteVpcRequest) -> Result<()> {
    let id: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        vpc::get(tx, scope, &id)?;
        check_empty(tx, scope, &id)?;
        let now = tx.ctx().now();
        let peerings = peering::everybodys(tx)?.into_iter().filter(|peering| peering.other(&id).is_some());
        let mut peers = Vec::new();
        for mut peering in peerings {
            if peering.is_active() {
                peers.extend(peering.other(&id).map(|side| (side.scope, side.vpc.clone())));
            }
            (peering.status, peering.since) = (peering::Status::Deleted, now);
            peering::put(tx, &peering)?;
        }
        vpc::delete(tx, scope, &id)?;
        Ok(peers)
    });
    let peers = write.await?;
    for (scope, peer) in peers {
        network::ensure_vpc(&ctx.in_scope(scope), &peer).await?;
    }
    ctx.own::<Listeners>().close_of(&id).await;
    network::remove_vpc(ctx, &id).await
}

/// # Errors
/// `DependencyViolation`, when something is in the VPC that does not come with it.
fn check_empty(tx: &mut Tx<'_, '_>, scope: &Scope, id: &VpcId) -> Result<()> {
    let custom_table = |table: &route_table::RouteTable| !table.is_main();
    let in_use = !subnet::of_vpc(tx, scope, id)?.is_empty()
        || internet_gateway::find_of_vpc(tx, scope, id)?.is_some()
        || !vpc_endpoint::of_vpc(tx, scope, id)?.is_empty()
        || egress_only_internet_gateway::all(tx, scope)?.iter().any(|gateway| gateway.vpc == *id)
        || route_table::of_vpc(tx, scope, id)?.iter().any(custom_table)
        || network_acl::of_vpc(tx, scope, id)?.iter().any(|acl| !acl.is_default)
        || security_group::all(tx, scope)?.iter().any(|group| group.vpc == *id && group.name != DEFAULT_NAME);
    if in_use { Err(errors::vpc_in_use(id)) } else { Ok(()) }
}

pub async fn modify_vpc_attribute(ctx: &Ctx, input: api::ModifyVpcAttributeRequest) -> Result<()> {
    let id: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let (hostnames, support) = (input.enable_dns_hostnames, input.enable_dns_support);
    if hostnames.is_some() && support.is_some() {
        return Err(errors::several_attributes());
    }
    let value = |given: Option<api::AttributeBooleanValue>| given.and_then(|given| given.value);
    let (hostnames, support) = (value(hostnames), value(support));
    if hostnames.is_none() && support.is_none() {
        return Err(errors::no_attributes());
    }
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut vpc = vpc::get(tx, scope, &id)?;
        vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
        if vpc.dns_hostnames && !vpc.dns_support {
            return Err(errors::dns_attributes_clash());
        }
        vpc::put(tx, scope, &vpc)
    })
    .await?;
    if support.is_some() { listener::renew(ctx, &id).await } else { Ok(()) }
}

pub async fn describe_vpc_attribute(
    ctx: &Ctx,
    input: api::DescribeVpcAttributeRequest,
) -> Result<api::DescribeVpcAttributeResult> {
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let id = VpcId::parse(&input.vpc_id).ok_or_else(|| errors::vpc_not_found(&input.vpc_id))?;
    let vpc = ctx.read(|snap| vpc::get(snap, ctx.scope(), &id)).await?;
    let is = |value| Some(api::AttributeBooleanValue { value: Some(value) });
    let mut output =
        api::DescribeVpcAttributeResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "enableDnsHostnames" => output.enable_dns_hostnames = is(vpc.dns_hostnames),
        "enableDnsSupport" => output.enable_dns_support = is(vpc.dns_support),
        "enableNetworkAddressUsageMetrics" => output.enable_network_address_usage_metrics = is(false),
        other => return Err(errors::attribute_unknown(other)),
    }
    Ok(output)
}

pub async fn create_default_vpc(
    ctx: &Ctx,
    input: api::CreateDefaultVpcRequest,
) -> Result<api::CreateDefaultVpcResult> {
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let vpc = ctx.write(|tx| vpc::insert_default(tx, scope)).await?;
    let vpc = api::Vpc { state: Some("pending".to_owned()), ..show(&vpc, scope, None) };
    Ok(api::CreateDefaultVpcResult { vpc: Some(vpc) })
}
