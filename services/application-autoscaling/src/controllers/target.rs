//! Scalable targets: what is asked of one is decided, one demand at a time; a change is told to the resource, and waited for.

use kernel::{Ctx, Millis, Next, Result, Scope, Tx};

use scaling::owner::is_passing;

use super::alarm;
use super::dimension::{self, Reading};
use crate::rules::dimension::Dimension;
use crate::rules::key::TargetKey;
use crate::rules::plan::{self, Then};
use crate::state::activity::{self, Activity, NotScaled};
use crate::state::policy::{self, Does, Policy};
use crate::state::target::{self, By, Change, Cooling, Demand, Target};

pub const CONTROLLER: &str = "application-autoscaling/target";
pub const CONCURRENCY: usize = 8;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// How often a change is looked at until it has come about, and how long.
const LOOK_EVERY_MS: Millis = 2_000;
const WAIT_MAX_MS: Millis = 1_800_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| target::all_scopes(snap)).await?;
    let is_busy = |one: &Target| one.change.is_some() || !one.demands.is_empty();
    Ok(all.into_iter().filter(|(_, one)| is_busy(one)).map(|(scope, one)| (scope, one.key.text())).collect())
}

pub async fn reconcile(ctx: &Ctx, key: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(key) = TargetKey::parse(&key) else { return Ok(Next::Done) };
    let Some(of) = key.find_dimension() else { return Ok(Next::Done) };
    let Some(target) = ctx.read(|snap| target::find(snap, &scope, &key)).await? else {
        return Ok(Next::Done);
    };
    match (&target.change, target.demands.first()) {
        (Some(change), _) if !change.is_set => set(ctx, of, &key, change).await,
        (_, Some(demand)) => decide(ctx, of, &target, demand).await,
        (Some(change), None) => wait(ctx, of, &key, change).await,
        (None, None) => Ok(Next::Done),
    }
}

/// Tells the resource.
async fn set(ctx: &Ctx, of: &Dimension, key: &TargetKey, change: &Change) -> Result<Next> {
    let (to, noun) = (change.to, of.noun);
    let outcome = dimension::set(ctx, of, &key.resource, to).await;
    let failure = match outcome {
        Ok(()) => None,
        Err(error) if is_passing(&error) => return Err(error),
        Err(error) => Some(format!("Failed to set {noun} to {to}. Reason: {}", error.message())),
    };
    let waits = format!(
        "Successfully set {noun} to {to}. Waiting for change to be fulfilled by {}.",
        key.namespace()
    );
    with_change(ctx, key, change, |tx, scope, target| {
        let (status, message, is_over) = match &failure {
            None => ("InProgress", &waits, false),
            Some(words) => ("Failed", words, true),
        };
        activity::tell(tx, scope, key, change, (status, message), is_over)?;
        target.change = if is_over { None } else { Some(Change { is_set: true, ..change.clone() }) };
        if !is_over {
            target.cooling = Some(cooling(tx.ctx().now(), change));
        }
        Ok(())
    })
    .await?;
    Ok(Next::Now)
}

fn cooling(now: Millis, change: &Change) -> Cooling {
    Cooling { until: now + change.cooldown_ms, from: change.from, is_out: change.to > change.from }
}

/// Until what was set has come about.
async fn wait(ctx: &Ctx, of: &Dimension, key: &TargetKey, change: &Change) -> Result<Next> {
    let (reading, now) = (dimension::read(ctx, of, &key.resource).await?, ctx.now());
    let (noun, to) = (of.noun, change.to);
    let (status, words) = match reading {
        Some(Reading { capacity, is_fulfilled: true }) if capacity == to => {
            ("Successful", format!("Change successfully fulfilled by {}.", key.namespace()))
        }
        Some(Reading { capacity, .. }) if capacity == to && now < change.activity.0 + WAIT_MAX_MS => {
            return Ok(Next::After(LOOK_EVERY_MS));
        }
        Some(Reading { capacity, .. }) if capacity != to => ("Overridden", format!("It is {capacity} now.")),
        _ => ("Unfulfilled", format!("Change was not fulfilled by {}.", key.namespace())),
    };
    let message = format!("Successfully set {noun} to {to}. {words}");
    with_change(ctx, key, change, |tx, scope, target| {
        activity::tell(tx, scope, key, change, (status, &message), true)?;
        target.change = None;
        if status == "Successful" {
            target.cooling = Some(cooling(now, change));
        }
        Ok(())
    })
    .await?;
    Ok(Next::Now)
}

