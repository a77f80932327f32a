//! The contents page: everything EventBridge Scheduler does.

use api_scheduler::{SERVICE, op};
use kernel::plugs::ReadInput;
use kernel::{Access, Ctx, Plugs, Result, Service, ServiceBuilder};
use retry::{Tally, Underway};

use crate::controllers::{group as groups, invocation as invocations, schedule as schedules};
use crate::ops::{group, schedule, schedule_list, tags};
use crate::rules::arn;
use crate::rules::tag::pairs;
use crate::state::schedule::{Count, TIMER};
use crate::state::{invocation, schedule as stored};

/// The service, ready for a house.
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(plugs.get::<ReadInput>());
    s.own(Count::default());
    s.own(Underway::default());
    s.own(Tally::default());
    s.resource_facts(tags::facts_of);

    // schedules
    s.op(op::CreateSchedule, schedule::create_schedule).access(|scope, i| {
        let access = Access::on(arn::schedule(scope, i.group_name.as_deref(), &i.name));
        Ok(access.also(passing(&i.target.role_arn)))
    });
    s.op(op::UpdateSchedule, schedule::update_schedule).access(|scope, i| {
        let access = Access::on(arn::schedule(scope, i.group_name.as_deref(), &i.name));
        Ok(access.also(passing(&i.target.role_arn)))
    });
    s.op(op::DeleteSchedule, schedule::delete_schedule)
        .access(|scope, i| Ok(Access::on(arn::schedule(scope, i.group_name.as_deref(), &i.name))));
    s.op(op::GetSchedule, schedule_list::get_schedule)
        .access(|scope, i| Ok(Access::on(arn::schedule(scope, i.group_name.as_deref(), &i.name))));
    s.op(op::ListSchedules, schedule_list::list_schedules).access(|scope, i| {
        let group = i.group_name.as_deref().unwrap_or("*");
        Ok(Access::on(arn::schedule(scope, Some(group), "*")))
    });

    // groups
    s.op(op::CreateScheduleGroup, group::create_schedule_group).access(|scope, i| {
        let access = Access::on(arn::group(scope, &i.name)).request_tags(pairs(&i.tags));
        Ok(access.also_to_tag("scheduler:TagResource"))
    });
    s.op(op::GetScheduleGroup, group::get_schedule_group)
        .access(|scope, i| Ok(Access::on(arn::group(scope, &i.name))));
    s.op(op::DeleteScheduleGroup, group::delete_schedule_group)
        .access(|scope, i| Ok(Access::on(arn::group(scope, &i.name))));
    s.op(op::ListScheduleGroups, group::list_schedule_groups)
        .access(|scope, _| Ok(Access::on(arn::group(scope, "*"))));
    s.op(op::TagResource, tags::tag_resource).access(|_, i| {
        let tags = i.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        Ok(Access::on(&i.resource_arn).request_tags(tags))
    });
    s.op(op::UntagResource, tags::untag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tags::list_tags_for_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn)));

    s.controller(
        invocations::NAME,
        invocations::CONCURRENCY,
        invocations::SWEEP_EVERY_MS,
        invocations::list,
        invocations::reconcile,
    );
    s.controller(groups::NAME, groups::CONCURRENCY, groups::SWEEP_EVERY_MS, groups::list, groups::reconcile);
    s.timer(TIMER, schedules::due);
    s.sweep("scheduler-metrics", Tally::EVERY_MS, put_metrics);
    s.on_open(count);
    s.on_reset(forget);
    s.build()
}

/// Who hands the service a role must be allowed to.
fn passing(role: &str) -> Access {
    let service = ["scheduler.amazonaws.com".to_owned()];
    Access::on(role).action("iam:PassRole").condition("iam:PassedToService", service)
}

async fn put_metrics(ctx: &Ctx) -> Result<()> {
    Tally::put_all(ctx, "AWS/Scheduler").await
}

async fn count(ctx: &Ctx) -> Result<()> {
    let (schedules, underway) =
        ctx.read(|snap| Ok((stored::count(snap)?, invocation::ids_of_all_scopes(snap)?.len()))).await?;
    ctx.own::<Count>().set(schedules);
    ctx.own::<Underway>().set(underway);
    Ok(())
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Count>().set(0);
    ctx.own::<Underway>().set(0);
    ctx.own::<Tally>().forget();
    Ok(())
}
