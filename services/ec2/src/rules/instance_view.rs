//! An instance as the API shows it.

use std::net::Ipv4Addr;

use api_ec2 as api;
use kernel::Scope;
use shape::Timestamp;

use super::instance::{State, state_reason, transition_reason};
use super::network_interface::{ATTACHED, kind, status};
use super::{image, instance_type, metadata_options, private_name, region, volume_view};
use crate::state::id::GroupId;
use crate::state::instance::{Instance, Preference, Tenancy};
use crate::state::network_interface::NetworkInterface;
use crate::state::tag::Tags;
use crate::state::volume::Volume;

/// An instance and what belongs to it.
#[derive(Clone, Debug)]
pub struct View {
    pub instance: Instance,
    /// None any more once it is terminated.
    pub interface: Option<NetworkInterface>,
    /// Its VPC gives public addresses names.
    pub has_public_name: bool,
    /// Names of the interface's groups, in their order.
    pub group_names: Vec<String>,
    /// Its further interfaces, by their device indexes, with the names of their groups.
    pub further: Vec<(NetworkInterface, Vec<String>)>,
    pub tags: Tags,
    /// Those it has, by their devices' names.
    pub volumes: Vec<Volume>,
}

impl View {
    pub fn state(&self) -> State {
        self.instance.state()
    }

    pub fn public_ip(&self) -> Option<Ipv4Addr> {
        self.interface.as_ref()?.public_ip
    }

    pub fn root_device(&self) -> String {
        let root = self.volumes.iter().find(|volume| volume.id == self.instance.root.id);
        let held = root.and_then(|root| root.held_by(&self.instance.id));
        held.map_or_else(|| image::ROOT_DEVICE.to_owned(), |held| held.device.clone())
    }

    pub fn private_name(&self, scope: &Scope) -> Option<String> {
        self.interface.as_ref()?;
        Some(private_name::full_name(scope.region.as_str(), &self.instance))
    }

    pub fn public_name(&self, scope: &Scope) -> Option<String> {
        let address = self.public_ip().filter(|_| self.has_public_name)?;
        Some(region::public_dns_name(scope.region.as_str(), address))
    }

    pub fn groups(&self) -> Vec<api::GroupIdentifier> {
        self.interface.as_ref().map(|interface| groups(interface, &self.group_names)).unwrap_or_default()
    }

    /// Every interface it has, the first one first, with the names of their groups.
    pub fn interfaces(&self) -> impl Iterator<Item = (&NetworkInterface, &[String])> {
        let first = self.interface.iter().map(|interface| (interface, &*self.group_names));
        first.chain(self.further.iter().map(|(interface, names)| (interface, &**names)))
    }
}

fn groups(interface: &NetworkInterface, names: &[String]) -> Vec<api::GroupIdentifier> {
    let group = |(id, name): (&GroupId, &String)| api::GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: Some(name.clone()),
    };
    interface.groups.iter().zip(names).map(group).collect()
}

pub fn state(state: State) -> api::InstanceState {
    api::InstanceState { code: Some(state.code()), name: Some(state.name().to_owned()) }
}

