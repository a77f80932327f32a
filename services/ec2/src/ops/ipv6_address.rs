//! Operations on interfaces' addresses of IPv6. A change is in force when it is answered.

use std::net::Ipv6Addr;

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::network_interface_update::get;
use super::page::parse;
use crate::controllers::network;
use crate::errors;
use crate::rules::ipv6 as rules;
use crate::rules::network_interface::ADDRESSES_MAX;
use crate::state::id::InterfaceId;
use crate::state::ipv6::{self, Wish};

fn texts(addresses: &[Ipv6Addr]) -> Option<Vec<String>> {
    Some(addresses.iter().map(ToString::to_string).collect())
}

pub async fn assign_ipv6_addresses(
    ctx: &Ctx,
    input: api::AssignIpv6AddressesRequest,
) -> Result<api::AssignIpv6AddressesResult> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    let wish = rules::check_wish(&input.ipv6_addresses.unwrap_or_default(), input.ipv6_address_count)?;
    let wanted: Vec<Option<Ipv6Addr>> = match wish {
        Wish::These(these) => these.into_iter().map(Some).collect(),
        Wish::Count(count) if count > 0 => vec![None; count.min(ADDRESSES_MAX + 1)],
        Wish::Count(_) | Wish::AsSubnet => {
            return Err(errors::missing("ipv6Addresses or ipv6AddressCount"));
        }
    };
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        let mut taken = Vec::new();
        for wanted in &wanted {
            // What it has already, it keeps.
            if wanted.is_none_or(|address| !interface.ipv6.contains(&address)) {
                taken.push(ipv6::assign(tx, scope, &mut interface, *wanted)?);
            }
        }
        Ok((taken, interface))
    });
    let (taken, interface) = write.await?;
    network::adapt_interface(ctx, &interface).await?;
    Ok(api::AssignIpv6AddressesResult {
        assigned_ipv6_addresses: texts(&taken),
        network_interface_id: Some(id.to_string()),
        ..Default::default()
    })
}

pub async fn unassign_ipv6_addresses(
    ctx: &Ctx,
    input: api::UnassignIpv6AddressesRequest,
) -> Result<api::UnassignIpv6AddressesResult> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    let Wish::These(gone) = rules::check_wish(&input.ipv6_addresses.unwrap_or_default(), None)? else {
        return Err(errors::missing("ipv6Addresses"));
    };
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        for address in &gone {
            if !interface.ipv6.contains(address) {
                return Err(errors::ipv6_not_of_interface(*address, &id));
            }
            ipv6::unassign(tx, scope, &mut interface, *address)?;
        }
        Ok(interface)
    });
    network::adapt_interface(ctx, &write.await?).await?;
    Ok(api::UnassignIpv6AddressesResult {
        network_interface_id: Some(id.to_string()),
        unassigned_ipv6_addresses: texts(&gone),
        ..Default::default()
    })
}
