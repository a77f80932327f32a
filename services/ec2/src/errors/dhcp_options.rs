//! DHCP options.

use std::fmt::Display;

use kernel::Error;

use super::not_found;

pub fn dhcp_options_not_found(id: impl Display) -> Error {
    not_found("InvalidDhcpOptionID.NotFound", "dhcpOption", id)
}
