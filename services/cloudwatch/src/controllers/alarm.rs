//! Evaluates the alarms of a scope when they are due: metric alarms of their points, composite ones of the others.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{Ctx, Millis, Next, Result, Scope};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::events::instant;
use crate::rules::action::{self, Action};
use crate::rules::alarm::{is_few, period_ms, queries_of, rule};
use crate::rules::composite;
use crate::rules::detector::band_of;
use crate::rules::evaluation::{Decision, LATE_PERIODS, Point, State, decide};
use crate::rules::math::budget::Budget;
use crate::rules::math::series::Value;
use crate::rules::query::{self, Asks, Query};
use crate::rules::statistic::Statistic;
use crate::rules::tier::floor;
use crate::state::alarm::{Alarm, Alarms, MetricWatch, Observed, Watch};
use crate::state::answer::{Asked, compute};
use crate::state::detector::{self, Watched};
use crate::state::transition::{Seen, go_on, take_on};

pub const NAME: &str = "cloudwatch-alarms";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// The alarms of a scope are looked after together.
pub const ALL: &str = "all";

const MINUTE_MS: Millis = 60_000;
/// Alarms of periods below a minute are looked at this often; those of shorter periods with every period.
const OFTEN_MS: Millis = 10_000;
/// After so many alarms, others may work.
const YIELD_EVERY: usize = 32;
/// Composite alarms of composite alarms, so deep.
const ROUNDS_MAX: usize = 16;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    Ok(ctx.own::<Alarms>().scopes().into_iter().map(|scope| (scope, ALL.to_owned())).collect())
}

pub async fn reconcile(ctx: &Ctx, _: String) -> Result<Next> {
    let alarms = ctx.own::<Alarms>();
    let now = ctx.now();
    let mut next = Millis::MAX;
    for (at, alarm) in alarms.of(ctx.scope()).into_iter().enumerate() {
        let Some(watch) = alarm.metric() else { continue };
        let name = alarm.asked.name.as_str();
        let due_at = alarms.due_at(ctx.scope(), name);
        if due_at > now {
            next = next.min(due_at);
            continue;
        }
        let queries = queries_of(watch)?;
        let period_ms = period_ms(watch, &queries);
        let every_ms = if period_ms < MINUTE_MS { period_ms.min(OFTEN_MS) } else { MINUTE_MS };
        let again_at = floor(now, every_ms) + every_ms;
        // Said before it is evaluated: who changes the alarm meanwhile says "at once" after it.
        alarms.set_due(ctx.scope(), name, again_at);
        next = next.min(again_at);
        evaluate(ctx, &alarm, (watch, &queries), (period_ms, every_ms), now).await?;
        if at % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
    }
    compose(ctx).await?;
    Ok(if next == Millis::MAX { Next::Done } else { Next::After(next - ctx.now()) })
}

async fn evaluate(
    ctx: &Ctx,
    alarm: &Arc<Alarm>,
    (watch, queries): (&MetricWatch, &[Query]),
    (period_ms, every_ms): (Millis, Millis),
    now: Millis,
) -> Result<()> {
    let rule = rule(watch)?;
    ensure_detector(ctx, watch, queries).await?;
    let end = floor(now, period_ms);
    let periods = rule.periods + LATE_PERIODS;
    let start = end - Millis::try_from(periods).unwrap_or_default() * period_ms;
    let found = points(ctx, watch, queries, (start, end)).await?;
    let mut of_period: HashMap<Millis, Point> = found.into_iter().map(|point| (point.at, point)).collect();
    let step = usize::try_from(period_ms).unwrap_or(1).max(1);
    let each: Vec<Option<Point>> = (start..end).step_by(step).map(|at| of_period.remove(&at)).collect();
    let decision = decide(&rule, &each);
    let Some(state) = decision.state else { return Ok(()) };
    if state != alarm.state {
        let reason_data = Some(reason_data(watch, &decision, period_ms, start, now));
        let seen = Seen { state, reason: decision.reason, reason_data };
        take_on(ctx, &alarm.asked.name, Some(alarm.revision), &seen).await?;
        return Ok(());
    }
    keep_scaling(ctx, alarm, every_ms.min(OFTEN_MS), now).await
}

