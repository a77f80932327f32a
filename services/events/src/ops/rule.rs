//! Rules: put, looked at, switched, deleted.

use api_events as api;
use kernel::{Ctx, Result};

use super::{at_bus, get_bus, get_rule};
use crate::errors;
use crate::rules::target::check_role;
use crate::rules::{page, rule as rules, tag};
use crate::state::routes::Routes;
use crate::state::rule::{self, Rule};

pub async fn put_rule(ctx: &Ctx, input: api::PutRuleRequest) -> Result<api::PutRuleResponse> {
    let (ctx, bus) = at_bus(ctx, input.event_bus_name.as_deref())?;
    let (scope, now) = (*ctx.scope(), ctx.now());
    rules::check(
        &bus,
        input.event_pattern.as_deref(),
        input.schedule_expression.as_deref(),
        input.state.as_deref(),
    )?;
    check_role(input.role_arn.as_deref())?;
    let mut tags = tag::Tags::new();
    tag::add(&mut tags, input.tags)?;
    let new = Rule {
        name: input.name,
        description: input.description,
        pattern: input.event_pattern,
        schedule: input.schedule_expression,
        state: input.state.unwrap_or_else(|| "ENABLED".to_owned()),
        role_arn: input.role_arn,
        targets: Vec::new(),
        tags,
        created_by: ctx.caller().account.to_string(),
        since: now,
        bus,
    };
    ctx.write(|tx| {
        get_bus(tx, &scope, &new.bus)?;
        let known = rule::find(tx, &scope, &new.bus, &new.name)?;
        if known.is_none() && rule::all(tx, &scope, &new.bus)?.len() >= rules::RULES_MAX {
            return Err(errors::limit("The requested resource exceeds the maximum number allowed."));
        }
        let mut new = new.clone();
        if let Some(known) = known {
            // Putting it again changes what it says; its targets and tags stay.
            let same_clock = known.schedule == new.schedule && known.is_enabled() == new.is_enabled();
            new.since = if same_clock { known.since } else { now };
            (new.targets, new.tags, new.created_by) = (known.targets, known.tags, known.created_by);
        }
        rule::put(tx, &scope, &new)
    })
    .await?;
    ctx.own::<Routes>().forget(&scope, &new.bus);
    Ok(api::PutRuleResponse { rule_arn: Some(new.arn(&scope)) })
}

/// Changes a rule that is there.
pub(super) async fn change<T: Send>(
    ctx: &Ctx,
    (bus, name): (Option<&str>, &str),
    f: impl Fn(&mut Rule) -> Result<T> + Send + Sync,
) -> Result<T> {
    let (ctx, bus) = at_bus(ctx, bus)?;
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let mut found = get_rule(tx, &scope, &bus, name)?;
        let value = f(&mut found)?;
        rule::put(tx, &scope, &found)?;
        Ok(value)
    });
    let value = write.await?;
    ctx.own::<Routes>().forget(&scope, &bus);
    Ok(value)
}

pub async fn enable_rule(ctx: &Ctx, input: api::EnableRuleRequest) -> Result<()> {
    let now = ctx.now();
    change(ctx, (input.event_bus_name.as_deref(), &input.name), |rule| {
        if !rule.is_enabled() {
            "ENABLED".clone_into(&mut rule.state);
            rule.since = now;
        }
        Ok(())
    })
    .await
}

pub async fn disable_rule(ctx: &Ctx, input: api::DisableRuleRequest) -> Result<()> {
    change(ctx, (input.event_bus_name.as_deref(), &input.name), |rule| {
        "DISABLED".clone_into(&mut rule.state);
        Ok(())
    })
    .await
}

/// Once more is no error.
pub async fn delete_rule(ctx: &Ctx, input: api::DeleteRuleRequest) -> Result<()> {
    let (ctx, bus) = at_bus(ctx, input.event_bus_name.as_deref())?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        get_bus(tx, &scope, &bus)?;
        let Some(found) = rule::find(tx, &scope, &bus, &input.name)? else { return Ok(()) };
        if !found.targets.is_empty() {
            return Err(errors::validation("Rule can't be deleted since it has targets."));
        }
        rule::delete(tx, &scope, &found)
    })
    .await?;
    ctx.own::<Routes>().forget(&scope, &bus);
    Ok(())
}

pub async fn describe_rule(ctx: &Ctx, input: api::DescribeRuleRequest) -> Result<api::DescribeRuleResponse> {
    let (ctx, bus) = at_bus(ctx, input.event_bus_name.as_deref())?;
    let found = ctx.read(|snap| get_rule(snap, ctx.scope(), &bus, &input.name)).await?;
    Ok(api::DescribeRuleResponse {
        arn: Some(found.arn(ctx.scope())),
        name: Some(found.name),
        event_pattern: found.pattern,
        schedule_expression: found.schedule,
        state: Some(found.state),
        description: found.description,
        role_arn: found.role_arn,
        event_bus_name: Some(found.bus),
        created_by: Some(found.created_by),
        ..Default::default()
    })
}

pub async fn list_rules(ctx: &Ctx, input: api::ListRulesRequest) -> Result<api::ListRulesResponse> {
    let (ctx, bus) = at_bus(ctx, input.event_bus_name.as_deref())?;
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        get_bus(snap, &scope, &bus)?;
        rule::all(snap, &scope, &bus)
    });
    let mut found = read.await?;
    found.retain(|rule| {
        input.name_prefix.as_ref().is_none_or(|prefix| rule.name.starts_with(prefix.as_str()))
    });
    let asked = (input.next_token, input.limit);
    let (page, next_token) = page::cut(&ctx, "ListRules", found, asked, |rule| &rule.name)?;
    let shown = |rule: Rule| api::Rule {
        arn: Some(rule.arn(&scope)),
        name: Some(rule.name),
        event_pattern: rule.pattern,
        state: Some(rule.state),
        description: rule.description,
        schedule_expression: rule.schedule,
        role_arn: rule.role_arn,
        event_bus_name: Some(rule.bus),
        ..Default::default()
    };
    Ok(api::ListRulesResponse { rules: Some(page.into_iter().map(shown).collect()), next_token })
}

pub async fn list_rule_names_by_target(
    ctx: &Ctx,
    input: api::ListRuleNamesByTargetRequest,
) -> Result<api::ListRuleNamesByTargetResponse> {
    let (ctx, bus) = at_bus(ctx, input.event_bus_name.as_deref())?;
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        get_bus(snap, &scope, &bus)?;
        rule::all(snap, &scope, &bus)
    });
    let leads_there = |rule: &Rule| rule.targets.iter().any(|target| target.arn == input.target_arn);
    let names = read.await?.into_iter().filter(leads_there).map(|rule| rule.name).collect();
    let asked = (input.next_token, input.limit);
    let (page, next_token) =
        page::cut(&ctx, "ListRuleNamesByTarget", names, asked, |name: &String| name.as_str())?;
    Ok(api::ListRuleNamesByTargetResponse { rule_names: Some(page), next_token })
}
