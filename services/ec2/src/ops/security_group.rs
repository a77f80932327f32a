//! Operations on security groups.

use api_ec2 as api;
use kernel::{Access, Ctx, Result, Scope, Tx};

use super::page::{Listing, check_dry_run};
use super::vpc::ensure_default;
use crate::controllers::network;
use crate::errors;
use crate::rules::tag::{of_specifications, shown};
use crate::rules::{permission, security_group as rules};
use crate::state::id::{GroupId, Id, VpcId};
use crate::state::security_group::{Peer, SecurityGroup};
use crate::state::tag::Tags;
use crate::state::{network_interface, security_group, tag, vpc};

/// On the group a request names; on any of the account where it names one by name.
pub fn access(scope: &Scope, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(arn(scope, id.unwrap_or("*"))))
}

fn arn(scope: &Scope, id: &str) -> String {
    scope.arn("ec2", format_args!("security-group/{id}"))
}

/// The group a request means, by id, or by its name in the default VPC.
pub(super) fn resolve(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<SecurityGroup> {
    match (id, name) {
        (Some(id), _) => {
            let id = GroupId::parse(id).ok_or_else(|| errors::group_malformed(id))?;
            security_group::get(tx, scope, &id)
        }
        (None, Some(name)) => {
            let vpc = vpc::get_default(tx, scope)?;
            let found = security_group::find_by_name(tx, scope, &vpc.id, name)?;
            found.ok_or_else(|| errors::group_not_found_in_default_vpc(name, &vpc.id))
        }
        (None, None) => Err(errors::missing("GroupName or GroupId")),
    }
}

pub async fn create_security_group(
    ctx: &Ctx,
    input: api::CreateSecurityGroupRequest,
) -> Result<api::CreateSecurityGroupResult> {
    rules::check_new(&input.group_name, &input.description)?;
    let mut tags = of_specifications(input.tag_specifications, &[GroupId::RESOURCE])?;
    let tags = tags.remove(GroupId::RESOURCE).unwrap_or_default();
    let vpc =
        input.vpc_id.map(|id| VpcId::parse(&id).ok_or_else(|| errors::vpc_not_found(id))).transpose()?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        let vpc = match &vpc {
            Some(id) => vpc::get(tx, scope, id)?.id,
            None => vpc::get_default(tx, scope)?.id,
        };
        let group = security_group::insert(tx, scope, &vpc, &input.group_name, &input.description)?;
        tag::put(tx, scope, &group.id, tags.clone())?;
        Ok(group)
    });
    let group = write.await?;
    Ok(api::CreateSecurityGroupResult {
        security_group_arn: Some(arn(scope, group.id.as_str())),
        group_id: Some(group.id.into()),
        tags: shown(&tags),
    })
}

pub async fn delete_security_group(
    ctx: &Ctx,
    input: api::DeleteSecurityGroupRequest,
) -> Result<api::DeleteSecurityGroupResult> {
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let group = resolve(tx, scope, input.group_id.as_deref(), input.group_name.as_deref())?;
        if group.name == rules::DEFAULT_NAME {
            return Err(errors::group_cannot_be_deleted(&group.id, &group.name));
        }
        check_unused(tx, scope, &group.id)?;
        security_group::delete(tx, scope, &group)?;
        Ok(group)
    });
    let group = write.await?;
    network::remove_group(ctx, &group.vpc, &group.id).await?;
    Ok(api::DeleteSecurityGroupResult { r#return: Some(true), group_id: Some(group.id.into()) })
}

fn check_unused(tx: &mut Tx<'_, '_>, scope: &Scope, id: &GroupId) -> Result<()> {
    let worn = network_interface::all(tx, scope)?.iter().any(|interface| interface.groups.contains(id));
    let names = |group: &SecurityGroup| {
        group.rules.iter().any(|rule| matches!(&rule.peer, Peer::Group { id: named, .. } if named == id))
    };
    let named = security_group::all(tx, scope)?.iter().any(|group| group.id != *id && names(group));
    if worn || named { Err(errors::group_in_use(id)) } else { Ok(()) }
}

pub async fn describe_security_groups(
    ctx: &Ctx,
    input: api::DescribeSecurityGroupsRequest,
) -> Result<api::DescribeSecurityGroupsResult> {
    let ids = input.group_ids;
    for id in ids.iter().flatten() {
        GroupId::parse(id).ok_or_else(|| errors::group_malformed(id))?;
    }
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeSecurityGroups", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    ensure_default(ctx).await?;
    let scope = ctx.scope();
    let read = ctx.read(|snap| Ok((security_group::all(snap, scope)?, tag::of_all::<GroupId>(snap, scope)?)));
    let (mut groups, tags) = read.await?;
    let names = groups.iter().map(|group| (group.id.clone(), group.name.clone())).collect();
    if let Some(names) = input.group_names.filter(|names| !names.is_empty()) {
        if let Some(absent) = names.iter().find(|name| !groups.iter().any(|group| group.name == **name)) {
            return Err(errors::group_not_found(absent));
        }
        groups.retain(|group| names.contains(&group.name));
    }
    let values = |group: &SecurityGroup, name: &str| rules::values(group, &names, scope, name);
    let (groups, next_token) =
        listing.cut(ctx, groups, &tags, |group| group.id.as_str(), values, errors::group_not_found)?;
    let show = |group: &SecurityGroup| show(group, scope, tags.get(group.id.as_str()));
    let security_groups = Some(groups.iter().map(show).collect());
    Ok(api::DescribeSecurityGroupsResult { security_groups, next_token })
}

fn show(group: &SecurityGroup, scope: &Scope, tags: Option<&Tags>) -> api::SecurityGroup {
    let permissions = |egress| permission::shown(group.rules.iter().filter(move |r| r.egress == egress));
    api::SecurityGroup {
        group_id: Some(group.id.to_string()),
        ip_permissions_egress: Some(permissions(true)),
        tags: tags.and_then(shown),
        vpc_id: Some(group.vpc.to_string()),
        security_group_arn: Some(arn(scope, group.id.as_str())),
        owner_id: Some(scope.account.to_string()),
        group_name: Some(group.name.clone()),
        description: Some(group.description.clone()),
        ip_permissions: Some(permissions(false)),
    }
}
