//! Every error EC2 answers, in AWS's codes and words (EC2 API reference, "Error codes"). The text of messages lives
//! here and only here: in this file what several resources have in common, in the others what is one's own.

mod address;
mod capacity;
mod capacity_reservation;
mod dhcp_options;
mod egress_only_internet_gateway;
mod encryption;
mod export_task;
mod filter;
mod fleet;
mod flow_log;
mod image;
mod image_store;
mod import_task;
mod instance;
mod instance_profile;
mod instance_type;
mod internet_gateway;
mod ipv6;
mod key_pair;
mod launch;
mod launch_template;
mod nat_gateway;
mod network_acl;
mod network_interface;
mod page;
mod peering;
mod permission;
mod placement;
mod prefix_list;
mod public_address;
mod region;
mod reserved_instances;
mod route_table;
mod scheduled_event;
mod security_group;
mod security_group_rule;
mod snapshot;
mod spot;
mod subnet;
mod tag;
mod volume;
mod vpc;
mod vpc_endpoint;

use std::fmt::Display;

use kernel::{Error, Kind};

pub use address::*;
pub use capacity::*;
pub use capacity_reservation::*;
pub use dhcp_options::*;
pub use egress_only_internet_gateway::*;
pub use encryption::*;
pub use export_task::*;
pub use filter::*;
pub use fleet::*;
pub use flow_log::*;
pub use image::*;
pub use image_store::*;
pub use import_task::*;
pub use instance::*;
pub use instance_profile::*;
pub use instance_type::*;
pub use internet_gateway::*;
pub use ipv6::*;
pub use key_pair::*;
pub use launch::*;
pub use launch_template::*;
pub use nat_gateway::*;
pub use network_acl::*;
pub use network_interface::*;
pub use page::*;
pub use peering::*;
pub use permission::*;
pub use placement::*;
pub use prefix_list::*;
pub use public_address::*;
pub use region::*;
pub use reserved_instances::*;
pub use route_table::*;
pub use scheduled_event::*;
pub use security_group::*;
pub use security_group_rule::*;
pub use snapshot::*;
pub use spot::*;
pub use subnet::*;
pub use tag::*;
pub use volume::*;
pub use vpc::*;
pub use vpc_endpoint::*;

use crate::state::id::Id;

/// The request would have been obeyed, had it not asked for nothing but that answer.
pub fn dry_run() -> Error {
    let message = "Request would have succeeded, but DryRun flag is set.";
    Error::new(Kind::Invalid, "DryRunOperation", message).status_is(412)
}

pub fn missing(name: &str) -> Error {
    let message = format!("The request must contain the parameter {name}");
    Error::new(Kind::Invalid, "MissingParameter", message)
}

pub fn invalid_value(value: impl Display, name: &str) -> Error {
    invalid_parameter_value(format!("Value ({value}) for parameter {name} is invalid."))
}

pub fn invalid_because(value: impl Display, name: &str, why: &str) -> Error {
    invalid_parameter_value(format!("Value ({value}) for parameter {name} is invalid. {why}"))
}

pub fn invalid_parameter_value(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterValue", message)
}

pub fn combination(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "InvalidParameterCombination", message)
}

/// A text that cannot be an id of this kind. `code` is the kind's own: `InvalidGroupId.Malformed`.
pub fn malformed<I: Id>(code: &'static str, text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\" (expecting \"{}...\")", I::PREFIX);
    Error::new(Kind::Invalid, code, message)
}

/// What is said of an id that names nothing: `code` where the text cannot be an id of this kind, else that it does not exist.
/// Kinds that have no such code of their own, by the reference's list, say the latter of both.
fn nothing_named<I: Id>(
    code: &'static str,
    id: impl Display,
    not_found: impl FnOnce(&str) -> Error,
) -> Error {
    let text = id.to_string();
    if text.is_empty() || I::parse(&text).is_some() { not_found(&text) } else { malformed::<I>(code, &text) }
}

fn not_found(code: &'static str, noun: &str, id: impl Display) -> Error {
    Error::new(Kind::NotFound, code, format!("The {noun} ID '{id}' does not exist"))
}

/// Something else needs the resource.
fn dependency(noun: &str, id: impl Display) -> Error {
    let message = format!("The {noun} '{id}' has dependencies and cannot be deleted.");
    Error::new(Kind::Conflict, "DependencyViolation", message)
}

pub fn attribute_unknown(name: &str) -> Error {
    invalid_because(name, "attribute", "Unknown attribute.")
}

pub fn account_invalid(account: &str) -> Error {
    Error::new(Kind::Invalid, "InvalidUserID.Malformed", format!("Invalid user id: \"{account}\""))
}

/// `i-1, i-2` as AWS lists ids in messages.
fn listed(ids: &[String]) -> String {
    ids.join(", ")
}

pub fn token_mismatched(token: &str) -> Error {
    let message = format!(
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s). Client token: {token}"
    );
    Error::new(Kind::Conflict, "IdempotentParameterMismatch", message)
}

/// Something EC2 knows and this cloud does not do (yet), named.
pub fn unsupported(what: &str) -> Error {
    Error::new(Kind::Invalid, "UnsupportedOperation", format!("{what} is not supported by this cloud."))
}

pub fn no_such_device(name: &str) -> Error {
    let message = format!("No device is currently mapped at {name}");
    Error::new(Kind::Invalid, "InvalidInstanceAttributeValue", message)
}

pub fn no_attributes() -> Error {
    combination("No attributes specified.")
}

pub fn several_attributes() -> Error {
    combination("Fields for multiple attribute types specified.")
}
