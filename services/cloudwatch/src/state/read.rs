//! Reading samples: those in blocks and those that are in none yet, each once.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use kernel::{Ctx, Millis, PackedTable, Reader, Result, Tx};

use super::block::{self, Block};
use super::series::{AllSeries, Recent, Series};
use crate::errors::Damaged;
use crate::rules::sample::Sample;
use crate::rules::tier::Tier;

/// By tier, window and series, so that the oldest of each tier come first.
pub static BLOCKS: PackedTable = PackedTable::new("cloudwatch/block");

/// Blocks may be so late in going on to the next tier.
const SLACK_MS: Millis = 600_000;
/// After so many series, others may work.
const YIELD_EVERY: usize = 64;

pub fn find_block(
    from: &mut impl Reader,
    series: &Series,
    tier: Tier,
    window: Millis,
) -> Result<Option<Bytes>> {
    BLOCKS.get(from, &series.scope, (tier.letter(), window, series.id))
}

pub fn put_block(
    tx: &mut Tx<'_, '_>,
    series: &Series,
    tier: Tier,
    window: Millis,
    block: Bytes,
) -> Result<()> {
    BLOCKS.put(tx, &series.scope, (tier.letter(), window, series.id), block)
}

/// Gives the samples of several series from `from` to before `to`, by the place of their series in `all`, in no
/// particular order, as coarse as their age makes them.
///
/// # Errors
/// When the store fails or holds a damaged block.
pub async fn each_sample(
    ctx: &Ctx,
    all: &[Arc<Series>],
    from: Millis,
    to: Millis,
    mut take: impl FnMut(usize, Millis, &Sample),
) -> Result<()> {
    let now = ctx.now();
    for (at, series) in all.iter().enumerate() {
        let windows = windows(ctx.own::<AllSeries>(), series, from, to, now);
        // Before the blocks: what goes into one meanwhile is found in both, and told by its batch.
        let recent = series.recent_between(from, to + Tier::Hour.step_ms());
        let blocks = ctx
            .read(|snap| {
                let mut blocks = Vec::new();
                for (tier, window) in &windows {
                    if let Some(block) = find_block(snap, series, *tier, *window)? {
                        blocks.push((*tier, *window, block));
                    }
                }
                Ok(blocks)
            })
            .await?;
        let mut give = |tier: Tier, sample_at: Millis, sample: &Sample| {
            if let Some(seen) = tier.seen_at(sample_at, now)
                && (from..to).contains(&seen)
            {
                take(at, seen, sample);
            }
        };
        let mut throughs = HashMap::new();
        for (tier, window, bytes) in blocks {
            let Block { through, samples } = block::decode(tier, window, &bytes).ok_or(Damaged("block"))?;
            throughs.insert((tier, window), through);
            samples.iter().for_each(|(sample_at, sample)| give(tier, *sample_at, sample));
        }
        for Recent { batch, tier, at: sample_at, sample } in recent {
            let through = throughs.get(&(tier, tier.window_of(sample_at))).copied().unwrap_or_default();
            if batch > through {
                give(tier, sample_at, &sample);
            }
        }
        if at % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// The blocks that can hold samples of the range.
fn windows(all: &AllSeries, series: &Series, from: Millis, to: Millis, now: Millis) -> Vec<(Tier, Millis)> {
    let mut windows = Vec::new();
    let mut kept_ms = 0;
    for tier in Tier::ALL {
        // Samples come to the coarser tiers with age; by the minute they are put.
        let is_old_enough = tier <= Tier::Minute || from < now - kept_ms;
        kept_ms = tier.keeps_ms();
        if !is_old_enough || (tier == Tier::Second && !series.has_seconds()) {
            continue;
        }
        // Those too old for their tier are seen at an earlier instant than they have.
        let ahead = tier.next().filter(|_| from < now - tier.keeps_ms()).map_or(0, Tier::step_ms);
        let first = from.max(all.rolled_to(tier).saturating_sub(tier.window_ms() + SLACK_MS));
        let last = (to + ahead).min(series.newest_at().saturating_add(1));
        let mut window = tier.window_of(first);
        while window < last {
            windows.push((tier, window));
            window += tier.window_ms();
        }
    }
    windows
}
