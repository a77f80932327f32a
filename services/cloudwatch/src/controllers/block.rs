//! Puts waiting samples into blocks, and old blocks into coarser ones.
//!
//! A line is drawn between batches; what lies before it goes into blocks, each with the number of the last batch; then
//! the batches are forgotten. Killed anywhere in between, the next start takes up what is in no block yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::house::HOUSE_SCOPE;
use kernel::key::KeyReader;
use kernel::{Ctx, Millis, Next, Result, Scope, Tx};

use crate::errors::Damaged;
use crate::rules::sample::Sample;
use crate::rules::tier::Tier;
use crate::state::batch;
use crate::state::block;
use crate::state::read::{BLOCKS, find_block, put_block};
use crate::state::series::{AllSeries, Recent, Series};

pub const NAME: &str = "cloudwatch-blocks";
pub const CONCURRENCY: usize = 1;
pub const SWEEP_EVERY_MS: Millis = 300_000;
/// The one thing there is to look after.
pub const ALL: &str = "all";

/// Samples that go into blocks in one transaction, unless one series has more.
const SAMPLES_MANY: usize = 20_000;
/// Series whose blocks are written in one transaction: far below what one may hold.
const SERIES_MANY: usize = 64;
/// Batches forgotten in one transaction.
const BATCHES_MANY: u64 = 10_000;
/// Blocks that go on to the next tier in one transaction.
const BLOCKS_MANY: usize = 8;

pub async fn list(_: &Ctx) -> Result<Vec<(Scope, String)>> {
    Ok(vec![(HOUSE_SCOPE, ALL.to_owned())])
}

pub async fn reconcile(ctx: &Ctx, _: String) -> Result<Next> {
    let all = ctx.own::<AllSeries>();
    let _alone = all.moving.lock().await;
    let through = {
        let _line = all.line.write().await;
        all.next_batch.load(Ordering::Relaxed) - 1
    };
    if all.first_batch.load(Ordering::Relaxed) <= through {
        ctx.write(|tx| batch::draw_line(tx, through)).await?;
        fill(ctx, all, through).await?;
    }
    forget_batches(ctx, all, through).await?;
    let now = ctx.now();
    for tier in Tier::ALL {
        for scope in all.scopes() {
            roll(ctx, &scope, tier, now).await?;
        }
        all.set_rolled_to(tier, now - tier.keeps_ms());
    }
    drop_dead(ctx, all, now).await?;
    Ok(Next::Done)
}

/// Puts the samples of batches up to `through` into blocks.
async fn fill(ctx: &Ctx, all: &AllSeries, through: u64) -> Result<()> {
    let mut group: Vec<(Arc<Series>, Vec<Recent>)> = Vec::new();
    let mut count = 0;
    for series in all.all() {
        let recent = series.recent_through(through);
        if recent.is_empty() {
            continue;
        }
        count += recent.len();
        group.push((series, recent));
        if count >= SAMPLES_MANY || group.len() >= SERIES_MANY {
            fill_group(ctx, all, through, &std::mem::take(&mut group)).await?;
            count = 0;
        }
    }
    fill_group(ctx, all, through, &group).await
}

async fn fill_group(
    ctx: &Ctx,
    all: &AllSeries,
    through: u64,
    group: &[(Arc<Series>, Vec<Recent>)],
) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    ctx.write(|tx| {
        for (series, recent) in group {
            fill_one(tx, series, recent, through)?;
            series.put(tx)?;
        }
        Ok(())
    })
    .await?;
    for (series, _) in group {
        all.waiting.fetch_sub(series.forget_through(through), Ordering::Relaxed);
    }
    Ok(())
}

fn fill_one(tx: &mut Tx<'_, '_>, series: &Series, recent: &[Recent], through: u64) -> Result<()> {
    let mut by_window: BTreeMap<(Tier, Millis), Vec<&Recent>> = BTreeMap::new();
    for recent in recent {
        by_window.entry((recent.tier, recent.tier.window_of(recent.at))).or_default().push(recent);
    }
    for ((tier, window), recent) in by_window {
        let stored = open(tx, series, tier, window)?;
        let known = stored.as_ref().map_or(0, |block| block.through);
        // Those of a run that was killed before it forgot their batches are in it.
        let fresh = recent.into_iter().filter(|recent| recent.batch > known);
        let fresh = fresh.map(|recent| (recent.at, recent.sample.clone()));
        let samples = stored.map(|block| block.samples).unwrap_or_default();
        let mut merged = merge(samples.into_iter().chain(fresh));
        put_block(tx, series, tier, window, block::encode(tier, window, through, &mut merged))?;
    }
    Ok(())
}

