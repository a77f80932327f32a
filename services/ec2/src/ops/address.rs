//! Operations on elastic IP addresses. A new mapping is in force when it is answered.

use std::net::Ipv4Addr;

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Ctx, Result, Scope, Tx};

use super::instance::{check_id, get as get_instance};
use super::page::{Listing, check_dry_run, parse};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::address as rules;
use crate::rules::instance::State;
use crate::rules::region::public_dns_name;
use crate::rules::tag::{of_one, shown};
use crate::state::address::Address;
use crate::state::id::{AddressAssociationId, AllocationId, Id, InterfaceId};
use crate::state::network_interface::{Kind, NetworkInterface};
use crate::state::tag::Tags;
use crate::state::{address, instance, internet_gateway, network_interface, tag, vpc};

pub async fn allocate_address(
    ctx: &Ctx,
    input: api::AllocateAddressRequest,
) -> Result<api::AllocateAddressResult> {
    if let Some(other) = input.domain.filter(|domain| domain != "vpc") {
        return Err(errors::invalid_value(other, "domain"));
    }
    let wanted = input.address.map(|text| text.parse().map_err(|_| errors::invalid_value(text, "address")));
    let wanted = wanted.transpose()?;
    let tags = of_one::<AllocationId>(input.tag_specifications)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let address = address::insert(tx, scope, wanted)?;
        tag::put(tx, scope, &address.id, tags.clone())?;
        Ok(address)
    });
    let address = write.await?;
    Ok(api::AllocateAddressResult {
        allocation_id: Some(address.id.to_string()),
        public_ipv4_pool: Some("amazon".to_owned()),
        network_border_group: Some(scope.region.to_string()),
        domain: Some("vpc".to_owned()),
        public_ip: Some(address.public_ip.to_string()),
        ..Default::default()
    })
}

/// The address a request means, by its allocation or by itself.
fn resolve(
    from: &mut impl Reader,
    scope: &Scope,
    allocation: Option<&str>,
    public: Option<&str>,
) -> Result<Address> {
    match (allocation, public) {
        (Some(_), Some(_)) => Err(errors::combination(
            "You may specify public IP or allocation id, but not both in the same call",
        )),
        (Some(id), None) => address::get(from, scope, &parse(id, errors::allocation_not_found)?),
        (None, Some(text)) => {
            let wanted = parse_ip(text)?;
            let found = address::all(from, scope)?.into_iter().find(|it| it.public_ip == wanted);
            found.ok_or_else(|| errors::address_not_found(text))
        }
        (None, None) => Err(errors::missing("AllocationId or PublicIp")),
    }
}

/// # Errors
/// `InvalidAddress.Malformed`.
fn parse_ip(text: &str) -> Result<Ipv4Addr> {
    text.parse().map_err(|_| errors::address_malformed(text))
}

pub async fn release_address(ctx: &Ctx, input: api::ReleaseAddressRequest) -> Result<()> {
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        let address = resolve(tx, scope, input.allocation_id.as_deref(), input.public_ip.as_deref())?;
        if address.association.is_some() {
            return Err(errors::address_locked(address.public_ip));
        }
        address::delete(tx, scope, &address)
    })
    .await
}

/// Whether an interface's instance is on, or on its way: then it may have an automatic address.
fn is_on(from: &mut impl Reader, scope: &Scope, interface: &InterfaceId) -> Result<bool> {
    let Some(interface) = network_interface::find(from, scope, interface)? else { return Ok(false) };
    let Some(id) = interface.instance() else { return Ok(false) };
    let found = instance::find(from, scope, id)?;
    Ok(found.is_some_and(|instance| matches!(instance.state(), State::Running | State::Pending)))
}