/// Scaling goes on as long as the state lasts, once a minute.
async fn keep_scaling(ctx: &Ctx, alarm: &Arc<Alarm>, every_ms: Millis, now: Millis) -> Result<()> {
    if !alarm.asked.actions.enabled || now - alarm.transitioned_at < MINUTE_MS || now % MINUTE_MS >= every_ms
    {
        return Ok(());
    }
    let scaling = |arn: &&String| matches!(action::parse(arn, ctx.scope()), Ok(Action::Scaling));
    let actions: Vec<&String> = alarm.asked.actions.of(alarm.state).iter().filter(scaling).collect();
    if actions.is_empty() { Ok(()) } else { go_on(ctx, alarm, &actions).await }
}

/// The points of an alarm. What cannot be computed has none.
async fn points(
    ctx: &Ctx,
    watch: &MetricWatch,
    queries: &[Query],
    (from, to): (Millis, Millis),
) -> Result<Vec<Point>> {
    let asked = Asked { ctx, queries, from, to, budget: Budget::default() };
    let mut values = HashMap::new();
    let order = query::in_order(queries)?;
    for query in order.into_iter().filter_map(|at| queries.get(at)) {
        match compute(&asked, query, &values).await {
            Ok(value) => drop(values.insert(query.id.clone(), value)),
            Err(error) if error.kind() == kernel::Kind::Invalid => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
    let band = watch.threshold_metric.as_ref().map(|id| band(values.get(id)));
    let is_watched = |query: &&Query| query.is_returned && Some(&query.id) != watch.threshold_metric.as_ref();
    let returned = queries.iter().find(is_watched);
    let Some((query, Value::One(series))) = returned.and_then(|q| Some((q, values.remove(&q.id)?))) else {
        return Ok(Vec::new());
    };
    let mut few = Vec::new();
    if let Asks::Metric(reading) = &query.asks
        && watch.low_samples.as_deref() == Some("ignore")
    {
        let mut counting = reading.clone();
        counting.statistic = Statistic::SampleCount;
        let counts = crate::state::answer::read(&asked, &counting).await?.points;
        few = counts.into_iter().filter(|(_, count)| is_few(reading, *count)).map(|(at, _)| at).collect();
    }
    let point = |(at, value): (Millis, f64)| {
        // Where nothing is expected yet, a point says nothing.
        let band = match &band {
            Some(band) => *band.get(&at)?,
            None => Point::UNBOUNDED,
        };
        Some(Point { at, value, is_weak: few.contains(&at), band })
    };
    Ok(series.points.into_iter().filter_map(point).collect())
}

/// The bounds at each instant.
fn band(value: Option<&Value>) -> HashMap<Millis, (f64, f64)> {
    let Some(Value::Many(both)) = value else { return HashMap::new() };
    let [upper, lower] = both.as_slice() else { return HashMap::new() };
    lower.points.iter().zip(&upper.points).map(|((at, lower), (_, upper))| (*at, (*lower, *upper))).collect()
}

/// Alarms on a band have a detector learn for them; one that was deleted comes back.
async fn ensure_detector(ctx: &Ctx, watch: &MetricWatch, queries: &[Query]) -> Result<()> {
    let (Some(id), Observed::Queries(stored)) = (&watch.threshold_metric, &watch.observed) else {
        return Ok(());
    };
    let band = queries.iter().find(|query| query.id == *id);
    let of = band.and_then(|query| query.calls("ANOMALY_DETECTION_BAND")).and_then(|call| band_of(call).ok());
    let at = of.and_then(|(of, _)| queries.iter().position(|query| query.id == of));
    let Some(at) = at else { return Ok(()) };
    match Watched::of_queries(queries, stored, at)? {
        Some(of) => detector::ensure(ctx, of).await,
        None => Ok(()),
    }
}

fn reason_data(
    watch: &MetricWatch,
    decision: &Decision,
    period_ms: Millis,
    start: Millis,
    now: Millis,
) -> String {
    let recent: Vec<f64> = decision.points.iter().rev().map(|point| point.value).collect();
    let (lower, upper) = match watch.comparison.as_str() {
        "LessThanLowerThreshold" => (true, false),
        "GreaterThanUpperThreshold" => (false, true),
        _ => (true, true),
    };
    let evaluated = |point: &Point| {
        let mut shown = json!({ "timestamp": instant(point.at), "value": point.value });
        if watch.threshold_metric.is_some()
            && let serde_json::Value::Object(shown) = &mut shown
            && lower != upper
        {
            let (low, high) = point.band;
            shown.insert("threshold".to_owned(), json!(if lower { low } else { high }));
        }
        shown
    };
    let evaluated: Vec<_> = decision.points.iter().map(evaluated).collect();
    let statistic = match &watch.observed {
        Observed::Metric(metric) => Some(metric.statistic.as_str()),
        Observed::Queries(_) => None,
    };
    let mut data = json!({
        "version": "1.0",
        "queryDate": instant(now),
        "startDate": instant(decision.points.last().map_or(start, |point| point.at)),
        "statistic": statistic,
        "period": period_ms / 1_000,
        "recentDatapoints": recent,
        "evaluatedDatapoints": evaluated,
    });
    if let serde_json::Value::Object(data) = &mut data {
        let bounds = |of: fn(&Point) -> f64| json!(decision.points.iter().rev().map(of).collect::<Vec<_>>());
        if watch.threshold_metric.is_none() {
            data.insert("threshold".to_owned(), json!(watch.threshold));
        } else {
            if lower {
                data.insert("recentLowerThresholds".to_owned(), bounds(|point| point.band.0));
            }
            if upper {
                data.insert("recentUpperThresholds".to_owned(), bounds(|point| point.band.1));
            }
        }
    }
    data.to_string()
}

/// Composite alarms take on what their rules give, until nothing changes.
async fn compose(ctx: &Ctx) -> Result<()> {
    let alarms = ctx.own::<Alarms>();
    for _ in 0..ROUNDS_MAX {
        let all = alarms.of(ctx.scope());
        if !all.iter().any(|alarm| alarm.is_composite()) {
            return Ok(());
        }
        let mut known: HashMap<String, &Arc<Alarm>> = HashMap::new();
        for alarm in &all {
            known.insert(alarm.arn(ctx.scope()), alarm);
            known.insert(alarm.asked.name.clone(), alarm);
        }
        let mut has_changed = false;
        for alarm in &all {
            let Watch::Composite(text) = &alarm.asked.watch else { continue };
            let Ok(rule) = composite::Rule::parse(text) else { continue };
            let holds = rule.holds(&|name: &str| known.get(name).map(|alarm| alarm.state));
            let state = if holds { State::Alarm } else { State::Ok };
            if state == alarm.state {
                continue;
            }
            let mut names = Vec::new();
            rule.alarms(&mut names);
            let named = names.iter().filter_map(|name| known.get(*name));
            let trigger = named.max_by_key(|alarm| alarm.transitioned_at);
            let (reason, reason_data) = match trigger {
                Some(trigger) => (composed_reason(ctx, trigger), Some(composed_data(ctx, trigger))),
                None => (format!("The alarm rule is always {}", if holds { "TRUE" } else { "FALSE" }), None),
            };
            let seen = Seen { state, reason, reason_data };
            has_changed |= take_on(ctx, &alarm.asked.name, Some(alarm.revision), &seen).await?;
        }
        if !has_changed {
            return Ok(());
        }
    }
    Ok(())
}

/// What the last of the alarms that a rule names did.
fn composed_reason(ctx: &Ctx, trigger: &Alarm) -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[weekday] [day] [month repr:long], [year] [hour]:[minute]:[second] UTC");
    let at = OffsetDateTime::from_unix_timestamp(trigger.transitioned_at.div_euclid(1_000)).ok();
    let at = at.and_then(|at| at.format(FORM).ok()).unwrap_or_default();
    format!("{} transitioned to {} at {at}", trigger.arn(ctx.scope()), trigger.state.as_str())
}

fn composed_data(ctx: &Ctx, trigger: &Alarm) -> String {
    let state = json!({ "value": trigger.state.as_str(), "timestamp": instant(trigger.transitioned_at) });
    json!({ "triggeringAlarms": [{ "arn": trigger.arn(ctx.scope()), "state": state }] }).to_string()
}
