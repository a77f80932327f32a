//! Filters of DHCP options.

use kernel::Scope;

use crate::state::dhcp_options::DhcpOptions;

pub const FILTERS: &[&str] = &["dhcp-options-id", "key", "owner-id", "value"];

/// What options have under the name of a filter.
pub fn values(options: &DhcpOptions, scope: &Scope, name: &str) -> Vec<String> {
    match name {
        "dhcp-options-id" => vec![options.id.to_string()],
        "key" => options.options.keys().cloned().collect(),
        "owner-id" => vec![scope.account.to_string()],
        "value" => options.options.values().flatten().cloned().collect(),
        _ => Vec::new(),
    }
}
