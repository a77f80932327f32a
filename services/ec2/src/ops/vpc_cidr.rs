//! Operations on the ranges of a VPC, of both families.

use api_ec2 as api;
use ipnet::Ipv4Net;
use kernel::{Ctx, Result, Scope, Tx};

use super::page::parse;
use crate::controllers::{listener, network};
use crate::errors;
use crate::rules::{ipv6 as rules6, vpc as rules, vpc_endpoint};
use crate::state::id::{CidrAssociationId, GroupId, VpcId};
use crate::state::public_address::Pool;
use crate::state::vpc::{CidrAssociation, Ipv6Association, Vpc};
use crate::state::{ipv6, network_acl, peering, route_table, security_group, subnet, vpc};

/// A range as AWS shows it.
pub(super) fn association(
    (id, cidr): (&CidrAssociationId, Ipv4Net),
    state: &str,
) -> api::VpcCidrBlockAssociation {
    let state = api::VpcCidrBlockState { state: Some(state.to_owned()), status_message: None };
    api::VpcCidrBlockAssociation {
        association_id: Some(id.to_string()),
        cidr_block: Some(cidr.to_string()),
        cidr_block_state: Some(state),
    }
}

/// As [`association`], of IPv6.
pub(super) fn association6(
    block: &Ipv6Association,
    scope: &Scope,
    state: &str,
) -> api::VpcIpv6CidrBlockAssociation {
    let state = api::VpcCidrBlockState { state: Some(state.to_owned()), status_message: None };
    api::VpcIpv6CidrBlockAssociation {
        association_id: Some(block.id.to_string()),
        ipv6_cidr_block: Some(block.cidr.to_string()),
        ipv6_cidr_block_state: Some(state),
        ipv6_pool: Some(rules6::POOL.to_owned()),
        network_border_group: Some(scope.region.to_string()),
        ip_source: Some("amazon".to_owned()),
        ipv6_address_attribute: Some("public".to_owned()),
    }
}

pub async fn associate_vpc_cidr_block(
    ctx: &Ctx,
    input: api::AssociateVpcCidrBlockRequest,
) -> Result<api::AssociateVpcCidrBlockResult> {
    let id: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    if input.amazon_provided_ipv6_cidr_block == Some(true) {
        if input.cidr_block.is_some() {
            return Err(errors::combination("Give either cidrBlock or amazonProvidedIpv6CidrBlock."));
        }
        return associate_ipv6(ctx, id).await;
    }
    let text = input.cidr_block.ok_or_else(|| errors::missing("cidrBlock"))?;
    let cidr = check_range(ctx, &text)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut vpc = vpc::get(tx, scope, &id)?;
        let peers = peering::of_vpc(tx, &id)?;
        let beyond = peers.into_iter().flat_map(|(_, side)| side.cidrs);
        if vpc.cidrs().into_iter().chain(beyond).any(|known| rules::overlap(known, cidr)) {
            return Err(errors::cidr_conflict(cidr));
        }
        rules::check_further(&vpc.cidrs(), cidr)?;
        if vpc.cidrs().len() >= rules::CIDRS_MAX {
            return Err(errors::cidr_limit(&id));
        }
        vpc.more.push(CidrAssociation { id: CidrAssociationId::fresh(tx.ctx().ids()), cidr });
        put_ranges(tx, scope, &vpc)?;
        Ok(vpc)
    });
    let vpc = write.await?;
    put_ranges_in_force(ctx, &id).await?;
    let new = vpc.ranges().last().map(|range| association(range, "associating"));
    let vpc_id = Some(id.to_string());
    Ok(api::AssociateVpcCidrBlockResult { cidr_block_association: new, vpc_id, ..Default::default() })
}

pub async fn disassociate_vpc_cidr_block(
    ctx: &Ctx,
    input: api::DisassociateVpcCidrBlockRequest,
) -> Result<api::DisassociateVpcCidrBlockResult> {
    let association_id: CidrAssociationId = parse(&input.association_id, errors::cidr_association_not_found)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let is = |vpc: &Vpc| {
            vpc.ranges().any(|(id, _)| *id == association_id)
                || vpc.ipv6.iter().any(|block| block.id == association_id)
        };
        let found = vpc::all(tx, scope)?.into_iter().find(is);
        let mut vpc = found.ok_or_else(|| errors::cidr_association_not_found(&association_id))?;
        if let Some(at) = vpc.ipv6.iter().position(|block| block.id == association_id) {
            let gone = vpc.ipv6.remove(at);
            remove_ipv6(tx, scope, &vpc, &gone)?;
            return Ok((vpc.id, Err(gone)));
        }
        let Some(at) = vpc.more.iter().position(|more| more.id == association_id) else {
            return Err(errors::cidr_primary(&association_id));
        };
        let gone = vpc.more.remove(at).cidr;
        if subnet::of_vpc(tx, scope, &vpc.id)?.iter().any(|subnet| gone.contains(&subnet.cidr)) {
            return Err(errors::cidr_in_use(gone));
        }
        put_ranges(tx, scope, &vpc)?;
        Ok((vpc.id, Ok(gone)))
    });
    let (vpc, gone) = write.await?;
    put_ranges_in_force(ctx, &vpc).await?;
    listener::follow_ipv6(ctx, &vpc).await?;
    let state = "disassociating";
    Ok(api::DisassociateVpcCidrBlockResult {
        cidr_block_association: gone.as_ref().ok().map(|gone| association((&association_id, *gone), state)),
        ipv6_cidr_block_association: gone.err().map(|gone| association6(&gone, scope, state)),
        vpc_id: Some(vpc.to_string()),
    })
}

