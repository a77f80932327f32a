//! Describing alarms, and what happened to them.

use api_cloudwatch::{
    AlarmHistoryItem, CompositeAlarm, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput,
    DescribeAlarmsForMetricInput, DescribeAlarmsForMetricOutput, DescribeAlarmsInput, DescribeAlarmsOutput,
    MetricAlarm,
};
use kernel::{Ctx, Millis, Result};
use shape::Timestamp;

use super::alarm::named;
use crate::errors;
use crate::rules::metric::MetricKey;
use crate::state::alarm::{Alarm, Alarms, Observed, Watch, dimensions};
use crate::state::history::{self, Item};

const PAGE: usize = 50;
const PAGE_MAX: usize = 100;
const HISTORY_PAGE: usize = 100;
/// Items looked at for one call.
const ITEMS_MAX: usize = 10_000;
const OPERATION: &str = "DescribeAlarms";
const HISTORY: &str = "DescribeAlarmHistory";

fn limit(max_records: Option<i32>, default: usize) -> usize {
    max_records.and_then(|max| usize::try_from(max).ok()).map_or(default, |max| max.clamp(1, PAGE_MAX))
}

pub async fn describe_alarms(ctx: &Ctx, input: DescribeAlarmsInput) -> Result<DescribeAlarmsOutput> {
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(errors::validation("AlarmNames and AlarmNamePrefix are mutually exclusive."));
    }
    let family = [&input.children_of_alarm_name, &input.parents_of_alarm_name];
    if family.iter().all(|name| name.is_some()) {
        return Err(errors::validation("ChildrenOfAlarmName and ParentsOfAlarmName are mutually exclusive."));
    }
    let is_family = family.iter().any(|name| name.is_some());
    let after = input.next_token.as_deref().map(|token| {
        let opened = ctx.open_page(OPERATION, token).and_then(|bytes| String::from_utf8(bytes).ok());
        opened.ok_or_else(errors::bad_next_token)
    });
    let after = after.transpose()?;
    let children = match &input.children_of_alarm_name {
        None => None,
        Some(name) => Some(children(ctx, name)?),
    };
    let limit = limit(input.max_records, if input.alarm_names.is_some() { PAGE_MAX } else { PAGE });
    let wanted = |alarm: &Alarm| wants(ctx, &input, children.as_deref(), is_family, alarm);
    let mut all: Vec<_> =
        ctx.own::<Alarms>().of(ctx.scope()).into_iter().filter(|alarm| wanted(alarm)).collect();
    // Composite ones first.
    all.sort_by_key(|alarm| place(alarm));
    let mut rest = all.into_iter().filter(|alarm| after.as_ref().is_none_or(|after| place(alarm) > *after));
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next = page.last().filter(|_| rest.next().is_some());
    let next_token = next.map(|alarm| ctx.seal_page(OPERATION, place(alarm).as_bytes()));
    let (composite, metric): (Vec<_>, Vec<_>) = page.iter().partition(|alarm| alarm.is_composite());
    Ok(DescribeAlarmsOutput {
        composite_alarms: Some(composite.iter().map(|alarm| composite_alarm(ctx, alarm)).collect()),
        metric_alarms: Some(metric.iter().map(|alarm| metric_alarm(ctx, alarm)).collect()),
        next_token,
    })
}

fn place(alarm: &Alarm) -> String {
    let kind = if alarm.is_composite() { 'c' } else { 'm' };
    format!("{kind}{}", alarm.asked.name)
}

fn children(ctx: &Ctx, name: &str) -> Result<Vec<String>> {
    let alarm = ctx.own::<Alarms>().find(ctx.scope(), name);
    match alarm.as_deref().map(|alarm| &alarm.asked.watch) {
        Some(Watch::Composite(rule)) => Ok(named(rule, ctx.scope())),
        Some(Watch::Metric(_)) => Ok(Vec::new()),
        None => Err(errors::validation(format!("The alarm {name} does not exist."))),
    }
}

