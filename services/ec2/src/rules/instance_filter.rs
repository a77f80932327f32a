//! By what instances can be sought (EC2 API reference, "DescribeInstances").

use std::net::Ipv4Addr;

use kernel::Scope;

use super::instance::state_reason;
use super::instance_view::View;
use super::network_interface::{ATTACHED, address_owner};
use super::volume::attachment_state;
use super::{image, instance_profile, instant, region};
use crate::state::instance::{Instance, Preference};
use crate::state::network_interface::NetworkInterface;
use crate::state::volume::{Attachment, Volume};

/// The filters known, besides those by tag.
pub const FILTERS: &[&str] = &[
    "affinity",
    "architecture",
    "availability-zone",
    "availability-zone-id",
    "block-device-mapping.attach-time",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.status",
    "block-device-mapping.volume-id",
    "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-preference",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "client-token",
    "current-instance-boot-mode",
    "dns-name",
    "ebs-optimized",
    "ena-support",
    "enclave-options.enabled",
    "group-id",
    "group-name",
    "hibernation-options.configured",
    "host-id",
    "hypervisor",
    "iam-instance-profile.arn",
    "iam-instance-profile.id",
    "iam-instance-profile.name",
    "image-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "ip-address",
    "ipv6-address",
    "kernel-id",
    "key-name",
    "launch-index",
    "launch-time",
    "maintenance-options.auto-recovery",
    "metadata-options.http-endpoint",
    "metadata-options.http-protocol-ipv4",
    "metadata-options.http-protocol-ipv6",
    "metadata-options.http-put-response-hop-limit",
    "metadata-options.http-tokens",
    "metadata-options.instance-metadata-tags",
    "metadata-options.state",
    "monitoring-state",
    "network-interface.addresses.association.allocation-id",
    "network-interface.addresses.association.association-id",
    "network-interface.addresses.association.carrier-ip",
    "network-interface.addresses.association.customer-owned-ip",
    "network-interface.addresses.association.ip-owner-id",
    "network-interface.addresses.association.public-dns-name",
    "network-interface.addresses.association.public-ip",
    "network-interface.addresses.primary",
    "network-interface.addresses.private-dns-name",
    "network-interface.addresses.private-ip-address",
    "network-interface.association.allocation-id",
    "network-interface.association.association-id",
    "network-interface.association.carrier-ip",
    "network-interface.association.customer-owned-ip",
    "network-interface.association.ip-owner-id",
    "network-interface.association.public-dns-name",
    "network-interface.association.public-ip",
    "network-interface.attachment.attach-time",
    "network-interface.attachment.attachment-id",
    "network-interface.attachment.delete-on-termination",
    "network-interface.attachment.device-index",
    "network-interface.attachment.instance-id",
    "network-interface.attachment.instance-owner-id",
    "network-interface.attachment.network-card-index",
    "network-interface.attachment.status",
    "network-interface.availability-zone",
    "network-interface.deny-all-igw-traffic",
    "network-interface.description",
    "network-interface.group-id",
    "network-interface.group-name",
    "network-interface.ipv4-prefixes.ipv4-prefix",
    "network-interface.ipv6-address",
    "network-interface.ipv6-addresses.ipv6-address",
    "network-interface.ipv6-addresses.is-primary-ipv6",
    "network-interface.ipv6-native",
    "network-interface.ipv6-prefixes.ipv6-prefix",
    "network-interface.mac-address",
    "network-interface.network-interface-id",
    "network-interface.operator.managed",
    "network-interface.operator.principal",
    "network-interface.outpost-arn",
    "network-interface.owner-id",
    "network-interface.private-dns-name",
    "network-interface.private-ip-address",
    "network-interface.public-dns-name",
    "network-interface.requester-id",
    "network-interface.requester-managed",
    "network-interface.source-dest-check",
    "network-interface.status",
    "network-interface.subnet-id",
    "network-interface.tag-key",
    "network-interface.tag-value",
    "network-interface.vpc-id",
    "network-performance-options.bandwidth-weighting",
    "operator.managed",
    "operator.principal",
    "outpost-arn",
    "owner-id",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "platform-details",
    "private-dns-name",
    "private-dns-name-options.enable-resource-name-dns-a-record",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record",
    "private-dns-name-options.hostname-type",
    "private-ip-address",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "reason",
    "requester-id",
    "reservation-id",
    "root-device-name",
    "root-device-type",
    "source-dest-check",
    "spot-instance-request-id",
    "state-reason-code",
    "state-reason-message",
    "subnet-id",
    "tenancy",
    "tpm-support",
    "usage-operation",
    "usage-operation-update-time",
    "virtualization-type",
    "vpc-id",
];

