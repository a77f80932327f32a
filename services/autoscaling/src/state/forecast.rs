//! What a predictive policy foretells, as it is stored; a durable timer goes off for it.

use kernel::timers::TimerKey;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::policy::Policy;

/// The kind of the timer; its name is `group:policy`.
pub const TIMER: &str = "predictive-scaling";

/// The newest forecast, with what was foretold of hours that are over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    pub made_at: Millis,
    /// In order.
    pub hours: Vec<Hour>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hour {
    /// Hours since 1970.
    pub at: i64,
    pub load: f64,
    pub capacity: i32,
}

impl Forecast {
    pub fn capacity_at(&self, hour: i64) -> Option<i32> {
        self.hours.iter().find(|one| one.at == hour).map(|one| one.capacity)
    }
}

/// By group and policy.
static FORECASTS: Table<Forecast> = Table::new("autoscaling/forecast");

pub fn find(from: &mut impl Reader, scope: &Scope, of: &Policy) -> Result<Option<Forecast>> {
    FORECASTS.get(from, scope, (of.group(), of.name()))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, of: &Policy, one: &Forecast) -> Result<()> {
    FORECASTS.put(tx, scope, (of.group(), of.name()), one)
}

fn timer(ctx: &Ctx, of: &Policy) -> TimerKey {
    TimerKey::new(ctx, TIMER, format!("{}:{}", of.group(), of.name()))
}

/// Has the policy's controller look at this instant.
pub fn schedule(tx: &mut Tx<'_, '_>, of: &Policy, at: Millis) -> Result<()> {
    let timer = timer(tx.ctx(), of);
    tx.schedule(&timer, at)
}

/// What was foretold, and the timer.
pub fn forget(tx: &mut Tx<'_, '_>, scope: &Scope, of: &Policy) -> Result<()> {
    let timer = timer(tx.ctx(), of);
    tx.unschedule(&timer)?;
    FORECASTS.delete(tx, scope, (of.group(), of.name()))
}
