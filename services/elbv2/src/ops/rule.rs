//! Rules of listeners.

use std::collections::BTreeMap;

use api_elbv2 as api;
use kernel::{Ctx, Result, Scope};

use super::listener::check_action;
use super::{FoundRule, default_rule_id, fresh_id, get_listener, get_rule, nudge};
use crate::errors::{self, TooMany};
use crate::rules::listener::{PRIORITY_MAX, RULES_MAX};
use crate::rules::{action, arn, condition, page, tag};
use crate::state::listener::Listener;
use crate::state::load_balancer::{Kind, LoadBalancer};
use crate::state::rule::{self, Rule};

fn check_priority(priority: i32) -> Result<()> {
    if (1..=PRIORITY_MAX).contains(&priority) {
        return Ok(());
    }
    Err(errors::validation(format!("Priority '{priority}' must be between 1 and {PRIORITY_MAX} inclusive")))
}

pub async fn create_rule(ctx: &Ctx, input: api::CreateRuleInput) -> Result<api::CreateRuleOutput> {
    let scope = *ctx.scope();
    check_priority(input.priority)?;
    let new = Rule {
        id: fresh_id(ctx),
        of: String::new(),
        priority: input.priority,
        conditions: condition::check(input.conditions)?,
        action: action::check(Kind::Application, input.actions)?,
        tags: tag::check(input.tags)?,
    };
    let write = ctx.write(|tx| {
        let (of, listener) = get_listener(tx, &scope, &input.listener_arn)?;
        if of.kind != Kind::Application {
            return Err(errors::unsupported("A rule of a network load balancer's listener"));
        }
        let all = rule::all(tx, &scope, &listener.id)?;
        if all.iter().any(|other| other.priority == new.priority) {
            return Err(errors::priority_in_use(new.priority));
        }
        if all.len() >= RULES_MAX {
            return Err(errors::too_many(TooMany::Rules, RULES_MAX));
        }
        check_action(tx, &scope, &of, &listener, &new.action)?;
        let made = Rule { of: listener.id.clone(), ..new.clone() };
        rule::put(tx, &scope, &made)?;
        Ok((of, listener, made))
    });
    let (of, listener, made) = write.await?;
    nudge(ctx, &of.id);
    Ok(api::CreateRuleOutput { rules: Some(vec![shown(&scope, &of, &listener, &made)]) })
}

/// As AWS shows it.
fn shown(scope: &Scope, of: &LoadBalancer, listener: &Listener, one: &Rule) -> api::Rule {
    api::Rule {
        rule_arn: Some(arn::rule(scope, of, &listener.id, &one.id)),
        priority: Some(one.priority.to_string()),
        conditions: Some(one.conditions.iter().map(condition::shown).collect()),
        actions: Some(vec![action::shown(&one.action)]),
        is_default: Some(false),
        ..Default::default()
    }
}

fn shown_default(scope: &Scope, of: &LoadBalancer, listener: &Listener) -> api::Rule {
    api::Rule {
        rule_arn: Some(arn::rule(scope, of, &listener.id, &default_rule_id(listener))),
        priority: Some("default".to_owned()),
        conditions: Some(Vec::new()),
        actions: Some(vec![action::shown(&listener.action)]),
        is_default: Some(true),
        ..Default::default()
    }
}

pub async fn describe_rules(ctx: &Ctx, input: api::DescribeRulesInput) -> Result<api::DescribeRulesOutput> {
    let scope = *ctx.scope();
    let arns = input.rule_arns.unwrap_or_default();
    let read = ctx.read(|snap| match (&input.listener_arn, arns.as_slice()) {
        (Some(arn), []) => {
            let (of, listener) = get_listener(snap, &scope, arn)?;
            let all = rule::all(snap, &scope, &listener.id)?;
            let mut all: Vec<_> = all.iter().map(|one| shown(&scope, &of, &listener, one)).collect();
            all.push(shown_default(&scope, &of, &listener));
            Ok(all)
        }
        (None, [_, ..]) => {
            let get = |arn: &String| {
                let (of, listener, found) = get_rule(snap, &scope, arn)?;
                Ok(match found {
                    FoundRule::Rule(one) => shown(&scope, &of, &listener, &one),
                    FoundRule::Default => shown_default(&scope, &of, &listener),
                })
            };
            arns.iter().map(get).collect()
        }
        _ => Err(errors::validation("You must specify either listener rule ARNs or a listener ARN")),
    });
    let (page, next_marker) = page::cut(ctx, "DescribeRules", read.await?, (input.marker, input.page_size))?;
    Ok(api::DescribeRulesOutput { rules: Some(page), next_marker })
}