/// What an instance has under a filter's name.
pub fn values(view: &View, scope: &Scope, name: &str) -> Vec<String> {
    if let Some(name) = name.strip_prefix("network-interface.") {
        return of_interface(view, scope, name);
    }
    if let Some(name) = name.strip_prefix("block-device-mapping.") {
        return of_devices(view, name);
    }
    of_network(view, scope, name).or_else(|| of_instance(view, scope, name)).into_iter().flatten().collect()
}

fn one(text: &dyn std::fmt::Display) -> Option<Vec<String>> {
    Some(vec![text.to_string()])
}

fn some(text: Option<String>) -> Option<Vec<String>> {
    Some(text.into_iter().collect())
}

fn of_network(view: &View, scope: &Scope, name: &str) -> Option<Vec<String>> {
    let interface = view.interface.as_ref();
    match name {
        "dns-name" => some(view.public_name(scope)),
        "private-dns-name" => some(view.private_name(scope)),
        "ip-address" => some(view.public_ip().map(|address| address.to_string())),
        "private-ip-address" => some(interface.map(|i| i.private_ip.to_string())),
        "ipv6-address" => {
            let all = view.interfaces().flat_map(|(interface, _)| &interface.ipv6);
            Some(all.map(ToString::to_string).collect())
        }
        "subnet-id" => some(interface.map(|i| i.subnet.to_string())),
        "vpc-id" => some(interface.map(|i| i.vpc.to_string())),
        "source-dest-check" => some(interface.map(|i| (!i.forwards).to_string())),
        "group-id" | "instance.group-id" => {
            Some(interface.into_iter().flat_map(|i| &i.groups).map(ToString::to_string).collect())
        }
        "group-name" | "instance.group-name" => Some(view.group_names.clone()),
        _ => None,
    }
}

fn of_instance(view: &View, scope: &Scope, name: &str) -> Option<Vec<String>> {
    let instance = &view.instance;
    let enabled = |is_on: bool| one(&if is_on { "enabled" } else { "disabled" });
    match name {
        "architecture" => one(&image::architecture()),
        "availability-zone" => one(&instance.zone),
        "availability-zone-id" => one(&region::zone_id(scope.region.as_str(), &instance.zone)),
        "client-token" => some(instance.client_token.clone()),
        "hypervisor" => one(&"xen"),
        "iam-instance-profile.arn" => some(instance.profile.as_ref().map(|profile| profile.arn.clone())),
        "iam-instance-profile.id" => some(instance.profile.as_ref().map(|profile| profile.id.clone())),
        "iam-instance-profile.name" => {
            some(instance.profile.as_ref().and_then(|profile| instance_profile::name(&profile.arn)))
        }
        "image-id" => one(&instance.image),
        "instance-id" => one(&instance.id),
        "instance-state-code" => one(&view.state().code()),
        "instance-state-name" => one(&view.state().name()),
        "instance-type" => one(&instance.instance_type),
        "key-name" => some(instance.key_name.clone()),
        "launch-index" => one(&instance.launch_index),
        "launch-time" => one(&instant::iso_millis(instance.launched_at)),
        "monitoring-state" => enabled(instance.monitoring),
        "owner-id" => one(&scope.account),
        "platform-details" => one(&"Linux/UNIX"),
        "reason" => one(&super::instance::transition_reason(instance)),
        "reservation-id" => one(&instance.reservation),
        "root-device-name" => one(&view.root_device()),
        "root-device-type" => one(&"ebs"),
        "state-reason-code" => some(state_reason(instance).map(|(code, _)| code.to_owned())),
        "state-reason-message" => some(state_reason(instance).map(|(_, message)| message)),
        "boot-mode" | "current-instance-boot-mode" => one(&"legacy-bios"),
        "capacity-reservation-specification.capacity-reservation-preference" => some(preference(instance)),
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id" => {
            let target = match &instance.capacity.preference {
                Preference::Targeted(id) => Some(id.to_string()),
                _ => None,
            };
            some(target)
        }
        "ebs-optimized" => one(&instance.ebs_optimized),
        "ena-support" => one(&true),
        "enclave-options.enabled" | "hibernation-options.configured" | "operator.managed" => one(&false),
        "maintenance-options.auto-recovery" => one(&super::instance_view::auto_recovery(instance)),
        "private-dns-name-options.enable-resource-name-dns-a-record" => one(&instance.names.a_record),
        "private-dns-name-options.enable-resource-name-dns-aaaa-record" => one(&instance.names.aaaa_record),
        "private-dns-name-options.hostname-type" => one(&super::private_name::hostname_type(instance.names)),
        "usage-operation-update-time" => one(&instant::iso_millis(instance.created_at)),
        _ => of_metadata(instance, name).or_else(|| of_purchase(view, name)),
    }
}

