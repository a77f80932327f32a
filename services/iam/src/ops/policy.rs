//! Managed policies: make, show, list, delete.

use std::collections::BTreeMap;

use api_iam::{
    CreatePolicyRequest, CreatePolicyResponse, DeletePolicyRequest, GetPolicyRequest, GetPolicyResponse,
    ListPoliciesRequest, ListPoliciesResponse, Policy,
};
use kernel::{Ctx, Reader, Result, Scope};

use super::{at, has_prefix, new_id, page};
use crate::errors;
use crate::rules::document;
use crate::rules::tags::Tags;
use crate::state::directory::change;
use crate::state::home;
use crate::state::known_policy;
use crate::state::policy::{self, ManagedPolicy, Version};
use crate::state::policy_use::{self, Usage};

/// A policy with how often it is used.
struct Counted {
    policy: ManagedPolicy,
    attached: i32,
    bounding: i32,
}

fn counted(snap: &mut impl Reader, home: &Scope, policy: ManagedPolicy) -> Result<Counted> {
    let arn = policy.arn(home);
    let attached = policy_use::count(snap, home, &arn, Usage::Attached)?;
    let bounding = policy_use::count(snap, home, &arn, Usage::Boundary)?;
    Ok(Counted { policy, attached, bounding })
}

/// As lists show a policy: without description and tags.
fn brief(home: &Scope, Counted { policy, attached, bounding }: &Counted) -> Policy {
    Policy {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(policy.arn(home)),
        path: Some(policy.path.clone()),
        default_version_id: Some(format!("v{}", policy.default_version)),
        attachment_count: Some(*attached),
        permissions_boundary_usage_count: Some(*bounding),
        is_attachable: Some(true),
        create_date: Some(at(policy.created_at)),
        update_date: Some(at(policy.updated_at)),
        ..Policy::default()
    }
}

pub async fn create_policy(ctx: &Ctx, input: CreatePolicyRequest) -> Result<CreatePolicyResponse> {
    let CreatePolicyRequest { policy_name, path, policy_document, description, tags } = input;
    document::check_managed(&policy_document)?;
    let (home, now) = (home(ctx), ctx.now());
    let first = Version { document: policy_document, created_at: now };
    let policy = ManagedPolicy {
        name: policy_name,
        path: path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(ctx, "ANPA"),
        description,
        created_at: now,
        updated_at: now,
        tags: Tags::new(tags)?,
        default_version: 1,
        last_version: 1,
        versions: BTreeMap::from([(1, first)]),
        is_known: false,
    };
    let new = policy.clone();
    change(ctx, move |tx| policy::insert(tx, &home, &new)).await?;
    let shown = brief(&home, &Counted { policy: policy.clone(), attached: 0, bounding: 0 });
    Ok(CreatePolicyResponse { policy: Some(Policy { tags: policy.tags.shown(), ..shown }) })
}

pub async fn get_policy(ctx: &Ctx, input: GetPolicyRequest) -> Result<GetPolicyResponse> {
    let home = home(ctx);
    let found = ctx
        .read(|snap| {
            let policy = policy::get(snap, &home, &input.policy_arn)?;
            counted(snap, &home, policy)
        })
        .await?;
    let Counted { policy: ManagedPolicy { description, tags, .. }, .. } = &found;
    let (description, tags) = (description.clone(), Some(tags.listed()));
    Ok(GetPolicyResponse { policy: Some(Policy { description, tags, ..brief(&home, &found) }) })
}

pub async fn list_policies(ctx: &Ctx, input: ListPoliciesRequest) -> Result<ListPoliciesResponse> {
    let home = home(ctx);
    let scope = input.scope.as_deref().unwrap_or("All");
    let usage = input.policy_usage_filter.as_deref();
    let policies = ctx
        .read(|snap| {
            let mut policies = if scope == "AWS" { Vec::new() } else { policy::list(snap, &home)? };
            if scope != "Local" {
                policies.extend(known_policy::all());
            }
            policies.retain(|policy| has_prefix(&policy.path, input.path_prefix.as_ref()));
            policies.into_iter().map(|policy| counted(snap, &home, policy)).collect::<Result<Vec<_>>>()
        })
        .await?;
    let wanted = |one: &Counted| match usage {
        Some("PermissionsBoundary") => one.bounding > 0,
        Some(_) => one.attached > 0,
        None => one.attached > 0 || !input.only_attached.unwrap_or_default(),
    };
    let policies = policies.into_iter().filter(wanted).map(|one| (one.policy.arn(&home), one));
    let page = page(ctx, "ListPolicies", input.marker.as_deref(), input.max_items, policies, |(arn, _)| arn)?;
    let policies = page.items.iter().map(|(_, one)| brief(&home, one)).collect();
    Ok(ListPoliciesResponse {
        policies: Some(policies),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub async fn delete_policy(ctx: &Ctx, input: DeletePolicyRequest) -> Result<()> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let arn = &input.policy_arn;
        let policy = policy::get(tx, &home, arn)?;
        if policy.is_known {
            return Err(errors::policy_is_known());
        }
        let uses = [Usage::Attached, Usage::Boundary].map(|usage| policy_use::count(tx, &home, arn, usage));
        for count in uses {
            if count? > 0 {
                return Err(errors::policy_in_use());
            }
        }
        if policy.versions.len() > 1 {
            return Err(errors::policy_has_versions());
        }
        policy::delete(tx, &home, &policy)
    })
    .await
}
