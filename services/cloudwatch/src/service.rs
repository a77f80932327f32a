//! The contents page: everything CloudWatch does.

use api_cloudwatch::{SERVICE, op};
use kernel::{Access, Ctx, Millis, Plugs, Result, Service, ServiceBuilder};

use crate::actions_of;
use crate::controllers::{alarm as alarms, block, detector as detectors};
use crate::ops::{
    alarm, alarm_list, dashboard, detector, metric, metric_data, metric_statistics, tags, widget,
};
use crate::rules::tags::pairs;
use crate::state::alarm::Alarms;
use crate::state::detector::{self as learned, Detectors};
use crate::state::series::AllSeries;
use crate::state::{alarm as stored, history, series};

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(AllSeries::default());
    s.own(Alarms::default());
    s.own(Detectors::default());
    s.resource_facts(tags::facts_of);

    // metrics
    s.op(op::PutMetricData, metric::put_metric_data).access(metric::put_access);
    s.op(op::ListMetrics, metric::list_metrics).access(|_, _| any());
    s.op(op::GetMetricStatistics, metric_statistics::get_metric_statistics).access(|_, _| any());
    s.op(op::GetMetricData, metric_data::get_metric_data).access(|_, _| any());
    s.op(op::GetMetricWidgetImage, widget::get_metric_widget_image).access(|_, _| any());

    of_alarms(&mut s);

    // anomaly detectors
    s.op(op::PutAnomalyDetector, detector::put_anomaly_detector).access(|_, _| any());
    s.op(op::DescribeAnomalyDetectors, detector::describe_anomaly_detectors).access(|_, _| any());
    s.op(op::DeleteAnomalyDetector, detector::delete_anomaly_detector).access(|_, _| any());

    // dashboards
    s.op(op::PutDashboard, dashboard::put_dashboard)
        .access(|scope, i| dashboard::access(scope, [&i.dashboard_name]));
    s.op(op::GetDashboard, dashboard::get_dashboard)
        .access(|scope, i| dashboard::access(scope, [&i.dashboard_name]));
    s.op(op::ListDashboards, dashboard::list_dashboards).access(|_, _| any());
    s.op(op::DeleteDashboards, dashboard::delete_dashboards)
        .access(|scope, i| dashboard::access(scope, &i.dashboard_names));

    s.controller(alarms::NAME, alarms::CONCURRENCY, alarms::SWEEP_EVERY_MS, alarms::list, alarms::reconcile);
    s.sweep("cloudwatch-alarm-history", HISTORY_EVERY_MS, history::sweep);
    s.controller(block::NAME, block::CONCURRENCY, block::SWEEP_EVERY_MS, block::list, block::reconcile);
    s.controller(
        detectors::NAME,
        detectors::CONCURRENCY,
        detectors::SWEEP_EVERY_MS,
        detectors::list,
        detectors::reconcile,
    );
    s.on_open(load);
    s.on_reset(forget);
    s.build()
}

fn of_alarms(s: &mut ServiceBuilder) {
    s.op(op::PutMetricAlarm, alarm::put_metric_alarm)
        .access(|scope, i| alarm::put_access(scope, &i.alarm_name, i.tags.as_deref(), actions_of!(i)));
    s.op(op::PutCompositeAlarm, alarm::put_composite_alarm)
        .access(|scope, i| alarm::put_access(scope, &i.alarm_name, i.tags.as_deref(), actions_of!(i)));
    s.op(op::DeleteAlarms, alarm::delete_alarms).access(|scope, i| alarm::access_all(scope, &i.alarm_names));
    s.op(op::EnableAlarmActions, alarm::enable_alarm_actions)
        .access(|scope, i| alarm::access_all(scope, &i.alarm_names));
    s.op(op::DisableAlarmActions, alarm::disable_alarm_actions)
        .access(|scope, i| alarm::access_all(scope, &i.alarm_names));
    s.op(op::SetAlarmState, alarm::set_alarm_state)
        .access(|scope, i| Ok(alarm::access(scope, &i.alarm_name)));
    s.op(op::DescribeAlarms, alarm_list::describe_alarms).access(|scope, _| Ok(alarm::access(scope, "*")));
    s.op(op::DescribeAlarmsForMetric, alarm_list::describe_alarms_for_metric)
        .access(|scope, _| Ok(alarm::access(scope, "*")));
    s.op(op::DescribeAlarmHistory, alarm_list::describe_alarm_history)
        .access(|scope, i| Ok(alarm::access(scope, i.alarm_name.as_deref().unwrap_or("*"))));
    s.op(op::TagResource, tags::tag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).request_tags(pairs(Some(&i.tags)))));
    s.op(op::UntagResource, tags::untag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tags::list_tags_for_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn)));
}

const HISTORY_EVERY_MS: Millis = 3_600_000;

async fn load(ctx: &Ctx) -> Result<()> {
    series::load(ctx).await?;
    stored::load(ctx).await?;
    learned::load(ctx).await
}

/// Metrics have no ARN: leave is given for all or none.
fn any() -> Result<Access> {
    Ok(Access::any())
}

async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<AllSeries>().forget_all();
    ctx.own::<Alarms>().forget_all();
    ctx.own::<Detectors>().forget_all();
    Ok(())
}
