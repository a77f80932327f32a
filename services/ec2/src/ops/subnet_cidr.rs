//! Operations on a subnet's block of IPv6.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::page::parse;
use crate::controllers::network;
use crate::errors;
use crate::rules::ipv6 as rules;
use crate::state::id::{SubnetCidrAssociationId, SubnetId};
use crate::state::subnet::{Ipv6Association, Subnet};
use crate::state::vpc::Vpc;
use crate::state::{network_interface, subnet, vpc};

/// A block as AWS shows it.
pub(super) fn association6(block: &Ipv6Association, state: &str) -> api::SubnetIpv6CidrBlockAssociation {
    api::SubnetIpv6CidrBlockAssociation {
        association_id: Some(block.id.to_string()),
        ipv6_cidr_block: Some(block.cidr.to_string()),
        ipv6_cidr_block_state: Some(api::SubnetCidrBlockState {
            state: Some(state.to_owned()),
            status_message: None,
        }),
        ipv6_address_attribute: Some("public".to_owned()),
        ip_source: Some("amazon".to_owned()),
    }
}

/// Gives a subnet that has none a block out of its VPC's.
///
/// # Errors
/// When it is none that fits, or another subnet has some of it.
pub(super) fn put_ipv6(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    vpc: &Vpc,
    subnet: &mut Subnet,
    text: &str,
) -> Result<Ipv6Association> {
    let cidr = rules::check_subnet_block(vpc, text)?;
    let there = subnet::of_vpc(tx, scope, &vpc.id)?;
    if there.iter().flat_map(|other| &other.ipv6).any(|known| rules::overlap(known.cidr, cidr)) {
        return Err(errors::subnet_conflict(cidr));
    }
    let block = Ipv6Association { id: SubnetCidrAssociationId::fresh(tx.ctx().ids()), cidr };
    subnet.ipv6 = Some(block.clone());
    subnet::put(tx, scope, subnet)?;
    Ok(block)
}

pub async fn associate_subnet_cidr_block(
    ctx: &Ctx,
    input: api::AssociateSubnetCidrBlockRequest,
) -> Result<api::AssociateSubnetCidrBlockResult> {
    let id: SubnetId = parse(&input.subnet_id, errors::subnet_not_found)?;
    let text = input.ipv6_cidr_block.ok_or_else(|| errors::missing("ipv6CidrBlock"))?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let mut subnet = subnet::get(tx, scope, &id)?;
        if subnet.ipv6.is_some() {
            return Err(errors::subnet_has_ipv6(&id));
        }
        let vpc = vpc::get(tx, scope, &subnet.vpc)?;
        Ok((put_ipv6(tx, scope, &vpc, &mut subnet, &text)?, vpc.id))
    });
    let (block, vpc) = write.await?;
    network::ensure_vpc(ctx, &vpc).await?;
    Ok(api::AssociateSubnetCidrBlockResult {
        ipv6_cidr_block_association: Some(association6(&block, "associating")),
        subnet_id: Some(id.to_string()),
    })
}

pub async fn disassociate_subnet_cidr_block(
    ctx: &Ctx,
    input: api::DisassociateSubnetCidrBlockRequest,
) -> Result<api::DisassociateSubnetCidrBlockResult> {
    let id: SubnetCidrAssociationId =
        parse(&input.association_id, errors::subnet_cidr_association_not_found)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let is = |subnet: &Subnet| subnet.ipv6.as_ref().is_some_and(|block| block.id == id);
        let found = subnet::all(tx, scope)?.into_iter().find(is);
        let mut subnet = found.ok_or_else(|| errors::subnet_cidr_association_not_found(&id))?;
        let Some(gone) = subnet.ipv6.take() else {
            return Err(errors::subnet_cidr_association_not_found(&id));
        };
        let interfaces = network_interface::all(tx, scope)?;
        if interfaces.iter().flat_map(|it| &it.ipv6).any(|address| gone.cidr.contains(address)) {
            return Err(errors::subnet_cidr_in_use(gone.cidr));
        }
        subnet.assign_ipv6_address_on_creation = false;
        subnet::put(tx, scope, &subnet)?;
        Ok((gone, subnet))
    });
    let (gone, subnet) = write.await?;
    network::ensure_vpc(ctx, &subnet.vpc).await?;
    Ok(api::DisassociateSubnetCidrBlockResult {
        ipv6_cidr_block_association: Some(association6(&gone, "disassociating")),
        subnet_id: Some(subnet.id.to_string()),
    })
}
