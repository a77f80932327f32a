//! Operations that make, attach and change interfaces. A change is in force when it is answered.

use std::net::Ipv4Addr;

use api_ec2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::instance::{check_id, get as get_instance};
use super::network_interface::{attachment, show};
use super::page::{Once, check_dry_run, parse};
use crate::controllers::network;
use crate::errors;
use crate::rules::instance::State;
use crate::rules::instance_type;
use crate::rules::ipv6;
use crate::rules::launch_network::{check_groups, private_ips};
use crate::rules::network_interface as rules;
use crate::rules::quota;
use crate::rules::tag::of_one;
use crate::state::id::{AttachmentId, InterfaceId, SubnetId};
use crate::state::network_interface::{Kind, NetworkInterface, Slot, Wish};
use crate::state::{address, network_interface, security_group, vpc};

fn address_of(text: &str) -> Result<Ipv4Addr> {
    text.parse().map_err(|_| errors::invalid_because(text, "address", "Invalid IPv4 address."))
}

pub async fn create_network_interface(
    ctx: &Ctx,
    input: api::CreateNetworkInterfaceRequest,
) -> Result<api::CreateNetworkInterfaceResult> {
    if let Some(other) = input.interface_type.filter(|kind| kind != "interface") {
        return Err(errors::unsupported(&format!("The interface type {other}")));
    }
    let tags = of_one::<InterfaceId>(input.tag_specifications)?;
    let private_ips = private_ips(input.private_ip_address, input.private_ip_addresses)?;
    let is_managed = ctx.caller().is_internal();
    let wish = Wish {
        subnet: parse::<SubnetId>(&input.subnet_id, errors::subnet_not_found)?,
        private_ips,
        more: usize::try_from(input.secondary_private_ip_address_count.unwrap_or(0))
            .unwrap_or(usize::MAX)
            .min(rules::ADDRESSES_MAX + 1),
        groups: check_groups(input.groups)?,
        description: input.description.unwrap_or_default(),
        kind: if is_managed { Kind::Managed } else { Kind::Interface },
        ipv6: ipv6::check_wish(&ipv6_addresses(input.ipv6_addresses), input.ipv6_address_count)?,
        tags: tags.clone(),
    };
    let addresses = (&wish.private_ips, wish.more, &wish.ipv6);
    let asked = format!("{} {addresses:?} {:?} {:?}", wish.subnet, wish.groups, wish.description);
    let once = Once::new("CreateNetworkInterface", input.client_token.as_ref(), asked);
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let interface = match once.find(tx)? {
            Some(made) => network_interface::get(tx, scope, &made)?,
            None => {
                quota::NETWORK_INTERFACES.check(network_interface::all(tx, scope)?.len())?;
                network_interface::insert(tx, scope, wish.clone())?
            }
        };
        once.remember(tx, &interface.id)?;
        let names = security_group::all(tx, scope)?.into_iter().map(|group| (group.id, group.name));
        Ok((interface, names.collect()))
    });
    let (interface, names) = write.await?;
    if is_managed {
        network::ensure_interface(ctx, &interface).await?;
    }
    let shown = api::NetworkInterface {
        status: Some("pending".to_owned()),
        ..show(&interface, scope, &names, Some(&tags))
    };
    Ok(api::CreateNetworkInterfaceResult { network_interface: Some(shown), client_token: input.client_token })
}

pub async fn delete_network_interface(ctx: &Ctx, input: api::DeleteNetworkInterfaceRequest) -> Result<()> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    ctx.write(|tx| {
        let interface = get(tx, scope, &id)?;
        if interface.attachment.is_some() {
            return Err(errors::interface_in_use(&id));
        }
        network_interface::delete(tx, scope, &id)
    })
    .await?;
    network::remove_interface(ctx, &id).await
}

/// The addresses a request lists.
pub(super) fn ipv6_addresses(given: Option<Vec<api::InstanceIpv6Address>>) -> Vec<String> {
    given.into_iter().flatten().filter_map(|one| one.ipv6_address).collect()
}

/// A customer's interface: those of gateways and services are not theirs to change, but the services'.
pub(super) fn get(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InterfaceId) -> Result<NetworkInterface> {
    vpc::ensure_default(tx, scope)?;
    let interface = network_interface::get(tx, scope, id)?;
    match interface.kind {
        Kind::Interface => Ok(interface),
        Kind::Managed if tx.ctx().caller().is_internal() => Ok(interface),
        _ => Err(errors::interface_managed(id)),
    }
}