fn wants(
    ctx: &Ctx,
    input: &DescribeAlarmsInput,
    children: Option<&[String]>,
    is_family: bool,
    alarm: &Alarm,
) -> bool {
    let name = &alarm.asked.name;
    let kind = if alarm.is_composite() { "CompositeAlarm" } else { "MetricAlarm" };
    let of_type = match &input.alarm_types {
        Some(types) => types.iter().any(|wanted| wanted == kind),
        // Where nothing says so, composite alarms are not shown; by name or family they are.
        None => !alarm.is_composite() || is_family,
    };
    let is_parent = |child: &String| match &alarm.asked.watch {
        Watch::Composite(rule) => named(rule, ctx.scope()).contains(child),
        Watch::Metric(_) => false,
    };
    let actions = &alarm.asked.actions;
    let mut all_actions = [&actions.ok, &actions.alarm, &actions.insufficient].into_iter().flatten();
    of_type
        && input.alarm_names.as_ref().is_none_or(|names| names.contains(name))
        && input.alarm_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
        && input.state_value.as_ref().is_none_or(|state| state == alarm.state.as_str())
        && children.is_none_or(|children| children.contains(name))
        && input.parents_of_alarm_name.as_ref().is_none_or(is_parent)
        && input.action_prefix.as_ref().is_none_or(|prefix| all_actions.any(|arn| arn.starts_with(prefix)))
}

fn at(millis: Millis) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

fn metric_alarm(ctx: &Ctx, alarm: &Alarm) -> MetricAlarm {
    let mut shown = MetricAlarm {
        alarm_name: Some(alarm.asked.name.clone()),
        alarm_arn: Some(alarm.arn(ctx.scope())),
        alarm_description: alarm.asked.description.clone(),
        alarm_configuration_updated_timestamp: at(alarm.configured_at),
        actions_enabled: Some(alarm.asked.actions.enabled),
        ok_actions: Some(alarm.asked.actions.ok.clone()),
        alarm_actions: Some(alarm.asked.actions.alarm.clone()),
        insufficient_data_actions: Some(alarm.asked.actions.insufficient.clone()),
        state_value: Some(alarm.state.as_str().to_owned()),
        state_reason: Some(alarm.reason.clone()),
        state_reason_data: alarm.reason_data.clone(),
        state_updated_timestamp: at(alarm.updated_at),
        state_transitioned_timestamp: at(alarm.transitioned_at),
        ..MetricAlarm::default()
    };
    let Some(watch) = alarm.metric() else { return shown };
    shown.evaluation_periods = Some(watch.evaluation_periods);
    shown.datapoints_to_alarm = watch.datapoints_to_alarm;
    shown.threshold = watch.threshold;
    shown.threshold_metric_id = watch.threshold_metric.clone();
    shown.comparison_operator = Some(watch.comparison.clone());
    shown.treat_missing_data = watch.treat_missing.clone();
    shown.evaluate_low_sample_count_percentile = watch.low_samples.clone();
    match &watch.observed {
        Observed::Metric(metric) => {
            shown.metric_name = Some(metric.name.clone());
            shown.namespace = Some(metric.namespace.clone());
            shown.dimensions = Some(dimensions(&metric.dimensions));
            shown.period = Some(metric.period);
            shown.unit = metric.unit.clone();
            let is_plain = crate::rules::statistic::Statistic::parse_plain(&metric.statistic).is_some();
            let statistic = Some(metric.statistic.clone());
            if is_plain { shown.statistic = statistic } else { shown.extended_statistic = statistic }
        }
        Observed::Queries(queries) => shown.metrics = Some(queries.iter().map(Into::into).collect()),
    }
    shown
}

fn composite_alarm(ctx: &Ctx, alarm: &Alarm) -> CompositeAlarm {
    let rule = match &alarm.asked.watch {
        Watch::Composite(rule) => Some(rule.clone()),
        Watch::Metric(_) => None,
    };
    CompositeAlarm {
        alarm_name: Some(alarm.asked.name.clone()),
        alarm_arn: Some(alarm.arn(ctx.scope())),
        alarm_description: alarm.asked.description.clone(),
        alarm_rule: rule,
        alarm_configuration_updated_timestamp: at(alarm.configured_at),
        actions_enabled: Some(alarm.asked.actions.enabled),
        ok_actions: Some(alarm.asked.actions.ok.clone()),
        alarm_actions: Some(alarm.asked.actions.alarm.clone()),
        insufficient_data_actions: Some(alarm.asked.actions.insufficient.clone()),
        state_value: Some(alarm.state.as_str().to_owned()),
        state_reason: Some(alarm.reason.clone()),
        state_reason_data: alarm.reason_data.clone(),
        state_updated_timestamp: at(alarm.updated_at),
        state_transitioned_timestamp: at(alarm.transitioned_at),
        ..CompositeAlarm::default()
    }
}

