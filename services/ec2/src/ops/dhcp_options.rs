//! Operations on DHCP options.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};

use super::page::{Listing, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::errors;
use crate::rules::dhcp_options as rules;
use crate::rules::tag::{of_one, shown};
use crate::state::dhcp_options::DhcpOptions;
use crate::state::id::{DhcpOptionsId, Id, VpcId};
use crate::state::tag::Tags;
use crate::state::{dhcp_options, tag, vpc};

pub async fn describe_dhcp_options(
    ctx: &Ctx,
    input: api::DescribeDhcpOptionsRequest,
) -> Result<api::DescribeDhcpOptionsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeDhcpOptions", input.dhcp_options_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read =
        ctx.read(|snap| Ok((dhcp_options::all(snap, scope)?, tag::of_all::<DhcpOptionsId>(snap, scope)?)));
    let (options, tags) = read.await?;
    let values = |options: &DhcpOptions, name: &str| rules::values(options, scope, name);
    let (options, next_token) =
        listing.cut(ctx, options, &tags, |o| o.id.as_str(), values, errors::dhcp_options_not_found)?;
    let show = |options: &DhcpOptions| show(options, scope, tags.get(options.id.as_str()));
    Ok(api::DescribeDhcpOptionsResult { dhcp_options: Some(options.iter().map(show).collect()), next_token })
}

fn show(options: &DhcpOptions, scope: &Scope, tags: Option<&Tags>) -> api::DhcpOptions {
    let value = |value: &String| api::AttributeValue { value: Some(value.clone()) };
    let option = |(key, values): (&String, &Vec<String>)| api::DhcpConfiguration {
        key: Some(key.clone()),
        values: Some(values.iter().map(value).collect()),
    };
    api::DhcpOptions {
        owner_id: Some(scope.account.to_string()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        dhcp_options_id: Some(options.id.to_string()),
        dhcp_configurations: Some(options.options.iter().map(option).collect()),
    }
}

pub async fn create_dhcp_options(
    ctx: &Ctx,
    input: api::CreateDhcpOptionsRequest,
) -> Result<api::CreateDhcpOptionsResult> {
    let given = input.dhcp_configurations.into_iter().map(|it| (it.key, it.values.unwrap_or_default()));
    let options = rules::check(ctx.region().as_str(), given)?;
    let tags = of_one::<DhcpOptionsId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let made = dhcp_options::insert(tx, scope, options.clone())?;
        tag::put(tx, scope, &made.id, tags.clone())?;
        Ok(made)
    });
    let made = write.await?;
    Ok(api::CreateDhcpOptionsResult { dhcp_options: Some(show(&made, scope, Some(&tags))) })
}

pub async fn delete_dhcp_options(ctx: &Ctx, input: api::DeleteDhcpOptionsRequest) -> Result<()> {
    let id: DhcpOptionsId = parse(&input.dhcp_options_id, errors::dhcp_options_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        dhcp_options::get(tx, scope, &id)?;
        if vpc::all(tx, scope)?.iter().any(|vpc| vpc.dhcp_options.as_ref() == Some(&id)) {
            return Err(errors::dhcp_options_in_use(&id));
        }
        dhcp_options::delete(tx, scope, &id)
    })
    .await
}

/// What instances of the VPC are told from their next start on; `default` for nothing.
pub async fn associate_dhcp_options(ctx: &Ctx, input: api::AssociateDhcpOptionsRequest) -> Result<()> {
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let id: Option<DhcpOptionsId> = match input.dhcp_options_id.as_str() {
        rules::NONE => None,
        id => Some(parse(id, errors::dhcp_options_not_found)?),
    };
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut vpc = vpc::get(tx, scope, &vpc)?;
        if let Some(id) = &id {
            dhcp_options::get(tx, scope, id)?;
        }
        vpc.dhcp_options.clone_from(&id);
        vpc::put(tx, scope, &vpc)
    })
    .await
}