pub async fn modify_rule(ctx: &Ctx, input: api::ModifyRuleInput) -> Result<api::ModifyRuleOutput> {
    let scope = *ctx.scope();
    let conditions = input.conditions.map(condition::check).transpose()?;
    let new_action = input.actions.map(|actions| action::check(Kind::Application, actions)).transpose()?;
    let write = ctx.write(|tx| {
        let (of, listener, found) = get_rule(tx, &scope, &input.rule_arn)?;
        let FoundRule::Rule(mut one) = found else { return Err(errors::default_rule()) };
        if let Some(conditions) = &conditions {
            one.conditions.clone_from(conditions);
        }
        if let Some(action) = &new_action {
            check_action(tx, &scope, &of, &listener, action)?;
            one.action.clone_from(action);
        }
        rule::put(tx, &scope, &one)?;
        Ok((of, listener, one))
    });
    let (of, listener, one) = write.await?;
    nudge(ctx, &of.id);
    Ok(api::ModifyRuleOutput { rules: Some(vec![shown(&scope, &of, &listener, &one)]) })
}

pub async fn delete_rule(ctx: &Ctx, input: api::DeleteRuleInput) -> Result<api::DeleteRuleOutput> {
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let (of, _, found) = get_rule(tx, &scope, &input.rule_arn)?;
        let FoundRule::Rule(one) = found else { return Err(errors::default_rule()) };
        rule::delete(tx, &scope, &one)?;
        Ok(of.id)
    });
    nudge(ctx, &write.await?);
    Ok(api::DeleteRuleOutput::default())
}

pub async fn set_rule_priorities(
    ctx: &Ctx,
    input: api::SetRulePrioritiesInput,
) -> Result<api::SetRulePrioritiesOutput> {
    let scope = *ctx.scope();
    let mut wanted = BTreeMap::new();
    for pair in input.rule_priorities {
        let priority = pair.priority.unwrap_or_default();
        check_priority(priority)?;
        wanted.insert(pair.rule_arn.unwrap_or_default(), priority);
    }
    let write = ctx.write(|tx| {
        let mut changed = Vec::new();
        for (arn, priority) in &wanted {
            let (of, listener, found) = get_rule(tx, &scope, arn)?;
            let FoundRule::Rule(one) = found else { return Err(errors::default_rule()) };
            changed.push((of, listener, Rule { priority: *priority, ..one }));
        }
        for (_, listener, one) in &changed {
            let others = rule::all(tx, &scope, &listener.id)?;
            let stays = |other: &&Rule| !changed.iter().any(|(_, _, moved)| moved.id == other.id);
            let moved =
                changed.iter().filter(|(_, home, moved)| home.id == listener.id && moved.id != one.id);
            let taken = others.iter().filter(stays).chain(moved.map(|(_, _, moved)| moved));
            if taken.into_iter().any(|other| other.priority == one.priority) {
                return Err(errors::priority_in_use(one.priority));
            }
        }
        for (_, _, one) in &changed {
            rule::put(tx, &scope, one)?;
        }
        Ok(changed)
    });
    let changed = write.await?;
    changed.iter().for_each(|(of, ..)| nudge(ctx, &of.id));
    let rules = changed.iter().map(|(of, listener, one)| shown(&scope, of, listener, one)).collect();
    Ok(api::SetRulePrioritiesOutput { rules: Some(rules) })
}