pub async fn describe_alarms_for_metric(
    ctx: &Ctx,
    input: DescribeAlarmsForMetricInput,
) -> Result<DescribeAlarmsForMetricOutput> {
    let DescribeAlarmsForMetricInput { metric_name, namespace, dimensions, period, unit, .. } = input;
    let key = MetricKey::new(namespace, metric_name, dimensions.unwrap_or_default());
    let statistic = input.statistic.or(input.extended_statistic);
    let fits = |alarm: &Alarm| {
        let Some(Observed::Metric(metric)) = alarm.metric().map(|watch| &watch.observed) else {
            return false;
        };
        metric.key() == key
            && period.is_none_or(|period| period == metric.period)
            && statistic.as_ref().is_none_or(|statistic| *statistic == metric.statistic)
            && (unit.is_none() || unit == metric.unit)
    };
    let all = ctx.own::<Alarms>().of(ctx.scope());
    let found = all.iter().filter(|alarm| fits(alarm)).map(|alarm| metric_alarm(ctx, alarm));
    Ok(DescribeAlarmsForMetricOutput { metric_alarms: Some(found.collect()) })
}

pub async fn describe_alarm_history(
    ctx: &Ctx,
    input: DescribeAlarmHistoryInput,
) -> Result<DescribeAlarmHistoryOutput> {
    let mut all = items(ctx, &input).await?;
    if input.scan_by.as_deref() == Some("TimestampAscending") {
        all.reverse();
    }
    let page =
        ctx.cut_page(HISTORY, all, input.next_token.as_deref(), limit(input.max_records, HISTORY_PAGE));
    let (page, next_token) = page.ok_or_else(errors::bad_next_token)?;
    let alarm_history_items = Some(page.into_iter().map(shown).collect());
    Ok(DescribeAlarmHistoryOutput { alarm_history_items, next_token })
}

/// Those asked for, the newest first, of the last that are looked at.
async fn items(ctx: &Ctx, input: &DescribeAlarmHistoryInput) -> Result<Vec<Item>> {
    let start = input.start_date.map_or(Millis::MIN, |at| at.as_millis());
    let end = input.end_date.map_or(Millis::MAX, |at| at.as_millis());
    let wanted = |item: &Item| {
        let kind = if item.is_composite { "CompositeAlarm" } else { "MetricAlarm" };
        item.at <= end
            && input.alarm_name.as_ref().is_none_or(|name| *name == item.alarm)
            && input.history_item_type.as_ref().is_none_or(|wanted| *wanted == item.kind)
            && input.alarm_types.as_ref().map_or(!item.is_composite || input.alarm_name.is_some(), |types| {
                types.iter().any(|wanted| wanted == kind)
            })
    };
    let mut found = Vec::new();
    let mut after = input.end_date.map(|at| history::up_to(at.as_millis().saturating_add(1)));
    while found.len() < ITEMS_MAX {
        let rows = ctx.read(|snap| history::list(snap, ctx.scope(), after.as_deref(), 1_000)).await?;
        let is_last = rows.len() < 1_000 || rows.last().is_some_and(|(_, item)| item.at < start);
        after = rows.last().map(|(key, _)| key.to_vec());
        found.extend(rows.into_iter().map(|(_, item)| item).filter(|item| item.at >= start && wanted(item)));
        if is_last {
            break;
        }
    }
    Ok(found)
}

fn shown(item: Item) -> AlarmHistoryItem {
    let kind = if item.is_composite { "CompositeAlarm" } else { "MetricAlarm" };
    AlarmHistoryItem {
        alarm_name: Some(item.alarm),
        alarm_type: Some(kind.to_owned()),
        timestamp: at(item.at),
        history_item_type: Some(item.kind),
        history_summary: Some(item.summary),
        history_data: Some(item.data),
        ..AlarmHistoryItem::default()
    }
}
