//! Every user, group, role and policy of the account with all that is theirs.

use api_iam::{
    GetAccountAuthorizationDetailsRequest, GetAccountAuthorizationDetailsResponse, GroupDetail,
    ManagedPolicyDetail, PolicyDetail, PolicyVersion, RoleDetail, UserDetail,
};
use kernel::{Ctx, Result, Scope};

use super::{at, attachment, instance_profile, page, role, shown_boundary};
use crate::rules::document;
use crate::state::home;
use crate::state::identity::{self, Identity, Kind};
use crate::state::policy::{self, ManagedPolicy};
use crate::state::policy_use::{self, Usage};
use crate::state::{known_policy, trusted};

/// One line of the answer, in whichever list.
enum Item {
    Identity(Identity),
    Policy(ManagedPolicy),
}

pub async fn get_account_authorization_details(
    ctx: &Ctx,
    input: GetAccountAuthorizationDetailsRequest,
) -> Result<GetAccountAuthorizationDetailsResponse> {
    let home = home(ctx);
    let filter = input.filter.unwrap_or_default();
    let wants = |what: &str| filter.is_empty() || filter.iter().any(|one| one == what);
    let items = ctx
        .read(|snap| {
            let mut items = Vec::new();
            for (what, kind) in [("User", Kind::User), ("Group", Kind::Group), ("Role", Kind::Role)] {
                if wants(what) {
                    items.extend(identity::list(snap, &home, kind)?.into_iter().map(Item::Identity));
                }
            }
            if wants("LocalManagedPolicy") {
                items.extend(policy::list(snap, &home)?.into_iter().map(Item::Policy));
            }
            if wants("AWSManagedPolicy") {
                // Those of AWS that this account uses.
                for policy in known_policy::all() {
                    let arn = policy.arn(&home);
                    if policy_use::is_used(snap, &home, &arn)? {
                        items.push(Item::Policy(policy));
                    }
                }
            }
            let key = |item| match &item {
                Item::Identity(one) => (one.id.clone(), item),
                Item::Policy(one) => (one.id.clone(), item),
            };
            Ok(items.into_iter().map(key).collect::<Vec<_>>())
        })
        .await?;
    let (marker, max) = (input.marker.as_deref(), input.max_items);
    let page = page(ctx, "GetAccountAuthorizationDetails", marker, max, items, |(id, _)| id)?;
    let mut answer = GetAccountAuthorizationDetailsResponse {
        is_truncated: page.is_truncated,
        marker: page.marker,
        ..GetAccountAuthorizationDetailsResponse::default()
    };
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, item) in page.items {
        match item {
            Item::Identity(one) if one.kind == Kind::User => users.push(user_detail(ctx, &home, &one).await?),
            Item::Identity(one) if one.kind == Kind::Group => groups.push(group_detail(&home, &one)),
            Item::Identity(one) => roles.push(role_detail(ctx, &home, &one).await?),
            Item::Policy(one) => policies.push(policy_detail(ctx, &home, &one).await?),
        }
    }
    answer.user_detail_list = Some(users);
    answer.group_detail_list = Some(groups);
    answer.role_detail_list = Some(roles);
    answer.policies = Some(policies);
    Ok(answer)
}

fn inline(of: &Identity) -> Option<Vec<PolicyDetail>> {
    let shown = of.inline.iter().map(|(name, text)| PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(document::shown(text)),
    });
    Some(shown.collect()).filter(|shown: &Vec<_>| !shown.is_empty())
}

fn attached(of: &Identity) -> Option<Vec<api_iam::AttachedPolicy>> {
    Some(of.attached.iter().map(|arn| attachment::shown(arn)).collect())
}

async fn user_detail(ctx: &Ctx, home: &Scope, user: &Identity) -> Result<UserDetail> {
    let groups = ctx
        .read(|snap| {
            let get = |name: &String| Ok(identity::get(snap, home, Kind::Group, name)?.name);
            user.groups.iter().map(get).collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.clone()),
        arn: Some(user.arn(home)),
        create_date: Some(at(user.created_at)),
        user_policy_list: inline(user),
        group_list: Some(groups),
        attached_managed_policies: attached(user),
        permissions_boundary: shown_boundary(user.boundary.as_ref()),
        tags: Some(user.tags.listed()),
    })
}

fn group_detail(home: &Scope, group: &Identity) -> GroupDetail {
    GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.clone()),
        arn: Some(group.arn(home)),
        create_date: Some(at(group.created_at)),
        group_policy_list: inline(group).or_else(|| Some(Vec::new())),
        attached_managed_policies: attached(group),
    }
}

async fn role_detail(ctx: &Ctx, home: &Scope, one: &Identity) -> Result<RoleDetail> {
    let (profiles, trust) = ctx
        .read(|snap| {
            let trust =
                one.role.as_ref().map(|facts| trusted::shown(snap, home.partition(), facts)).transpose()?;
            Ok((instance_profile::of_role(snap, home, one)?, trust))
        })
        .await?;
    Ok(RoleDetail {
        path: Some(one.path.clone()),
        role_name: Some(one.name.clone()),
        role_id: Some(one.id.clone()),
        arn: Some(one.arn(home)),
        create_date: Some(at(one.created_at)),
        assume_role_policy_document: trust.as_deref().map(document::shown),
        instance_profile_list: Some(
            profiles.iter().map(|found| instance_profile::brief(home, found)).collect(),
        ),
        role_policy_list: inline(one).or_else(|| Some(Vec::new())),
        attached_managed_policies: attached(one),
        permissions_boundary: shown_boundary(one.boundary.as_ref()),
        tags: Some(one.tags.listed()),
        role_last_used: Some(role::last_use(ctx, one).await?),
    })
}

async fn policy_detail(ctx: &Ctx, home: &Scope, policy: &ManagedPolicy) -> Result<ManagedPolicyDetail> {
    let arn = policy.arn(home);
    let (attached, bounding) = ctx
        .read(|snap| {
            let attached = policy_use::count(snap, home, &arn, Usage::Attached)?;
            Ok((attached, policy_use::count(snap, home, &arn, Usage::Boundary)?))
        })
        .await?;
    let versions = policy.versions.iter().rev().map(|(number, version)| PolicyVersion {
        document: Some(document::shown(&version.document)),
        version_id: Some(format!("v{number}")),
        is_default_version: Some(*number == policy.default_version),
        create_date: Some(at(version.created_at)),
    });
    Ok(ManagedPolicyDetail {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(arn.clone()),
        path: Some(policy.path.clone()),
        default_version_id: Some(format!("v{}", policy.default_version)),
        attachment_count: Some(attached),
        permissions_boundary_usage_count: Some(bounding),
        is_attachable: Some(true),
        description: policy.description.clone(),
        create_date: Some(at(policy.created_at)),
        update_date: Some(at(policy.updated_at)),
        policy_version_list: Some(versions.collect()),
    })
}
