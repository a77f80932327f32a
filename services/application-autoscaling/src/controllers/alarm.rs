//! Alarms: those of target tracking are kept as their policies want them, and what any alarm tells is asked of the target.

use std::sync::Arc;

use api_cloudwatch as cw;
use kernel::{Ctx, Error, Event, Millis, Reader, Result, Scope, Tx};
use scaling::Way;
use scaling::alarm::{Told, policy_of};
use scaling::chore::Chores;
use scaling::owner::{Owner, Trial};

use super::target::CONTROLLER;
use crate::errors;
use crate::rules::tracking;
use crate::state::chore::ALARMS;
use crate::state::policy::{self, Does, Policy};
use crate::state::target::{self, By, Demand};

pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;

/// The subscription to what alarms tell.
pub const NAME: &str = "application-autoscaling/alarms";

impl Owner for Policy {
    const CONTROLLER: &'static str = "application-autoscaling/alarm";

    fn chores() -> &'static Chores {
        &ALARMS
    }

    fn having(from: &mut impl Reader, scope: &Scope, alarm: &str) -> Result<Option<Self>> {
        Ok(policy::all(from, scope)?.into_iter().find(|one| one.alarms.iter().any(|name| name == alarm)))
    }

    fn alarms(&self) -> &[String] {
        &self.alarms
    }

    fn arn(&self, scope: &Scope) -> String {
        self.arn(scope)
    }

    fn alarm(&self, name: &str) -> Option<cw::PutMetricAlarmInput> {
        let (Some(Does::Tracks(asked)), Some(of)) = (self.does(), self.key.find_dimension()) else {
            return None;
        };
        Some(tracking::alarm(&self.key.resource, asked, of, Way::of(name)))
    }

    fn trial(&self) -> Option<&Trial<Self>> {
        self.trial.as_ref()
    }

    fn take_trial(&mut self) -> Option<Trial<Self>> {
        self.trial.take()
    }

    fn is_stored(&self, from: &mut impl Reader, scope: &Scope) -> Result<bool> {
        policy::is_stored(from, scope, self)
    }

    fn put(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
        policy::put(tx, scope, self)
    }

    fn hold(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
        policy::hold(tx, scope, self)
    }

    fn delete(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
        policy::delete(tx, scope, self)
    }

    fn refusal(why: &str) -> Error {
        errors::validation(why)
    }
}

/// An alarm does its action, where that is a policy here.
pub async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let Some(named) = policy_of(&event.detail) else { return Ok(()) };
    let (ctx, scope) = (ctx.in_scope(event.scope), event.scope);
    let touched = ctx
        .write(|tx| {
            if !tx.first_time(NAME, &event)? {
                return Ok(None);
            }
            let Some(policy) = policy::find_by_arn(tx, &scope, named)? else { return Ok(None) };
            let Some(mut target) = target::find(tx, &scope, &policy.key)? else { return Ok(None) };
            let by = By::Policy { name: policy.name().to_owned(), told: Told::of(&event.detail) };
            target.demand(Demand { id: tx.ctx().ids().uuid(), by });
            target::put(tx, &scope, &target)?;
            Ok(Some(target.key.text()))
        })
        .await?;
    if let Some(key) = touched {
        ctx.nudge(CONTROLLER, &key);
    }
    Ok(())
}

/// Whether the low alarms of these have all gone off: capacity goes only where no policy would keep it.
///
/// # Errors
/// CloudWatch's.
pub async fn all_low(ctx: &Ctx, policies: &[Policy]) -> Result<bool> {
    let low = |one: &Policy| one.alarms.iter().find(|name| Way::of(name) == Way::Low).cloned();
    let names: Vec<String> = policies.iter().filter_map(low).collect();
    if names.is_empty() {
        return Ok(true);
    }
    let request = cw::DescribeAlarmsInput { alarm_names: Some(names.clone()), ..Default::default() };
    let found = ctx.call_as_service(cw::op::DescribeAlarms, request).await?;
    let alarms = found.metric_alarms.unwrap_or_default();
    Ok(alarms.iter().filter(|one| one.state_value.as_deref() == Some("ALARM")).count() == names.len())
}
