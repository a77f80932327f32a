//! Operations on NAT gateways.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::books;
use super::page::{Listing, Once, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::{network, transfer};
use crate::errors;
use crate::rules::nat_gateway as rules;
use crate::rules::tag::{of_one, shown};
use crate::state::id::{AllocationId, Id, NatGatewayId, SubnetId};
use crate::state::nat_gateway::{NatGateway, Shown};
use crate::state::network_interface::{Kind, Wish};
use crate::state::tag::Tags;
use crate::state::{
    address, automatic_address, internet_gateway, ipv6, nat_gateway, network_interface, subnet, tag, vpc,
};

pub async fn create_nat_gateway(
    ctx: &Ctx,
    input: api::CreateNatGatewayRequest,
) -> Result<api::CreateNatGatewayResult> {
    let text = input.subnet_id.ok_or_else(|| errors::missing("SubnetId"))?;
    let subnet_id: SubnetId = SubnetId::parse(&text).ok_or_else(|| errors::subnet_malformed(&text))?;
    let public = rules::is_public(input.connectivity_type.as_deref())?;
    let allocation = match (public, input.allocation_id) {
        (true, Some(text)) => Some(parse::<AllocationId>(&text, errors::allocation_not_found)?),
        (true, None) => return Err(errors::missing("AllocationId")),
        (false, Some(_)) => return Err(errors::combination("A private NAT gateway takes no AllocationId")),
        (false, None) => None,
    };
    let private_ip = input.private_ip_address;
    let private_ip =
        private_ip.map(|text| text.parse().map_err(|_| errors::invalid_value(text, "privateIpAddress")));
    let private_ip = private_ip.transpose()?;
    let tags = of_one::<NatGatewayId>(input.tag_specifications)?;
    let asked = format!("{subnet_id} {allocation:?} {private_ip:?}");
    let once = Once::new("CreateNatGateway", input.client_token.as_ref(), asked);
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if let Some(made) = once.find(tx)? {
            return nat_gateway::get(tx, scope, &made);
        }
        let subnet = subnet::get(tx, scope, &subnet_id)?;
        let alive = nat_gateway::all(tx, scope)?.into_iter().filter(|it| it.deleted_at.is_none());
        if alive.filter(|it| it.vpc == subnet.vpc).count() >= rules::GATEWAYS_MAX {
            return Err(errors::nat_gateway_limit());
        }
        if public && internet_gateway::find_of_vpc(tx, scope, &subnet.vpc)?.is_none() {
            return Err(errors::no_gateway_for_address(&subnet.vpc));
        }
        let id = NatGatewayId::fresh(tx.ctx().ids());
        let wish = Wish {
            subnet: subnet.id.clone(),
            private_ips: private_ip.into_iter().collect(),
            more: 0,
            groups: Vec::new(),
            description: format!("Interface for NAT Gateway {id}"),
            kind: Kind::NatGateway,
            ipv6: ipv6::Wish::Count(0),
            tags: Tags::new(),
        };
        let mut interface = network_interface::insert(tx, scope, wish)?;
        let mut public = None;
        if let Some(allocation) = &allocation {
            let mut address = address::get(tx, scope, allocation)?;
            if address.association.is_some() {
                return Err(errors::already_associated(allocation));
            }
            let private_ip = interface.private_ip;
            address::associate(tx, scope, &mut address, &mut interface, private_ip)?;
            public = Some((address.public_ip, allocation.to_string()));
        }
        let gateway = NatGateway {
            id,
            vpc: subnet.vpc,
            subnet: subnet.id,
            interface: interface.id,
            shown: Shown { private_ip: interface.private_ip, public },
            created_at: tx.ctx().now(),
            deleted_at: None,
        };
        nat_gateway::put(tx, scope, &gateway)?;
        tag::put(tx, scope, &gateway.id, tags.clone())?;
        once.remember(tx, &gateway.id)?;
        Ok(gateway)
    });
    let gateway = write.await?;
    network::ensure_vpc(ctx, &gateway.vpc).await?;
    let shown = api::NatGateway { state: Some("pending".to_owned()), ..show(&gateway, Some(&tags)) };
    Ok(api::CreateNatGatewayResult { client_token: input.client_token, nat_gateway: Some(shown) })
}