/// The interface and the private address of it that a request names.
fn place(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    input: &api::AssociateAddressRequest,
) -> Result<(NetworkInterface, Ipv4Addr)> {
    let id: InterfaceId = match (&input.network_interface_id, &input.instance_id) {
        (Some(_), Some(_)) => {
            return Err(errors::combination(
                "You may specify instance id or network interface id, but not both",
            ));
        }
        (Some(text), None) => parse(text, errors::interface_not_found)?,
        (None, Some(text)) => get_instance(tx, scope, &check_id(text)?)?.interface,
        (None, None) => return Err(errors::missing("InstanceId or NetworkInterfaceId")),
    };
    let interface = network_interface::get(tx, scope, &id)?;
    let is_own = interface.kind == Kind::Managed && tx.ctx().caller().is_internal();
    if interface.kind != Kind::Interface && !is_own {
        return Err(errors::interface_managed(&id));
    }
    let private_ip = match &input.private_ip_address {
        None => interface.private_ip,
        Some(text) => {
            let address = text.parse().map_err(|_| errors::invalid_value(text, "privateIpAddress"))?;
            if !interface.private_ips().any(|own| own == address) {
                return Err(errors::address_not_of_interface(address, &id));
            }
            address
        }
    };
    Ok((interface, private_ip))
}

pub async fn associate_address(
    ctx: &Ctx,
    input: api::AssociateAddressRequest,
) -> Result<api::AssociateAddressResult> {
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut address = resolve(tx, scope, input.allocation_id.as_deref(), input.public_ip.as_deref())?;
        let (interface, private_ip) = place(tx, scope, &input)?;
        if internet_gateway::find_of_vpc(tx, scope, &interface.vpc)?.is_none() {
            return Err(errors::no_gateway_for_address(&interface.vpc));
        }
        let mut former = None;
        if let Some(association) = address.association.clone() {
            if association.interface == interface.id && association.private_ip == private_ip {
                return Ok((association.id, None, interface));
            }
            if input.allow_reassociation == Some(false) {
                return Err(errors::already_associated(&address.id));
            }
            check_free_to_move(tx, scope, &association.interface, address.public_ip)?;
            let on = is_on(tx, scope, &association.interface)?;
            address::disassociate(tx, scope, &mut address, on)?;
            former = network_interface::find(tx, scope, &association.interface)?;
        }
        // What stood there before becomes idle.
        let there = address::all(tx, scope)?.into_iter().find(|it| {
            it.association.as_ref().is_some_and(|a| a.interface == interface.id && a.private_ip == private_ip)
        });
        if let Some(mut there) = there {
            if input.allow_reassociation == Some(false) {
                return Err(errors::already_associated(&interface.id));
            }
            address::disassociate(tx, scope, &mut there, false)?;
        }
        let mut interface = network_interface::get(tx, scope, &interface.id)?;
        let id = address::associate(tx, scope, &mut address, &mut interface, private_ip)?;
        Ok((id, former, interface))
    });
    let (id, former, interface) = write.await?;
    // It leaves the one before the other takes it.
    if let Some(former) = former.filter(|former| former.id != interface.id) {
        network::adapt_interface(ctx, &former).await?;
    }
    network::adapt_interface(ctx, &interface).await?;
    Ok(api::AssociateAddressResult { association_id: Some(id.to_string()) })
}

/// # Errors
/// When it is a NAT gateway's: that keeps its address while it is there.
fn check_free_to_move(tx: &mut Tx<'_, '_>, scope: &Scope, of: &InterfaceId, address: Ipv4Addr) -> Result<()> {
    let interface = network_interface::find(tx, scope, of)?;
    match interface.is_some_and(|interface| interface.kind == Kind::NatGateway) {
        true => Err(errors::address_of_gateway(address)),
        false => Ok(()),
    }
}

pub async fn disassociate_address(ctx: &Ctx, input: api::DisassociateAddressRequest) -> Result<()> {
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut address = match &input.association_id {
            Some(text) => {
                let id: AddressAssociationId = parse(text, errors::address_association_not_found)?;
                let is = |it: &Address| it.association.as_ref().is_some_and(|a| a.id == id);
                let found = address::all(tx, scope)?.into_iter().find(is);
                found.ok_or_else(|| errors::address_association_not_found(&id))?
            }
            None => resolve(tx, scope, None, input.public_ip.as_deref())?,
        };
        let Some(association) = address.association.clone() else { return Ok(None) };
        check_free_to_move(tx, scope, &association.interface, address.public_ip)?;
        let on = is_on(tx, scope, &association.interface)?;
        address::disassociate(tx, scope, &mut address, on)?;
        network_interface::find(tx, scope, &association.interface)
    });
    match write.await? {
        Some(interface) => network::adapt_interface(ctx, &interface).await,
        None => Ok(()),
    }
}