pub async fn attach_network_interface(
    ctx: &Ctx,
    input: api::AttachNetworkInterfaceRequest,
) -> Result<api::AttachNetworkInterfaceResult> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    let instance = check_id(&input.instance_id)?;
    let index = input.device_index;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        let instance = get_instance(tx, scope, &instance)?;
        if interface.attachment.is_some() {
            return Err(errors::interface_in_use(&id));
        }
        if !matches!(instance.state(), State::Running | State::Stopped) {
            return Err(errors::attach_state(&instance.id, instance.state().name()));
        }
        let first = network_interface::get(tx, scope, &instance.interface)?;
        if first.vpc != interface.vpc || first.zone != interface.zone {
            return Err(errors::attach_elsewhere(&id, &instance.id));
        }
        let others = network_interface::further_of(tx, scope, &instance.id)?;
        let taken = |it: &NetworkInterface| it.attachment.as_ref().is_some_and(|a| a.device_index == index);
        if index == 0 || others.iter().any(taken) {
            return Err(errors::device_index_taken(&instance.id, index));
        }
        if !(1..=rules::DEVICES_MAX).contains(&index) {
            return Err(errors::invalid_value(index, "deviceIndex"));
        }
        if let Some(known) = instance_type::find(&instance.instance_type) {
            instance_type::check_interfaces(known, others.len() + 2)?;
        }
        let slot = Slot { instance: &instance.id, device_index: index, delete_on_termination: false };
        let attachment = network_interface::attach(tx, scope, &mut interface, slot)?;
        Ok((attachment, interface))
    });
    let (attachment, interface) = write.await?;
    network::ensure_further(ctx, &interface).await?;
    // Routes that lead to it are alive from now on.
    network::ensure_vpc(ctx, &interface.vpc).await?;
    let attachment_id = Some(attachment.to_string());
    Ok(api::AttachNetworkInterfaceResult { attachment_id, network_card_index: Some(0) })
}

pub async fn detach_network_interface(ctx: &Ctx, input: api::DetachNetworkInterfaceRequest) -> Result<()> {
    let id: AttachmentId = parse(&input.attachment_id, errors::attachment_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let is = |it: &NetworkInterface| it.attachment.as_ref().is_some_and(|attachment| attachment.id == id);
        let found = network_interface::all(tx, scope)?.into_iter().find(is);
        let mut interface = found.ok_or_else(|| errors::attachment_not_found(&id))?;
        if interface.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0) {
            return Err(errors::primary_detach(&id));
        }
        let instance = interface.instance().cloned();
        network_interface::detach(tx, scope, &mut interface)?;
        Ok((interface, instance))
    });
    let (interface, instance) = write.await?;
    network::remove_interface(ctx, &interface.id).await?;
    if let Some(instance) = instance {
        network::tell_machine(ctx, &instance).await?;
    }
    network::ensure_vpc(ctx, &interface.vpc).await
}

pub async fn modify_network_interface_attribute(
    ctx: &Ctx,
    input: api::ModifyNetworkInterfaceAttributeRequest,
) -> Result<()> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    let groups = input.groups.map(|groups| check_groups(Some(groups))).transpose()?;
    let given = [
        input.description.is_some(),
        input.source_dest_check.is_some(),
        groups.is_some(),
        input.attachment.is_some(),
        input.associate_public_ip_address.is_some(),
    ];
    match given.into_iter().filter(|given| *given).count() {
        0 => return Err(errors::missing("attribute")),
        1 => {}
        _ => return Err(errors::several_attributes()),
    }
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        if let Some(groups) = &groups {
            return network_interface::put_groups(tx, scope, &id, groups.clone());
        }
        if let Some(description) = &input.description {
            interface.description = description.value.clone().unwrap_or_default();
        }
        if let Some(check) = input.source_dest_check.as_ref().and_then(|check| check.value) {
            interface.forwards = !check;
        }
        if let Some(wanted) = input.associate_public_ip_address {
            interface.wants_public = wanted;
        }
        if let Some(change) = &input.attachment {
            let named = change.attachment_id.as_deref();
            let attachment =
                interface.attachment.as_mut().filter(|it| named.is_none_or(|id| it.id.to_string() == id));
            let attachment =
                attachment.ok_or_else(|| errors::attachment_not_found(named.unwrap_or_default()))?;
            attachment.delete_on_termination =
                change.delete_on_termination.unwrap_or(attachment.delete_on_termination);
        }
        network_interface::put(tx, scope, &interface)?;
        if input.associate_public_ip_address == Some(false) {
            return network_interface::release_public(tx, scope, &id);
        }
        let runs = input.associate_public_ip_address == Some(true)
            && match interface.instance() {
                Some(id) => get_instance(tx, scope, id)?.state() == State::Running,
                None => interface.kind == Kind::Managed,
            };
        if runs { network_interface::assign_public(tx, scope, &id) } else { Ok(interface) }
    });
    let interface = write.await?;
    if interface.kind == Kind::Managed {
        return network::ensure_interface(ctx, &interface).await.map(drop);
    }
    network::adapt_interface(ctx, &interface).await
}

pub async fn reset_network_interface_attribute(
    ctx: &Ctx,
    input: api::ResetNetworkInterfaceAttributeRequest,
) -> Result<()> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    if input.source_dest_check.is_none() {
        return Err(errors::missing("sourceDestCheck"));
    }
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        interface.forwards = false;
        network_interface::put(tx, scope, &interface)?;
        Ok(interface)
    });
    let interface = write.await?;
    network::adapt_interface(ctx, &interface).await
}

