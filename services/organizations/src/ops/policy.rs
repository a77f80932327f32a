//! Policies: what they say.

use api_organizations::{
    CreatePolicyRequest, CreatePolicyResponse, DeletePolicyRequest, DescribePolicyRequest,
    DescribePolicyResponse, ListPoliciesRequest, ListPoliciesResponse, Policy as Shown, PolicySummary,
    UpdatePolicyRequest, UpdatePolicyResponse,
};
use kernel::{Ctx, Result};

use super::page;
use crate::errors;
use crate::rules::policy::{POLICIES_MAX, PolicyType, check};
use crate::rules::tags;
use crate::state::organization::{self, Organization, Policy, change, managed};

/// What lists say of a policy.
///
/// # Errors
/// When there is none.
pub(crate) fn summary(organization: &Organization, id: &str) -> Result<PolicySummary> {
    let policy_type = organization.type_of(id).ok_or_else(errors::no_such_policy)?;
    let word = policy_type.word();
    let folder = word.to_ascii_lowercase();
    let full = PolicyType::of_full(id).map(PolicyType::full);
    let own = organization.policies.get(id);
    let arn = match full {
        Some(_) => format!("arn:aws:organizations::aws:policy/{folder}/{id}"),
        None => organization.arn(format_args!("policy/{}/{folder}/{id}", organization.id)),
    };
    let name = full.map(|full| full.name.to_owned()).or_else(|| own.map(|own| own.name.clone()));
    let about = full.map(|full| full.description.to_owned());
    Ok(PolicySummary {
        id: Some(id.to_owned()),
        arn: Some(arn),
        name,
        description: about.or_else(|| own.map(|own| own.description.clone())),
        r#type: Some(word.to_owned()),
        aws_managed: Some(full.is_some()),
    })
}

fn check_name(organization: &Organization, policy_type: PolicyType, name: &str, id: &str) -> Result<()> {
    let same = |(other, policy): (&String, &Policy)| {
        other != id && policy.policy_type == policy_type && policy.name == name
    };
    let is_taken = organization.policies.iter().any(same) || policy_type.full().name == name;
    if is_taken { Err(errors::duplicate_policy()) } else { Ok(()) }
}

pub async fn create_policy(ctx: &Ctx, input: CreatePolicyRequest) -> Result<CreatePolicyResponse> {
    managed(ctx).await?;
    let policy_type = PolicyType::parse(&input.r#type)?;
    check(policy_type, &input.content)?;
    let id = format!("p-{}", ctx.ids().hex(8));
    let policy = change(ctx, move |tx, organization| {
        if !organization.all_features {
            return Err(errors::type_not_available());
        }
        let of_type = organization.policies.values().filter(|policy| policy.policy_type == policy_type);
        if of_type.count() >= POLICIES_MAX {
            return Err(errors::constraint("POLICY_NUMBER_LIMIT_EXCEEDED", "You have too many policies."));
        }
        check_name(organization, policy_type, &input.name, "")?;
        tags::add(
            organization.tags.entry(id.clone()).or_default(),
            input.tags.as_deref().unwrap_or_default(),
        )?;
        let (name, description) = (input.name.clone(), input.description.clone());
        organization.policies.insert(id.clone(), Policy { name, description, policy_type });
        organization::put_content(tx, organization.management, &id, &input.content)?;
        Ok(Shown { policy_summary: Some(summary(organization, &id)?), content: Some(input.content.clone()) })
    })
    .await?;
    Ok(CreatePolicyResponse { policy: Some(policy) })
}

pub async fn describe_policy(ctx: &Ctx, input: DescribePolicyRequest) -> Result<DescribePolicyResponse> {
    let organization = managed(ctx).await?;
    let policy_summary = Some(summary(&organization, &input.policy_id)?);
    let content =
        ctx.read(|snap| organization::content(snap, organization.management, &input.policy_id)).await?;
    Ok(DescribePolicyResponse { policy: Some(Shown { policy_summary, content: Some(content) }) })
}

/// AWS's own policies are nobody's to change.
fn check_own(id: &str) -> Result<()> {
    match PolicyType::of_full(id) {
        Some(_) => Err(errors::invalid("IMMUTABLE_POLICY", "You can't modify a policy that AWS manages.")),
        None => Ok(()),
    }
}

pub async fn update_policy(ctx: &Ctx, input: UpdatePolicyRequest) -> Result<UpdatePolicyResponse> {
    managed(ctx).await?;
    check_own(&input.policy_id)?;
    let policy = change(ctx, move |tx, organization| {
        let id = &input.policy_id;
        let mut policy = organization.policies.get(id).cloned().ok_or_else(errors::no_such_policy)?;
        if let Some(name) = &input.name {
            check_name(organization, policy.policy_type, name, id)?;
            policy.name.clone_from(name);
        }
        if let Some(description) = &input.description {
            policy.description.clone_from(description);
        }
        if let Some(content) = &input.content {
            check(policy.policy_type, content)?;
            organization::put_content(tx, organization.management, id, content)?;
        }
        organization.policies.insert(id.clone(), policy);
        Ok(Shown {
            policy_summary: Some(summary(organization, id)?),
            content: Some(organization::content(tx, organization.management, id)?),
        })
    })
    .await?;
    Ok(UpdatePolicyResponse { policy: Some(policy) })
}

pub async fn delete_policy(ctx: &Ctx, input: DeletePolicyRequest) -> Result<()> {
    managed(ctx).await?;
    check_own(&input.policy_id)?;
    change(ctx, move |tx, organization| {
        let id = &input.policy_id;
        if organization.attached.values().any(|policies| policies.contains(id)) {
            return Err(errors::policy_in_use());
        }
        organization.policies.remove(id).ok_or_else(errors::no_such_policy)?;
        organization.tags.remove(id);
        organization::delete_content(tx, organization.management, id)
    })
    .await
}

pub async fn list_policies(ctx: &Ctx, input: ListPoliciesRequest) -> Result<ListPoliciesResponse> {
    let organization = managed(ctx).await?;
    let wanted = PolicyType::parse(&input.filter)?;
    let own = organization.policies.iter().filter(|(_, policy)| policy.policy_type == wanted);
    let mut ids: Vec<String> = own.map(|(id, _)| id.clone()).collect();
    if organization.enabled.contains(&wanted) {
        ids.push(wanted.full().id.to_owned());
    }
    ids.sort_unstable();
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (ids, next_token) = page(ctx, "ListPolicies", ids, |id| id, token, max)?;
    let policies = ids.iter().map(|id| summary(&organization, id)).collect::<Result<_>>()?;
    Ok(ListPoliciesResponse { policies: Some(policies), next_token })
}