/// Changes a target whose change is still this one.
async fn with_change(
    ctx: &Ctx,
    key: &TargetKey,
    change: &Change,
    f: impl Fn(&mut Tx<'_, '_>, &Scope, &mut Target) -> Result<()> + Send + Sync,
) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = target::find(tx, &scope, key)?;
        let Some(mut found) = found.filter(|one| one.change.as_ref() == Some(change)) else { return Ok(()) };
        f(tx, &scope, &mut found)?;
        target::put(tx, &scope, &found)
    })
    .await
}

/// What a demand is about: read once, outside of the transaction that decides.
struct Case {
    policy: Option<Policy>,
    reading: Option<Reading>,
    others_agree: bool,
}

async fn decide(ctx: &Ctx, of: &Dimension, target: &Target, demand: &Demand) -> Result<Next> {
    let (scope, key) = (*ctx.scope(), &target.key);
    let mut all = ctx.read(|snap| policy::of_target(snap, &scope, key)).await?;
    let mut policy = None;
    if let By::Policy { name, .. } = &demand.by {
        policy = all.iter().position(|one| one.name() == name).map(|at| all.remove(at));
    }
    let reading = dimension::read(ctx, of, &key.resource).await?;
    let tracks = policy.as_ref().is_some_and(|one| matches!(one.does(), Some(Does::Tracks(_))));
    let others_agree = !tracks || alarm::all_low(ctx, &all).await?;
    let case = Case { policy, reading, others_agree };
    ctx.write(|tx| {
        let Some(mut found) = target::find(tx, &scope, key)? else { return Ok(()) };
        let count = found.demands.len();
        found.demands.retain(|one| one.id != demand.id);
        if found.demands.len() < count {
            answer(tx, &scope, of, &mut found, demand, &case)?;
            target::put(tx, &scope, &found)?;
        }
        Ok(())
    })
    .await?;
    Ok(Next::Now)
}

/// Begins a change, or writes down why there is none.
fn answer(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    of: &Dimension,
    target: &mut Target,
    demand: &Demand,
    case: &Case,
) -> Result<()> {
    let now = tx.ctx().now();
    let current = case.reading.map_or(0, |reading| reading.capacity);
    let (then, cause) = match (&demand.by, &case.policy) {
        (By::Bounds, _) => match plan::of_bounds(target, current) {
            Some((to, cause)) => (Then::Scale { to, cooldown_s: None }, cause),
            None => return Ok(()),
        },
        (By::Policy { told, name }, Some(policy)) => {
            let cause =
                format!("monitor alarm {} in state {} triggered policy {name}", told.alarm, told.state);
            (plan::of_policy(target, policy, told, (current, now), case.others_agree), cause)
        }
        (By::Policy { .. }, None) => return Ok(()),
    };
    let at = activity::begins_at(tx, scope, &target.key)?;
    let mut activity = Activity {
        id: tx.ctx().ids().uuid(),
        key: target.key.clone(),
        description: String::new(),
        cause,
        started_at: at,
        ended_at: Some(at),
        status: "Failed".to_owned(),
        message: None,
        not_scaled: None,
    };
    match then {
        Then::Nothing => return Ok(()),
        _ if case.reading.is_none() => {
            activity.description = format!("Attempting to set {}.", of.noun);
            let gone = format!("{} is not there, or cannot be scaled.", target.key.resource);
            activity.message = Some(format!("Failed to set {}. Reason: {gone}", of.noun));
        }
        Then::Stay(code) => {
            activity.description = "Attempting to scale due to alarm triggered".to_owned();
            let (code, min, max) = (code.to_owned(), target.min, target.max);
            activity.not_scaled = Some(NotScaled { code, min, max, current });
        }
        Then::Scale { to, cooldown_s } => {
            activity.description = format!("Setting {} to {to}.", of.noun);
            activity.status = "InProgress".to_owned();
            activity.ended_at = None;
            if let Some(before) = &target.change {
                let words = format!("Another change, to {to}, takes its place.");
                activity::tell(tx, scope, &target.key, before, ("Overridden", &words), true)?;
            }
            let cooldown_ms = Millis::from(cooldown_s.unwrap_or(of.cooldown_s)) * 1_000;
            let activity = (at, activity.id.clone());
            let from = plan::from(target, to, (current, now));
            target.change = Some(Change { activity, from, to, cooldown_ms, is_set: false });
        }
    }
    // An alarm tells the same every minute: said once is enough.
    let newest = activity::newest(tx, scope, &target.key)?;
    let says_same = |before: Activity| {
        activity.ended_at.is_some()
            && (before.cause, before.message, before.not_scaled)
                == (activity.cause.clone(), activity.message.clone(), activity.not_scaled.clone())
    };
    if newest.is_some_and(says_same) { Ok(()) } else { activity::put(tx, scope, &activity) }
}
