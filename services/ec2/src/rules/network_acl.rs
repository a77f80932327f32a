//! What the ACL of a new VPC says.

use kernel::Scope;

use crate::rules::vpc::ANYWHERE;
use crate::state::network_acl::{Entry, NetworkAcl};

/// The number AWS shows for the last word, which cannot be changed: `*` on its console.
pub const LAST_RULE: i32 = 32_767;
/// Where rules begin by custom.
const FIRST_RULE: i32 = 100;

/// Everything passes, both ways.
pub fn default_entries() -> Vec<Entry> {
    let entry =
        |number, egress, allow| Entry { number, egress, allow, protocol: "-1".to_owned(), cidr: ANYWHERE };
    vec![
        entry(FIRST_RULE, true, true),
        entry(LAST_RULE, true, false),
        entry(FIRST_RULE, false, true),
        entry(LAST_RULE, false, false),
    ]
}

pub const FILTERS: &[&str] = &[
    "association.association-id",
    "association.network-acl-id",
    "association.subnet-id",
    "default",
    "entry.cidr",
    "entry.egress",
    "entry.protocol",
    "entry.rule-action",
    "entry.rule-number",
    "network-acl-id",
    "owner-id",
    "vpc-id",
];

pub fn action(entry: &Entry) -> &'static str {
    if entry.allow { "allow" } else { "deny" }
}

/// What an ACL has under the name of a filter.
pub fn values(acl: &NetworkAcl, scope: &Scope, name: &str) -> Vec<String> {
    let associations = acl.associations.iter();
    let entries = acl.entries.iter();
    match name {
        "association.association-id" => associations.map(|a| a.id.to_string()).collect(),
        "association.network-acl-id" => associations.map(|_| acl.id.to_string()).collect(),
        "association.subnet-id" => associations.map(|a| a.subnet.to_string()).collect(),
        "default" => vec![acl.is_default.to_string()],
        "entry.cidr" => entries.map(|e| e.cidr.to_string()).collect(),
        "entry.egress" => entries.map(|e| e.egress.to_string()).collect(),
        "entry.protocol" => entries.map(|e| e.protocol.clone()).collect(),
        "entry.rule-action" => entries.map(|e| action(e).to_owned()).collect(),
        "entry.rule-number" => entries.map(|e| e.number.to_string()).collect(),
        "network-acl-id" => vec![acl.id.to_string()],
        "owner-id" => vec![scope.account.to_string()],
        "vpc-id" => vec![acl.vpc.to_string()],
        _ => Vec::new(),
    }
}
