//! Puts the metrics of classic load balancers, and meters their hours and bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use api_cloudwatch::{MetricDatum, PutMetricDataInput, op};
use kernel::meter::Usage as Line;
use kernel::{Ctx, Millis, Result, Scope};

use crate::rules::metric;
use crate::service::Engines;
use crate::state::load_balancer::{self, LoadBalancer};

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

/// What load balancers have used in their running hours, by id; what was used since the last line is lost by a kill.
pub struct Books {
    pub every_ms: Millis,
    open: Mutex<HashMap<String, Book>>,
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
    bytes: u64,
}

impl Book {
    fn begin(now: Millis) -> Self {
        Self { from: now, looked_at: now, metered_at: now, bytes: 0 }
    }

    fn lines(&self, of: &str) -> [Line; 2] {
        let line = |usage_type: &str, quantity: u64, unit: &str| Line {
            service: "elb".to_owned(),
            usage_type: usage_type.to_owned(),
            resource: of.to_owned(),
            start_at: self.from,
            end_at: self.looked_at,
            quantity,
            unit: unit.to_owned(),
        };
        let seconds = u64::try_from((self.looked_at - self.from) / 1_000).unwrap_or_default();
        [line("LoadBalancerUsage", seconds, "Seconds"), line("DataProcessing-Bytes", self.bytes, "Bytes")]
    }
}

/// Looks at every load balancer.
pub async fn put_all(ctx: &Ctx) -> Result<()> {
    let mut scopes: BTreeMap<Scope, Vec<LoadBalancer>> = BTreeMap::new();
    for (scope, one) in ctx.read(|snap| load_balancer::all_scopes(snap)).await? {
        scopes.entry(scope).or_default().push(one);
    }
    {
        let mut open = ctx.own::<Books>().open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|id, _| scopes.values().flatten().any(|one| one.id == *id));
    }
    for (scope, all) in scopes {
        put_of(&ctx.in_scope(scope), &all).await?;
    }
    Ok(())
}

async fn put_of(ctx: &Ctx, all: &[LoadBalancer]) -> Result<()> {
    let mut data: Vec<MetricDatum> = Vec::new();
    let mut lines = Vec::new();
    let fine = ctx.own::<Books>().every_ms < EVERY_S * 1_000;
    for one in all {
        let Some(sample) = ctx.own::<Engines>().fronts.sample(&load_balancer::front(&one.id)) else {
            continue;
        };
        keep(ctx, one, sample.front().bytes, &mut lines);
        data.extend(metric::data(&one.name, &sample, ctx.now(), fine));
    }
    // First: an hour that is over is not told again.
    if !lines.is_empty() {
        ctx.write(|tx| lines.iter().try_for_each(|line| tx.meter(line))).await?;
    }
    for some in data.chunks(DATA_MAX) {
        put(ctx, some.to_vec()).await?;
    }
    Ok(())
}

/// Writes down what was used since the last look. Lines that are due are added to `lines`.
fn keep(ctx: &Ctx, of: &LoadBalancer, bytes: u64, lines: &mut Vec<Line>) {
    let (books, now) = (ctx.own::<Books>(), ctx.now());
    let mut open = books.open.lock().unwrap_or_else(PoisonError::into_inner);
    let book = open.entry(of.id.clone()).or_insert_with(|| Book::begin(now));
    book.bytes += bytes;
    book.looked_at = now;
    let is_over = book.from.div_euclid(HOUR_MS) != now.div_euclid(HOUR_MS);
    if is_over || now - book.metered_at >= METER_EVERY_MS {
        lines.extend(book.lines(&of.arn(ctx.scope())));
        book.metered_at = now;
    }
    if is_over {
        *book = Book::begin(now);
    }
}

/// A house without CloudWatch has no metrics.
async fn put(ctx: &Ctx, data: Vec<MetricDatum>) -> Result<()> {
    let input = PutMetricDataInput {
        namespace: metric::NAMESPACE.to_owned(),
        metric_data: Some(data),
        ..PutMetricDataInput::default()
    };
    ctx.call_if_served(op::PutMetricData, input).await.map(drop)
}