pub async fn describe_network_interface_attribute(
    ctx: &Ctx,
    input: api::DescribeNetworkInterfaceAttributeRequest,
) -> Result<api::DescribeNetworkInterfaceAttributeResult> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let names = security_group::all(snap, scope)?.into_iter().map(|group| (group.id, group.name));
        Ok((network_interface::get(snap, scope, &id)?, names.collect()))
    });
    let (interface, names) = read.await?;
    let mut output = api::DescribeNetworkInterfaceAttributeResult {
        network_interface_id: Some(id.to_string()),
        ..Default::default()
    };
    match input.attribute.as_deref().ok_or_else(|| errors::missing("attribute"))? {
        "description" => {
            output.description = Some(api::AttributeValue { value: Some(interface.description) });
        }
        "groupSet" => output.groups = show(&interface, scope, &names, None).groups,
        "sourceDestCheck" => {
            output.source_dest_check = Some(api::AttributeBooleanValue { value: Some(!interface.forwards) });
        }
        "attachment" => output.attachment = attachment(&interface, scope),
        "associatePublicIpAddress" => output.associate_public_ip_address = Some(interface.wants_public),
        other => return Err(errors::attribute_unknown(other)),
    }
    Ok(output)
}

pub async fn assign_private_ip_addresses(
    ctx: &Ctx,
    input: api::AssignPrivateIpAddressesRequest,
) -> Result<api::AssignPrivateIpAddressesResult> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    let given = input.private_ip_addresses.unwrap_or_default();
    let wanted: Vec<Option<Ipv4Addr>> = match (given.as_slice(), input.secondary_private_ip_address_count) {
        ([], Some(count)) if count > 0 => {
            vec![None; usize::try_from(count).unwrap_or(usize::MAX).min(rules::ADDRESSES_MAX + 1)]
        }
        ([], _) => return Err(errors::missing("privateIpAddress or secondaryPrivateIpAddressCount")),
        (_, Some(_)) => return Err(errors::combination("Give either addresses or a count of them.")),
        (given, None) => given.iter().map(|text| address_of(text).map(Some)).collect::<Result<_>>()?,
    };
    let moves = input.allow_reassignment == Some(true);
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        let mut former = Vec::new();
        for wanted in wanted.iter().flatten().filter(|_| moves) {
            former.extend(take_from_other(tx, scope, &interface, *wanted)?);
        }
        let taken =
            wanted.iter().map(|wanted| network_interface::add_private(tx, scope, &mut interface, *wanted));
        Ok((taken.collect::<Result<Vec<_>>>()?, interface, former))
    });
    let (taken, interface, former) = write.await?;
    for other in former {
        network::adapt_interface(ctx, &other).await?;
    }
    network::adapt_interface(ctx, &interface).await?;
    let show =
        |address: &Ipv4Addr| api::AssignedPrivateIpAddress { private_ip_address: Some(address.to_string()) };
    Ok(api::AssignPrivateIpAddressesResult {
        network_interface_id: Some(id.to_string()),
        assigned_private_ip_addresses: Some(taken.iter().map(show).collect()),
        ..Default::default()
    })
}

/// Takes a further address from another interface of the subnet, if one has it.
fn take_from_other(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    of: &NetworkInterface,
    address: Ipv4Addr,
) -> Result<Option<NetworkInterface>> {
    let has = |it: &NetworkInterface| {
        it.subnet == of.subnet && it.secondary.iter().any(|s| s.private_ip == address)
    };
    let Some(mut other) = network_interface::all(tx, scope)?.into_iter().find(has) else { return Ok(None) };
    remove_private(tx, scope, &mut other, address)?;
    Ok(Some(other))
}

/// Takes a further address off its interface, and what elastic address stood for it.
fn remove_private(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    interface: &mut NetworkInterface,
    gone: Ipv4Addr,
) -> Result<()> {
    let elastic =
        interface.secondary.iter().find(|it| it.private_ip == gone).and_then(|it| it.elastic.clone());
    if let Some(elastic) = elastic {
        let mut address = address::get(tx, scope, &elastic.allocation)?;
        address::disassociate(tx, scope, &mut address, false)?;
        *interface = network_interface::get(tx, scope, &interface.id)?;
    }
    network_interface::remove_private(tx, scope, interface, gone)
}

pub async fn unassign_private_ip_addresses(
    ctx: &Ctx,
    input: api::UnassignPrivateIpAddressesRequest,
) -> Result<()> {
    let id: InterfaceId = parse(&input.network_interface_id, errors::interface_not_found)?;
    let given = input.private_ip_addresses.filter(|given| !given.is_empty());
    let given = given.ok_or_else(|| errors::missing("privateIpAddress"))?;
    let given = given.iter().map(|text| address_of(text)).collect::<Result<Vec<_>>>()?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut interface = get(tx, scope, &id)?;
        for address in &given {
            if !interface.secondary.iter().any(|it| it.private_ip == *address) {
                return Err(errors::address_not_of_interface(*address, &id));
            }
            remove_private(tx, scope, &mut interface, *address)?;
        }
        Ok(interface)
    });
    let interface = write.await?;
    network::adapt_interface(ctx, &interface).await
}