pub async fn delete_nat_gateway(
    ctx: &Ctx,
    input: api::DeleteNatGatewayRequest,
) -> Result<api::DeleteNatGatewayResult> {
    let id: NatGatewayId = parse(&input.nat_gateway_id, errors::nat_gateway_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let vpc = ctx.read(|snap| Ok(nat_gateway::get(snap, scope, &id)?.vpc)).await?;
    transfer::meter(ctx, &vpc).await?;
    let write = ctx.write(|tx| {
        let mut gateway = nat_gateway::get(tx, scope, &id)?;
        if gateway.deleted_at.is_none() {
            let now = tx.ctx().now();
            tx.meter(&rules::usage(&gateway, now))?;
            gateway.deleted_at = Some(now);
            nat_gateway::put(tx, scope, &gateway)?;
            network_interface::delete(tx, scope, &gateway.interface)?;
        }
        Ok(())
    });
    write.await?;
    network::ensure_vpc_always(ctx, &vpc).await?;
    Ok(api::DeleteNatGatewayResult { nat_gateway_id: Some(id.to_string()) })
}

pub async fn describe_nat_gateways(
    ctx: &Ctx,
    input: api::DescribeNatGatewaysRequest,
) -> Result<api::DescribeNatGatewaysResult> {
    let filters = (input.filter, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeNatGateways", input.nat_gateway_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read =
        ctx.read(|snap| Ok((nat_gateway::all(snap, scope)?, tag::of_all::<NatGatewayId>(snap, scope)?)));
    let (gateways, tags) = read.await?;
    let (gateways, next_token) = listing.cut(
        ctx,
        gateways,
        &tags,
        |gateway| gateway.id.as_str(),
        rules::values,
        errors::nat_gateway_not_found,
    )?;
    let show = |gateway: &NatGateway| show(gateway, tags.get(gateway.id.as_str()));
    Ok(api::DescribeNatGatewaysResult { nat_gateways: Some(gateways.iter().map(show).collect()), next_token })
}

fn show(gateway: &NatGateway, tags: Option<&Tags>) -> api::NatGateway {
    let public = gateway.shown.public.as_ref();
    let address = api::NatGatewayAddress {
        allocation_id: public.map(|(_, allocation)| allocation.clone()),
        network_interface_id: Some(gateway.interface.to_string()),
        private_ip: Some(gateway.shown.private_ip.to_string()),
        public_ip: public.map(|(address, _)| address.to_string()),
        is_primary: Some(true),
        status: Some("succeeded".to_owned()),
        ..api::NatGatewayAddress::default()
    };
    api::NatGateway {
        create_time: Some(Timestamp::from_millis(gateway.created_at)),
        delete_time: gateway.deleted_at.map(Timestamp::from_millis),
        nat_gateway_addresses: Some(vec![address]),
        nat_gateway_id: Some(gateway.id.to_string()),
        state: Some(rules::state(gateway).to_owned()),
        subnet_id: Some(gateway.subnet.to_string()),
        vpc_id: Some(gateway.vpc.to_string()),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        connectivity_type: Some(rules::connectivity(gateway).to_owned()),
        ..api::NatGateway::default()
    }
}

/// Brings usage lines of gateways and elastic addresses up to date, and forgets gateways deleted long ago.
pub async fn keep_books(ctx: &Ctx) -> Result<()> {
    let read = ctx.read(|snap| {
        let automatic = automatic_address::all_scopes(snap)?;
        Ok((nat_gateway::all_scopes(snap)?, address::all_scopes(snap)?, automatic))
    });
    let (gateways, addresses, automatic) = read.await?;
    let now = ctx.now();
    books::keep(ctx, gateways, |tx, scope, one| {
        let Some(gateway) = nat_gateway::find(tx, scope, &one.id)? else { return Ok(()) };
        match gateway.deleted_at {
            Some(at) if now - at > rules::SHOWN_MS => nat_gateway::forget(tx, scope, &gateway.id),
            Some(_) => Ok(()),
            None => tx.meter(&rules::usage(&gateway, now)),
        }
    })
    .await?;
    books::keep(ctx, addresses, |tx, scope, address| write_line(tx, scope, &address.id)).await?;
    books::keep(ctx, automatic, |tx, scope, one| automatic_address::write_line(tx, scope, &one.interface))
        .await
}

fn write_line(tx: &mut kernel::Tx<'_, '_>, scope: &Scope, id: &AllocationId) -> Result<()> {
    let now = tx.ctx().now();
    match address::find(tx, scope, id)? {
        Some(address) => tx.meter(&crate::rules::address::usage(&address, now)),
        None => Ok(()),
    }
}
