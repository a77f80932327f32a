//! Groups of schedules.

use api_scheduler as api;
use kernel::tokens::{Once, fingerprint};
use kernel::{Ctx, Result};
use shape::Timestamp;

use crate::controllers::group::NAME;
use crate::errors;
use crate::rules::arn::{self, DEFAULT};
use crate::rules::tag::{self, Tags};
use crate::state::group::{self, GROUPS_MAX, Group};

const CREATE: &str = "CreateScheduleGroup";
const PAGE_MAX: usize = 100;

pub async fn create_schedule_group(
    ctx: &Ctx,
    input: api::CreateScheduleGroupInput,
) -> Result<api::CreateScheduleGroupOutput> {
    let token = input.client_token.clone();
    let once = Once::new(CREATE, token.as_ref(), fingerprint(&input));
    let (scope, now) = (*ctx.scope(), ctx.now());
    let mut tags = Tags::new();
    tag::add(&mut tags, input.tags)?;
    let (name, is_deleting) = (input.name, false);
    let new = Group { name: name.clone(), created_at: now, modified_at: now, tags, is_deleting };
    let arn = arn::group(&scope, &name);
    ctx.write(|tx| {
        if once.find(tx, errors::token_reused)?.is_some() {
            return Ok(());
        }
        once.remember(tx, &arn)?;
        if group::find(tx, &scope, &name)?.is_some() {
            return Err(errors::group_exists(&name));
        }
        if group::all(tx, &scope)?.len() >= GROUPS_MAX {
            return Err(errors::quota(format!(
                "You have reached the limit of {GROUPS_MAX} schedule groups."
            )));
        }
        group::put(tx, &scope, &new)
    })
    .await?;
    Ok(api::CreateScheduleGroupOutput { schedule_group_arn: arn })
}

pub async fn get_schedule_group(
    ctx: &Ctx,
    input: api::GetScheduleGroupInput,
) -> Result<api::GetScheduleGroupOutput> {
    let scope = *ctx.scope();
    let found = ctx.read(|snap| group::get(snap, &scope, &input.name)).await?;
    Ok(api::GetScheduleGroupOutput {
        arn: Some(arn::group(&scope, &found.name)),
        creation_date: Some(Timestamp::from_millis(found.created_at)),
        last_modification_date: Some(Timestamp::from_millis(found.modified_at)),
        state: Some(state(&found)),
        name: Some(found.name),
    })
}

fn state(group: &Group) -> String {
    if group.is_deleting { "DELETING" } else { "ACTIVE" }.to_owned()
}

/// Its schedules go with it, at once to rest and soon for good.
pub async fn delete_schedule_group(
    ctx: &Ctx,
    input: api::DeleteScheduleGroupInput,
) -> Result<api::DeleteScheduleGroupOutput> {
    let scope = *ctx.scope();
    if input.name == DEFAULT {
        return Err(errors::validation("The default schedule group cannot be deleted."));
    }
    ctx.write(|tx| {
        let found = group::get(tx, &scope, &input.name)?;
        group::put(tx, &scope, &Group { is_deleting: true, modified_at: ctx.now(), ..found })
    })
    .await?;
    ctx.nudge(NAME, &input.name);
    Ok(api::DeleteScheduleGroupOutput::default())
}

pub async fn list_schedule_groups(
    ctx: &Ctx,
    input: api::ListScheduleGroupsInput,
) -> Result<api::ListScheduleGroupsOutput> {
    let scope = *ctx.scope();
    let mut all = ctx.read(|snap| group::all(snap, &scope)).await?;
    all.retain(|group| input.name_prefix.as_ref().is_none_or(|prefix| group.name.starts_with(prefix)));
    let size = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE_MAX);
    let (page, next_token) = ctx
        .cut_page("ListScheduleGroups", all, input.next_token.as_deref(), size)
        .ok_or_else(errors::bad_token)?;
    let shown = |group: Group| api::ScheduleGroupSummary {
        arn: Some(arn::group(&scope, &group.name)),
        creation_date: Some(Timestamp::from_millis(group.created_at)),
        last_modification_date: Some(Timestamp::from_millis(group.modified_at)),
        state: Some(state(&group)),
        name: Some(group.name),
    };
    Ok(api::ListScheduleGroupsOutput { schedule_groups: page.into_iter().map(shown).collect(), next_token })
}