/// As DescribeInstances and RunInstances show it.
pub fn show(view: &View, scope: &Scope) -> api::Instance {
    let instance = &view.instance;
    let alive = view.interface.is_some();
    let reason = state_reason(instance);
    api::Instance {
        instance_id: Some(instance.id.to_string()),
        image_id: Some(instance.image.to_string()),
        state: Some(state(view.state())),
        private_dns_name: Some(view.private_name(scope).unwrap_or_default()),
        public_dns_name: Some(view.public_name(scope).unwrap_or_default()),
        state_transition_reason: Some(transition_reason(instance)),
        state_reason: reason
            .map(|(code, message)| api::StateReason { code: Some(code.to_owned()), message: Some(message) }),
        key_name: instance.key_name.clone(),
        ami_launch_index: i32::try_from(instance.launch_index).ok(),
        product_codes: Some(Vec::new()),
        instance_type: Some(instance.instance_type.clone()),
        launch_time: Some(Timestamp::from_millis(instance.launched_at)),
        placement: Some(placement(instance, scope)),
        monitoring: Some(monitoring(instance)),
        subnet_id: alive.then(|| instance.subnet.to_string()),
        vpc_id: alive.then(|| instance.vpc.to_string()),
        private_ip_address: alive.then(|| instance.private_ip.to_string()),
        public_ip_address: view.public_ip().map(|address| address.to_string()),
        architecture: Some(image::architecture().to_owned()),
        block_device_mappings: Some(volume_view::mappings(view)),
        client_token: Some(instance.client_token.clone().unwrap_or_default()),
        ebs_optimized: Some(instance.ebs_optimized),
        ena_support: Some(true),
        hypervisor: Some("xen".to_owned()),
        network_interfaces: Some(view.interfaces().filter_map(|one| interface(view, one, scope)).collect()),
        root_device_name: Some(view.root_device()),
        root_device_type: Some("ebs".to_owned()),
        security_groups: Some(view.groups()),
        source_dest_check: view.interface.as_ref().map(|interface| !interface.forwards),
        tags: super::tag::shown(&view.tags),
        virtualization_type: Some("hvm".to_owned()),
        instance_lifecycle: instance.spot.as_ref().map(|_| "spot".to_owned()),
        spot_instance_request_id: instance.spot.as_ref().map(|spot| spot.request.to_string()),
        capacity_reservation_id: instance.capacity.reservation.as_ref().map(ToString::to_string),
        capacity_reservation_specification: Some(preference(&instance.capacity.preference)),
        cpu_options: cpu_options(instance),
        hibernation_options: Some(api::HibernationOptions { configured: Some(false) }),
        metadata_options: Some(metadata_options::shown(&instance.metadata)),
        enclave_options: Some(api::EnclaveOptions { enabled: Some(false) }),
        boot_mode: Some("legacy-bios".to_owned()),
        current_instance_boot_mode: Some("legacy-bios".to_owned()),
        platform_details: Some("Linux/UNIX".to_owned()),
        usage_operation: Some("RunInstances".to_owned()),
        usage_operation_update_time: Some(Timestamp::from_millis(instance.created_at)),
        iam_instance_profile: instance.profile.as_ref().map(super::instance_profile::shown),
        private_dns_name_options: Some(private_name::shown(instance.names)),
        maintenance_options: Some(api::InstanceMaintenanceOptions {
            auto_recovery: Some(auto_recovery(instance).to_owned()),
            ..Default::default()
        }),
        ..api::Instance::default()
    }
}

pub fn auto_recovery(instance: &Instance) -> &'static str {
    if instance.maintenance.recovery_off { "disabled" } else { "default" }
}

fn preference(preference: &Preference) -> api::CapacityReservationSpecificationResponse {
    let (word, target) = match preference {
        Preference::Open => (Some("open"), None),
        Preference::None => (Some("none"), None),
        Preference::Only => (Some("capacity-reservations-only"), None),
        Preference::Targeted(id) => (None, Some(id.to_string())),
    };
    api::CapacityReservationSpecificationResponse {
        capacity_reservation_preference: word.map(str::to_owned),
        capacity_reservation_target: target.map(|id| api::CapacityReservationTargetResponse {
            capacity_reservation_id: Some(id),
            ..Default::default()
        }),
    }
}

fn placement(instance: &Instance, scope: &Scope) -> api::Placement {
    let place = &instance.place;
    let affinity = match (place.tenancy, place.affinity) {
        (Tenancy::Host, true) => Some("host"),
        (Tenancy::Host, false) => Some("default"),
        _ => None,
    };
    api::Placement {
        availability_zone: Some(instance.zone.clone()),
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &instance.zone)),
        group_name: Some(place.group.as_ref().map(|(_, name)| name.clone()).unwrap_or_default()),
        group_id: place.group.as_ref().map(|(id, _)| id.to_string()),
        partition_number: place.partition.and_then(|partition| i32::try_from(partition).ok()),
        host_id: place.host.as_ref().map(ToString::to_string),
        affinity: affinity.map(str::to_owned),
        tenancy: Some(super::placement::tenancy(place.tenancy).to_owned()),
        ..Default::default()
    }
}

