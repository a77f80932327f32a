//! Operations on VPC peering connections. A connection belongs to both sides: each sees it, and either may end it.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::page::{Listing, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::peering as rules;
use crate::rules::tag::{of_one, shown};
use crate::state::id::{Id, PeeringId, VpcId};
use crate::state::peering::{Peering, Side, Status};
use crate::state::tag::Tags;
use crate::state::topology::ranges_overlap;
use crate::state::vpc::Vpc;
use crate::state::{peering, tag, vpc};

pub async fn create_vpc_peering_connection(
    ctx: &Ctx,
    input: api::CreateVpcPeeringConnectionRequest,
) -> Result<api::CreateVpcPeeringConnectionResult> {
    let own: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let text = input.peer_vpc_id.ok_or_else(|| errors::missing("peerVpcId"))?;
    let other: VpcId = parse(&text, errors::vpc_not_found)?;
    let scope = ctx.scope();
    let there = Scope {
        account: match input.peer_owner_id {
            Some(text) => text.parse().map_err(|_| errors::account_invalid(&text))?,
            None => scope.account,
        },
        region: match input.peer_region {
            Some(text) => text.parse().map_err(|_| errors::region_invalid(text))?,
            None => scope.region,
        },
    };
    let tags = of_one::<PeeringId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let vpc = vpc::get(tx, scope, &own)?;
        if own == other {
            return Err(errors::peering_with_itself(&own));
        }
        let pair = |it: &Peering| it.other(&own).is_some_and(|side| side.vpc == other);
        let known = peering::everybodys(tx)?.into_iter().filter(pair);
        let mut alive = known.filter(|it| matches!(it.status, Status::Pending | Status::Active));
        if let Some(known) = alive.next() {
            return Err(errors::peering_exists(&known.id));
        }
        rules::check_outstanding(&peering::everybodys(tx)?, scope, tx.ctx().now())?;
        // A VPC that is not there, or has the same addresses, is found out afterwards, as AWS does.
        let found = vpc::find(tx, &there, &other)?;
        let fits = found.as_ref().is_some_and(|found| !ranges_overlap(&found.cidrs(), &vpc.cidrs()));
        let now = tx.ctx().now();
        let peering = Peering {
            id: PeeringId::fresh(tx.ctx().ids()),
            requester: Side { scope: *scope, vpc: own.clone(), cidrs: vpc.cidrs(), cidrs6: vpc.cidrs6() },
            accepter: Side {
                scope: there,
                vpc: other.clone(),
                cidrs: found.as_ref().map(Vpc::cidrs).unwrap_or_default(),
                cidrs6: found.as_ref().map(Vpc::cidrs6).unwrap_or_default(),
            },
            status: if fits { Status::Pending } else { Status::Failed },
            expires_at: now + rules::EXPIRES_MS,
            since: now,
        };
        peering::put(tx, &peering)?;
        tag::put(tx, scope, &peering.id, tags.clone())?;
        Ok(peering)
    });
    let shown = show(&write.await?, ctx.now(), Some(&tags));
    Ok(api::CreateVpcPeeringConnectionResult { vpc_peering_connection: Some(shown) })
}

pub async fn accept_vpc_peering_connection(
    ctx: &Ctx,
    input: api::AcceptVpcPeeringConnectionRequest,
) -> Result<api::AcceptVpcPeeringConnectionResult> {
    let text = input.vpc_peering_connection_id;
    check_dry_run(input.dry_run)?;
    let peering = change(ctx, &text, |tx, peering, scope, now| {
        check_pending(peering, scope, now)?;
        // Either VPC may have changed or gone since it was asked for.
        for side in [&mut peering.requester, &mut peering.accepter] {
            let vpc = vpc::get(tx, &side.scope, &side.vpc)?;
            (side.cidrs, side.cidrs6) = (vpc.cidrs(), vpc.cidrs6());
        }
        if ranges_overlap(&peering.requester.cidrs, &peering.accepter.cidrs) {
            return Err(errors::peering_overlaps());
        }
        rules::check_active(&peering::everybodys(tx)?, peering)?;
        peering.status = Status::Active;
        Ok(())
    })
    .await?;
    let tags = ctx.read(|snap| tag::of(snap, ctx.scope(), &peering.id)).await?;
    let shown = show(&peering, ctx.now(), Some(&tags));
    Ok(api::AcceptVpcPeeringConnectionResult { vpc_peering_connection: Some(shown) })
}

