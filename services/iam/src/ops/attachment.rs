//! Managed policies attached to users, groups and roles.

use api_iam::{
    AttachGroupPolicyRequest, AttachRolePolicyRequest, AttachUserPolicyRequest, AttachedPolicy,
    DetachGroupPolicyRequest, DetachRolePolicyRequest, DetachUserPolicyRequest,
    ListAttachedGroupPoliciesRequest, ListAttachedGroupPoliciesResponse, ListAttachedRolePoliciesRequest,
    ListAttachedRolePoliciesResponse, ListAttachedUserPoliciesRequest, ListAttachedUserPoliciesResponse,
    ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse, PolicyGroup, PolicyRole, PolicyUser,
};
use kernel::{Ctx, Result};

use super::{Page, edit, has_prefix, page, read};
use crate::errors;
use crate::state::home;
use crate::state::identity::{self, Identity, Kind};
use crate::state::policy as managed;
use crate::state::policy_use::{self, Usage};

const ATTACHED_MAX: usize = 10;

async fn attach(ctx: &Ctx, kind: Kind, name: String, arn: String) -> Result<()> {
    let home = home(ctx);
    edit(ctx, kind, name, move |tx, identity| {
        if managed::find(tx, &home, &arn)?.is_none() {
            return Err(errors::not_attachable(&arn));
        }
        if identity.attached.contains(&arn) {
            return Ok(());
        }
        if identity.attached.len() >= ATTACHED_MAX {
            return Err(errors::over_quota(&format!("PoliciesPer{}", kind.title()), ATTACHED_MAX));
        }
        identity.attached.push(arn.clone());
        policy_use::add(tx, &home, &arn, Usage::Attached, identity)
    })
    .await
}

async fn detach(ctx: &Ctx, kind: Kind, name: String, arn: String) -> Result<()> {
    let home = home(ctx);
    edit(ctx, kind, name, move |tx, identity| {
        if !identity.attached.contains(&arn) {
            return Err(errors::no_such_policy(&arn));
        }
        identity.attached.retain(|other| *other != arn);
        policy_use::remove(tx, &home, &arn, Usage::Attached, identity)
    })
    .await
}

pub(super) fn shown(arn: &str) -> AttachedPolicy {
    let name = arn.rsplit('/').next().unwrap_or_default();
    AttachedPolicy { policy_name: Some(name.to_owned()), policy_arn: Some(arn.to_owned()) }
}

/// What a list asks for: prefix, marker, size.
type Wanted = (Option<String>, Option<String>, Option<i32>);

async fn list(
    ctx: &Ctx,
    kind: Kind,
    name: &str,
    (prefix, marker, max): Wanted,
) -> Result<Page<AttachedPolicy>> {
    let identity = read(ctx, kind, name).await?;
    let in_path = |arn: &String| {
        let resource = arn.splitn(6, ':').nth(5).and_then(|resource| resource.strip_prefix("policy"));
        has_prefix(resource.unwrap_or_default(), prefix.as_ref())
    };
    let attached = identity.attached.into_iter().filter(in_path);
    let Page { items, is_truncated, marker } =
        page(ctx, "ListAttachedPolicies", marker.as_deref(), max, attached, |arn| arn)?;
    Ok(Page { items: items.iter().map(|arn| shown(arn)).collect(), is_truncated, marker })
}

pub async fn attach_user_policy(ctx: &Ctx, input: AttachUserPolicyRequest) -> Result<()> {
    attach(ctx, Kind::User, input.user_name, input.policy_arn).await
}

pub async fn attach_group_policy(ctx: &Ctx, input: AttachGroupPolicyRequest) -> Result<()> {
    attach(ctx, Kind::Group, input.group_name, input.policy_arn).await
}

pub async fn attach_role_policy(ctx: &Ctx, input: AttachRolePolicyRequest) -> Result<()> {
    attach(ctx, Kind::Role, input.role_name, input.policy_arn).await
}

pub async fn detach_user_policy(ctx: &Ctx, input: DetachUserPolicyRequest) -> Result<()> {
    detach(ctx, Kind::User, input.user_name, input.policy_arn).await
}

pub async fn detach_group_policy(ctx: &Ctx, input: DetachGroupPolicyRequest) -> Result<()> {
    detach(ctx, Kind::Group, input.group_name, input.policy_arn).await
}

