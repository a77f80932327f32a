//! The contents page: everything EventBridge does.

use api_events::{SERVICE, op};
use kernel::{Access, Ctx, Plugs, Result, Scope, Service, ServiceBuilder};
use retry::{Tally, Underway};

use crate::controllers::{delivery as deliveries, replay as replays, retention};
use crate::events;
use crate::ops::{archive, bus, event, permission, replay, rule, tags, target};
use crate::rules::arn::{self, BusName};
use crate::rules::pattern;
use crate::rules::tag::pairs;
use crate::state::delivery;
use crate::state::routes::Routes;
use crate::state::rule::TIMER;

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Routes::default());
    s.own(Underway::default());
    s.own(Tally::default());
    s.attached(|ctx, asked| Box::pin(async move { bus::attached(&ctx, asked).await }));
    s.resource_facts(tags::facts_of);

    // buses
    s.op(op::CreateEventBus, bus::create_event_bus).access(|scope, i| {
        let access = Access::on(arn::bus(scope, &i.name)).request_tags(pairs(&i.tags));
        Ok(access.also_to_tag("events:TagResource"))
    });
    s.op(op::UpdateEventBus, bus::update_event_bus).access(|scope, i| of_bus(scope, i.name.as_deref()));
    s.op(op::DeleteEventBus, bus::delete_event_bus).access(|scope, i| of_bus(scope, Some(&i.name)));
    s.op(op::DescribeEventBus, bus::describe_event_bus).access(|scope, i| of_bus(scope, i.name.as_deref()));
    s.op(op::ListEventBuses, bus::list_event_buses).access(|_, _| Ok(Access::any()));
    s.op(op::PutPermission, permission::put_permission)
        .access(|scope, i| of_bus(scope, i.event_bus_name.as_deref()));
    s.op(op::RemovePermission, permission::remove_permission)
        .access(|scope, i| of_bus(scope, i.event_bus_name.as_deref()));

    // rules and their targets
    s.op(op::PutRule, rule::put_rule).access(|scope, i| {
        let access = of_rule(scope, i.event_bus_name.as_deref(), &i.name)?.request_tags(pairs(&i.tags));
        let named = i.event_pattern.as_deref().map(pattern::named).unwrap_or_default();
        let access = named.into_iter().fold(access, |access, (key, values)| access.list(key, values));
        let access = passing(access, i.role_arn.iter());
        Ok(access.also_to_tag("events:TagResource"))
    });
    s.op(op::DescribeRule, rule::describe_rule)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), &i.name));
    s.op(op::EnableRule, rule::enable_rule)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), &i.name));
    s.op(op::DisableRule, rule::disable_rule)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), &i.name));
    s.op(op::DeleteRule, rule::delete_rule)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), &i.name));
    s.op(op::ListRules, rule::list_rules).access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), "*"));
    s.op(op::ListRuleNamesByTarget, rule::list_rule_names_by_target)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), "*"));
    s.op(op::PutTargets, target::put_targets).access(|scope, i| {
        let access = of_rule(scope, i.event_bus_name.as_deref(), &i.rule)?;
        let access = access.list("events:TargetArn", i.targets.iter().map(|target| target.arn.clone()));
        Ok(passing(access, i.targets.iter().filter_map(|target| target.role_arn.as_ref())))
    });
    s.op(op::RemoveTargets, target::remove_targets)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), &i.rule));
    s.op(op::ListTargetsByRule, target::list_targets_by_rule)
        .access(|scope, i| of_rule(scope, i.event_bus_name.as_deref(), &i.rule));

    // events
    s.op(op::PutEvents, event::put_events).access(event::put_access);
    s.op(op::TestEventPattern, event::test_event_pattern).access(|_, _| Ok(Access::any()));

    // archives and replays
    s.op(op::CreateArchive, archive::create_archive)
        .access(|scope, i| Ok(Access::on(arn::archive(scope, &i.archive_name))));
    s.op(op::UpdateArchive, archive::update_archive)
        .access(|scope, i| Ok(Access::on(arn::archive(scope, &i.archive_name))));
    s.op(op::DescribeArchive, archive::describe_archive)
        .access(|scope, i| Ok(Access::on(arn::archive(scope, &i.archive_name))));
    s.op(op::DeleteArchive, archive::delete_archive)
        .access(|scope, i| Ok(Access::on(arn::archive(scope, &i.archive_name))));
    s.op(op::ListArchives, archive::list_archives).access(|_, _| Ok(Access::any()));
    s.op(op::StartReplay, replay::start_replay)
        .access(|scope, i| Ok(Access::on(arn::replay(scope, &i.replay_name))));
    s.op(op::CancelReplay, replay::cancel_replay)
        .access(|scope, i| Ok(Access::on(arn::replay(scope, &i.replay_name))));
    s.op(op::DescribeReplay, replay::describe_replay)
        .access(|scope, i| Ok(Access::on(arn::replay(scope, &i.replay_name))));
    s.op(op::ListReplays, replay::list_replays).access(|_, _| Ok(Access::any()));

    // tags
    s.op(op::TagResource, tags::tag_resource).access(|_, i| {
        let tags = i.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        Ok(Access::on(&i.resource_arn).request_tags(tags))
    });
    s.op(op::UntagResource, tags::untag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tags::list_tags_for_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn)));

    s.controller(
        deliveries::NAME,
        deliveries::CONCURRENCY,
        deliveries::SWEEP_EVERY_MS,
        deliveries::list,
        deliveries::reconcile,
    );
    s.controller(
        replays::NAME,
        replays::CONCURRENCY,
        replays::SWEEP_EVERY_MS,
        replays::list,
        replays::reconcile,
    );
    s.sweep("events-retention", retention::EVERY_MS, retention::sweep);
    s.subscribe(events::LISTENER, None, None, events::told);
    s.timer(TIMER, events::due);
    s.sweep("events-metrics", Tally::EVERY_MS, put_metrics);
    s.on_open(count);
    s.on_reset(forget);
    s.build()
}

fn of_bus(scope: &Scope, given: Option<&str>) -> Result<Access> {
    Ok(Access::on(BusName::read(scope, given)?.arn()))
}

fn of_rule(scope: &Scope, bus: Option<&str>, name: &str) -> Result<Access> {
    let bus = BusName::read(scope, bus)?;
    Ok(Access::on(arn::rule(&bus.scope, &bus.name, name)))
}

/// Who hands the service roles must be allowed to.
fn passing<'r>(access: Access, roles: impl Iterator<Item = &'r String>) -> Access {
    let pass = |role: &String| {
        let service = ["events.amazonaws.com".to_owned()];
        Access::on(role).action("iam:PassRole").condition("iam:PassedToService", service)
    };
    roles.map(pass).fold(access, Access::also)
}

async fn put_metrics(ctx: &Ctx) -> Result<()> {
    Tally::put_all(ctx, "AWS/Events").await
}

/// Counts what was under way when the house closed.
async fn count(ctx: &Ctx) -> Result<()> {
    let ids = ctx.read(|snap| delivery::ids_of_all_scopes(snap)).await?;
    ctx.own::<Underway>().set(ids.len());
    Ok(())
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Routes>().forget_all();
    ctx.own::<Underway>().set(0);
    ctx.own::<Tally>().forget();
    Ok(())
}
