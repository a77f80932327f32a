//! The rules of buses in use, with their patterns read: what every event is put to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{Ctx, Result, Scope, Tx};

use super::archive::{self, Archive};
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

/// Where the events of a bus may go.
#[derive(Default)]
pub struct Routing {
    rules: Vec<Route>,
    /// Archives, and what they keep; all where nothing is said.
    archives: Vec<(String, Option<Pattern>)>,
}

type Known = HashMap<(Scope, String), Arc<Routing>>;

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

    /// The enabled rules and the archives of a bus in the scope of `ctx`.
    pub async fn of(&self, ctx: &Ctx, bus: &str) -> Result<Arc<Routing>> {
        let key = (*ctx.scope(), bus.to_owned());
        if let Some(known) = self.known().get(&key) {
            return Ok(known.clone());
        }
        let before = self.changes.load(Ordering::Acquire);
        let read =
            ctx.read(|snap| Ok((rule::all(snap, ctx.scope(), bus)?, archive::all(snap, ctx.scope())?)));
        let (rules, archives) = read.await?;
        let route = |rule: Rule| {
            let pattern = pattern::read(rule.pattern.as_deref()?).ok()?;
            rule.is_enabled().then_some(Route { rule, pattern })
        };
        let archive = |one: Archive| (one.name, one.pattern.and_then(|text| pattern::read(&text).ok()));
        let routes = Arc::new(Routing {
            rules: rules.into_iter().filter_map(route).collect(),
            archives: archives.into_iter().filter(|one| one.bus == bus).map(archive).collect(),
        });
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

/// The rules and archives that an event is for.
#[derive(Default)]
pub struct Chosen<'r> {
    pub rules: Vec<&'r Rule>,
    archives: Vec<&'r str>,
}

impl Chosen<'_> {
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.archives.is_empty()
    }
}

/// What is replayed is not kept once more.
pub fn chosen<'r>(routes: &'r Routing, event: &Envelope) -> Chosen<'r> {
    if routes.rules.is_empty() && routes.archives.is_empty() {
        return Chosen::default();
    }
    let value = event.value();
    let meant = routes.rules.iter().filter(|route| route.pattern.matches(&value));
    let keeping = routes.archives.iter().filter(|_| event.replay.is_none());
    let keeping =
        keeping.filter(|(_, pattern)| pattern.as_ref().is_none_or(|pattern| pattern.matches(&value)));
    Chosen {
        rules: meant.map(|route| &route.rule).filter(|rule| !rule.targets.is_empty()).collect(),
        archives: keeping.map(|(name, _)| name.as_str()).collect(),
    }
}

/// Keeps an event, and begins its deliveries to the targets of the rules; gives their ids.
pub fn send(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    to: &Chosen<'_>,
    event: &Envelope,
    hops: u32,
) -> Result<Vec<String>> {
    for name in &to.archives {
        archive::keep(tx, scope, name, event.at(), event)?;
    }
    let mut ids = Vec::new();
    for rule in &to.rules {
        ids.extend(delivery::begin(tx, scope, rule, event, hops)?);
    }
    Ok(ids)
}
