//! The contents page: everything CloudWatch Logs does.

use api_logs::{SERVICE, op};
use kernel::{Access, Ctx, Plugs, Result, Service, ServiceBuilder};

use crate::controllers::{chunk, export as exporting, leftover, point, query as asking};
use crate::ops::{
    anything, encryption, event_filter, event_get, event_put, export, group, group_fields, group_list,
    metric_filter, policy, query, query_definition, retention, stream, subscription, tags, tail,
};
use crate::rules::name::{access, on_group, on_stream};
use crate::rules::tags::pairs;
use crate::state::key::Keys;
use crate::state::pattern::Patterns;
use crate::state::point::Quiet;
use crate::state::query::Findings;
use crate::state::sizes::{self, Sizes};
use crate::state::stream::Doors;
use crate::state::tail::Tails;

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Doors::default());
    s.own(Findings::default());
    s.own(Keys::default());
    s.own(Patterns::default());
    s.own(Quiet::default());
    s.own(Sizes::default());
    s.own(Tails::default());
    s.resource_facts(tags::facts_of);
    s.resource_policy(policy::policy_of);

    groups(&mut s);
    events(&mut s);
    filters(&mut s);
    queries(&mut s);

    s.controller(chunk::NAME, chunk::CONCURRENCY, chunk::SWEEP_EVERY_MS, chunk::list, chunk::reconcile);
    s.controller(
        leftover::NAME,
        leftover::CONCURRENCY,
        leftover::SWEEP_EVERY_MS,
        leftover::list,
        leftover::reconcile,
    );
    s.controller(point::NAME, point::CONCURRENCY, point::SWEEP_EVERY_MS, point::list, point::reconcile);
    s.controller(
        exporting::NAME,
        exporting::CONCURRENCY,
        exporting::SWEEP_EVERY_MS,
        exporting::list,
        exporting::reconcile,
    );
    s.controller(asking::NAME, asking::CONCURRENCY, asking::SWEEP_EVERY_MS, asking::list, asking::reconcile);
    s.sweep("logs-metric-defaults", point::DEFAULTS_EVERY_MS, point::put_defaults);
    s.timer(retention::TIMER, retention::look);
    s.on_open(sizes::load);
    s.on_reset(forget);
    s.build()
}

fn groups(s: &mut ServiceBuilder) {
    s.op(op::CreateLogGroup, group::create_log_group).access(group::create_access);
    s.op(op::DeleteLogGroup, group::delete_log_group)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::PutLogGroupDeletionProtection, group::put_log_group_deletion_protection)
        .access(|scope, i| access(scope, None, Some(&i.log_group_identifier), ""));
    s.op(op::DescribeLogGroups, group_list::describe_log_groups).access(|scope, _| Ok(on_group(scope, "")));
    s.op(op::ListLogGroups, group_list::list_log_groups).access(|scope, _| Ok(on_group(scope, "")));
    s.op(op::PutRetentionPolicy, retention::put_retention_policy)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::DeleteRetentionPolicy, retention::delete_retention_policy)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::AssociateKmsKey, encryption::associate_kms_key)
        .access(|scope, i| access(scope, i.log_group_name.as_deref(), None, ""));
    s.op(op::DisassociateKmsKey, encryption::disassociate_kms_key)
        .access(|scope, i| access(scope, i.log_group_name.as_deref(), None, ""));
    s.op(op::TagResource, tags::tag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).request_tags(pairs(Some(&i.tags)))));
    s.op(op::UntagResource, tags::untag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tags::list_tags_for_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn)));
    s.op(op::TagLogGroup, tags::tag_log_group)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name).request_tags(pairs(Some(&i.tags)))));
    s.op(op::UntagLogGroup, tags::untag_log_group)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name).tag_keys(&i.tags)));
    s.op(op::ListTagsLogGroup, tags::list_tags_log_group)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::PutResourcePolicy, policy::put_resource_policy).access(|_, _| anything());
    s.op(op::DeleteResourcePolicy, policy::delete_resource_policy).access(|_, _| anything());
    s.op(op::DescribeResourcePolicies, policy::describe_resource_policies).access(|_, _| anything());
}

fn events(s: &mut ServiceBuilder) {
    s.op(op::CreateLogStream, stream::create_log_stream)
        .access(|scope, i| Ok(on_stream(scope, &i.log_group_name, &i.log_stream_name)));
    s.op(op::DeleteLogStream, stream::delete_log_stream)
        .access(|scope, i| Ok(on_stream(scope, &i.log_group_name, &i.log_stream_name)));
    s.op(op::DescribeLogStreams, stream::describe_log_streams)
        .access(|scope, i| access(scope, i.log_group_name.as_deref(), i.log_group_identifier.as_deref(), ""));
    s.op(op::PutLogEvents, event_put::put_log_events)
        .access(|scope, i| Ok(on_stream(scope, &i.log_group_name, &i.log_stream_name)));
    s.op(op::GetLogEvents, event_get::get_log_events).access(|scope, i| {
        let (name, identifier) = (i.log_group_name.as_deref(), i.log_group_identifier.as_deref());
        access(scope, name, identifier, &i.log_stream_name)
    });
    s.op(op::GetLogRecord, event_get::get_log_record).access(|_, _| anything());
    s.op(op::FilterLogEvents, event_filter::filter_log_events)
        .access(|scope, i| access(scope, i.log_group_name.as_deref(), i.log_group_identifier.as_deref(), ""));
    s.op(op::StartLiveTail, tail::start_live_tail).access(tail::start_access);
    s.op(op::CreateExportTask, export::create_export_task)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::CancelExportTask, export::cancel_export_task).access(|_, _| anything());
    s.op(op::DescribeExportTasks, export::describe_export_tasks).access(|_, _| anything());
}

fn filters(s: &mut ServiceBuilder) {
    s.op(op::PutMetricFilter, metric_filter::put_metric_filter)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::DeleteMetricFilter, metric_filter::delete_metric_filter)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::DescribeMetricFilters, metric_filter::describe_metric_filters)
        .access(|scope, i| access(scope, i.log_group_name.as_deref(), None, ""));
    s.op(op::TestMetricFilter, metric_filter::test_metric_filter).access(|_, _| anything());
    s.op(op::PutSubscriptionFilter, subscription::put_subscription_filter).access(subscription::put_access);
    s.op(op::DeleteSubscriptionFilter, subscription::delete_subscription_filter)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
    s.op(op::DescribeSubscriptionFilters, subscription::describe_subscription_filters)
        .access(|scope, i| Ok(on_group(scope, &i.log_group_name)));
}

fn queries(s: &mut ServiceBuilder) {
    s.op(op::StartQuery, query::start_query).access(query::start_access);
    s.op(op::StopQuery, query::stop_query).access(|_, _| anything());
    s.op(op::GetQueryResults, query::get_query_results).access(|_, _| anything());
    s.op(op::DescribeQueries, query::describe_queries).access(|_, _| anything());
    s.op(op::GetLogGroupFields, group_fields::get_log_group_fields)
        .access(|scope, i| access(scope, i.log_group_name.as_deref(), i.log_group_identifier.as_deref(), ""));
    s.op(op::PutQueryDefinition, query_definition::put_query_definition).access(|_, _| anything());
    s.op(op::DeleteQueryDefinition, query_definition::delete_query_definition).access(|_, _| anything());
    s.op(op::DescribeQueryDefinitions, query_definition::describe_query_definitions)
        .access(|_, _| anything());
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<Findings>().forget_all();
    ctx.own::<Keys>().forget_all();
    ctx.own::<Sizes>().forget_all();
    Ok(())
}
