//! Schedules: made, changed, deleted.

use api_scheduler as api;
use kernel::tokens::{Once, fingerprint};
use kernel::{Ctx, Result};
use shape::Timestamp;

use crate::controllers::send::in_role;
use crate::errors;
use crate::rules::arn::{self, DEFAULT};
use crate::rules::{schedule as rules, target};
use crate::state::group;
use crate::state::schedule::{self, Count, Schedule, Target, Timing};

const OPERATION: &str = "CreateSchedule";

/// What both making and changing a schedule say.
struct Asked {
    group: String,
    name: String,
    description: Option<String>,
    timing: Timing,
    target: Target,
}

pub async fn create_schedule(
    ctx: &Ctx,
    input: api::CreateScheduleInput,
) -> Result<api::CreateScheduleOutput> {
    let token = input.client_token.clone();
    let once = Once::new(OPERATION, token.as_ref(), fingerprint(&input));
    let given = rules::Given {
        expression: input.schedule_expression,
        zone: input.schedule_expression_timezone,
        start: input.start_date.map(Timestamp::as_millis),
        end: input.end_date.map(Timestamp::as_millis),
        window: input.flexible_time_window,
        state: input.state,
        after_completion: input.action_after_completion,
    };
    let asked = Asked {
        group: input.group_name.unwrap_or_else(|| DEFAULT.to_owned()),
        name: input.name,
        description: input.description,
        timing: rules::check(given, ctx.now())?,
        target: target::check(input.target, ctx.partition(), ctx.house().services())?,
    };
    let count = ctx.own::<Count>();
    count.check()?;
    check_role(ctx, &asked).await?;
    let scope = *ctx.scope();
    let arn = arn::schedule(&scope, Some(&asked.group), &asked.name);
    let is_new = ctx
        .write(|tx| {
            if once.find(tx, errors::token_reused)?.is_some() {
                return Ok(false);
            }
            once.remember(tx, &arn)?;
            check_group(tx, &scope, &asked.group)?;
            if schedule::find(tx, &scope, &asked.group, &asked.name)?.is_some() {
                return Err(errors::schedule_exists(&asked.name));
            }
            put(tx, &scope, &asked, None)?;
            Ok(true)
        })
        .await?;
    if is_new {
        count.made();
    }
    Ok(api::CreateScheduleOutput { schedule_arn: arn })
}

/// What is not said is as if it had never been said.
pub async fn update_schedule(
    ctx: &Ctx,
    input: api::UpdateScheduleInput,
) -> Result<api::UpdateScheduleOutput> {
    let given = rules::Given {
        expression: input.schedule_expression,
        zone: input.schedule_expression_timezone,
        start: input.start_date.map(Timestamp::as_millis),
        end: input.end_date.map(Timestamp::as_millis),
        window: input.flexible_time_window,
        state: input.state,
        after_completion: input.action_after_completion,
    };
    let asked = Asked {
        group: input.group_name.unwrap_or_else(|| DEFAULT.to_owned()),
        name: input.name,
        description: input.description,
        timing: rules::check(given, ctx.now())?,
        target: target::check(input.target, ctx.partition(), ctx.house().services())?,
    };
    check_role(ctx, &asked).await?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        check_group(tx, &scope, &asked.group)?;
        let before = schedule::get(tx, &scope, &asked.group, &asked.name)?;
        put(tx, &scope, &asked, Some(before.created_at))
    })
    .await?;
    let schedule_arn = arn::schedule(&scope, Some(&asked.group), &asked.name);
    Ok(api::UpdateScheduleOutput { schedule_arn })
}

/// The role must be there and trust the service, as it is now.
async fn check_role(ctx: &Ctx, asked: &Asked) -> Result<()> {
    let taken = in_role(ctx, &asked.target.role_arn, &asked.group).await?;
    taken.map(drop).ok_or_else(errors::no_trust)
}

fn check_group(tx: &mut kernel::Tx<'_, '_>, scope: &kernel::Scope, name: &str) -> Result<()> {
    match group::get(tx, scope, name)?.is_deleting {
        true => Err(errors::conflict(format!("Schedule group {name} is being deleted."))),
        false => Ok(()),
    }
}

fn put(
    tx: &mut kernel::Tx<'_, '_>,
    scope: &kernel::Scope,
    asked: &Asked,
    created_at: Option<kernel::Millis>,
) -> Result<()> {
    let now = tx.ctx().now();
    // From when it was said: a rate begins at that very moment.
    let next = rules::next(&asked.timing, asked.timing.since - 1);
    let Asked { group, name, description, timing, target } = asked;
    let schedule = Schedule {
        group: group.clone(),
        name: name.clone(),
        description: description.clone(),
        timing: timing.clone(),
        target: target.clone(),
        created_at: created_at.unwrap_or(now),
        modified_at: now,
        next: None,
    };
    schedule::put(tx, scope, schedule, next)
}

pub async fn delete_schedule(
    ctx: &Ctx,
    input: api::DeleteScheduleInput,
) -> Result<api::DeleteScheduleOutput> {
    let scope = *ctx.scope();
    let group = input.group_name.unwrap_or_else(|| DEFAULT.to_owned());
    ctx.write(|tx| {
        group::get(tx, &scope, &group)?;
        schedule::get(tx, &scope, &group, &input.name)?;
        schedule::delete(tx, &scope, &group, &input.name)
    })
    .await?;
    ctx.own::<Count>().gone(1);
    Ok(api::DeleteScheduleOutput::default())
}
