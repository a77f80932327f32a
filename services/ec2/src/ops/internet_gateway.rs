//! Operations on internet gateways.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run};
use super::vpc::ensure_default;
use crate::errors;
use crate::rules::internet_gateway as rules;
use crate::rules::tag::shown;
use crate::state::id::{Id, InternetGatewayId};
use crate::state::internet_gateway::InternetGateway;
use crate::state::tag::Tags;
use crate::state::{internet_gateway, tag};

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
    let attachment = |vpc: &crate::state::id::VpcId| api::InternetGatewayAttachment {
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
