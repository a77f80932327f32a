//! The organization itself, and its root with the types of policies that count there.

use std::collections::{BTreeMap, BTreeSet};

use api_organizations::{
    CreateOrganizationRequest, CreateOrganizationResponse, DescribeOrganizationResponse,
    DisablePolicyTypeRequest, DisablePolicyTypeResponse, EnablePolicyTypeRequest, EnablePolicyTypeResponse,
    ListRootsRequest, ListRootsResponse, Organization as Shown, PolicyTypeSummary, Root,
};
use kernel::{Ctx, Result};

use super::{handshake, page};
use crate::errors;
use crate::rules::handshake::email_of;
use crate::rules::policy::PolicyType;
use crate::state::organization::{self, Account, Organization, change, edit, managed, mine};

const ALL: &str = "ALL";

pub async fn create_organization(
    ctx: &Ctx,
    input: CreateOrganizationRequest,
) -> Result<CreateOrganizationResponse> {
    let all_features = input.feature_set.as_deref().unwrap_or(ALL) == ALL;
    let management = ctx.account();
    let owner = Account {
        name: format!("Account {management}"),
        email: email_of(management),
        parent: format!("r-{}", ctx.ids().hex(4)),
        joined_at: ctx.now(),
        is_closed: false,
        is_ready: true,
        is_invited: false,
    };
    let mut new = Organization {
        id: format!("o-{}", ctx.ids().hex(10)),
        management,
        root: owner.parent.clone(),
        all_features,
        enabled: BTreeSet::new(),
        units: BTreeMap::new(),
        accounts: BTreeMap::from([(management.to_string(), owner)]),
        requests: BTreeMap::new(),
        policies: BTreeMap::new(),
        attached: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    if all_features {
        new.enabled.insert(PolicyType::ServiceControl);
        new.targets().iter().for_each(|target| new.attach_full(target));
    }
    let shown = shown(&new);
    edit(ctx, move |tx| {
        if organization::is_member(tx, management)? {
            return Err(errors::already_in_organization());
        }
        organization::join(tx, management, management)?;
        organization::put(tx, &new)
    })
    .await?;
    Ok(CreateOrganizationResponse { organization: Some(shown) })
}

pub async fn describe_organization(ctx: &Ctx, (): ()) -> Result<DescribeOrganizationResponse> {
    Ok(DescribeOrganizationResponse { organization: Some(shown(&mine(ctx).await?)) })
}

pub async fn delete_organization(ctx: &Ctx, (): ()) -> Result<()> {
    let found = managed(ctx).await?;
    let (management, now_at) = (found.management, ctx.now());
    edit(ctx, move |tx| {
        let now = organization::find(tx, management)?.ok_or_else(errors::not_in_use)?;
        if now.accounts.len() > 1 || !now.units.is_empty() || !now.policies.is_empty() {
            return Err(errors::not_empty());
        }
        handshake::cancel_all(tx, management, now_at)?;
        organization::leave(tx, management)?;
        organization::delete(tx, &now)
    })
    .await
}

fn shown(organization: &Organization) -> Shown {
    let Organization { id, management, .. } = organization;
    let owner = organization.accounts.get(&management.to_string());
    Shown {
        id: Some(id.clone()),
        arn: Some(organization.arn(format_args!("organization/{id}"))),
        feature_set: Some(if organization.all_features { ALL } else { "CONSOLIDATED_BILLING" }.to_owned()),
        master_account_arn: Some(organization.arn(format_args!("account/{id}/{management}"))),
        master_account_id: Some(management.to_string()),
        master_account_email: owner.map(|owner| owner.email.clone()),
        available_policy_types: Some(types(organization)),
    }
}

fn types(organization: &Organization) -> Vec<PolicyTypeSummary> {
    let summary = |one: &PolicyType| PolicyTypeSummary {
        r#type: Some(one.word().to_owned()),
        status: Some("ENABLED".to_owned()),
    };
    organization.enabled.iter().map(summary).collect()
}

fn root(organization: &Organization) -> Root {
    let Organization { id, root, .. } = organization;
    Root {
        id: Some(root.clone()),
        arn: Some(organization.arn(format_args!("root/{id}/{root}"))),
        name: Some("Root".to_owned()),
        policy_types: Some(types(organization)),
    }
}

pub async fn list_roots(ctx: &Ctx, input: ListRootsRequest) -> Result<ListRootsResponse> {
    let organization = managed(ctx).await?;
    let key = |root: &Root| root.id.clone().unwrap_or_default();
    let roots: Vec<(String, Root)> = vec![root(&organization)].into_iter().map(|r| (key(&r), r)).collect();
    let token = input.next_token.as_deref();
    let (roots, next_token) = page(ctx, "ListRoots", roots, |(key, _)| key, token, input.max_results)?;
    Ok(ListRootsResponse { roots: Some(roots.into_iter().map(|(_, root)| root).collect()), next_token })
}

pub async fn enable_policy_type(
    ctx: &Ctx,
    input: EnablePolicyTypeRequest,
) -> Result<EnablePolicyTypeResponse> {
    let wanted = PolicyType::parse(&input.policy_type)?;
    let root = change(ctx, move |_, organization| {
        check_root(organization, &input.root_id)?;
        if !organization.all_features {
            return Err(errors::type_not_available());
        }
        if !organization.enabled.insert(wanted) {
            return Err(errors::type_already_enabled());
        }
        for target in organization.targets() {
            organization.attached.entry(target).or_default().insert(wanted.full().id.to_owned());
        }
        Ok(root(organization))
    })
    .await?;
    Ok(EnablePolicyTypeResponse { root: Some(root) })
}

/// Takes all policies of the type from everything, as AWS does.
pub async fn disable_policy_type(
    ctx: &Ctx,
    input: DisablePolicyTypeRequest,
) -> Result<DisablePolicyTypeResponse> {
    let wanted = PolicyType::parse(&input.policy_type)?;
    let root = change(ctx, move |_, organization| {
        check_root(organization, &input.root_id)?;
        if !organization.enabled.remove(&wanted) {
            return Err(errors::type_not_enabled());
        }
        let mut attached = std::mem::take(&mut organization.attached);
        for policies in attached.values_mut() {
            policies.retain(|id| organization.type_of(id) != Some(wanted));
        }
        organization.attached = attached;
        Ok(root(organization))
    })
    .await?;
    Ok(DisablePolicyTypeResponse { root: Some(root) })
}

fn check_root(organization: &Organization, id: &str) -> Result<()> {
    if organization.root == id { Ok(()) } else { Err(errors::no_such_root()) }
}
