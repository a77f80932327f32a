//! Making, changing and deleting alarms.

use std::collections::BTreeMap;

use api_cloudwatch::{
    DeleteAlarmsInput, DisableAlarmActionsInput, EnableAlarmActionsInput, PutCompositeAlarmInput,
    PutMetricAlarmInput, SetAlarmStateInput, Tag,
};
use kernel::{Access, Ctx, Result, Scope};

use crate::controllers::alarm::{ALL, NAME};
use crate::errors;
use crate::rules::evaluation::State;
use crate::rules::{alarm as rules, composite, tags};
use crate::state::alarm::{self, ALARMS_MAX, Alarm, Alarms, Asked, Watch, arn};
use crate::state::transition::{Configured, Seen, configured, take_on};

/// Alarms named in one call.
const NAMES_MAX: usize = 100;

pub fn access(scope: &Scope, name: &str) -> Access {
    Access::on(arn(scope, name))
}

pub fn access_all(scope: &Scope, names: &[String]) -> Result<Access> {
    Ok(Access::on_all(names.iter().map(|name| arn(scope, name))))
}

/// Conditions may ask what the alarm would do (CloudWatch user guide, "Using condition keys to limit alarm actions").
pub fn put_access(
    scope: &Scope,
    name: &str,
    tags: Option<&[Tag]>,
    actions: [&Option<Vec<String>>; 3],
) -> Result<Access> {
    let actions: Vec<String> = actions.into_iter().flatten().flatten().cloned().collect();
    let mut access = access(scope, name);
    if !actions.is_empty() {
        access = access.list("cloudwatch:AlarmActions", actions);
    }
    Ok(access.request_tags(tags::pairs(tags)).also_to_tag("cloudwatch:TagResource"))
}

/// What an alarm would do, from an input.
#[macro_export]
macro_rules! actions_of {
    ($input:expr) => {
        [&$input.alarm_actions, &$input.ok_actions, &$input.insufficient_data_actions]
    };
}

pub async fn put_metric_alarm(ctx: &Ctx, input: PutMetricAlarmInput) -> Result<()> {
    let tags = input.tags.clone();
    let asked = rules::check_metric(ctx.scope(), input)?;
    put(ctx, asked, tags.unwrap_or_default()).await
}

pub async fn put_composite_alarm(ctx: &Ctx, input: PutCompositeAlarmInput) -> Result<()> {
    let tags = input.tags.clone();
    let asked = rules::check_composite(ctx.scope(), input)?;
    check_circle(ctx, &asked)?;
    put(ctx, asked, tags.unwrap_or_default()).await
}

