//! Operations that change rules in place: a rule keeps its id. A change is in force when it is answered.

use api_ec2 as api;
use kernel::{Ctx, Result, Tx};

use super::page::check_dry_run;
use super::security_group::resolve;
use super::security_group_rule::{Target, check_size, peer, put_in_force};
use crate::errors;
use crate::rules::permission::{self, Wanted};
use crate::rules::security_group_rule as rules;
use crate::state::id::{Id, RuleId};
use crate::state::security_group::{self, SecurityGroup};

pub async fn modify_security_group_rules(
    ctx: &Ctx,
    input: api::ModifySecurityGroupRulesRequest,
) -> Result<api::ModifySecurityGroupRulesResult> {
    let mut updates = Vec::with_capacity(input.security_group_rules.len());
    for update in input.security_group_rules {
        let id = update.security_group_rule_id;
        let id = RuleId::parse(&id).ok_or_else(|| errors::rule_malformed(&id))?;
        let rule = update.security_group_rule.ok_or_else(|| errors::missing("SecurityGroupRule"))?;
        updates.push((id, rules::check_replacement(rule)?));
    }
    if updates.is_empty() {
        return Err(errors::missing("SecurityGroupRules"));
    }
    check_dry_run(input.dry_run)?;
    let target = Target { id: Some(&input.group_id), name: None, egress: false };
    change(ctx, target, |tx, group| {
        updates.iter().try_for_each(|(id, wanted)| {
            let peer = peer(tx, ctx.scope(), group, &wanted.peer)?;
            rules::replace(group, id, wanted, peer)
        })?;
        check_size(tx, ctx.scope(), group)
    })
    .await?;
    Ok(api::ModifySecurityGroupRulesResult { r#return: Some(true) })
}

pub async fn update_security_group_rule_descriptions_ingress(
    ctx: &Ctx,
    input: api::UpdateSecurityGroupRuleDescriptionsIngressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsIngressResult> {
    let target = Target { id: input.group_id.as_deref(), name: input.group_name.as_deref(), egress: false };
    let by_id = rules::check_descriptions(input.security_group_rule_descriptions)?;
    let alike = permission::check(input.ip_permissions.unwrap_or_default())?;
    check_dry_run(input.dry_run)?;
    describe_anew(ctx, target, &by_id, &alike).await?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsIngressResult { r#return: Some(true) })
}

pub async fn update_security_group_rule_descriptions_egress(
    ctx: &Ctx,
    input: api::UpdateSecurityGroupRuleDescriptionsEgressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsEgressResult> {
    let target = Target { id: input.group_id.as_deref(), name: input.group_name.as_deref(), egress: true };
    let by_id = rules::check_descriptions(input.security_group_rule_descriptions)?;
    let alike = permission::check(input.ip_permissions.unwrap_or_default())?;
    check_dry_run(input.dry_run)?;
    describe_anew(ctx, target, &by_id, &alike).await?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsEgressResult { r#return: Some(true) })
}

/// Gives new descriptions to rules by id, or to those that let the same through.
async fn describe_anew(
    ctx: &Ctx,
    target: Target<'_>,
    by_id: &[(RuleId, Option<String>)],
    alike: &[Wanted],
) -> Result<()> {
    if by_id.is_empty() == alike.is_empty() {
        return Err(errors::descriptions_missing_or_twice());
    }
    let egress = target.egress;
    change(ctx, target, |tx, group| {
        for (id, description) in by_id {
            let rule = group.rules.iter_mut().find(|rule| rule.id == *id && rule.egress == egress);
            rule.ok_or_else(|| errors::rule_not_found(id))?.description = description.clone();
        }
        for wanted in alike {
            let peer = peer(tx, ctx.scope(), group, &wanted.peer)?;
            let mut rules = group.rules.iter_mut().filter(|rule| rule.egress == egress);
            let rule = rules.find(|rule| rule.traffic == wanted.traffic && rule.peer == peer);
            rule.ok_or_else(errors::permission_not_found)?.description = wanted.description.clone();
        }
        Ok(())
    })
    .await
}

/// Changes a group's rules in one transaction, and puts them in force.
async fn change(
    ctx: &Ctx,
    target: Target<'_>,
    act: impl Fn(&mut Tx<'_, '_>, &mut SecurityGroup) -> Result<()> + Send + Sync,
) -> Result<()> {
    let write = ctx.write(|tx| {
        let mut group = resolve(tx, ctx.scope(), target.id, target.name)?;
        act(tx, &mut group)?;
        security_group::put(tx, ctx.scope(), &group)?;
        Ok(group)
    });
    put_in_force(ctx, &write.await?).await
}
