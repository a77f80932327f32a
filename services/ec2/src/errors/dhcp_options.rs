//! DHCP options.

use std::fmt::Display;

use kernel::Error;

use super::{dependency, invalid_parameter_value, not_found, nothing_named};
use crate::state::id::DhcpOptionsId;

pub fn dhcp_options_not_found(id: impl Display) -> Error {
    nothing_named::<DhcpOptionsId>("InvalidDhcpOptionsId.Malformed", id, |id| {
        not_found("InvalidDhcpOptionID.NotFound", "dhcpOption", id)
    })
}

pub fn dhcp_options_in_use(id: impl Display) -> Error {
    dependency("dhcpOptions", id)
}

pub fn dhcp_option_unknown(key: &str) -> Error {
    invalid_parameter_value(format!("Value ({key}) for parameter value is invalid. Unknown DHCP option"))
}