fn open(tx: &mut Tx<'_, '_>, series: &Series, tier: Tier, window: Millis) -> Result<Option<block::Block>> {
    let Some(bytes) = find_block(tx, series, tier, window)? else { return Ok(None) };
    Ok(Some(block::decode(tier, window, &bytes).ok_or(Damaged("block"))?))
}

/// All samples of an instant as one, in order.
fn merge(samples: impl Iterator<Item = (Millis, Sample)>) -> Vec<(Millis, Sample)> {
    let mut samples: Vec<_> = samples.collect();
    samples.sort_by_key(|(at, _)| *at);
    let groups = samples.chunk_by(|a, b| a.0 == b.0);
    let one = |group: &[(Millis, Sample)]| {
        let at = group.first()?.0;
        Some((at, Sample::merged(group.iter().map(|(_, sample)| sample))?))
    };
    groups.filter_map(one).collect()
}

async fn forget_batches(ctx: &Ctx, all: &AllSeries, through: u64) -> Result<()> {
    let mut first = all.first_batch.load(Ordering::Relaxed);
    while first <= through {
        let last = through.min(first.saturating_add(BATCHES_MANY - 1));
        ctx.write(|tx| (first..=last).try_for_each(|number| batch::delete(tx, number))).await?;
        first = last + 1;
        all.first_batch.store(first, Ordering::Relaxed);
    }
    Ok(())
}

/// Puts blocks of a tier that are too old for it into those of the next, or forgets them after the last.
async fn roll(ctx: &Ctx, scope: &Scope, tier: Tier, now: Millis) -> Result<()> {
    let ends = now - tier.keeps_ms();
    while ctx.write(|tx| roll_some(tx, scope, tier, ends)).await? == BLOCKS_MANY {}
    Ok(())
}

/// Found and moved in one transaction, so that no block goes on twice. Gives how many went.
fn roll_some(tx: &mut Tx<'_, '_>, scope: &Scope, tier: Tier, ends: Millis) -> Result<usize> {
    let rows = BLOCKS.list(tx, scope, tier.letter(), None, BLOCKS_MANY)?;
    let mut count = 0;
    for (key, bytes) in rows {
        let mut key = KeyReader(&key);
        let (Some(_), Some(window), Some(id)) = (key.text(), key.signed(), key.number()) else { continue };
        if window + tier.window_ms() > ends {
            break;
        }
        if let Some(next) = tier.next() {
            let block = block::decode(tier, window, &bytes).ok_or(Damaged("block"))?;
            roll_one(tx, scope, id, next, block.samples)?;
        }
        BLOCKS.delete(tx, scope, (tier.letter(), window, id))?;
        count += 1;
    }
    Ok(count)
}

fn roll_one(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: u64,
    tier: Tier,
    samples: Vec<(Millis, Sample)>,
) -> Result<()> {
    // All of a block lie in one window of the next tier.
    let Some(window) = samples.first().map(|(at, _)| tier.window_of(*at)) else { return Ok(()) };
    let key = (tier.letter(), window, id);
    let stored = BLOCKS.get(tx, scope, key)?;
    let stored =
        stored.map(|bytes| block::decode(tier, window, &bytes).ok_or(Damaged("block"))).transpose()?;
    let through = stored.as_ref().map_or(0, |block| block.through);
    let coarser =
        samples.into_iter().map(|(at, sample)| (crate::rules::tier::floor(at, tier.step_ms()), sample));
    let kept = stored.map(|block| block.samples).unwrap_or_default();
    let mut merged = merge(kept.into_iter().chain(coarser));
    BLOCKS.put(tx, scope, key, block::encode(tier, window, through, &mut merged))
}

/// Forgets metrics without any sample left.
async fn drop_dead(ctx: &Ctx, all: &AllSeries, now: Millis) -> Result<()> {
    let ends = now - Tier::Hour.keeps_ms() - Tier::Hour.window_ms();
    for series in all.all().into_iter().filter(|series| series.newest_at() < ends) {
        let _line = all.line.write().await;
        if series.newest_at() < ends {
            ctx.write(|tx| series.delete(tx)).await?;
            all.remove(&series);
        }
    }
    Ok(())
}
