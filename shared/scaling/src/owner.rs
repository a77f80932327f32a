//! Alarms follow their policies: each is made as the policy that has it wants it, and deleted where none has it any more. A
//! policy one of whose alarms is refused gives way to what held before, also when whoever put it was killed.

use api_cloudwatch as cw;
use kernel::{Ctx, Error, Kind, Next, Reader, Result, Scope, Tx};
use serde::{Deserialize, Serialize};

use crate::chore::Chores;

/// A policy that has alarms, of whatever service.
pub trait Owner: Sized + Send + Sync {
    /// The controller that sees to alarms, by their names.
    const CONTROLLER: &'static str;

    fn chores() -> &'static Chores;

    /// The policy that has an alarm.
    ///
    /// # Errors
    /// When the store fails, as everywhere here.
    fn having(from: &mut impl Reader, scope: &Scope, alarm: &str) -> Result<Option<Self>>;

    /// The names of its alarms.
    fn alarms(&self) -> &[String];

    fn arn(&self, scope: &Scope) -> String;

    /// How one of its alarms is to be, apart from its name and what it does.
    fn alarm(&self, name: &str) -> Option<cw::PutMetricAlarmInput>;

    /// While it is not certain that it will hold.
    fn trial(&self) -> Option<&Trial<Self>>;

    fn take_trial(&mut self) -> Option<Trial<Self>>;

    /// Whether it is this one that is stored, and none that was put meanwhile.
    fn is_stored(&self, from: &mut impl Reader, scope: &Scope) -> Result<bool>;

    /// Stores it; its alarms are to be seen to.
    fn put(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()>;

    /// Stores that it holds.
    fn hold(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()>;

    fn delete(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()>;

    /// What is said where CloudWatch does not take an alarm.
    fn refusal(why: &str) -> Error;
}

/// What is to be again where a policy turns out to be none: what held before, if anything did.
#[derive(Clone, Serialize, Deserialize)]
pub struct Trial<P> {
    pub before: Option<Box<P>>,
}

impl<P: Owner> Trial<P> {
    /// Of a policy in the place of another, which may not hold yet itself.
    pub fn after(before: Option<P>) -> Self {
        let Some(mut before) = before else { return Self { before: None } };
        before.take_trial().unwrap_or_else(|| Self { before: Some(Box::new(before)) })
    }
}

/// Alarms that are to be seen to.
pub async fn list<P: Owner>(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| P::chores().of_all_scopes(snap)).await
}

/// Sees to an alarm.
pub async fn reconcile<P: Owner>(ctx: &Ctx, alarm: String) -> Result<Next> {
    let scope = *ctx.scope();
    let found = ctx
        .read(|snap| match P::chores().find(snap, &scope, &alarm)? {
            Some(id) => Ok(Some((id, P::having(snap, &scope, &alarm)?))),
            None => Ok(None),
        })
        .await?;
    let Some((id, owner)) = found else { return Ok(Next::Done) };
    match settle(ctx, &alarm, Some(&id), owner.as_ref()).await {
        // Whoever put the policy is told so, or was; there is nothing to be made.
        Err(error) if !is_passing(&error) => Ok(Next::Done),
        other => other.map(|()| Next::Done),
    }
}

/// Makes the alarms of a policy that was just put, and deletes those of before that it has no more.
///
/// # Errors
/// CloudWatch's. Where it refuses one, the policy is taken back.
pub async fn settle_all<P: Owner>(ctx: &Ctx, made: &P, over: &[String]) -> Result<()> {
    let wanted = made.alarms().iter().map(|alarm| (alarm, Some(made)));
    for (alarm, owner) in wanted.chain(over.iter().map(|alarm| (alarm, None))) {
        settle_now(ctx, alarm, owner).await?;
    }
    Ok(())
}

/// Deletes the alarms of a policy that is no more: those that cannot be now, soon.
pub async fn remove_all<P: Owner>(ctx: &Ctx, alarms: &[String]) {
    for alarm in alarms {
        if settle_now::<P>(ctx, alarm, None).await.is_err() {
            ctx.nudge(P::CONTROLLER, alarm);
        }
    }
}

/// Whether trying again may help.
pub fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), Kind::Internal | Kind::Unavailable | Kind::Throttled)
}

async fn settle_now<P: Owner>(ctx: &Ctx, alarm: &str, owner: Option<&P>) -> Result<()> {
    let scope = *ctx.scope();
    let id = ctx.read(|snap| P::chores().find(snap, &scope, alarm)).await?;
    settle(ctx, alarm, id.as_deref(), owner).await
}

/// Makes an alarm as its policy wants it, or deletes it where none does: as things were when its chore had this id.
async fn settle<P: Owner>(ctx: &Ctx, alarm: &str, id: Option<&str>, owner: Option<&P>) -> Result<()> {
    let scope = *ctx.scope();
    let outcome = match owner {
        Some(policy) => ensure(ctx, policy, alarm).await,
        None => remove(ctx, alarm).await,
    };
    if outcome.as_ref().is_err_and(is_passing) {
        return outcome;
    }
    let is_refused = outcome.is_err();
    let again = ctx
        .write(|tx| {
            let again = P::chores().done(tx, &scope, alarm, id)?;
            match owner {
                Some(owner) if is_refused => take_back(tx, &scope, owner)?,
                Some(owner) => confirm(tx, &scope, owner)?,
                None => {}
            }
            Ok(again)
        })
        .await?;
    if is_refused {
        owner.into_iter().flat_map(Owner::alarms).for_each(|alarm| ctx.nudge(P::CONTROLLER, alarm));
    } else if again {
        ctx.nudge(P::CONTROLLER, alarm);
    }
    outcome
}

async fn ensure<P: Owner>(ctx: &Ctx, policy: &P, name: &str) -> Result<()> {
    let Some(asked) = policy.alarm(name) else { return Ok(()) };
    let arn = policy.arn(ctx.scope());
    let alarm = cw::PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        alarm_description: Some(format!("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.")),
        alarm_actions: Some(vec![arn]),
        ..asked
    };
    match ctx.call_as_service(cw::op::PutMetricAlarm, alarm).await {
        Err(error) if error.kind() == Kind::Invalid => Err(P::refusal(error.message())),
        other => other.map(drop),
    }
}

async fn remove(ctx: &Ctx, name: &str) -> Result<()> {
    let request = cw::DeleteAlarmsInput { alarm_names: vec![name.to_owned()] };
    match ctx.call_as_service(cw::op::DeleteAlarms, request).await {
        Err(error) if error.kind() != Kind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// All its alarms are made, unless some are still to be seen to: it holds.
fn confirm<P: Owner>(tx: &mut Tx<'_, '_>, scope: &Scope, one: &P) -> Result<()> {
    for alarm in one.alarms() {
        if P::chores().find(tx, scope, alarm)?.is_some() {
            return Ok(());
        }
    }
    if one.trial().is_none() || !one.is_stored(tx, scope)? { Ok(()) } else { one.hold(tx, scope) }
}

/// Its alarms cannot be made: what was before is again, if it held, unless another has been put meanwhile.
fn take_back<P: Owner>(tx: &mut Tx<'_, '_>, scope: &Scope, one: &P) -> Result<()> {
    let Some(trial) = one.trial() else { return Ok(()) };
    if !one.is_stored(tx, scope)? {
        return Ok(());
    }
    match &trial.before {
        Some(before) => before.put(tx, scope),
        None => one.delete(tx, scope),
    }
}
