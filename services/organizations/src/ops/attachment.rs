//! Which policies are attached to what.

use api_organizations::{
    AttachPolicyRequest, DetachPolicyRequest, ListPoliciesForTargetRequest, ListPoliciesForTargetResponse,
    ListTargetsForPolicyRequest, ListTargetsForPolicyResponse, PolicyTargetSummary,
};
use kernel::{Ctx, Result};

use super::page;
use super::policy::summary;
use crate::errors;
use crate::rules::policy::{ATTACHED_MAX, PolicyType};
use crate::state::organization::{Organization, change, managed};

pub async fn attach_policy(ctx: &Ctx, input: AttachPolicyRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        let (id, target) = (&input.policy_id, &input.target_id);
        let policy_type = check(organization, id, target)?;
        let count = of_type(organization, target, policy_type);
        let attached = organization.attached.entry(target.clone()).or_default();
        if attached.contains(id) {
            return Err(errors::already_attached());
        }
        if count >= ATTACHED_MAX {
            let message = "You have attached the maximum number of policies of this type to the target.";
            return Err(errors::constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", message));
        }
        attached.insert(id.clone());
        Ok(())
    })
    .await
}

pub async fn detach_policy(ctx: &Ctx, input: DetachPolicyRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        let (id, target) = (&input.policy_id, &input.target_id);
        let policy_type = check(organization, id, target)?;
        if id == PolicyType::ResourceControl.full().id {
            let message = "You can't detach RCPFullAWSAccess.";
            return Err(errors::invalid("NON_DETACHABLE_POLICY", message));
        }
        if !organization.policies_of(target).any(|attached| attached == id) {
            return Err(errors::not_attached());
        }
        if of_type(organization, target, policy_type) == 1 {
            let message = "You cannot remove the last policy attached to the specified target. You must have at \
                           least one attached at all times.";
            return Err(errors::constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", message));
        }
        organization.attached.entry(target.clone()).or_default().remove(id);
        Ok(())
    })
    .await
}

fn check(organization: &Organization, id: &str, target: &str) -> Result<PolicyType> {
    let policy_type = organization.type_of(id).ok_or_else(errors::no_such_policy)?;
    if !organization.is_target(target) {
        return Err(errors::no_such_target());
    }
    if !organization.enabled.contains(&policy_type) {
        return Err(errors::type_not_enabled());
    }
    Ok(policy_type)
}

fn of_type(organization: &Organization, target: &str, wanted: PolicyType) -> usize {
    organization.policies_of(target).filter(|id| organization.type_of(id) == Some(wanted)).count()
}

pub async fn list_policies_for_target(
    ctx: &Ctx,
    input: ListPoliciesForTargetRequest,
) -> Result<ListPoliciesForTargetResponse> {
    let organization = managed(ctx).await?;
    let wanted = PolicyType::parse(&input.filter)?;
    if !organization.is_target(&input.target_id) {
        return Err(errors::no_such_target());
    }
    let ids = organization.policies_of(&input.target_id);
    let ids = ids.filter(|id| organization.type_of(id) == Some(wanted)).map(str::to_owned).collect();
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (ids, next_token) = page(ctx, "ListPoliciesForTarget", ids, |id| id, token, max)?;
    let policies = ids.iter().map(|id| summary(&organization, id)).collect::<Result<_>>()?;
    Ok(ListPoliciesForTargetResponse { policies: Some(policies), next_token })
}

pub async fn list_targets_for_policy(
    ctx: &Ctx,
    input: ListTargetsForPolicyRequest,
) -> Result<ListTargetsForPolicyResponse> {
    let organization = managed(ctx).await?;
    if organization.type_of(&input.policy_id).is_none() {
        return Err(errors::no_such_policy());
    }
    let with = organization.attached.iter().filter(|(_, policies)| policies.contains(&input.policy_id));
    let ids = with.map(|(target, _)| target.clone()).collect();
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (ids, next_token) = page(ctx, "ListTargetsForPolicy", ids, |id| id, token, max)?;
    let targets = ids.iter().map(|id| target(&organization, id)).collect();
    Ok(ListTargetsForPolicyResponse { targets: Some(targets), next_token })
}

fn target(organization: &Organization, id: &str) -> PolicyTargetSummary {
    let unit = organization.units.get(id).map(|unit| ("ORGANIZATIONAL_UNIT", "ou", unit.name.clone()));
    let account = || organization.accounts.get(id).map(|known| ("ACCOUNT", "account", known.name.clone()));
    let (kind, word, name) = unit.or_else(account).unwrap_or_else(|| ("ROOT", "root", "Root".to_owned()));
    PolicyTargetSummary {
        target_id: Some(id.to_owned()),
        arn: Some(organization.arn(format_args!("{word}/{}/{id}", organization.id))),
        name: Some(name),
        r#type: Some(kind.to_owned()),
    }
}
