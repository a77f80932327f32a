//! Operations on network interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use api_ec2 as api;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::page::{Listing, check_dry_run};
use super::vpc::ensure_default;
use crate::errors;
use crate::rules::network_interface as rules;
use crate::rules::region::{private_dns_name, public_dns_name, zone_id};
use crate::rules::tag::shown;
use crate::state::address::Address;
use crate::state::id::{GroupId, Id, InterfaceId, VpcId};
use crate::state::network_interface::{Kind, NetworkInterface};
use crate::state::tag::Tags;
use crate::state::{address, network_interface, security_group, tag, vpc};

pub async fn describe_network_interfaces(
    ctx: &Ctx,
    input: api::DescribeNetworkInterfacesRequest,
) -> Result<api::DescribeNetworkInterfacesResult> {
    let ids = input.network_interface_ids;
    for id in ids.iter().flatten() {
        InterfaceId::parse(id).ok_or_else(|| errors::interface_malformed(id))?;
    }
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeNetworkInterfaces", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| {
        let groups = security_group::all(snap, scope)?.into_iter().map(|group| (group.id, group.name));
        let tags = tag::of_all::<InterfaceId>(snap, scope)?;
        let nameless = vpc::all(snap, scope)?.into_iter().filter(|vpc| !vpc.gives_names());
        let nameless: BTreeSet<VpcId> = nameless.map(|vpc| vpc.id).collect();
        let held = address::all(snap, scope)?.into_iter();
        let held: BTreeMap<String, Address> = held.map(|it| (it.public_ip.to_string(), it)).collect();
        Ok((network_interface::all(snap, scope)?, groups.collect(), (tags, nameless, held)))
    });
    let (interfaces, groups, (tags, nameless, held)): (_, BTreeMap<GroupId, String>, _) = read.await?;
    let association = |public: Ipv4Addr| held.get(&public.to_string()).and_then(|it| it.association.as_ref());
    let values = |interface: &NetworkInterface, name: &str| match name {
        "association.association-id" => {
            interface.public_ip.and_then(association).map(|it| it.id.to_string()).into_iter().collect()
        }
        _ => rules::values(interface, scope, name),
    };
    let (interfaces, next_token) =
        listing.cut(ctx, interfaces, &tags, |i| i.id.as_str(), values, errors::interface_not_found)?;
    let show = |interface: &NetworkInterface| {
        let mut shown = show(interface, scope, &groups, tags.get(interface.id.as_str()));
        name_elastic(&mut shown, &held);
        if nameless.contains(&interface.vpc) { without_public_names(shown) } else { shown }
    };
    let network_interfaces = Some(interfaces.iter().map(show).collect());
    Ok(api::DescribeNetworkInterfacesResult { network_interfaces, next_token })
}

/// Says which elastic addresses it has.
fn name_elastic(shown: &mut api::NetworkInterface, held: &BTreeMap<String, Address>) {
    let addresses = shown.private_ip_addresses.iter_mut().flatten();
    let associations = addresses.filter_map(|address| address.association.as_mut());
    for association in shown.association.as_mut().into_iter().chain(associations) {
        let Some(address) = association.public_ip.as_ref().and_then(|ip| held.get(ip)) else { continue };
        association.allocation_id = Some(address.id.to_string());
        association.association_id = address.association.as_ref().map(|it| it.id.to_string());
    }
}

/// As in a VPC that gives no names.
fn without_public_names(mut shown: api::NetworkInterface) -> api::NetworkInterface {
    shown.public_dns_name = None;
    let addresses = shown.private_ip_addresses.iter_mut().flatten();
    let associations = addresses.filter_map(|address| address.association.as_mut());
    for association in shown.association.as_mut().into_iter().chain(associations) {
        association.public_dns_name = Some(String::new());
    }
    shown
}

pub(super) fn show(
    interface: &NetworkInterface,
    scope: &Scope,
    groups: &BTreeMap<GroupId, String>,
    tags: Option<&Tags>,
) -> api::NetworkInterface {
    let region = scope.region.as_str();
    let owner = rules::address_owner(interface, scope);
    let association = |address| association(region, address, &owner);
    let group = |id: &GroupId| api::GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: groups.get(id).cloned(),
    };
    let address =
        |primary, private_ip: Ipv4Addr, public: Option<Ipv4Addr>| api::NetworkInterfacePrivateIpAddress {
            association: public.map(association),
            primary: Some(primary),
            private_dns_name: Some(private_dns_name(region, private_ip)),
            private_ip_address: Some(private_ip.to_string()),
        };
    let mut addresses = vec![address(true, interface.private_ip, interface.public_ip)];
    addresses.extend(interface.secondary.iter().map(|other| {
        address(false, other.private_ip, other.elastic.as_ref().map(|elastic| elastic.address))
    }));
    api::NetworkInterface {
        association: interface.public_ip.map(association),
        attachment: attachment(interface, scope),
        availability_zone: Some(interface.zone.clone()),
        availability_zone_id: Some(zone_id(region, &interface.zone)),
        description: Some(interface.description.clone()),
        groups: Some(interface.groups.iter().map(group).collect()),
        interface_type: Some(rules::kind(interface).to_owned()),
        ipv6_address: interface.ipv6.first().map(ToString::to_string),
        ipv6_addresses: Some(interface.ipv6.iter().map(ipv6_address).collect()),
        mac_address: Some(interface.mac.clone()),
        network_interface_id: Some(interface.id.to_string()),
        owner_id: Some(scope.account.to_string()),
        private_dns_name: Some(private_dns_name(region, interface.private_ip)),
        public_dns_name: interface.public_ip.map(|address| public_dns_name(region, address)),
        private_ip_address: Some(interface.private_ip.to_string()),
        private_ip_addresses: Some(addresses),
        requester_id: rules::requester(interface).map(str::to_owned),
        requester_managed: Some(interface.kind != Kind::Interface),
        source_dest_check: Some(!interface.forwards),
        status: Some(rules::status(interface).to_owned()),
        subnet_id: Some(interface.subnet.to_string()),
        tag_set: Some(tags.and_then(shown).unwrap_or_default()),
        vpc_id: Some(interface.vpc.to_string()),
        ..api::NetworkInterface::default()
    }
}

fn ipv6_address(address: &Ipv6Addr) -> api::NetworkInterfaceIpv6Address {
    api::NetworkInterfaceIpv6Address {
        ipv6_address: Some(address.to_string()),
        is_primary_ipv6: Some(false),
        ..Default::default()
    }
}

fn association(region: &str, address: Ipv4Addr, owner: &str) -> api::NetworkInterfaceAssociation {
    api::NetworkInterfaceAssociation {
        ip_owner_id: Some(owner.to_owned()),
        public_dns_name: Some(public_dns_name(region, address)),
        public_ip: Some(address.to_string()),
        ..api::NetworkInterfaceAssociation::default()
    }
}

pub(super) fn attachment(
    interface: &NetworkInterface,
    scope: &Scope,
) -> Option<api::NetworkInterfaceAttachment> {
    let attachment = interface.attachment.as_ref()?;
    Some(api::NetworkInterfaceAttachment {
        attach_time: Some(Timestamp::from_millis(attachment.attached_at)),
        attachment_id: Some(attachment.id.to_string()),
        delete_on_termination: Some(attachment.delete_on_termination),
        device_index: Some(attachment.device_index),
        network_card_index: Some(0),
        instance_id: Some(attachment.instance.to_string()),
        instance_owner_id: Some(scope.account.to_string()),
        status: Some(rules::ATTACHED.to_owned()),
        ..api::NetworkInterfaceAttachment::default()
    })
}