fn monitoring(instance: &Instance) -> api::Monitoring {
    let state = if instance.monitoring { "enabled" } else { "disabled" };
    api::Monitoring { state: Some(state.to_owned()) }
}

fn cpu_options(instance: &Instance) -> Option<api::CpuOptions> {
    let size = instance_type::find(&instance.instance_type)?;
    Some(api::CpuOptions {
        core_count: i32::try_from(size.cores).ok(),
        threads_per_core: i32::try_from(size.threads_per_core()).ok(),
        ..Default::default()
    })
}

fn interface(
    view: &View,
    (interface, names): (&NetworkInterface, &[String]),
    scope: &Scope,
) -> Option<api::InstanceNetworkInterface> {
    let region = scope.region.as_str();
    let attachment = interface.attachment.as_ref()?;
    let addresses = addresses(view, interface, scope);
    Some(api::InstanceNetworkInterface {
        association: addresses.first().and_then(|first| first.association.clone()),
        attachment: Some(api::InstanceNetworkInterfaceAttachment {
            attach_time: Some(Timestamp::from_millis(attachment.attached_at)),
            attachment_id: Some(attachment.id.to_string()),
            delete_on_termination: Some(attachment.delete_on_termination),
            device_index: Some(attachment.device_index),
            status: Some(ATTACHED.to_owned()),
            network_card_index: Some(0),
            ..Default::default()
        }),
        description: Some(interface.description.clone()),
        groups: Some(groups(interface, names)),
        ipv6_addresses: Some(interface.ipv6.iter().map(ipv6_address).collect()),
        mac_address: Some(interface.mac.clone()),
        network_interface_id: Some(interface.id.to_string()),
        owner_id: Some(scope.account.to_string()),
        private_dns_name: Some(region::private_dns_name(region, interface.private_ip)),
        private_ip_address: Some(interface.private_ip.to_string()),
        private_ip_addresses: Some(addresses),
        source_dest_check: Some(!interface.forwards),
        status: Some(status(interface).to_owned()),
        subnet_id: Some(interface.subnet.to_string()),
        vpc_id: Some(interface.vpc.to_string()),
        interface_type: Some(kind(interface).to_owned()),
        ..Default::default()
    })
}

/// The private addresses of an interface, the primary one first.
fn addresses(view: &View, interface: &NetworkInterface, scope: &Scope) -> Vec<api::InstancePrivateIpAddress> {
    let region = scope.region.as_str();
    let association = |public: Ipv4Addr, is_elastic: bool| api::InstanceNetworkInterfaceAssociation {
        ip_owner_id: Some(if is_elastic { scope.account.to_string() } else { "amazon".to_owned() }),
        public_dns_name: view.has_public_name.then(|| region::public_dns_name(region, public)),
        public_ip: Some(public.to_string()),
        ..Default::default()
    };
    let show = |primary, private_ip, association| api::InstancePrivateIpAddress {
        association,
        primary: Some(primary),
        private_dns_name: Some(region::private_dns_name(region, private_ip)),
        private_ip_address: Some(private_ip.to_string()),
    };
    let of_first = interface.public_ip.map(|public| association(public, interface.elastic.is_some()));
    let further = interface.secondary.iter().map(|other| {
        let public = other.elastic.as_ref().map(|elastic| association(elastic.address, true));
        show(false, other.private_ip, public)
    });
    std::iter::once(show(true, interface.private_ip, of_first)).chain(further).collect()
}

fn ipv6_address(address: &std::net::Ipv6Addr) -> api::InstanceIpv6Address {
    api::InstanceIpv6Address { ipv6_address: Some(address.to_string()), ..Default::default() }
}