fn preference(instance: &Instance) -> Option<String> {
    let word = match &instance.capacity.preference {
        Preference::Open => "open",
        Preference::None => "none",
        Preference::Only => "capacity-reservations-only",
        Preference::Targeted(_) => return None,
    };
    Some(word.to_owned())
}

fn of_metadata(instance: &Instance, name: &str) -> Option<Vec<String>> {
    let enabled = |is_on: bool| one(&if is_on { "enabled" } else { "disabled" });
    match name {
        "metadata-options.http-protocol-ipv4" => enabled(true),
        "metadata-options.http-protocol-ipv6" => enabled(instance.metadata.ipv6),
        "metadata-options.instance-metadata-tags" => enabled(instance.metadata.tags),
        "metadata-options.state" => one(&"applied"),
        "metadata-options.http-endpoint" => enabled(instance.metadata.enabled),
        "metadata-options.http-put-response-hop-limit" => one(&instance.metadata.hop_limit),
        "metadata-options.http-tokens" => {
            one(&if instance.metadata.tokens_required { "required" } else { "optional" })
        }
        _ => None,
    }
}

/// How it was bought, and where it is placed.
fn of_purchase(view: &View, name: &str) -> Option<Vec<String>> {
    let instance = &view.instance;
    match name {
        "tenancy" => one(&super::placement::tenancy(instance.place.tenancy)),
        "placement-group-name" => some(instance.place.group.as_ref().map(|(_, name)| name.clone())),
        "placement-partition-number" => some(instance.place.partition.map(|number| number.to_string())),
        "host-id" => some(instance.place.host.as_ref().map(ToString::to_string)),
        "affinity" => some(
            instance
                .place
                .host
                .as_ref()
                .map(|_| if instance.place.affinity { "host" } else { "default" }.to_owned()),
        ),
        "usage-operation" => one(&"RunInstances"),
        "instance-lifecycle" => some(instance.spot.as_ref().map(|_| "spot".to_owned())),
        "spot-instance-request-id" => some(instance.spot.as_ref().map(|spot| spot.request.to_string())),
        "capacity-reservation-id" => some(instance.capacity.reservation.as_ref().map(ToString::to_string)),
        "virtualization-type" => one(&"hvm"),
        // The rest is of what no instance here has: a platform, a kernel, a product code.
        _ => None,
    }
}

fn of_interface(view: &View, scope: &Scope, name: &str) -> Vec<String> {
    view.interfaces().flat_map(|(interface, names)| of_one(view, (interface, names), scope, name)).collect()
}

