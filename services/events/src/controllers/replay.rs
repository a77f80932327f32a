//! A replay: a hundred events at a time, each to the rules it is for.

use kernel::{Ctx, Millis, Next, Result, Scope};
use retry::Underway;

use super::delivery::hand_over;
use crate::state::replay::{self, State};
use crate::state::routes::{Routes, chosen, send};
use crate::state::{archive, rule};

pub const NAME: &str = "events/replay";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
const BATCH: usize = 100;
/// Replays that are over are forgotten after this (user guide, "Replaying archived events": 90 days).
const KEPT_MS: Millis = 90 * 86_400_000;
/// How soon it goes on when too much is under way.
const BUSY_MS: Millis = 1_000;

/// Those that run, and those that can be forgotten.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let now = ctx.now();
    let mut all = ctx.read(|snap| replay::all_scopes(snap)).await?;
    all.retain(|(_, one)| one.state == State::Running || now - one.started_at > KEPT_MS);
    Ok(all.into_iter().map(|(scope, one)| (scope, one.name)).collect())
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(one) = ctx.read(|snap| replay::find(snap, &scope, &name)).await? else { return Ok(Next::Done) };
    if one.state != State::Running {
        if ctx.now() - one.started_at > KEPT_MS {
            ctx.write(|tx| replay::delete(tx, &scope, &name)).await?;
        }
        return Ok(Next::Done);
    }
    if ctx.own::<Underway>().is_full() {
        return Ok(Next::After(BUSY_MS));
    }
    let routes = ctx.own::<Routes>().of(ctx, &one.bus).await?;
    let step = ctx.write(|tx| {
        let Some(mut one) = replay::find(tx, &scope, &name)?.filter(|one| one.state == State::Running) else {
            return Ok(None);
        };
        let rows = archive::kept(tx, &scope, &one.archive, &one.position, BATCH)?;
        let is_last = rows.len() < BATCH || rows.iter().any(|(_, kept)| kept.at >= one.to);
        let mut ids = Vec::new();
        for (key, kept) in rows.into_iter().filter(|(_, kept)| kept.at < one.to) {
            one.position = key.to_vec();
            one.last_at = Some(kept.at);
            let mut event = kept.event;
            event.replay = Some(one.name.clone());
            let mut meant = chosen(&routes, &event);
            meant
                .rules
                .retain(|rule: &&rule::Rule| one.rules.is_empty() || one.rules.contains(&rule.arn(&scope)));
            ids.extend(send(tx, &scope, &meant, &event, 0)?);
        }
        if is_last {
            one.state = State::Completed;
            one.ended_at = Some(tx.ctx().now());
        }
        replay::put(tx, &scope, &one)?;
        Ok(Some((ids, is_last)))
    });
    let Some((ids, is_last)) = step.await? else { return Ok(Next::Done) };
    hand_over(ctx, &ids);
    Ok(if is_last { Next::Done } else { Next::Now })
}
