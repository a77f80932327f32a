//! Durable timers: a due time in the store, a handler when it has come. At least once, also after a restart.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::house::{HOUSE_SCOPE, House};
use crate::scope::Scope;
use crate::table::Table;
use crate::tx::Tx;

/// Which timer: its service's kind of timer, its scope, its own name. Setting it again moves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerKey {
    pub scope: Scope,
    pub service: String,
    pub kind: String,
    pub name: String,
}

impl TimerKey {
    /// A timer of `ctx`'s service and scope.
    pub fn new(ctx: &Ctx, kind: &str, name: impl Into<String>) -> Self {
        let (service, kind) = (ctx.service().to_owned(), kind.to_owned());
        Self { scope: *ctx.scope(), service, kind, name: name.into() }
    }

    fn parts(&self) -> ((&str, &str), &Scope, &str) {
        ((&self.service, &self.kind), &self.scope, &self.name)
    }
}

pub(crate) type TimerHandler = Box<dyn Fn(Ctx, String) -> BoxFuture<'static, Result<()>> + Send + Sync>;

#[derive(Clone, Serialize, Deserialize)]
struct Due {
    key: TimerKey,
    at: Millis,
    attempts: u32,
}

/// By due time: the order they go off in.
static BY_TIME: Table<Due> = Table::new("kernel/timer");
/// By key: when it is due, so that it can be moved.
static BY_KEY: Table<Millis> = Table::new("kernel/timer-key");

const BATCH: usize = 64;
const RETRY_FIRST_MS: Millis = 500;
const RETRY_MAX_MS: Millis = 300_000;

pub(crate) fn set(tx: &mut Tx<'_, '_>, key: &TimerKey, at: Millis) -> Result<()> {
    put(tx, &Due { key: key.clone(), at, attempts: 0 })
}

fn put(tx: &mut Tx<'_, '_>, due: &Due) -> Result<()> {
    unset(tx, &due.key)?;
    BY_KEY.put(tx, &HOUSE_SCOPE, due.key.parts(), &due.at)?;
    BY_TIME.put(tx, &HOUSE_SCOPE, (due.at, due.key.parts()), due)
}

pub(crate) fn unset(tx: &mut Tx<'_, '_>, key: &TimerKey) -> Result<()> {
    if let Some(at) = BY_KEY.get(tx, &HOUSE_SCOPE, key.parts())? {
        BY_TIME.delete(tx, &HOUSE_SCOPE, (at, key.parts()))?;
        BY_KEY.delete(tx, &HOUSE_SCOPE, key.parts())?;
    }
    Ok(())
}

/// Lets timers go off for ever.
pub(crate) async fn run(house: Arc<House>) {
    let mut wait_until = None;
    house.timer_bell().notify_one();
    loop {
        house.wait(house.timer_bell(), wait_until.take()).await;
        let Some(_working) = house.begin_work().await else { return };
        match go_off(&house).await {
            Ok(next) => wait_until = next,
            Err(error) => {
                tracing::error!(%error, "timers cannot be read");
                wait_until = Some(house.clock().now() + RETRY_FIRST_MS);
            }
        }
    }
}

/// Runs what is due. Gives the time of the next timer.
async fn go_off(house: &Arc<House>) -> Result<Option<Millis>> {
    let own = house.ctx("kernel", HOUSE_SCOPE);
    loop {
        let rows = own.read(|snap| BY_TIME.list(snap, &HOUSE_SCOPE, (), None, BATCH)).await?;
        let now = own.now();
        let (due, later): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|(_, due)| due).partition(|due| due.at <= now);
        if due.is_empty() {
            return Ok(later.first().map(|due| due.at));
        }
        // A batch runs side by side: one slow handler holds up its batch, not the durability of the rest.
        let runs = due.into_iter().map(|due| go_off_one(house, &own, due));
        for outcome in futures_util::future::join_all(runs).await {
            outcome?;
        }
    }
}

async fn go_off_one(house: &Arc<House>, own: &Ctx, due: Due) -> Result<()> {
    let outcome = match house.timer(&due.key.service, &due.key.kind) {
        Some((service, handler)) => handler(house.ctx(service, due.key.scope), due.key.name.clone()).await,
        None => Err(Error::internal(NoHandler(due.key.service.clone(), due.key.kind.clone()))),
    };
    let again = outcome.err().map(|error| {
        tracing::warn!(kind = due.key.kind, name = due.key.name, %error, "a timer will be tried again");
        let wait = RETRY_FIRST_MS.saturating_mul(1 << due.attempts.min(16)).min(RETRY_MAX_MS);
        Due { at: own.now() + wait, attempts: due.attempts + 1, key: due.key.clone() }
    });
    own.write(|tx| {
        // The handler may have set it anew: then that holds.
        if BY_KEY.get(tx, &HOUSE_SCOPE, due.key.parts())? != Some(due.at) {
            return Ok(());
        }
        match &again {
            Some(again) => put(tx, again),
            None => unset(tx, &due.key),
        }
    })
    .await
}

#[derive(Debug, thiserror::Error)]
#[error("service {0} has no timer {1}")]
struct NoHandler(String, String);