fn of_one(
    view: &View,
    (interface, group_names): (&NetworkInterface, &[String]),
    scope: &Scope,
    name: &str,
) -> Vec<String> {
    let (region, attachment) = (scope.region.as_str(), interface.attachment.as_ref());
    let named = |public| region::public_dns_name(region, public);
    let publics =
        |of: &dyn Fn(Ipv4Addr) -> String| -> Vec<String> { interface.public_ips().map(of).collect() };
    let first = |text: &dyn Fn(Ipv4Addr) -> String| interface.public_ip.map(text).into_iter().collect();
    let owner = |_| address_owner(interface, scope);
    let text = match name {
        "addresses.association.public-ip" => return publics(&|public| public.to_string()),
        "addresses.association.public-dns-name" if view.has_public_name => return publics(&named),
        "addresses.association.ip-owner-id" => return publics(&owner),
        "addresses.primary" => {
            return interface.private_ips().map(|ip| (ip == interface.private_ip).to_string()).collect();
        }
        "addresses.private-dns-name" => {
            return interface.private_ips().map(|ip| region::private_dns_name(region, ip)).collect();
        }
        "addresses.private-ip-address" => return interface.private_ips().map(|ip| ip.to_string()).collect(),
        "association.public-ip" => return first(&|public| public.to_string()),
        "association.public-dns-name" | "public-dns-name" if view.has_public_name => return first(&named),
        "association.ip-owner-id" => return first(&owner),
        "association.allocation-id" | "addresses.association.allocation-id" => {
            return interface.elastic.iter().map(ToString::to_string).collect();
        }
        "attachment.attach-time" => {
            return attachment.iter().map(|it| instant::iso_millis(it.attached_at)).collect();
        }
        "attachment.attachment-id" => return attachment.iter().map(|it| it.id.to_string()).collect(),
        "attachment.delete-on-termination" => {
            return attachment.iter().map(|it| it.delete_on_termination.to_string()).collect();
        }
        "attachment.device-index" => {
            return attachment.iter().map(|it| it.device_index.to_string()).collect();
        }
        "attachment.instance-id" => view.instance.id.to_string(),
        "attachment.instance-owner-id" | "owner-id" => scope.account.to_string(),
        "attachment.network-card-index" => "0".to_owned(),
        "attachment.status" => ATTACHED.to_owned(),
        "availability-zone" => interface.zone.clone(),
        "description" => interface.description.clone(),
        "group-id" => return interface.groups.iter().map(ToString::to_string).collect(),
        "group-name" => return group_names.to_vec(),
        "ipv6-address" | "ipv6-addresses.ipv6-address" => {
            return interface.ipv6.iter().map(ToString::to_string).collect();
        }
        "mac-address" => interface.mac.clone(),
        "network-interface-id" => interface.id.to_string(),
        "private-dns-name" => region::private_dns_name(region, interface.private_ip),
        "private-ip-address" => interface.private_ip.to_string(),
        "requester-managed" => "false".to_owned(),
        "source-dest-check" => (!interface.forwards).to_string(),
        "status" => "in-use".to_owned(),
        "subnet-id" => interface.subnet.to_string(),
        "vpc-id" => interface.vpc.to_string(),
        // The rest is of what no interface here has: a carrier's address, a prefix, an outpost.
        _ => return Vec::new(),
    };
    vec![text]
}

fn of_devices(view: &View, name: &str) -> Vec<String> {
    let holder = &view.instance.id;
    let held = view.volumes.iter().filter_map(|volume| Some((volume, volume.held_by(holder)?)));
    let value = |(volume, held): (&Volume, &Attachment)| {
        Some(match name {
            "attach-time" => instant::iso_millis(held.at),
            "delete-on-termination" => held.delete_on_termination.to_string(),
            "device-name" => held.device.clone(),
            "status" => attachment_state(held).to_owned(),
            "volume-id" => volume.id.to_string(),
            _ => return None,
        })
    };
    held.filter_map(value).collect()
}