pub async fn detach_role_policy(ctx: &Ctx, input: DetachRolePolicyRequest) -> Result<()> {
    detach(ctx, Kind::Role, input.role_name, input.policy_arn).await
}

pub async fn list_attached_user_policies(
    ctx: &Ctx,
    input: ListAttachedUserPoliciesRequest,
) -> Result<ListAttachedUserPoliciesResponse> {
    let wanted = (input.path_prefix, input.marker, input.max_items);
    let Page { items, is_truncated, marker } = list(ctx, Kind::User, &input.user_name, wanted).await?;
    Ok(ListAttachedUserPoliciesResponse { attached_policies: Some(items), is_truncated, marker })
}

pub async fn list_attached_group_policies(
    ctx: &Ctx,
    input: ListAttachedGroupPoliciesRequest,
) -> Result<ListAttachedGroupPoliciesResponse> {
    let wanted = (input.path_prefix, input.marker, input.max_items);
    let Page { items, is_truncated, marker } = list(ctx, Kind::Group, &input.group_name, wanted).await?;
    Ok(ListAttachedGroupPoliciesResponse { attached_policies: Some(items), is_truncated, marker })
}

pub async fn list_attached_role_policies(
    ctx: &Ctx,
    input: ListAttachedRolePoliciesRequest,
) -> Result<ListAttachedRolePoliciesResponse> {
    let wanted = (input.path_prefix, input.marker, input.max_items);
    let Page { items, is_truncated, marker } = list(ctx, Kind::Role, &input.role_name, wanted).await?;
    Ok(ListAttachedRolePoliciesResponse { attached_policies: Some(items), is_truncated, marker })
}

pub async fn list_entities_for_policy(
    ctx: &Ctx,
    input: ListEntitiesForPolicyRequest,
) -> Result<ListEntitiesForPolicyResponse> {
    let home = home(ctx);
    let kind = match input.entity_filter.as_deref() {
        Some("User") => Some(Kind::User),
        Some("Group") => Some(Kind::Group),
        Some("Role") => Some(Kind::Role),
        Some("LocalManagedPolicy" | "AWSManagedPolicy") => {
            return Ok(ListEntitiesForPolicyResponse::default());
        }
        _ => None,
    };
    let usages: &[Usage] = match input.policy_usage_filter.as_deref() {
        Some("PermissionsBoundary") => &[Usage::Boundary],
        Some(_) => &[Usage::Attached],
        None => &[Usage::Attached, Usage::Boundary],
    };
    let found = ctx
        .read(|snap| {
            managed::get(snap, &home, &input.policy_arn)?;
            let mut found: Vec<Identity> = Vec::new();
            for usage in usages {
                for (kind, name) in policy_use::users(snap, &home, &input.policy_arn, *usage)? {
                    found.extend(identity::find(snap, &home, kind, &name)?);
                }
            }
            Ok(found)
        })
        .await?;
    let mut wanted: Vec<Identity> =
        found.into_iter().filter(|one| kind.is_none_or(|kind| kind == one.kind)).collect();
    wanted.retain(|one| has_prefix(&one.path, input.path_prefix.as_ref()));
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    wanted.dedup_by(|a, b| a.id == b.id);
    let page = page(ctx, "ListEntities", input.marker.as_deref(), input.max_items, wanted, |one| &one.id)?;
    let of = |kind| page.items.iter().filter(move |one: &&Identity| one.kind == kind);
    let (name, id) = (|one: &Identity| Some(one.name.clone()), |one: &Identity| Some(one.id.clone()));
    let users = of(Kind::User).map(|one| PolicyUser { user_name: name(one), user_id: id(one) });
    let groups = of(Kind::Group).map(|one| PolicyGroup { group_name: name(one), group_id: id(one) });
    let roles = of(Kind::Role).map(|one| PolicyRole { role_name: name(one), role_id: id(one) });
    Ok(ListEntitiesForPolicyResponse {
        policy_users: Some(users.collect()),
        policy_groups: Some(groups.collect()),
        policy_roles: Some(roles.collect()),
        is_truncated: page.is_truncated,
        marker: page.marker.clone(),
    })
}
