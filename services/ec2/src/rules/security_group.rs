//! What security groups may be called and hold, and which filters find them.

use std::collections::BTreeMap;

use kernel::{Result, Scope};

use crate::errors;
use crate::rules::permission;
use crate::state::id::{GroupId, PrefixListId};
use crate::state::security_group::{Peer, Rule, SecurityGroup};

pub const DEFAULT_NAME: &str = "default";
pub const DEFAULT_DESCRIPTION: &str = "default VPC security group";
/// AWS's default quota, "Inbound or outbound rules per security group", each way.
pub const RULES_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 255;
/// Besides letters, digits and spaces (EC2 API reference, CreateSecurityGroup).
const PUNCTUATION: &str = "._-:/()#,@[]+=&;{}!$*";

/// # Errors
/// When a name or description cannot be a new group's.
pub fn check_new(name: &str, description: &str) -> Result<()> {
    for (text, parameter) in [(name, "GroupName"), (description, "GroupDescription")] {
        if !text.is_ascii() {
            return Err(errors::beyond_ascii(text, parameter));
        }
        if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(is_allowed) {
            return Err(errors::group_text_invalid(text, parameter));
        }
    }
    if name == DEFAULT_NAME {
        return Err(errors::group_name_reserved(name));
    }
    if name.starts_with("sg-") {
        return Err(errors::group_name_like_id(name));
    }
    Ok(())
}

/// Whether a character may stand in names and descriptions of groups and rules.
pub fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ' ' || PUNCTUATION.contains(c)
}

/// Adds rules to a group.
///
/// # Errors
/// When one is there already.
pub fn add(group: &mut SecurityGroup, rules: Vec<Rule>) -> Result<()> {
    for rule in &rules {
        if let Some(known) = group.rules.iter().find(|known| is_same(known, rule)) {
            return Err(errors::permission_duplicate(&permission::described(known)));
        }
    }
    group.rules.extend(rules);
    Ok(())
}

/// A rule counts for one, one that names a prefix list for as many as that may hold: `sizes` (VPC user guide, "Prefix
/// lists").
///
/// # Errors
/// When there are too many.
pub fn check_size(group: &SecurityGroup, sizes: &BTreeMap<PrefixListId, i32>) -> Result<()> {
    let weight = |rule: &Rule| match &rule.peer {
        Peer::PrefixList(id) => sizes.get(id).and_then(|size| usize::try_from(*size).ok()).unwrap_or(1),
        _ => 1,
    };
    for egress in [true, false] {
        if group.rules.iter().filter(|rule| rule.egress == egress).map(weight).sum::<usize>() > RULES_MAX {
            return Err(errors::rules_limit());
        }
    }
    Ok(())
}

/// Whether two rules let the same through, whatever their descriptions say.
pub fn is_same(a: &Rule, b: &Rule) -> bool {
    (a.egress, a.traffic, &a.peer) == (b.egress, b.traffic, &b.peer)
}

/// The direction's part of a filter name, and the rest.
const EGRESS: &str = "egress.";

pub const FILTERS: &[&str] = &[
    "description",
    "egress.ip-permission.cidr",
    "egress.ip-permission.from-port",
    "egress.ip-permission.group-id",
    "egress.ip-permission.group-name",
    "egress.ip-permission.ipv6-cidr",
    "egress.ip-permission.prefix-list-id",
    "egress.ip-permission.protocol",
    "egress.ip-permission.to-port",
    "egress.ip-permission.user-id",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.group-name",
    "ip-permission.ipv6-cidr",
    "ip-permission.prefix-list-id",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "owner-id",
    "vpc-id",
];

/// What a group has under the name of a filter.
pub fn values(
    group: &SecurityGroup,
    names: &BTreeMap<GroupId, String>,
    scope: &Scope,
    name: &str,
) -> Vec<String> {
    match name {
        "description" => vec![group.description.clone()],
        "group-id" => vec![group.id.to_string()],
        "group-name" => vec![group.name.clone()],
        "owner-id" => vec![scope.account.to_string()],
        "vpc-id" => vec![group.vpc.to_string()],
        _ => {
            let egress = name.starts_with(EGRESS);
            let name = name.strip_prefix(EGRESS).unwrap_or(name);
            let rules = group.rules.iter().filter(|rule| rule.egress == egress);
            rules.filter_map(|rule| permission_value(rule, names, name)).collect()
        }
    }
}

fn permission_value(rule: &Rule, names: &BTreeMap<GroupId, String>, name: &str) -> Option<String> {
    let (from, to) = permission::ports(rule.traffic);
    match (name, &rule.peer) {
        ("ip-permission.cidr", Peer::Ipv4(cidr)) => Some(cidr.to_string()),
        ("ip-permission.ipv6-cidr", Peer::Ipv6(cidr)) => Some(cidr.to_string()),
        ("ip-permission.group-id", Peer::Group { id, .. }) => Some(id.to_string()),
        ("ip-permission.group-name", Peer::Group { id, .. }) => names.get(id).cloned(),
        ("ip-permission.user-id", Peer::Group { account, .. }) => Some(account.to_string()),
        ("ip-permission.prefix-list-id", Peer::PrefixList(id)) => Some(id.to_string()),
        ("ip-permission.from-port", _) => from.map(|port| port.to_string()),
        ("ip-permission.to-port", _) => to.map(|port| port.to_string()),
        ("ip-permission.protocol", _) => Some(permission::protocol(rule.traffic)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_are_checked() {
        assert!(check_new("web servers (80)", "Serve the web!").is_ok());
        for (name, description) in [
            ("", "d"),
            ("default", "d"),
            ("sg-1", "d"),
            ("wéb", "d"),
            ("web", ""),
            ("a<b", "d"),
            ("web", "d\""),
        ] {
            assert!(check_new(name, description).is_err(), "{name} {description}");
        }
    }
}
