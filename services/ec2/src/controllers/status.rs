//! Probes what should run, once a minute and when somebody asks, and starts again what was lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use kernel::{Ctx, Error, Result, Scope};

use super::guest_agent;
use super::instance::{CONTROLLER, machine_id};
use crate::ops::instance_state::{self, Wish};
use crate::rules::guest_agent::CONFIG_FILE;
use crate::rules::instance::State;
use crate::rules::instance_status::{FRESH_MS, Probe, answered, may_recover};
use crate::service::Engines;
use crate::state::id::{Id, InstanceId};
use crate::state::instance::{self, Instance};

/// How often everything is probed.
pub const EVERY_MS: i64 = FRESH_MS;
/// Guests probed at once.
const AT_ONCE: usize = 4;
/// A guest's time to answer.
const ANSWER_WITHIN_MS: u64 = 3_000;
/// Tells whether the first interface is up and what the guest wants shipped, and is itself a program that it must be able
/// to start.
const QUESTION: [&str; 3] = ["cat", "/sys/class/net/eth0/operstate", CONFIG_FILE];

/// The last probe of each instance that runs. Lost with the process: a new one probes anew.
#[derive(Default)]
pub struct Probes(Mutex<BTreeMap<InstanceId, Probe>>);

impl Probes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Probe>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was seen, so that who asks has it probed anew.
    pub fn forget(&self, id: &InstanceId) {
        self.lock().remove(id);
    }

    fn find(&self, id: &InstanceId) -> Option<Probe> {
        self.lock().get(id).copied()
    }
}

/// Each instance with what is known of it: what was seen within the last minute of this run, or now.
pub async fn probed(ctx: &Ctx, instances: Vec<Instance>) -> Result<Vec<(Instance, Option<Probe>)>> {
    let looks = instances.into_iter().map(|instance| async move {
        let probe = look(ctx, &instance).await?;
        Ok((instance, probe))
    });
    let looked: Vec<Result<_>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    looked.into_iter().collect()
}

async fn look(ctx: &Ctx, instance: &Instance) -> Result<Option<Probe>> {
    if instance.state() != State::Running {
        return Ok(None);
    }
    let probes = ctx.own::<Probes>();
    let known = probes.find(&instance.id).filter(|probe| probe.at >= instance.state_since);
    if let Some(fresh) =
        known.filter(|probe| ctx.now() - probe.at < FRESH_MS && probe.failing_since.is_none())
    {
        return Ok(Some(fresh));
    }
    let (outside, inside) = ask(ctx, instance).await?;
    let probe = Probe::next(known.as_ref(), ctx.now(), outside, inside);
    probes.lock().insert(instance.id.clone(), probe);
    Ok(Some(probe))
}

/// Whether the engine finds the machine running, and whether its guest answers.
async fn ask(ctx: &Ctx, instance: &Instance) -> Result<(bool, bool)> {
    let machines = &ctx.own::<Engines>().machines;
    let id = machine_id(&instance.id)?;
    if !machines.observe(&id).await.map_err(Error::internal)?.is_running() {
        return Ok((false, false));
    }
    let question = QUESTION.map(str::to_owned).to_vec();
    let inside = match machines.exec(&id, question, ANSWER_WITHIN_MS).await {
        Ok(answer) => {
            let seen = answered(answer.code, &answer.stdout);
            if let Some(config) = seen.config {
                guest_agent::hear(ctx, &instance.id, config).await?;
            }
            seen.is_well
        }
        Err(error) => {
            tracing::debug!(id = instance.id.as_str(), %error, "a guest does not answer");
            false
        }
    };
    Ok((true, inside))
}

/// Once a minute: probes all that runs, and has started again what was lost.
pub async fn check_all(ctx: &Ctx) -> Result<()> {
    let all = ctx.read(|snap| instance::all_scopes(snap)).await?;
    let running: Vec<_> =
        all.iter().filter(|(_, one)| one.state() == State::Running).map(|(_, one)| one.clone()).collect();
    ctx.own::<Probes>().lock().retain(|id, _| running.iter().any(|one| one.id == *id));
    probed(ctx, running).await?;
    for (scope, one) in all {
        if may_recover(&one, ctx.now()) {
            recover(ctx, &scope, &one.id).await?;
        }
    }
    Ok(())
}

/// Starts it as it was: with its id, its addresses, its volumes.
async fn recover(ctx: &Ctx, scope: &Scope, id: &InstanceId) -> Result<()> {
    let ctx = ctx.in_scope(*scope);
    ctx.write(|tx| {
        let now = tx.ctx().now();
        let Some(found) = instance::find(tx, scope, id)? else { return Ok(()) };
        if !may_recover(&found, now) {
            return Ok(());
        }
        instance::update(tx, scope, id, |instance| {
            instance.maintenance.recovered.push(now);
            let old = instance.maintenance.recovered.len().saturating_sub(RECOVERIES_KEPT);
            instance.maintenance.recovered.drain(..old);
            Ok(())
        })?;
        instance_state::write(tx, scope, id, Wish::Start).map(drop)
    })
    .await?;
    tracing::info!(id = id.as_str(), "an instance whose machine was lost is started again");
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(())
}

/// Of the times an instance was recovered at.
const RECOVERIES_KEPT: usize = 8;
