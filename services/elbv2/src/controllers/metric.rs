//! Puts the metrics of load balancers, and meters their hours and capacity units.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use api_cloudwatch::{MetricDatum, PutMetricDataInput, op};
use kernel::meter::Usage as Line;
use kernel::{Ctx, Millis, Result, Scope};

use crate::rules::capacity::Used;
use crate::rules::metric::{self, Counted};
use crate::service::Engines;
use crate::state::load_balancer::{self, LoadBalancer};
use crate::state::target_group;
use crate::state::usage::Usage;

/// The setting: seconds between two looks.
pub const SETTING: &str = "metrics.every-s";
/// As AWS does.
const EVERY_S: Millis = 60;
/// Lines of usage are brought up to date so often.
const METER_EVERY_MS: Millis = 60_000;
const HOUR_MS: Millis = 3_600_000;
/// Data of one call.
const DATA_MAX: usize = 1_000;

/// How often the house wants metrics, by its setting: from every second to every minute.
pub fn every_ms(setting: Option<&str>) -> Millis {
    setting.and_then(|text| text.parse().ok()).unwrap_or(EVERY_S).clamp(1, EVERY_S) * 1_000
}

/// What load balancers have used in their running hours; what was used since the last line is lost by a kill.
pub struct Books {
    pub every_ms: Millis,
    open: Mutex<HashMap<(Scope, String), Book>>,
}

impl Books {
    pub fn new(every_ms: Millis) -> Self {
        Self { every_ms, open: Mutex::default() }
    }
}

/// A load balancer's hour, from its start or from when it was first seen.
#[derive(Clone, Copy)]
struct Book {
    from: Millis,
    looked_at: Millis,
    metered_at: Millis,
    used: Used,
}

impl Book {
    fn begin(now: Millis) -> Self {
        Self { from: now, looked_at: now, metered_at: now, used: Used::default() }
    }

    /// Lines up to the last look: seconds it was there, and thousandths of unit-seconds.
    fn lines(&self, of: &str) -> [Line; 2] {
        let line = |usage_type: &str, quantity: Millis, unit: &str| Line {
            service: "elbv2".to_owned(),
            usage_type: usage_type.to_owned(),
            resource: of.to_owned(),
            start_at: self.from,
            end_at: self.looked_at,
            quantity: u64::try_from(quantity).unwrap_or(0),
            unit: unit.to_owned(),
        };
        let thousandths = std::time::Duration::try_from_secs_f64(self.used.most()).unwrap_or_default();
        let thousandths = Millis::try_from(thousandths.as_millis()).unwrap_or(Millis::MAX);
        [
            line("LoadBalancerUsage", (self.looked_at - self.from) / 1_000, "Seconds"),
            line("LCUUsage", thousandths, "LcuMilliseconds"),
        ]
    }
}

/// Looks at every load balancer.
pub async fn put_all(ctx: &Ctx) -> Result<()> {
    let ids = ctx.read(|snap| load_balancer::ids_of_all_scopes(snap)).await?;
    let mut scopes: BTreeMap<Scope, Vec<String>> = BTreeMap::new();
    for (scope, id) in ids {
        scopes.entry(scope).or_default().push(id);
    }
    {
        let mut open = ctx.own::<Books>().open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(scope, id), _| scopes.get(scope).is_some_and(|ids| ids.contains(id)));
    }
    for scope in scopes.into_keys() {
        put_of(&ctx.in_scope(scope)).await?;
    }
    Ok(())
}

async fn put_of(ctx: &Ctx) -> Result<()> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let usage = Usage::read(snap, &scope)?;
        Ok((load_balancer::all(snap, &scope)?, target_group::all(snap, &scope)?, usage))
    });
    let (balancers, groups, usage) = read.await?;
    let mut data: BTreeMap<&str, Vec<MetricDatum>> = BTreeMap::new();
    let mut lines = Vec::new();
    for one in &balancers {
        let Some(sample) = ctx.own::<Engines>().fronts.sample(&one.id.as_str().into()) else { continue };
        let lcus = keep(ctx, one, &sample, &mut lines);
        let of_it = groups.iter().filter(|group| usage.of(&group.id).any(|user| user == one.id));
        let groups =
            of_it.map(|group| (group.id.clone(), format!("targetgroup/{}/{}", group.name, group.id)));
        let counted = Counted {
            kind: one.kind,
            balancer: &one.path(),
            groups: &groups.collect(),
            sample: &sample,
            lcus,
        };
        let fine = ctx.own::<Books>().every_ms < EVERY_S * 1_000;
        data.entry(metric::namespace(one.kind)).or_default().extend(metric::data(&counted, ctx.now(), fine));
    }
    // First: an hour that is over is not told again.
    if !lines.is_empty() {
        ctx.write(|tx| lines.iter().try_for_each(|line| tx.meter(line))).await?;
    }
    for (namespace, data) in data {
        for some in data.chunks(DATA_MAX) {
            put(ctx, namespace, some.to_vec()).await?;
        }
    }
    Ok(())
}

/// Writes down what was used since the last look; gives the units in use. Lines that are due are added to `lines`.
fn keep(ctx: &Ctx, of: &LoadBalancer, sample: &balance::Sample, lines: &mut Vec<Line>) -> f64 {
    let (books, now) = (ctx.own::<Books>(), ctx.now());
    let mut open = books.open.lock().unwrap_or_else(PoisonError::into_inner);
    let book = open.entry((*ctx.scope(), of.id.clone())).or_insert_with(|| Book::begin(now));
    let elapsed_ms = if book.looked_at < now { now - book.looked_at } else { books.every_ms };
    let seconds = std::time::Duration::from_millis(u64::try_from(elapsed_ms).unwrap_or(1)).as_secs_f64();
    let used = Used::of(of.kind, sample, seconds);
    book.used.add(used);
    book.looked_at = now;
    let is_over = book.from.div_euclid(HOUR_MS) != now.div_euclid(HOUR_MS);
    if is_over || now - book.metered_at >= METER_EVERY_MS {
        lines.extend(book.lines(&of.arn(ctx.scope())));
        book.metered_at = now;
    }
    if is_over {
        *book = Book::begin(now);
    }
    used.most() / seconds
}

/// A house without CloudWatch has no metrics.
async fn put(ctx: &Ctx, namespace: &str, data: Vec<MetricDatum>) -> Result<()> {
    let input = PutMetricDataInput {
        namespace: namespace.to_owned(),
        metric_data: Some(data),
        ..PutMetricDataInput::default()
    };
    ctx.call_if_served(op::PutMetricData, input).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_from_a_second_to_a_minute_apart() {
        for (setting, wanted) in
            [(None, 60_000), (Some("1"), 1_000), (Some("0"), 1_000), (Some("300"), 60_000)]
        {
            assert_eq!(every_ms(setting), wanted, "{setting:?}");
        }
    }
}
