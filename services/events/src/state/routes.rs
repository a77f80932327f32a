//! The rules of buses in use, with their patterns read: what every event is put to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{Ctx, Result, Scope, Tx};

use super::delivery;
use super::rule::{self, Rule};
use crate::rules::envelope::Envelope;
use crate::rules::pattern::{self, Pattern};

/// Buses remembered; beyond that all are read anew.
const BUSES_MAX: usize = 4_096;

/// A rule that waits for events.
pub struct Route {
    pub rule: Rule,
    pattern: Pattern,
}

type Known = HashMap<(Scope, String), Arc<Vec<Route>>>;

/// By bus, until one of its rules changes.
#[derive(Default)]
pub struct Routes {
    known: Mutex<Known>,
    /// Rises with every change.
    changes: AtomicU64,
}

impl Routes {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A rule of the bus has changed.
    pub fn forget(&self, scope: &Scope, bus: &str) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.known().remove(&(*scope, bus.to_owned()));
    }

    pub fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.known().clear();
    }

    /// The enabled rules of a bus in the scope of `ctx`.
    pub async fn of(&self, ctx: &Ctx, bus: &str) -> Result<Arc<Vec<Route>>> {
        let key = (*ctx.scope(), bus.to_owned());
        if let Some(known) = self.known().get(&key) {
            return Ok(known.clone());
        }
        let before = self.changes.load(Ordering::Acquire);
        let rules = ctx.read(|snap| rule::all(snap, ctx.scope(), bus)).await?;
        let route = |rule: Rule| {
            let pattern = pattern::read(rule.pattern.as_deref()?).ok()?;
            rule.is_enabled().then_some(Route { rule, pattern })
        };
        let routes = Arc::new(rules.into_iter().filter_map(route).collect::<Vec<_>>());
        let mut all = self.known();
        // What was read before a change is not remembered.
        if self.changes.load(Ordering::Acquire) == before {
            if all.len() >= BUSES_MAX {
                all.clear();
            }
            all.insert(key, routes.clone());
        }
        Ok(routes)
    }
}

/// The rules that an event is for.
pub fn chosen<'r>(routes: &'r [Route], event: &Envelope) -> Vec<&'r Rule> {
    if routes.is_empty() {
        return Vec::new();
    }
    let value = event.value();
    let meant = routes.iter().filter(|route| route.pattern.matches(&value));
    meant.map(|route| &route.rule).filter(|rule| !rule.targets.is_empty()).collect()
}

/// Begins the deliveries of an event to the targets of these rules; gives their ids.
pub fn send(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    rules: &[&Rule],
    event: &Envelope,
    hops: u32,
) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for rule in rules {
        ids.extend(delivery::begin(tx, scope, rule, event, hops)?);
    }
    Ok(ids)
}