pub async fn reject_vpc_peering_connection(
    ctx: &Ctx,
    input: api::RejectVpcPeeringConnectionRequest,
) -> Result<api::RejectVpcPeeringConnectionResult> {
    check_dry_run(input.dry_run)?;
    change(ctx, &input.vpc_peering_connection_id, |_, peering, scope, now| {
        check_pending(peering, scope, now)?;
        peering.status = Status::Rejected;
        Ok(())
    })
    .await?;
    Ok(api::RejectVpcPeeringConnectionResult { r#return: Some(true) })
}

pub async fn delete_vpc_peering_connection(
    ctx: &Ctx,
    input: api::DeleteVpcPeeringConnectionRequest,
) -> Result<api::DeleteVpcPeeringConnectionResult> {
    check_dry_run(input.dry_run)?;
    change(ctx, &input.vpc_peering_connection_id, |_, peering, scope, now| {
        let by_requester = peering.requester.scope == *scope;
        match rules::code(peering, now) {
            "active" => {}
            "pending-acceptance" if by_requester => {}
            other => return Err(errors::peering_not_deletable(&peering.id, other)),
        }
        peering.status = Status::Deleted;
        Ok(())
    })
    .await?;
    Ok(api::DeleteVpcPeeringConnectionResult { r#return: Some(true) })
}

/// # Errors
/// When it is not pending, or not this side's to answer.
fn check_pending(peering: &Peering, scope: &Scope, now: kernel::Millis) -> Result<()> {
    if peering.accepter.scope != *scope {
        return Err(errors::peering_not_yours(scope.account, &peering.id));
    }
    match rules::code(peering, now) {
        "pending-acceptance" => Ok(()),
        other => Err(errors::peering_state(&peering.id, other)),
    }
}

/// Changes a connection and brings both sides in force.
async fn change(
    ctx: &Ctx,
    id: &str,
    change: impl Fn(&mut kernel::Tx<'_, '_>, &mut Peering, &Scope, kernel::Millis) -> Result<()> + Send + Sync,
) -> Result<Peering> {
    let id: PeeringId = parse(id, errors::peering_not_found)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut peering = peering::get(tx, scope, &id)?;
        let now = tx.ctx().now();
        change(tx, &mut peering, scope, now)?;
        peering.since = now;
        peering::put(tx, &peering)?;
        Ok(peering)
    });
    let peering = write.await?;
    for side in [&peering.requester, &peering.accepter] {
        network::ensure_vpc(&ctx.in_scope(side.scope), &side.vpc).await?;
    }
    Ok(peering)
}

pub async fn describe_vpc_peering_connections(
    ctx: &Ctx,
    input: api::DescribeVpcPeeringConnectionsRequest,
) -> Result<api::DescribeVpcPeeringConnectionsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let ids = input.vpc_peering_connection_ids;
    let listing = Listing::open(ctx, "DescribeVpcPeeringConnections", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let (scope, now) = (ctx.scope(), ctx.now());
    let read = ctx.read(|snap| Ok((peering::all(snap, scope)?, tag::of_all::<PeeringId>(snap, scope)?)));
    let (peerings, tags) = read.await?;
    let values = |peering: &Peering, name: &str| rules::values(peering, now, name);
    let (peerings, next_token) =
        listing.cut(ctx, peerings, &tags, |it| it.id.as_str(), values, errors::peering_not_found)?;
    let show = |peering: &Peering| show(peering, now, tags.get(peering.id.as_str()));
    let vpc_peering_connections = Some(peerings.iter().map(show).collect());
    Ok(api::DescribeVpcPeeringConnectionsResult { vpc_peering_connections, next_token })
}

fn show(peering: &Peering, now: kernel::Millis, tags: Option<&Tags>) -> api::VpcPeeringConnection {
    let side = |side: &Side| {
        let block = |cidr: &ipnet::Ipv4Net| api::CidrBlock { cidr_block: Some(cidr.to_string()) };
        let block6 = |cidr: &ipnet::Ipv6Net| api::Ipv6CidrBlock { ipv6_cidr_block: Some(cidr.to_string()) };
        Some(api::VpcPeeringConnectionVpcInfo {
            cidr_block: side.cidrs.first().map(ToString::to_string),
            cidr_block_set: Some(side.cidrs.iter().map(block).collect()),
            ipv6_cidr_block_set: (!side.cidrs6.is_empty()).then(|| side.cidrs6.iter().map(block6).collect()),
            owner_id: Some(side.scope.account.to_string()),
            vpc_id: Some(side.vpc.to_string()),
            region: Some(side.scope.region.to_string()),
            ..Default::default()
        })
    };
    let pending = rules::code(peering, now) == "pending-acceptance";
    api::VpcPeeringConnection {
        accepter_vpc_info: side(&peering.accepter),
        requester_vpc_info: side(&peering.requester),
        expiration_time: pending.then(|| Timestamp::from_millis(peering.expires_at)),
        status: Some(api::VpcPeeringConnectionStateReason {
            code: Some(rules::code(peering, now).to_owned()),
            message: Some(rules::message(peering, now)),
        }),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        vpc_peering_connection_id: Some(peering.id.to_string()),
    }
}

/// Forgets connections that ended long ago.
pub async fn forget_old(ctx: &Ctx) -> Result<()> {
    let all = ctx.read(|snap| peering::everybodys(snap)).await?;
    let now = ctx.now();
    for old in all.into_iter().filter(|it| rules::is_forgotten(it, now)) {
        let scope = old.requester.scope;
        let ctx = ctx.in_scope(scope);
        ctx.write(|tx| {
            tag::forget(tx, &scope, &old.id)?;
            peering::forget(tx, &old.id)
        })
        .await?;
    }
    Ok(())
}
