//! Network interfaces and their private addresses.

use std::fmt::Display;
use std::net::Ipv4Addr;

use kernel::{Error, Kind};

use super::{malformed, not_found, nothing_named};
use crate::state::id::{AttachmentId, InterfaceId};

pub fn interface_not_found(id: impl Display) -> Error {
    not_found("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)
}

pub fn interface_malformed(text: &str) -> Error {
    malformed::<InterfaceId>("InvalidNetworkInterfaceId.Malformed", text)
}

pub fn address_outside_subnet(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} does not fall within the subnet's address range");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_reserved(address: Ipv4Addr) -> Error {
    let message = format!("Address {address} is in subnet's reserved address range");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn address_in_use(address: Ipv4Addr) -> Error {
    Error::new(Kind::Conflict, "InvalidIPAddress.InUse", format!("Address {address} is in use."))
}

pub fn addresses_per_interface_limit() -> Error {
    let message = "The maximum number of private addresses per interface has been reached.";
    Error::new(Kind::Limit, "PrivateIpAddressLimitExceeded", message)
}

/// The code of [`interface_in_use`].
pub const INTERFACE_IN_USE: &str = "InvalidNetworkInterface.InUse";

pub fn interface_in_use(id: &InterfaceId) -> Error {
    let message = format!("Network interface '{id}' is currently in use.");
    Error::new(Kind::Conflict, INTERFACE_IN_USE, message)
}

pub fn interface_managed(id: &InterfaceId) -> Error {
    let message = format!("You are not allowed to manage '{id}' attachments: it is managed by AWS.");
    Error::new(Kind::Denied, "OperationNotPermitted", message)
}

pub fn attachment_not_found(id: impl Display) -> Error {
    nothing_named::<AttachmentId>("InvalidNetworkInterfaceAttachmentId.Malformed", id, |id| {
        let message = format!("The attachment '{id}' does not exist.");
        Error::new(Kind::NotFound, "InvalidAttachmentID.NotFound", message)
    })
}

pub fn primary_detach(id: impl Display) -> Error {
    let message = format!("The network interface at device index 0 cannot be detached: {id}");
    Error::new(Kind::Invalid, "OperationNotPermitted", message)
}

pub fn device_index_taken(instance: impl Display, index: i32) -> Error {
    let message =
        format!("Instance '{instance}' already has an interface attached at device index '{index}'.");
    Error::new(Kind::Conflict, "InvalidParameterValue", message)
}

pub fn address_not_of_interface(address: Ipv4Addr, id: &InterfaceId) -> Error {
    let message = format!("Some of [{address}] are not assigned to interface {id}");
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn attach_state(instance: impl Display, state: &str) -> Error {
    let message = format!("Instance '{instance}' is not 'running' or 'stopped': it is '{state}'.");
    Error::new(Kind::Conflict, "IncorrectInstanceState", message)
}

pub fn attach_elsewhere(id: &InterfaceId, instance: impl Display) -> Error {
    let message = format!(
        "You may not attach the network interface {id} to instance {instance}: they are not in the same VPC and Availability Zone."
    );
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

pub fn several_interfaces(instance: impl Display) -> Error {
    let message = format!(
        "There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the operation instead."
    );
    Error::new(Kind::Invalid, "InvalidInstanceID", message)
}

pub fn interfaces_too_many(count: usize, instance_type: &str) -> Error {
    let message = format!("Interface count {count} exceeds the limit for {instance_type}");
    Error::new(Kind::Limit, "AttachmentLimitExceeded", message)
}

pub fn addresses_at_launch(count: usize, most: usize, instance_type: &str) -> Error {
    let message = format!(
        "{count} addresses of an interface are more than the {most} an instance of {instance_type} may have."
    );
    Error::new(Kind::Limit, "InvalidInterface.IpAddressLimitExceeded", message)
}

pub fn interface_limit() -> Error {
    let message = "The maximum number of network interfaces has been reached.";
    Error::new(Kind::Limit, "NetworkInterfaceLimitExceeded", message)
}
