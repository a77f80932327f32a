//! Who may put events on a bus.

use api_events as api;
use kernel::{Ctx, ResourcePolicy, Result};

use super::get_bus;
use crate::errors;
use crate::rules::arn::{self, DEFAULT};
use crate::rules::permission::{self, Statement};
use crate::state::bus::{self, Bus};

async fn change(
    ctx: &Ctx,
    name: Option<String>,
    f: impl Fn(&mut Bus) -> Result<()> + Send + Sync,
) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let name = name.unwrap_or_else(|| DEFAULT.to_owned());
    ctx.write(|tx| {
        let mut found = get_bus(tx, &scope, &name)?;
        f(&mut found)?;
        found.changed_at = now;
        bus::put(tx, &scope, &found)
    })
    .await
}

pub async fn put_permission(ctx: &Ctx, input: api::PutPermissionRequest) -> Result<()> {
    let api::PutPermissionRequest { event_bus_name, action, principal, statement_id, condition, policy } =
        input;
    if let Some(policy) = policy {
        if action.is_some() || principal.is_some() || statement_id.is_some() || condition.is_some() {
            return Err(errors::validation("Policy cannot be specified together with other parameters."));
        }
        let text = permission::check(&policy)?;
        let policy = ctx.resource_policy(text, |_| {
            errors::bad_parameter("Policy", "it names somebody who is not there.")
        });
        let policy = policy.await?;
        return change(ctx, event_bus_name, |bus| {
            bus.policy = Some(policy.clone());
            Ok(())
        })
        .await;
    }
    let (Some(action), Some(principal), Some(id)) = (action, principal, statement_id) else {
        return Err(errors::validation("Parameters Action, Principal and StatementId must be specified."));
    };
    if action != "events:PutEvents" {
        return Err(errors::bad_parameter("Action", "only events:PutEvents is supported."));
    }
    if let Some(condition) = &condition
        && (condition.r#type != "StringEquals" || condition.key != "aws:PrincipalOrgID")
    {
        return Err(errors::bad_parameter(
            "Condition",
            "only StringEquals of aws:PrincipalOrgID is supported.",
        ));
    }
    let scope = *ctx.scope();
    let partition = ctx.partition().to_string();
    change(ctx, event_bus_name, |bus| {
        let statement = Statement {
            id: &id,
            action: &action,
            principal: &principal,
            condition: condition
                .as_ref()
                .map(|condition| (&*condition.r#type, &*condition.key, &*condition.value)),
            bus_arn: &arn::bus(&scope, &bus.name),
            partition: &partition,
        };
        let before = bus.policy.as_ref();
        let text = permission::add(before.map(ResourcePolicy::text), &statement)?;
        bus.policy = Some(ResourcePolicy::following(before, text));
        Ok(())
    })
    .await
}

pub async fn remove_permission(ctx: &Ctx, input: api::RemovePermissionRequest) -> Result<()> {
    let all = input.remove_all_permissions == Some(true);
    if !all && input.statement_id.is_none() {
        return Err(errors::validation("Parameter StatementId must be specified."));
    }
    let id = input.statement_id.unwrap_or_default();
    change(ctx, input.event_bus_name, |bus| {
        bus.policy = match (all, bus.policy.as_ref()) {
            (true, _) => None,
            (false, None) => return Err(errors::not_found("EventBus does not have a policy.")),
            (false, Some(before)) => permission::remove(Some(before.text()), &id)?
                .map(|text| ResourcePolicy::following(Some(before), text)),
        };
        Ok(())
    })
    .await
}