/// Refuses a composite alarm whose rule leads back to it, or names alarms that are not there.
fn check_circle(ctx: &Ctx, asked: &Asked) -> Result<()> {
    let alarms = ctx.own::<Alarms>();
    let Watch::Composite(rule) = &asked.watch else { return Ok(()) };
    let mut open = named(rule, ctx.scope());
    for name in &open {
        if alarms.find(ctx.scope(), name).is_none() && *name != asked.name {
            return Err(errors::validation(format!("AlarmRule names an alarm that does not exist: {name}")));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == asked.name {
            return Err(errors::validation("AlarmRule leads back to the alarm itself."));
        }
        if seen.insert(name.clone())
            && let Some(alarm) = alarms.find(ctx.scope(), &name)
            && let Watch::Composite(rule) = &alarm.asked.watch
        {
            open.extend(named(rule, ctx.scope()));
        }
    }
    Ok(())
}

/// The names of the alarms of a rule, also of those named by ARN.
pub fn named(rule: &str, scope: &Scope) -> Vec<String> {
    let Ok(rule) = composite::Rule::parse(rule) else { return Vec::new() };
    let mut names = Vec::new();
    rule.alarms(&mut names);
    let head = arn(scope, "");
    names.into_iter().map(|name| name.strip_prefix(&head).unwrap_or(name).to_owned()).collect()
}

async fn put(ctx: &Ctx, asked: Asked, more: Vec<Tag>) -> Result<()> {
    let alarms = ctx.own::<Alarms>();
    let name = asked.name.clone();
    if alarms.find(ctx.scope(), &name).is_none() && alarms.count(ctx.scope()) >= ALARMS_MAX {
        return Err(errors::too_many_alarms(ALARMS_MAX));
    }
    let now = ctx.now();
    let mut new_tags = BTreeMap::new();
    tags::add(&mut new_tags, more)?;
    ctx.write(|tx| {
        let before = alarm::find(tx, ctx.scope(), &name)?;
        let after = match before.clone() {
            Some(before) if before.is_composite() != matches!(asked.watch, Watch::Composite(_)) => {
                return Err(errors::validation(format!("An alarm of another type is named {name} already.")));
            }
            // Tags are those it was made with: changing an alarm changes none.
            Some(before) => {
                Alarm { asked: asked.clone(), configured_at: now, revision: before.revision + 1, ..before }
            }
            None => Alarm {
                asked: asked.clone(),
                configured_at: now,
                state: State::InsufficientData,
                reason: "Unchecked: Initial alarm creation".to_owned(),
                reason_data: None,
                updated_at: now,
                transitioned_at: now,
                revision: 1,
                tags: new_tags.clone(),
            },
        };
        configured(tx, ctx, &after, before.as_ref().map_or(Configured::Created, Configured::Updated))?;
        alarm::put(tx, ctx.scope(), &after)
    })
    .await?;
    alarm::refresh(ctx, std::slice::from_ref(&name)).await?;
    alarms.due_now(ctx.scope(), &name);
    ctx.nudge(NAME, ALL);
    Ok(())
}

pub async fn delete_alarms(ctx: &Ctx, input: DeleteAlarmsInput) -> Result<()> {
    let names = check_names(input.alarm_names)?;
    let missing = ctx
        .write(|tx| {
            let mut found = Vec::new();
            for name in &names {
                found.extend(alarm::find(tx, ctx.scope(), name)?);
            }
            check_deletion(ctx, &found)?;
            let missing = found.len() < names.len();
            for gone in found {
                alarm::delete(tx, ctx.scope(), &gone.asked.name)?;
                configured(tx, ctx, &Alarm { revision: gone.revision + 1, ..gone }, Configured::Deleted)?;
            }
            Ok(missing)
        })
        .await?;
    alarm::refresh(ctx, &names).await?;
    ctx.nudge(NAME, ALL);
    // Those that are there go all the same.
    if missing { Err(errors::no_such_alarm()) } else { Ok(()) }
}

/// One composite alarm goes at a time, and none goes that another's rule names.
fn check_deletion(ctx: &Ctx, gone: &[Alarm]) -> Result<()> {
    if gone.iter().filter(|alarm| alarm.is_composite()).count() > 1 {
        return Err(errors::validation("At most one composite alarm can be deleted at a time."));
    }
    let goes = |name: &String| gone.iter().any(|alarm| alarm.asked.name == *name);
    for other in ctx.own::<Alarms>().of(ctx.scope()).iter().filter(|other| !goes(&other.asked.name)) {
        let Watch::Composite(rule) = &other.asked.watch else { continue };
        if let Some(name) = named(rule, ctx.scope()).iter().find(|name| goes(name)) {
            return Err(errors::alarm_in_use(name));
        }
    }
    Ok(())
}

/// Each once.
fn check_names(mut names: Vec<String>) -> Result<Vec<String>> {
    names.sort();
    names.dedup();
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(errors::validation(format!("AlarmNames must have between 1 and {NAMES_MAX} names.")));
    }
    Ok(names)
}

pub async fn enable_alarm_actions(ctx: &Ctx, input: EnableAlarmActionsInput) -> Result<()> {
    enable(ctx, input.alarm_names, true).await
}

pub async fn disable_alarm_actions(ctx: &Ctx, input: DisableAlarmActionsInput) -> Result<()> {
    enable(ctx, input.alarm_names, false).await
}

/// Names of alarms that are not there are passed over, as on AWS.
async fn enable(ctx: &Ctx, names: Vec<String>, enabled: bool) -> Result<()> {
    let names = check_names(names)?;
    ctx.write(|tx| {
        for name in &names {
            let Some(before) = alarm::find(tx, ctx.scope(), name)? else { continue };
            if before.asked.actions.enabled != enabled {
                let mut alarm = before.clone();
                alarm.asked.actions.enabled = enabled;
                alarm.revision += 1;
                configured(tx, ctx, &alarm, Configured::Updated(&before))?;
                alarm::put(tx, ctx.scope(), &alarm)?;
            }
        }
        Ok(())
    })
    .await?;
    alarm::refresh(ctx, &names).await
}

pub async fn set_alarm_state(ctx: &Ctx, input: SetAlarmStateInput) -> Result<()> {
    let SetAlarmStateInput { alarm_name, state_value, state_reason, state_reason_data } = input;
    let state = State::parse(&state_value).ok_or_else(|| errors::validation(state_value.clone()))?;
    if let Some(data) = &state_reason_data {
        serde_json::from_str::<serde_json::Value>(data).map_err(|_| errors::bad_reason_data())?;
    }
    let seen = Seen { state, reason: state_reason, reason_data: state_reason_data };
    if !take_on(ctx, &alarm_name, None, &seen).await? {
        return Err(errors::no_such_alarm());
    }
    ctx.nudge(NAME, ALL);
    Ok(())
}
