//! Schedules, shown and listed.

use api_scheduler as api;
use kernel::{Ctx, Result};
use shape::Timestamp;

use crate::errors;
use crate::rules::arn::DEFAULT;
use crate::rules::target;
use crate::state::group;
use crate::state::schedule::{self, Schedule};

const OPERATION: &str = "ListSchedules";
const PAGE_MAX: usize = 100;
/// Schedules read at once while those wanted are looked for.
const BATCH: usize = 1_000;

pub async fn get_schedule(ctx: &Ctx, input: api::GetScheduleInput) -> Result<api::GetScheduleOutput> {
    let scope = *ctx.scope();
    let group = input.group_name.unwrap_or_else(|| DEFAULT.to_owned());
    let read = ctx.read(|snap| {
        group::get(snap, &scope, &group)?;
        schedule::get(snap, &scope, &group, &input.name)
    });
    let found = read.await?;
    let window = found.timing.window_minutes;
    Ok(api::GetScheduleOutput {
        arn: Some(found.arn(&scope)),
        action_after_completion: Some(found.timing.after_completion),
        creation_date: Some(Timestamp::from_millis(found.created_at)),
        last_modification_date: Some(Timestamp::from_millis(found.modified_at)),
        description: found.description,
        start_date: found.timing.start.map(Timestamp::from_millis),
        end_date: found.timing.end.map(Timestamp::from_millis),
        flexible_time_window: Some(api::FlexibleTimeWindow {
            mode: if window.is_some() { "FLEXIBLE" } else { "OFF" }.to_owned(),
            maximum_window_in_minutes: window,
        }),
        schedule_expression: Some(found.timing.expression),
        schedule_expression_timezone: Some(found.timing.zone),
        state: Some(found.timing.state),
        target: Some(target::shown(&found.target)),
        group_name: Some(found.group),
        name: Some(found.name),
        ..Default::default()
    })
}

pub async fn list_schedules(ctx: &Ctx, input: api::ListSchedulesInput) -> Result<api::ListSchedulesOutput> {
    let scope = *ctx.scope();
    if let Some(name) = &input.group_name {
        ctx.read(|snap| group::get(snap, &scope, name)).await?;
    }
    let mut after: Option<(String, String)> = match input.next_token {
        None => None,
        Some(token) => {
            let opened = ctx.open_page(OPERATION, &token).and_then(|bytes| String::from_utf8(bytes).ok());
            let place = opened.and_then(|place| {
                place.split_once('/').map(|(group, name)| (group.to_owned(), name.to_owned()))
            });
            Some(place.ok_or_else(errors::bad_token)?)
        }
    };
    let size = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE_MAX);
    let wanted = |one: &Schedule| {
        input.name_prefix.as_ref().is_none_or(|prefix| one.name.starts_with(prefix))
            && input.state.as_ref().is_none_or(|state| *state == one.timing.state)
    };
    let mut page: Vec<Schedule> = Vec::new();
    // One more than wanted tells whether there is another page.
    while page.len() <= size {
        let from = after.as_ref().map(|(group, name)| (group.as_str(), name.as_str()));
        let rows =
            ctx.read(|snap| schedule::list(snap, &scope, input.group_name.as_deref(), from, BATCH)).await?;
        let is_last = rows.len() < BATCH;
        after = rows.last().map(|last| (last.group.clone(), last.name.clone()));
        page.extend(rows.into_iter().filter(|one| wanted(one)));
        if is_last {
            break;
        }
    }
    let has_more = page.len() > size;
    page.truncate(size);
    let last = page.last().filter(|_| has_more);
    let next_token = last.map(|last| ctx.seal_page(OPERATION, last.key().as_bytes()));
    let shown = |one: Schedule| api::ScheduleSummary {
        arn: Some(one.arn(&scope)),
        creation_date: Some(Timestamp::from_millis(one.created_at)),
        last_modification_date: Some(Timestamp::from_millis(one.modified_at)),
        state: Some(one.timing.state),
        target: Some(api::TargetSummary { arn: one.target.arn }),
        group_name: Some(one.group),
        name: Some(one.name),
    };
    Ok(api::ListSchedulesOutput { schedules: page.into_iter().map(shown).collect(), next_token })
}
