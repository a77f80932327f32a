//! Putting samples: durable, then seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::house::HOUSE_SCOPE;
use kernel::{Ctx, Result};

use super::batch;
use super::series::{AllSeries, Recent, SERIES_MAX, Series};
use crate::controllers::block;
use crate::errors;
use crate::rules::datum::Datum;

/// So many samples outside of blocks are put into them at once, some forty megabytes.
const WAITING_MANY: usize = 500_000;
/// With so many, nothing more is taken.
const WAITING_MAX: usize = 4_000_000;

/// Stores the data of one call and shows them. What was begun is brought to its end, whether or not anybody waits.
///
/// # Errors
/// When too much waits to be put into blocks, or there are too many metrics.
pub async fn put(ctx: &Ctx, data: Vec<Datum>) -> Result<()> {
    let own = ctx.clone();
    ctx.see_through(async move { put_all(&own, data).await }).await
}

async fn put_all(ctx: &Ctx, data: Vec<Datum>) -> Result<()> {
    let all = ctx.own::<AllSeries>();
    if all.waiting.load(Ordering::Relaxed) > WAITING_MAX {
        return Err(errors::too_fast());
    }
    let _line = all.line.read().await;
    let scope = *ctx.scope();
    let wanted = || data.iter().map(|datum| (&datum.metric, datum.unit.as_str()));
    let mut found = all.find_each(&scope, wanted());
    let is_new = found.iter().any(Option::is_none);
    let _making = if is_new { Some(all.making.lock().await) } else { None };
    let mut made = Vec::new();
    if is_new {
        found = all.find_each(&scope, wanted());
        made = make(all, ctx, &data, &mut found)?;
    }
    let number = all.next_batch.fetch_add(1, Ordering::Relaxed);
    let recent = |(datum, series): (Datum, Option<Arc<Series>>)| {
        let Datum { tier, at, sample, .. } = datum;
        Some((series?, Recent { batch: number, tier, at, sample }))
    };
    let samples: Vec<(Arc<Series>, Recent)> = data.into_iter().zip(found).filter_map(recent).collect();
    let packed = batch::pack(samples.iter().map(|(series, recent)| (series.id, recent)));
    ctx.write(|tx| {
        made.iter().try_for_each(|series: &Arc<Series>| series.put(tx))?;
        batch::put(tx, number, packed.clone())
    })
    .await?;
    let count = samples.len();
    samples.into_iter().for_each(|(series, recent)| series.push(recent));
    made.into_iter().for_each(|series| all.insert(series));
    if all.waiting.fetch_add(count, Ordering::Relaxed) + count > WAITING_MANY {
        ctx.house().nudge(block::NAME, &HOUSE_SCOPE, block::ALL);
    }
    Ok(())
}

/// Makes the series that `found` lacks, and gives them.
fn make(
    all: &AllSeries,
    ctx: &Ctx,
    data: &[Datum],
    found: &mut [Option<Arc<Series>>],
) -> Result<Vec<Arc<Series>>> {
    let mut made: BTreeMap<(&crate::rules::metric::MetricKey, &str), Arc<Series>> = BTreeMap::new();
    for (datum, found) in data.iter().zip(found).filter(|(_, found)| found.is_none()) {
        let series = made.entry((&datum.metric, &datum.unit)).or_insert_with(|| {
            let id = all.next_id.fetch_add(1, Ordering::Relaxed);
            Arc::new(Series::new(id, *ctx.scope(), Arc::new(datum.metric.clone()), datum.unit.clone()))
        });
        *found = Some(series.clone());
    }
    if all.next_id.load(Ordering::Relaxed) > SERIES_MAX + 1 && !made.is_empty() {
        return Err(errors::too_many_metrics(SERIES_MAX));
    }
    Ok(made.into_values().collect())
}
