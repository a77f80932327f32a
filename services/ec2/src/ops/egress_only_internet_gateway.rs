//! Operations on egress-only internet gateways.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::{Listing, Once, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::internet_gateway::ATTACHED;
use crate::rules::tag::{of_one, shown};
use crate::rules::vpc::VPCS_MAX;
use crate::state::egress_only_internet_gateway::{self as gateways, EgressOnlyInternetGateway};
use crate::state::id::{EgressOnlyInternetGatewayId, Id, VpcId};
use crate::state::tag::Tags;
use crate::state::{tag, vpc};

fn show(gateway: &EgressOnlyInternetGateway, tags: Option<&Tags>) -> api::EgressOnlyInternetGateway {
    let attachment = api::InternetGatewayAttachment {
        state: Some(ATTACHED.to_owned()),
        vpc_id: Some(gateway.vpc.to_string()),
    };
    api::EgressOnlyInternetGateway {
        attachments: Some(vec![attachment]),
        egress_only_internet_gateway_id: Some(gateway.id.to_string()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
    }
}

pub async fn create_egress_only_internet_gateway(
    ctx: &Ctx,
    input: api::CreateEgressOnlyInternetGatewayRequest,
) -> Result<api::CreateEgressOnlyInternetGatewayResult> {
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let tags = of_one::<EgressOnlyInternetGatewayId>(input.tag_specifications)?;
    let once = Once::new("CreateEgressOnlyInternetGateway", input.client_token.as_ref(), vpc.to_string());
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if let Some(made) = once.find(tx)? {
            return gateways::get(tx, scope, &made);
        }
        vpc::get(tx, scope, &vpc)?;
        let all = gateways::all(tx, scope)?;
        if let Some(there) = all.iter().find(|gateway| gateway.vpc == vpc) {
            return Err(errors::egress_only_gateway_there(&vpc, &there.id));
        }
        if all.len() >= VPCS_MAX {
            return Err(errors::egress_only_gateway_limit());
        }
        let gateway = gateways::insert(tx, scope, &vpc)?;
        tag::put(tx, scope, &gateway.id, tags.clone())?;
        once.remember(tx, &gateway.id)?;
        Ok(gateway)
    });
    let egress_only_internet_gateway = Some(show(&write.await?, Some(&tags)));
    Ok(api::CreateEgressOnlyInternetGatewayResult {
        client_token: input.client_token,
        egress_only_internet_gateway,
    })
}

pub async fn describe_egress_only_internet_gateways(
    ctx: &Ctx,
    input: api::DescribeEgressOnlyInternetGatewaysRequest,
) -> Result<api::DescribeEgressOnlyInternetGatewaysResult> {
    let page = (input.max_results, input.next_token);
    let ids = input.egress_only_internet_gateway_ids;
    let listing = Listing::open(ctx, "DescribeEgressOnlyInternetGateways", ids, (input.filters, &[]), page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        Ok((gateways::all(snap, scope)?, tag::of_all::<EgressOnlyInternetGatewayId>(snap, scope)?))
    });
    let (all, tags) = read.await?;
    // Tags are all that is filtered by.
    let values = |_: &EgressOnlyInternetGateway, _: &str| Vec::new();
    let (found, next_token) =
        listing.cut(ctx, all, &tags, |it| it.id.as_str(), values, errors::egress_only_gateway_not_found)?;
    let shown = found.iter().map(|gateway| show(gateway, tags.get(gateway.id.as_str())));
    let egress_only_internet_gateways = Some(shown.collect());
    Ok(api::DescribeEgressOnlyInternetGatewaysResult { egress_only_internet_gateways, next_token })
}

pub async fn delete_egress_only_internet_gateway(
    ctx: &Ctx,
    input: api::DeleteEgressOnlyInternetGatewayRequest,
) -> Result<api::DeleteEgressOnlyInternetGatewayResult> {
    let id: EgressOnlyInternetGatewayId =
        parse(&input.egress_only_internet_gateway_id, errors::egress_only_gateway_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let gateway = gateways::get(tx, scope, &id)?;
        gateways::delete(tx, scope, &id)?;
        Ok(gateway.vpc)
    });
    // Routes that lead there lead nowhere from now on.
    network::ensure_vpc(ctx, &write.await?).await?;
    Ok(api::DeleteEgressOnlyInternetGatewayResult { return_code: Some(true) })
}
