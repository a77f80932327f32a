//! Operations on the rules of security groups. A change is in force when it is answered.

use std::collections::BTreeMap;

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{AccountId, Ctx, Result, Scope, Tx};

use super::page::{Listing, check_dry_run};
use super::security_group::resolve;
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::permission::{self, Wanted, WantedGroup, WantedPeer};
use crate::rules::security_group as rules;
use crate::rules::security_group_rule as rule_rules;
use crate::rules::tag::{of_specifications, shown};
use crate::state::id::{Id, RuleId};
use crate::state::security_group::{Peer, Rule, SecurityGroup};
use crate::state::tag::Tags;
use crate::state::{peering, prefix_list, security_group, tag, vpc};

/// Which group, which way.
pub(super) struct Target<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) egress: bool,
}

pub async fn authorize_security_group_ingress(
    ctx: &Ctx,
    input: api::AuthorizeSecurityGroupIngressRequest,
) -> Result<api::AuthorizeSecurityGroupIngressResult> {
    let flat = rule_rules::Flat {
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let wanted = permission::check(rule_rules::permissions(flat, input.ip_permissions)?)?;
    let tags = of_specifications(input.tag_specifications, &[RuleId::RESOURCE])?;
    check_dry_run(input.dry_run)?;
    let target = Target { id: input.group_id.as_deref(), name: input.group_name.as_deref(), egress: false };
    let rules = authorize(ctx, target, &wanted, tags.get(RuleId::RESOURCE)).await?;
    let security_group_rules = Some(rules);
    Ok(api::AuthorizeSecurityGroupIngressResult { r#return: Some(true), security_group_rules })
}

pub async fn authorize_security_group_egress(
    ctx: &Ctx,
    input: api::AuthorizeSecurityGroupEgressRequest,
) -> Result<api::AuthorizeSecurityGroupEgressResult> {
    let permissions = input.ip_permissions.filter(|permissions| !permissions.is_empty());
    let wanted = permission::check(permissions.ok_or_else(|| errors::missing("ipPermissions"))?)?;
    let tags = of_specifications(input.tag_specifications, &[RuleId::RESOURCE])?;
    check_dry_run(input.dry_run)?;
    let target = Target { id: Some(&input.group_id), name: None, egress: true };
    let rules = authorize(ctx, target, &wanted, tags.get(RuleId::RESOURCE)).await?;
    let security_group_rules = Some(rules);
    Ok(api::AuthorizeSecurityGroupEgressResult { r#return: Some(true), security_group_rules })
}

async fn authorize(
    ctx: &Ctx,
    target: Target<'_>,
    wanted: &[Wanted],
    tags: Option<&Tags>,
) -> Result<Vec<api::SecurityGroupRule>> {
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut group = resolve(tx, scope, target.id, target.name)?;
        let mut new = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let (traffic, description) = (wanted.traffic, wanted.description.clone());
            let peer = peer(tx, scope, &group, &wanted.peer)?;
            let id = RuleId::fresh(tx.ctx().ids());
            new.push(Rule { id, egress: target.egress, traffic, peer, description });
        }
        rules::add(&mut group, new.clone())?;
        check_size(tx, scope, &group)?;
        security_group::put(tx, scope, &group)?;
        if let Some(tags) = tags {
            new.iter().try_for_each(|rule| tag::put(tx, scope, &rule.id, tags.clone()))?;
        }
        Ok((group, new))
    });
    let (group, new) = write.await?;
    put_in_force(ctx, &group).await?;
    Ok(new.iter().map(|rule| show(&group, rule, scope, tags)).collect())
}

/// # Errors
/// When a group has more rules than it may, seeing what the prefix lists hold that they name.
pub(super) fn check_size(from: &mut impl Reader, scope: &Scope, group: &SecurityGroup) -> Result<()> {
    let mut sizes = BTreeMap::new();
    for rule in &group.rules {
        if let Peer::PrefixList(id) = &rule.peer
            && let Some(list) = prefix_list::find(from, scope, id)?
        {
            sizes.insert(list.id, list.entries_max);
        }
    }
    rules::check_size(group, &sizes)
}

/// The peer as it is stored, its group found.
pub(super) fn peer(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    of: &SecurityGroup,
    wanted: &WantedPeer,
) -> Result<Peer> {
    Ok(match wanted {
        WantedPeer::Ipv4(cidr) => Peer::Ipv4(*cidr),
        WantedPeer::Ipv6(cidr) => Peer::Ipv6(*cidr),
        WantedPeer::Group(group) => {
            let found = find_group(tx, scope, of, group)?;
            let (group, account) = found;
            let foreign = (group.vpc != of.vpc).then(|| group.vpc.clone());
            Peer::Group { id: group.id, account, foreign }
        }
        WantedPeer::PrefixList(id) => Peer::PrefixList(prefix_list::get(tx, scope, id)?.id),
    })
}

/// A group of the same VPC, or of one it is peered with in the same region, and whose it is.
fn find_group(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    of: &SecurityGroup,
    group: &WantedGroup,
) -> Result<(SecurityGroup, AccountId)> {
    let Some(id) = &group.id else {
        let name = group.name.as_deref().unwrap_or_default();
        if group.account.is_some_and(|account| account != scope.account) {
            return Err(errors::group_not_found(name));
        }
        return Ok((security_group::get_by_name(tx, scope, &of.vpc, name)?, scope.account));
    };
    let is_own = group.account.is_none_or(|account| account == scope.account);
    if let Some(found) = security_group::find(tx, scope, id)?.filter(|_| is_own)
        && found.vpc == of.vpc
    {
        return Ok((found, scope.account));
    }
    for (_, side) in peering::of_vpc(tx, &of.vpc)? {
        let fits = group.account.is_none_or(|account| account == side.scope.account);
        if fits
            && side.scope.region == scope.region
            && let Some(found) = security_group::find(tx, &side.scope, id)?
            && found.vpc == side.vpc
        {
            return Ok((found, side.scope.account));
        }
    }
    match security_group::find(tx, scope, id)?.filter(|_| is_own) {
        Some(_) => Err(errors::groups_of_other_networks()),
        None => Err(errors::group_not_found(id)),
    }
}

pub async fn revoke_security_group_ingress(
    ctx: &Ctx,
    input: api::RevokeSecurityGroupIngressRequest,
) -> Result<api::RevokeSecurityGroupIngressResult> {
    let flat = rule_rules::Flat {
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let ids = rule_rules::check_ids(input.security_group_rule_ids)?;
    let wanted = match &ids {
        Some(_) => Vec::new(),
        None => permission::check(rule_rules::permissions(flat, input.ip_permissions)?)?,
    };
    check_dry_run(input.dry_run)?;
    let target = Target { id: input.group_id.as_deref(), name: input.group_name.as_deref(), egress: false };
    let (revoked, unknown) = revoke(ctx, target, &wanted, ids.as_deref()).await?;
    Ok(api::RevokeSecurityGroupIngressResult {
        r#return: Some(true),
        unknown_ip_permissions: unknown,
        revoked_security_group_rules: Some(revoked),
    })
}

pub async fn revoke_security_group_egress(
    ctx: &Ctx,
    input: api::RevokeSecurityGroupEgressRequest,
) -> Result<api::RevokeSecurityGroupEgressResult> {
    let ids = rule_rules::check_ids(input.security_group_rule_ids)?;
    let permissions = input.ip_permissions.filter(|permissions| !permissions.is_empty());
    let wanted = match (&ids, permissions) {
        (Some(_), _) => Vec::new(),
        (None, Some(permissions)) => permission::check(permissions)?,
        (None, None) => return Err(errors::missing("ipPermissions")),
    };
    check_dry_run(input.dry_run)?;
    let target = Target { id: Some(&input.group_id), name: None, egress: true };
    let (revoked, unknown) = revoke(ctx, target, &wanted, ids.as_deref()).await?;
    Ok(api::RevokeSecurityGroupEgressResult {
        r#return: Some(true),
        unknown_ip_permissions: unknown,
        revoked_security_group_rules: Some(revoked),
    })
}

type Revoked = (Vec<api::RevokedSecurityGroupRule>, Option<Vec<api::IpPermission>>);

/// Takes rules away: by id, or those that are just as wanted.
async fn revoke(ctx: &Ctx, target: Target<'_>, wanted: &[Wanted], ids: Option<&[RuleId]>) -> Result<Revoked> {
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut group = resolve(tx, scope, target.id, target.name)?;
        let mut named = Vec::new();
        for wanted in wanted {
            let (traffic, description) = (wanted.traffic, None);
            let peer = peer(tx, scope, &group, &wanted.peer)?;
            let id = RuleId::fresh(tx.ctx().ids());
            named.push(Rule { id, egress: target.egress, traffic, peer, description });
        }
        let in_default_vpc = vpc::find(tx, scope, &group.vpc)?.is_some_and(|vpc| vpc.is_default);
        let outcome = match ids {
            Some(ids) => (rule_rules::remove_ids(&mut group, ids, target.egress)?, Vec::new()),
            None => rule_rules::remove_same(&mut group, &named, in_default_vpc)?,
        };
        for rule in &outcome.0 {
            tag::forget(tx, scope, &rule.id)?;
        }
        security_group::put(tx, scope, &group)?;
        Ok((group, outcome))
    });
    let (group, (removed, unknown)) = write.await?;
    put_in_force(ctx, &group).await?;
    let unknown = (!unknown.is_empty()).then(|| permission::shown(unknown.iter()));
    Ok((removed.iter().map(|rule| show_revoked(&group, rule)).collect(), unknown))
}

/// Waits until the engine filters by the group's new rules; what it cannot do now is tried again by the controller.
pub(super) async fn put_in_force(ctx: &Ctx, group: &SecurityGroup) -> Result<()> {
    let outcome = network::ensure_group(ctx, &group.vpc, &group.id).await;
    if outcome.is_err() {
        ctx.nudge(network::CONTROLLER, group.vpc.as_str());
    }
    outcome
}

pub async fn describe_security_group_rules(
    ctx: &Ctx,
    input: api::DescribeSecurityGroupRulesRequest,
) -> Result<api::DescribeSecurityGroupRulesResult> {
    let ids = input.security_group_rule_ids;
    rule_rules::check_ids(ids.clone())?;
    let filters = (input.filters, rule_rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeSecurityGroupRules", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| Ok((security_group::all(snap, scope)?, tag::of_all::<RuleId>(snap, scope)?)));
    let (groups, tags) = read.await?;
    let rows = groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    let (rows, next_token) = listing.cut(
        ctx,
        rows.collect(),
        &tags,
        |(_, rule)| rule.id.as_str(),
        |(group, rule), name| rule_rules::values(group, rule, name),
        errors::rule_not_found,
    )?;
    let show = |(group, rule): &(&SecurityGroup, &Rule)| show(group, rule, scope, tags.get(rule.id.as_str()));
    let security_group_rules = Some(rows.iter().map(show).collect());
    Ok(api::DescribeSecurityGroupRulesResult { security_group_rules, next_token })
}

fn show(group: &SecurityGroup, rule: &Rule, scope: &Scope, tags: Option<&Tags>) -> api::SecurityGroupRule {
    let (from_port, to_port) = rule_rules::ports(rule);
    let mut shown = api::SecurityGroupRule {
        security_group_rule_id: Some(rule.id.to_string()),
        group_id: Some(group.id.to_string()),
        group_owner_id: Some(scope.account.to_string()),
        is_egress: Some(rule.egress),
        ip_protocol: Some(permission::protocol(rule.traffic)),
        from_port: Some(from_port),
        to_port: Some(to_port),
        description: rule.description.clone(),
        tags: Some(tags.and_then(shown).unwrap_or_default()),
        security_group_rule_arn: Some(scope.arn("ec2", format_args!("security-group-rule/{}", rule.id))),
        ..api::SecurityGroupRule::default()
    };
    match &rule.peer {
        Peer::Ipv4(cidr) => shown.cidr_ipv4 = Some(cidr.to_string()),
        Peer::Ipv6(cidr) => shown.cidr_ipv6 = Some(cidr.to_string()),
        Peer::PrefixList(id) => shown.prefix_list_id = Some(id.to_string()),
        Peer::Group { id, account, foreign } => {
            shown.referenced_group_info = Some(api::ReferencedSecurityGroup {
                group_id: Some(id.to_string()),
                user_id: Some(account.to_string()),
                vpc_id: Some(foreign.as_ref().unwrap_or(&group.vpc).to_string()),
                ..api::ReferencedSecurityGroup::default()
            });
        }
    }
    shown
}

fn show_revoked(group: &SecurityGroup, rule: &Rule) -> api::RevokedSecurityGroupRule {
    let (from_port, to_port) = rule_rules::ports(rule);
    let mut shown = api::RevokedSecurityGroupRule {
        security_group_rule_id: Some(rule.id.to_string()),
        group_id: Some(group.id.to_string()),
        is_egress: Some(rule.egress),
        ip_protocol: Some(permission::protocol(rule.traffic)),
        from_port: Some(from_port),
        to_port: Some(to_port),
        description: rule.description.clone(),
        ..api::RevokedSecurityGroupRule::default()
    };
    match &rule.peer {
        Peer::Ipv4(cidr) => shown.cidr_ipv4 = Some(cidr.to_string()),
        Peer::Ipv6(cidr) => shown.cidr_ipv6 = Some(cidr.to_string()),
        Peer::Group { id, .. } => shown.referenced_group_id = Some(id.to_string()),
        Peer::PrefixList(id) => shown.prefix_list_id = Some(id.to_string()),
    }
    shown
}
