//! Periodic work: those that are far apart remember over a restart when they last ran.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Millis;
use crate::error::Result;
use crate::house::{HOUSE_SCOPE, House};
use crate::service::Sweep;
use crate::table::Table;

static LAST_RUN: Table<Millis> = Table::new("kernel/sweeps");

/// Sweeps at least so far apart are remembered; the others begin anew with every start.
const REMEMBERED_MS: Millis = 600_000;
/// What was due while nothing ran begins so long after the start, which has enough to do.
const OVERDUE_MS: Millis = 60_000;

/// When each of the sweeps begins. The first start counts as a run of those that never did.
pub(crate) async fn first_runs(
    house: &Arc<House>,
    sweeps: Vec<(&'static str, Sweep)>,
) -> Result<Vec<(Millis, &'static str, Sweep)>> {
    let far = sweeps.iter().map(|(_, sweep)| sweep).filter(|sweep| is_remembered(sweep));
    let last: BTreeMap<&'static str, Option<Millis>> = house
        .ctx("kernel", HOUSE_SCOPE)
        .read(|snap| {
            far.clone().map(|sweep| Ok((sweep.name, LAST_RUN.get(snap, &HOUSE_SCOPE, sweep.name)?))).collect()
        })
        .await?;
    let now = house.clock().now();
    let new: Vec<_> = last.iter().filter(|(_, at)| at.is_none()).map(|(name, _)| *name).collect();
    if !new.is_empty() {
        house.finish_later(begin(house.clone(), new, now));
    }
    let first = |sweep: &Sweep| first_run(last.get(sweep.name).copied().flatten(), sweep.every_ms, now);
    Ok(sweeps.into_iter().map(|(service, sweep)| (first(&sweep), service, sweep)).collect())
}

/// A clock that was set back puts nothing off.
fn first_run(last: Option<Millis>, every_ms: Millis, now: Millis) -> Millis {
    (last.unwrap_or(now) + every_ms).clamp(now + OVERDUE_MS.min(every_ms), now + every_ms)
}

/// Runs it once, and remembers that it ran.
pub(crate) async fn run(house: &Arc<House>, service: &'static str, sweep: &Sweep) -> Result<()> {
    let begun_at = house.clock().now();
    (sweep.run)(&house.ctx(service, HOUSE_SCOPE)).await?;
    if is_remembered(sweep) { write_down(house, &[sweep.name], begun_at).await } else { Ok(()) }
}

/// Not awaited by the start, which would wait for the disk; the end waits for it.
async fn begin(house: Arc<House>, new: Vec<&'static str>, now: Millis) {
    if let Err(error) = write_down(&house, &new, now).await {
        tracing::error!(%error, "when the sweeps began is not written down");
    }
}

async fn write_down(house: &Arc<House>, names: &[&'static str], at: Millis) -> Result<()> {
    let ctx = house.ctx("kernel", HOUSE_SCOPE);
    ctx.write(|tx| names.iter().try_for_each(|name| LAST_RUN.put(tx, &HOUSE_SCOPE, *name, &at))).await
}

fn is_remembered(sweep: &Sweep) -> bool {
    sweep.every_ms >= REMEMBERED_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_follows_the_last() {
        let hour = 3_600_000;
        let first = |last| first_run(last, hour, 10 * hour);
        assert_eq!(first(None), 11 * hour, "the first start counts as a run");
        assert_eq!(first(Some(9 * hour + 600_000)), 10 * hour + 600_000);
        assert_eq!(first(Some(hour)), 10 * hour + OVERDUE_MS, "overdue, but not in the first minute");
        assert_eq!(first(Some(20 * hour)), 11 * hour, "the clock was set back");
        assert_eq!(first_run(None, 1_000, 0), 1_000);
    }
}
