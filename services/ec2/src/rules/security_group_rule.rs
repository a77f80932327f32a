//! Which rules a request means, and which filters find them.

use api_ec2::{
    IpPermission, IpRange, Ipv6Range, SecurityGroupRuleDescription, SecurityGroupRuleRequest, UserIdGroupPair,
};
use kernel::Result;

use crate::errors;
use crate::rules::permission::{self, Wanted};
use crate::rules::security_group::is_same;
use crate::state::id::{Id, RuleId};
use crate::state::security_group::{Peer, Rule, SecurityGroup};

/// A permission in the parameters of the request itself, as clients of old give it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flat {
    pub protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr: Option<String>,
    pub group_name: Option<String>,
    pub group_owner: Option<String>,
}

/// The permissions of a request: listed, or the flat one.
///
/// # Errors
/// When there is none, or both.
pub fn permissions(flat: Flat, listed: Option<Vec<IpPermission>>) -> Result<Vec<IpPermission>> {
    let is_flat = flat != Flat::default();
    match listed.filter(|listed| !listed.is_empty()) {
        Some(_) if is_flat => Err(errors::permissions_twice_given()),
        Some(listed) => Ok(listed),
        None if !is_flat => Err(errors::missing("ipPermissions")),
        None => {
            let named = flat.group_name.is_some();
            let range = |cidr| IpRange { cidr_ip: Some(cidr), description: None };
            let pair = |name| UserIdGroupPair {
                group_name: Some(name),
                user_id: flat.group_owner.clone(),
                ..Default::default()
            };
            Ok(vec![IpPermission {
                // A group alone lets everything through.
                ip_protocol: flat.protocol.or_else(|| named.then(|| "-1".to_owned())),
                from_port: flat.from_port,
                to_port: flat.to_port,
                ip_ranges: Some(flat.cidr.into_iter().map(range).collect()),
                user_id_group_pairs: Some(flat.group_name.into_iter().map(pair).collect()),
                ..IpPermission::default()
            }])
        }
    }
}

/// # Errors
/// When one cannot be a rule's id.
pub fn check_ids(ids: Option<Vec<String>>) -> Result<Option<Vec<RuleId>>> {
    let Some(ids) = ids.filter(|ids| !ids.is_empty()) else { return Ok(None) };
    let read = ids.iter().map(|id| RuleId::parse(id).ok_or_else(|| errors::rule_malformed(id)));
    read.collect::<Result<_>>().map(Some)
}

/// What a rule is to become.
///
/// # Errors
/// When it does not name just one peer, or as [`permission::check`].
pub fn check_replacement(rule: SecurityGroupRuleRequest) -> Result<Wanted> {
    let description = rule.description;
    let ranges = rule.cidr_ipv4.map(|cidr| IpRange { cidr_ip: Some(cidr), description: description.clone() });
    let ranges6 =
        rule.cidr_ipv6.map(|cidr| Ipv6Range { cidr_ipv6: Some(cidr), description: description.clone() });
    let lists = rule
        .prefix_list_id
        .map(|id| api_ec2::PrefixListId { prefix_list_id: Some(id), description: description.clone() });
    let pairs = rule.referenced_group_id.map(|id| UserIdGroupPair {
        group_id: Some(id),
        description,
        ..UserIdGroupPair::default()
    });
    let permission = IpPermission {
        ip_protocol: rule.ip_protocol,
        from_port: rule.from_port,
        to_port: rule.to_port,
        ip_ranges: Some(ranges.into_iter().collect()),
        ipv6_ranges: Some(ranges6.into_iter().collect()),
        user_id_group_pairs: Some(pairs.into_iter().collect()),
        prefix_list_ids: Some(lists.into_iter().collect()),
    };
    let mut wanted = permission::check(vec![permission])?;
    match (wanted.pop(), wanted.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(errors::rule_with_peers()),
    }
}

/// Makes the group's rule `id` another one, its direction kept.
///
/// # Errors
/// When the group has no such rule, or has the other one already.
pub fn replace(group: &mut SecurityGroup, id: &RuleId, wanted: &Wanted, peer: Peer) -> Result<()> {
    let at = group.rules.iter().position(|rule| rule.id == *id);
    let old = at.and_then(|at| group.rules.get(at)).ok_or_else(|| errors::rule_not_found(id))?;
    let (traffic, description) = (wanted.traffic, wanted.description.clone());
    let new = Rule { id: id.clone(), egress: old.egress, traffic, peer, description };
    if let Some(known) = group.rules.iter().find(|known| known.id != *id && is_same(known, &new)) {
        return Err(errors::permission_duplicate(&permission::described(known)));
    }
    group.rules.iter_mut().filter(|rule| rule.id == *id).for_each(|rule| *rule = new.clone());
    Ok(())
}

/// New descriptions by rule; none takes it away.
///
/// # Errors
/// When one cannot be a rule's id, or a description has characters it must not.
pub fn check_descriptions(
    given: Option<Vec<SecurityGroupRuleDescription>>,
) -> Result<Vec<(RuleId, Option<String>)>> {
    let read = given.unwrap_or_default().into_iter().map(|given| {
        let id = given.security_group_rule_id.ok_or_else(|| errors::missing("SecurityGroupRuleId"))?;
        let id = RuleId::parse(&id).ok_or_else(|| errors::rule_malformed(&id))?;
        Ok((id, permission::check_description(given.description)?))
    });
    read.collect()
}

/// Takes the rules with these ids from a group. Gives them.
///
/// # Errors
/// When the group has no such rule in this direction.
pub fn remove_ids(group: &mut SecurityGroup, ids: &[RuleId], egress: bool) -> Result<Vec<Rule>> {
    let has = |id: &RuleId| group.rules.iter().any(|rule| rule.id == *id && rule.egress == egress);
    if let Some(absent) = ids.iter().find(|id| !has(id)) {
        return Err(errors::rule_not_found(absent));
    }
    Ok(group.rules.extract_if(.., |rule| ids.contains(&rule.id)).collect())
}

/// Takes the rules that let the same through as these. Gives them, and those of `named` that the group did not have.
///
/// # Errors
/// When it lacks one, unless it is in a default VPC: there AWS only says so.
pub fn remove_same(
    group: &mut SecurityGroup,
    named: &[Rule],
    in_default_vpc: bool,
) -> Result<(Vec<Rule>, Vec<Rule>)> {
    let has = |named: &&Rule| group.rules.iter().any(|rule| is_same(rule, named));
    let unknown: Vec<Rule> = named.iter().filter(|named| !has(named)).cloned().collect();
    if !unknown.is_empty() && !in_default_vpc {
        return Err(errors::permission_not_found());
    }
    let removed = group.rules.extract_if(.., |rule| named.iter().any(|named| is_same(rule, named)));
    Ok((removed.collect(), unknown))
}

/// The ports as AWS shows them in single rules, where all is -1.
pub fn ports(rule: &Rule) -> (i32, i32) {
    let (from, to) = permission::ports(rule.traffic);
    (from.unwrap_or(-1), to.unwrap_or(-1))
}

pub const FILTERS: &[&str] = &["group-id", "security-group-rule-id"];

/// What a rule has under the name of a filter.
pub fn values(group: &SecurityGroup, rule: &Rule, name: &str) -> Vec<String> {
    match name {
        "group-id" => vec![group.id.to_string()],
        "security-group-rule-id" => vec![rule.id.to_string()],
        _ => Vec::new(),
    }
}