/// The range of a VPC, which is not of what this cloud itself has public addresses and services in.
pub(super) fn check_range(ctx: &Ctx, text: &str) -> Result<Ipv4Net> {
    let cidr = rules::check_range(text)?;
    let Pool(pool) = *ctx.own::<Pool>();
    let mut services = vpc_endpoint::installed(|_| true).filter_map(|service| service.range());
    match rules::overlap(pool, cidr) || services.any(|range| rules::overlap(range, cidr)) {
        true => Err(errors::vpc_range(text)),
        false => Ok(cidr),
    }
}

/// # Errors
/// When networks cannot carry IPv6 here.
pub(super) fn check_carries_ipv6(ctx: &Ctx) -> Result<()> {
    let carries = ctx.own::<network::Networks>().engine().carries_six();
    if carries { Ok(()) } else { Err(errors::unsupported("IPv6, which this host's kernel does not have,")) }
}

async fn associate_ipv6(ctx: &Ctx, id: VpcId) -> Result<api::AssociateVpcCidrBlockResult> {
    check_carries_ipv6(ctx)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut vpc = vpc::get(tx, scope, &id)?;
        if vpc.ipv6.len() >= rules6::BLOCKS_MAX {
            return Err(errors::cidr_limit(&id));
        }
        let groups = add_ipv6(tx, scope, &mut vpc)?;
        Ok((vpc, groups))
    });
    let (vpc, groups) = write.await?;
    put_ranges_in_force(ctx, &id).await?;
    listener::follow_ipv6(ctx, &id).await?;
    for group in groups {
        network::ensure_group(ctx, &id, &group).await?;
    }
    let new = vpc.ipv6.last().map(|block| association6(block, scope, "associating"));
    let vpc_id = Some(id.to_string());
    Ok(api::AssociateVpcCidrBlockResult { ipv6_cidr_block_association: new, vpc_id, ..Default::default() })
}

/// Gives a VPC a block of IPv6. The groups that changed with it are the answer.
pub(super) fn add_ipv6(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &mut Vpc) -> Result<Vec<GroupId>> {
    let cidr = ipv6::take_block(tx, &vpc.id)?;
    vpc.ipv6.push(Ipv6Association { id: CidrAssociationId::fresh(tx.ctx().ids()), cidr });
    put_ranges(tx, scope, vpc)?;
    network_acl::begin_ipv6(tx, scope, &vpc.id)?;
    if vpc.ipv6.len() > 1 { Ok(Vec::new()) } else { security_group::begin_ipv6(tx, scope, &vpc.id) }
}

/// # Errors
/// When subnets have some of it.
fn remove_ipv6(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &Vpc, gone: &Ipv6Association) -> Result<()> {
    let subnets = subnet::of_vpc(tx, scope, &vpc.id)?;
    if subnets.iter().flat_map(|subnet| &subnet.ipv6).any(|block| gone.cidr.contains(&block.cidr)) {
        return Err(errors::cidr_in_use(gone.cidr));
    }
    ipv6::give_back(tx, gone.cidr)?;
    put_ranges(tx, scope, vpc)
}

/// Writes a VPC whose ranges changed, its local routes, and what its peers know of it.
fn put_ranges(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &Vpc) -> Result<()> {
    vpc::put(tx, scope, vpc)?;
    route_table::put_local(tx, scope, vpc)?;
    for mut peering in peering::everybodys(tx)?.into_iter().filter(peering::Peering::is_active) {
        for side in [&mut peering.requester, &mut peering.accepter] {
            if side.vpc == vpc.id {
                (side.cidrs, side.cidrs6) = (vpc.cidrs(), vpc.cidrs6());
            }
        }
        peering::put(tx, &peering)?;
    }
    Ok(())
}

async fn put_ranges_in_force(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    network::ensure_vpc(ctx, vpc).await?;
    for (_, side) in ctx.read(|snap| peering::of_vpc(snap, vpc)).await? {
        network::ensure_vpc(&ctx.in_scope(side.scope), &side.vpc).await?;
    }
    Ok(())
}
