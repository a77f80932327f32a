//! Operations on VPCs.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run};
use crate::errors;
use crate::rules::tag::shown;
use crate::rules::vpc as rules;
use crate::state::id::{Id, VpcId};
use crate::state::tag::Tags;
use crate::state::vpc::Vpc;
use crate::state::{tag, vpc};

/// Gives the caller's scope its default VPC, if it has not got it yet: every look at a network begins so.
pub async fn ensure_default(ctx: &Ctx) -> Result<()> {
    if ctx.read(|snap| vpc::has_default(snap, ctx.scope())).await? {
        return Ok(());
    }
    ctx.write(|tx| vpc::ensure_default(tx, ctx.scope()).map(drop)).await
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
    let cidr = api::VpcCidrBlockAssociation {
        association_id: Some(vpc.cidr_association.to_string()),
        cidr_block: Some(vpc.cidr.to_string()),
        cidr_block_state: Some(api::VpcCidrBlockState {
            state: Some("associated".to_owned()),
            status_message: None,
        }),
    };
    api::Vpc {
        owner_id: Some(scope.account.to_string()),
        instance_tenancy: Some("default".to_owned()),
        cidr_block_association_set: Some(vec![cidr]),
        is_default: Some(vpc.is_default),
        tags: tags.and_then(shown),
        vpc_id: Some(vpc.id.to_string()),
        state: Some("available".to_owned()),
        cidr_block: Some(vpc.cidr.to_string()),
        dhcp_options_id: Some(vpc.dhcp_options.to_string()),
        ..api::Vpc::default()
    }
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

/// Every account has a default VPC in every region from its first look on, so there is never one to make.
pub async fn create_default_vpc(
    ctx: &Ctx,
    input: api::CreateDefaultVpcRequest,
) -> Result<api::CreateDefaultVpcResult> {
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    Err(errors::default_vpc_exists())
}