pub async fn describe_addresses(
    ctx: &Ctx,
    input: api::DescribeAddressesRequest,
) -> Result<api::DescribeAddressesResult> {
    let filters = (input.filters, rules::FILTERS);
    let listing = Listing::open(ctx, "DescribeAddresses", input.allocation_ids, filters, (None, None))?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let mut rows = Vec::new();
        for address in address::all(snap, scope)? {
            let on =
                address.association.as_ref().map(|it| network_interface::find(snap, scope, &it.interface));
            rows.push((address, on.transpose()?.flatten()));
        }
        Ok((rows, tag::of_all::<AllocationId>(snap, scope)?))
    });
    let (mut rows, tags) = read.await?;
    if let Some(wanted) = input.public_ips.filter(|wanted| !wanted.is_empty()) {
        wanted.iter().try_for_each(|text| parse_ip(text).map(drop))?;
        let has = |text: &String| rows.iter().any(|(it, _)| it.public_ip.to_string() == *text);
        if let Some(absent) = wanted.iter().find(|text| !has(text)) {
            return Err(errors::address_not_found(absent));
        }
        rows.retain(|(it, _)| wanted.contains(&it.public_ip.to_string()));
    }
    type Row = (Address, Option<NetworkInterface>);
    let values = |(it, on): &Row, name: &str| rules::values(it, on.as_ref(), scope, name);
    let (rows, _) =
        listing.cut(ctx, rows, &tags, |row| row.0.id.as_str(), values, errors::allocation_not_found)?;
    let show = |(it, on): &Row| show(it, on.as_ref(), scope, tags.get(it.id.as_str()));
    Ok(api::DescribeAddressesResult { addresses: Some(rows.iter().map(show).collect()) })
}

fn show(
    address: &Address,
    on: Option<&NetworkInterface>,
    scope: &Scope,
    tags: Option<&Tags>,
) -> api::Address {
    let association = address.association.as_ref();
    api::Address {
        allocation_id: Some(address.id.to_string()),
        association_id: association.map(|it| it.id.to_string()),
        domain: Some("vpc".to_owned()),
        network_interface_id: association.map(|it| it.interface.to_string()),
        network_interface_owner_id: association.map(|_| scope.account.to_string()),
        private_ip_address: association.map(|it| it.private_ip.to_string()),
        tags: tags.and_then(shown),
        public_ipv4_pool: Some("amazon".to_owned()),
        network_border_group: Some(scope.region.to_string()),
        instance_id: on.and_then(|it| it.instance()).map(ToString::to_string),
        public_ip: Some(address.public_ip.to_string()),
        ..api::Address::default()
    }
}

pub async fn describe_addresses_attribute(
    ctx: &Ctx,
    input: api::DescribeAddressesAttributeRequest,
) -> Result<api::DescribeAddressesAttributeResult> {
    if let Some(other) = input.attribute.filter(|attribute| attribute != "domain-name") {
        return Err(errors::attribute_unknown(&other));
    }
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeAddressesAttribute", input.allocation_ids, (None, &[]), page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let all = ctx.read(|snap| address::all(snap, scope)).await?;
    let none = std::collections::BTreeMap::new();
    let (rows, next_token) =
        listing.cut(ctx, all, &none, |it| it.id.as_str(), |_, _| Vec::new(), errors::allocation_not_found)?;
    let show = |it: &Address| api::AddressAttribute {
        public_ip: Some(it.public_ip.to_string()),
        allocation_id: Some(it.id.to_string()),
        ptr_record: Some(format!("{}.", public_dns_name(scope.region.as_str(), it.public_ip))),
        ..api::AddressAttribute::default()
    };
    Ok(api::DescribeAddressesAttributeResult { addresses: Some(rows.iter().map(show).collect()), next_token })
}
