//! By what instances can be sought (EC2 API reference, "DescribeInstances").

use kernel::Scope;

use super::instance::state_reason;
use super::instance_view::View;
use super::volume::attachment_state;
use super::{image, instance_profile, instant, region};
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
    "capacity-reservation-id",
    "client-token",
    "dns-name",
    "group-id",
    "group-name",
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
    "kernel-id",
    "key-name",
    "launch-index",
    "launch-time",
    "metadata-options.http-endpoint",
    "metadata-options.http-put-response-hop-limit",
    "metadata-options.http-tokens",
    "monitoring-state",
    "network-interface.addresses.association.public-ip",
    "network-interface.addresses.primary",
    "network-interface.addresses.private-ip-address",
    "network-interface.association.public-ip",
    "network-interface.attachment.attachment-id",
    "network-interface.attachment.instance-id",
    "network-interface.availability-zone",
    "network-interface.description",
    "network-interface.group-id",
    "network-interface.group-name",
    "network-interface.mac-address",
    "network-interface.network-interface-id",
    "network-interface.owner-id",
    "network-interface.private-dns-name",
    "network-interface.private-ip-address",
    "network-interface.status",
    "network-interface.subnet-id",
    "network-interface.vpc-id",
    "owner-id",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "platform-details",
    "private-dns-name",
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
    "usage-operation",
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
        "subnet-id" => some(interface.map(|i| i.subnet.to_string())),
        "vpc-id" => some(interface.map(|i| i.vpc.to_string())),
        "source-dest-check" => some(interface.map(|_| "true".to_owned())),
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
        "metadata-options.http-endpoint" => enabled(instance.metadata.enabled),
        "metadata-options.http-put-response-hop-limit" => one(&instance.metadata.hop_limit),
        "metadata-options.http-tokens" => {
            one(&if instance.metadata.tokens_required { "required" } else { "optional" })
        }
        "monitoring-state" => enabled(instance.monitoring),
        "owner-id" => one(&scope.account),
        "platform-details" => one(&"Linux/UNIX"),
        "reason" => one(&super::instance::transition_reason(instance)),
        "reservation-id" => one(&instance.reservation),
        "root-device-name" => one(&view.root_device()),
        "root-device-type" => one(&"ebs"),
        "state-reason-code" => some(state_reason(instance).map(|(code, _)| code.to_owned())),
        "state-reason-message" => some(state_reason(instance).map(|(_, message)| message)),
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
    let Some(interface) = &view.interface else { return Vec::new() };
    match name {
        "addresses.association.public-ip" | "association.public-ip" => {
            view.public_ip().map(|address| address.to_string()).into_iter().collect()
        }
        "addresses.primary" => vec!["true".to_owned()],
        "addresses.private-ip-address" | "private-ip-address" => vec![interface.private_ip.to_string()],
        "attachment.attachment-id" => interface.attachment.iter().map(|it| it.id.to_string()).collect(),
        "attachment.instance-id" => vec![view.instance.id.to_string()],
        "availability-zone" => vec![interface.zone.clone()],
        "description" => vec![interface.description.clone()],
        "group-id" => interface.groups.iter().map(ToString::to_string).collect(),
        "group-name" => view.group_names.clone(),
        "mac-address" => vec![interface.mac.clone()],
        "network-interface-id" => vec![interface.id.to_string()],
        "owner-id" => vec![scope.account.to_string()],
        "private-dns-name" => view.private_name(scope).into_iter().collect(),
        "status" => vec!["in-use".to_owned()],
        "subnet-id" => vec![interface.subnet.to_string()],
        "vpc-id" => vec![interface.vpc.to_string()],
        _ => Vec::new(),
    }
}

fn of_devices(view: &View, name: &str) -> Vec<String> {
    let held = view.volumes.iter().filter_map(|volume| Some((volume, volume.attachment.as_ref()?)));
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
