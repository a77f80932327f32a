//! Targets of rules.

use std::collections::BTreeSet;

use api_events as api;
use kernel::{Ctx, Result};

use super::rule::change;
use super::{at_bus, get_rule};
use crate::errors;
use crate::rules::arn::BusName;
use crate::rules::rule::TARGETS_MAX;
use crate::rules::{page, target as rules};

pub async fn put_targets(ctx: &Ctx, input: api::PutTargetsRequest) -> Result<api::PutTargetsResponse> {
    let new = input.targets.into_iter().map(rules::check).collect::<Result<Vec<_>>>()?;
    let ids: BTreeSet<&str> = new.iter().map(|target| &*target.id).collect();
    if ids.len() != new.len() {
        return Err(errors::validation("Duplicate target ids are not allowed."));
    }
    let owner = BusName::read(ctx.scope(), input.event_bus_name.as_deref())?.scope.account;
    if owner != ctx.caller().account {
        rules::check_of_stranger(&new)?;
    }
    change(ctx, (input.event_bus_name.as_deref(), &input.rule), |rule| {
        rule.targets.retain(|known| !ids.contains(&*known.id));
        rule.targets.extend(new.iter().cloned());
        if rule.targets.len() > TARGETS_MAX {
            return Err(errors::limit("The requested resource exceeds the maximum number allowed."));
        }
        rule.targets.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(())
    })
    .await?;
    Ok(api::PutTargetsResponse { failed_entry_count: Some(0), failed_entries: Some(Vec::new()) })
}

pub async fn remove_targets(
    ctx: &Ctx,
    input: api::RemoveTargetsRequest,
) -> Result<api::RemoveTargetsResponse> {
    let change = change(ctx, (input.event_bus_name.as_deref(), &input.rule), |rule| {
        let known: BTreeSet<String> = rule.targets.iter().map(|target| target.id.clone()).collect();
        rule.targets.retain(|target| !input.ids.contains(&target.id));
        Ok(input.ids.iter().filter(|id| !known.contains(*id)).cloned().collect::<Vec<_>>())
    });
    let failed = |id: String| api::RemoveTargetsResultEntry {
        error_code: Some("ResourceNotFoundException".to_owned()),
        error_message: Some(format!("Rule {} does not have target(s) with id(s) {id}.", input.rule)),
        target_id: Some(id),
    };
    let missing: Vec<_> = change.await?.into_iter().map(failed).collect();
    Ok(api::RemoveTargetsResponse {
        failed_entry_count: i32::try_from(missing.len()).ok(),
        failed_entries: Some(missing),
    })
}

pub async fn list_targets_by_rule(
    ctx: &Ctx,
    input: api::ListTargetsByRuleRequest,
) -> Result<api::ListTargetsByRuleResponse> {
    let (ctx, bus) = at_bus(ctx, input.event_bus_name.as_deref())?;
    let found = ctx.read(|snap| get_rule(snap, ctx.scope(), &bus, &input.rule)).await?;
    let asked = (input.next_token, input.limit);
    let (page, next_token) = page::cut(&ctx, "ListTargetsByRule", found.targets, asked, |target| &target.id)?;
    Ok(api::ListTargetsByRuleResponse { targets: Some(page.iter().map(rules::shown).collect()), next_token })
}
