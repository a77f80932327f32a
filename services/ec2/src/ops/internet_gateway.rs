//! Operations on internet gateways.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::internet_gateway as rules;
use crate::rules::tag::{of_one, shown};
use crate::rules::vpc::VPCS_MAX;
use crate::state::id::{Id, InternetGatewayId, VpcId};
use crate::state::internet_gateway::InternetGateway;
use crate::state::tag::Tags;
use crate::state::{internet_gateway, network_interface, tag, vpc};

pub async fn describe_internet_gateways(
    ctx: &Ctx,
    input: api::DescribeInternetGatewaysRequest,
) -> Result<api::DescribeInternetGatewaysResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let ids = input.internet_gateway_ids;
    let listing = Listing::open(ctx, "DescribeInternetGateways", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        Ok((internet_gateway::all(snap, scope)?, tag::of_all::<InternetGatewayId>(snap, scope)?))
    });
    let (gateways, tags) = read.await?;
    let values = |gateway: &InternetGateway, name: &str| rules::values(gateway, scope, name);
    let (gateways, next_token) =
        listing.cut(ctx, gateways, &tags, |g| g.id.as_str(), values, errors::internet_gateway_not_found)?;
    let show = |gateway: &InternetGateway| show(gateway, scope, tags.get(gateway.id.as_str()));
    let internet_gateways = Some(gateways.iter().map(show).collect());
    Ok(api::DescribeInternetGatewaysResult { internet_gateways, next_token })
}

fn show(gateway: &InternetGateway, scope: &Scope, tags: Option<&Tags>) -> api::InternetGateway {
    let attachment = |vpc: &VpcId| api::InternetGatewayAttachment {
        state: Some(rules::ATTACHED.to_owned()),
        vpc_id: Some(vpc.to_string()),
    };
    api::InternetGateway {
        attachments: Some(gateway.vpc.iter().map(attachment).collect()),
        internet_gateway_id: Some(gateway.id.to_string()),
        owner_id: Some(scope.account.to_string()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
    }
}

pub async fn create_internet_gateway(
    ctx: &Ctx,
    input: api::CreateInternetGatewayRequest,
) -> Result<api::CreateInternetGatewayResult> {
    let tags = of_one::<InternetGatewayId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if internet_gateway::all(tx, scope)?.len() >= VPCS_MAX {
            return Err(errors::gateway_limit());
        }
        let gateway = internet_gateway::insert(tx, scope)?;
        tag::put(tx, scope, &gateway.id, tags.clone())?;
        Ok(gateway)
    });
    let internet_gateway = Some(show(&write.await?, scope, Some(&tags)));
    Ok(api::CreateInternetGatewayResult { internet_gateway })
}

pub async fn attach_internet_gateway(ctx: &Ctx, input: api::AttachInternetGatewayRequest) -> Result<()> {
    let id: InternetGatewayId = parse(&input.internet_gateway_id, errors::internet_gateway_not_found)?;
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut gateway = internet_gateway::get(tx, scope, &id)?;
        vpc::get(tx, scope, &vpc)?;
        if gateway.vpc.is_some() {
            return Err(errors::gateway_attached(&id));
        }
        if internet_gateway::find_of_vpc(tx, scope, &vpc)?.is_some() {
            return Err(errors::network_has_gateway(&vpc));
        }
        gateway.vpc = Some(vpc.clone());
        internet_gateway::put(tx, scope, &gateway)
    })
    .await?;
    network::ensure_vpc(ctx, &vpc).await
}

pub async fn detach_internet_gateway(ctx: &Ctx, input: api::DetachInternetGatewayRequest) -> Result<()> {
    let id: InternetGatewayId = parse(&input.internet_gateway_id, errors::internet_gateway_not_found)?;
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut gateway = internet_gateway::get(tx, scope, &id)?;
        if gateway.vpc.as_ref() != Some(&vpc) {
            return Err(errors::gateway_not_attached(&id, &vpc));
        }
        let interfaces = network_interface::all(tx, scope)?;
        if interfaces.iter().any(|it| it.vpc == vpc && it.public_ips().next().is_some()) {
            return Err(errors::mapped_addresses(&vpc));
        }
        gateway.vpc = None;
        internet_gateway::put(tx, scope, &gateway)
    })
    .await?;
    network::ensure_vpc(ctx, &vpc).await
}

pub async fn delete_internet_gateway(ctx: &Ctx, input: api::DeleteInternetGatewayRequest) -> Result<()> {
    let id: InternetGatewayId = parse(&input.internet_gateway_id, errors::internet_gateway_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if internet_gateway::get(tx, scope, &id)?.vpc.is_some() {
            return Err(errors::gateway_in_use(&id));
        }
        internet_gateway::delete(tx, scope, &id)
    })
    .await
}
