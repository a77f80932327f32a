//! Keeps the accounts of CPU credits: every minute what runs is looked at, and held to its baseline where a standard
//! instance has used up its credits.

use std::collections::BTreeMap;

use api_cloudwatch::MetricDatum;
use kernel::{Ctx, Millis, Result, Scope, Tx};

use super::instance::machine_id;
use super::metric::{BASIC_MS, datum, put};
use crate::rules::cpu_credits::{self as rules, Look, ONE, UNLIMITED};
use crate::rules::instance::State;
use crate::rules::instance_type::{self, InstanceType};
use crate::service::Engines;
use crate::state::cpu_credits::{self, Account};
use crate::state::instance::{self, Instance};

pub const EVERY_MS: Millis = 60_000;

/// A burstable instance, and what its machine has used where it runs.
struct Seen {
    instance: Instance,
    size: &'static InstanceType,
    look: Option<Look>,
}

impl Seen {
    fn is_unlimited(&self) -> bool {
        self.instance.cpu_credits.as_deref() == Some(UNLIMITED)
    }
}

/// Looks at every burstable instance.
pub async fn keep_all(ctx: &Ctx) -> Result<()> {
    let all = ctx.read(|snap| instance::all_scopes(snap)).await?;
    keep(ctx, all).await
}

/// Looks at those of these instances that are burstable.
pub async fn keep(ctx: &Ctx, instances: Vec<(Scope, Instance)>) -> Result<()> {
    let mut seen: BTreeMap<Scope, Vec<Seen>> = BTreeMap::new();
    for (scope, instance) in instances {
        let size = instance_type::find(&instance.instance_type).filter(|size| size.is_burstable());
        let Some(size) = size else { continue };
        let look = match instance.state() {
            State::Running => look(ctx, &instance).await,
            _ => None,
        };
        seen.entry(scope).or_default().push(Seen { instance, size, look });
    }
    for (scope, seen) in seen {
        let ctx = ctx.in_scope(scope);
        let accounts = ctx.write(|tx| seen.iter().map(|one| account(tx, one)).collect::<Result<Vec<_>>>());
        let mut data = Vec::new();
        for (one, account) in seen.iter().zip(accounts.await?) {
            let Some((account, used)) = account.filter(|_| one.look.is_some()) else { continue };
            hold(&ctx, one, &account).await?;
            data.extend(used.map(|used| told(one, &account, used)).into_iter().flatten());
        }
        if !data.is_empty() {
            put(&ctx, data).await?;
        }
    }
    Ok(())
}

async fn look(ctx: &Ctx, instance: &Instance) -> Option<Look> {
    let id = machine_id(&instance.id).ok()?;
    // A machine that has just gone has used nothing.
    let stats = ctx.own::<Engines>().machines.stats(&id).await.ok()?;
    Some(Look { at: ctx.now(), cpu_ns: stats.cpu_ns, started_at: instance.launched_at })
}

/// Brings the account up to date. With it, when metrics are due, what was spent since they were last put.
fn account(tx: &mut Tx<'_, '_>, seen: &Seen) -> Result<Option<(Account, Option<u64>)>> {
    let (scope, id) = (*tx.ctx().scope(), &seen.instance.id);
    let known = cpu_credits::find(tx, &scope, id)?;
    let Some(look) = seen.look else {
        let Some(mut account) = known else { return Ok(None) };
        if account.surplus > 0 {
            rules::settle(&mut account);
            bill(tx, seen, &account)?;
            cpu_credits::put(tx, &scope, id, &account)?;
        }
        if seen.instance.state() == State::Terminated {
            cpu_credits::forget(tx, &scope, id)?;
        }
        return Ok(Some((account, None)));
    };
    let known = known.unwrap_or_else(|| rules::open(seen.size, seen.is_unlimited(), look));
    let mut next = rules::advance(&known, seen.size, seen.is_unlimited(), look);
    let is_due = look.at.div_euclid(BASIC_MS) != next.told_at.div_euclid(BASIC_MS);
    let used = is_due.then(|| std::mem::take(&mut next.used));
    next.told_at = if is_due { look.at } else { next.told_at };
    bill(tx, seen, &next)?;
    cpu_credits::put(tx, &scope, id, &next)?;
    Ok(Some((next, used)))
}

fn bill(tx: &mut Tx<'_, '_>, seen: &Seen, account: &Account) -> Result<()> {
    let line = rules::usage(account, seen.size.family(), seen.instance.id.to_string());
    line.map_or(Ok(()), |line| tx.meter(&line))
}

/// Holds the machine to its baseline, or lets it have its processors again.
async fn hold(ctx: &Ctx, seen: &Seen, account: &Account) -> Result<()> {
    let share = rules::share(account, seen.size, seen.is_unlimited());
    let id = machine_id(&seen.instance.id)?;
    match ctx.own::<Engines>().machines.set_share(&id, share).await {
        Err(compute::Error::Absent(_)) | Ok(()) => Ok(()),
        Err(error) => Err(kernel::Error::internal(error)),
    }
}

fn told(seen: &Seen, account: &Account, used: u64) -> Vec<MetricDatum> {
    let credits = |millionths: u64| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let count = millionths as f64;
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let one = ONE as f64;
        count / one
    };
    let datum = |name: &str, value: u64| datum(&seen.instance.id, account.at, name, credits(value), "Count");
    let mut data = vec![datum("CPUCreditUsage", used), datum("CPUCreditBalance", account.balance)];
    if seen.is_unlimited() {
        data.push(datum("CPUSurplusCreditBalance", account.surplus));
        data.push(datum("CPUSurplusCreditsCharged", account.charged));
    }
    data
}
