//! Controllers: each brings one resource at a time closer to what was asked of it.
//!
//! A run is given an id and no news: it reads the facts again. It is started by a nudge, by its own wish, and by a
//! slow sweep; never twice at once for one id; after a failure later and later.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{Notify, Semaphore};

use crate::BoxFuture;
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::house::{HOUSE_SCOPE, House};
use crate::scope::Scope;

/// What a run says of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is as asked, or waits for a nudge.
    Done,
    /// One step was done; another can follow at once.
    Now,
    /// Look again after so many milliseconds.
    After(Millis),
}

type List = Box<dyn Fn(Ctx) -> BoxFuture<'static, Result<Vec<(Scope, String)>>> + Send + Sync>;
type Reconcile = Box<dyn Fn(Ctx, String) -> BoxFuture<'static, Result<Next>> + Send + Sync>;

/// A controller as a service declares it.
pub(crate) struct Controller {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) concurrency: usize,
    pub(crate) sweep_every_ms: Millis,
    pub(crate) list: List,
    pub(crate) reconcile: Reconcile,
}

type ResourceKey = (Scope, String);

/// How a controller fares; for the console.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ControllerStatus {
    pub name: &'static str,
    pub waiting: usize,
    pub running: usize,
    pub delayed: usize,
    pub runs: u64,
    pub failures: u64,
    pub last_run_at: Option<Millis>,
    pub last_error: Option<String>,
}

/// What waits, what runs, what is put off.
#[derive(Default)]
struct Work {
    waiting: VecDeque<ResourceKey>,
    /// The keys of `waiting`.
    queued: HashSet<ResourceKey>,
    running: HashSet<ResourceKey>,
    /// Nudged while running: to run again.
    again: HashSet<ResourceKey>,
    delayed: BTreeSet<(Millis, ResourceKey)>,
    failures: HashMap<ResourceKey, u32>,
    status: ControllerStatus,
}

impl Work {
    fn enqueue(&mut self, key: ResourceKey) {
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            self.waiting.push_back(key);
        }
    }

    fn take(&mut self) -> Option<ResourceKey> {
        let key = self.waiting.pop_front()?;
        self.queued.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }

    fn take_due(&mut self, now: Millis) {
        while let Some((at, _)) = self.delayed.first() {
            if *at > now {
                break;
            }
            if let Some((_, key)) = self.delayed.pop_first() {
                self.enqueue(key);
            }
        }
    }

    fn finish(&mut self, key: ResourceKey, outcome: Result<Next, String>, now: Millis) {
        self.running.remove(&key);
        self.status.runs += 1;
        self.status.last_run_at = Some(now);
        let wanted_again = self.again.remove(&key);
        match outcome {
            Ok(next) => {
                self.failures.remove(&key);
                match next {
                    Next::Now => self.enqueue(key),
                    _ if wanted_again => self.enqueue(key),
                    Next::After(wait) => {
                        self.delayed.insert((now + wait.max(1), key));
                    }
                    Next::Done => {}
                }
            }
            Err(error) => {
                self.status.failures += 1;
                self.status.last_error = Some(error);
                let failures = self.failures.entry(key.clone()).or_default();
                *failures += 1;
                let wait = BACKOFF_FIRST_MS.saturating_mul(1 << (*failures - 1).min(16)).min(BACKOFF_MAX_MS);
                self.delayed.insert((now + wait, key));
            }
        }
    }
}

const BACKOFF_FIRST_MS: Millis = 100;
const BACKOFF_MAX_MS: Millis = 60_000;

/// A controller at work.
pub(crate) struct Runner {
    controller: Controller,
    work: Mutex<Work>,
    changed: Notify,
}

impl Runner {
    pub(crate) fn new(controller: Controller) -> Self {
        let status = ControllerStatus { name: controller.name, ..Default::default() };
        Self { controller, work: Mutex::new(Work { status, ..Default::default() }), changed: Notify::new() }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.controller.name
    }

    pub(crate) fn nudge(&self, scope: Scope, id: &str) {
        self.work().enqueue((scope, id.to_owned()));
        self.changed.notify_one();
    }

    pub(crate) fn forget_all(&self) {
        let mut work = self.work();
        let status = ControllerStatus { name: self.controller.name, ..Default::default() };
        *work = Work { status, ..Default::default() };
    }

    pub(crate) fn status(&self) -> ControllerStatus {
        let work = self.work();
        ControllerStatus {
            waiting: work.waiting.len(),
            running: work.running.len(),
            delayed: work.delayed.len(),
            ..work.status.clone()
        }
    }

    /// Nothing waits, runs, or is due now.
    pub(crate) fn is_quiet(&self, now: Millis) -> bool {
        let work = self.work();
        let due = work.delayed.first().is_some_and(|(at, _)| *at <= now);
        work.waiting.is_empty() && work.running.is_empty() && !due
    }

    /// Works for ever.
    pub(crate) async fn run(self: Arc<Self>, house: Arc<House>) {
        let slots = Arc::new(Semaphore::new(self.controller.concurrency));
        let mut sweep_at = house.clock().now();
        loop {
            let now = house.clock().now();
            if now >= sweep_at {
                self.sweep(&house).await;
                sweep_at = now + self.controller.sweep_every_ms;
            }
            self.work().take_due(house.clock().now());
            while let Ok(slot) = slots.clone().acquire_owned().await {
                let Some(key) = self.work().take() else { break };
                let runner = self.clone();
                let started = house.spawn({
                    let house = house.clone();
                    async move {
                        runner.run_one(&house, key).await;
                        drop(slot);
                        runner.changed.notify_one();
                    }
                });
                if !started {
                    return;
                }
            }
            let next = self.work().delayed.first().map_or(sweep_at, |(at, _)| sweep_at.min(*at));
            house.wait(&self.changed, Some(next)).await;
            if house.is_closing() {
                return;
            }
        }
    }

    async fn sweep(&self, house: &Arc<House>) {
        let Some(_working) = house.begin_work().await else { return };
        match (self.controller.list)(house.ctx(self.controller.service, HOUSE_SCOPE)).await {
            Ok(keys) => {
                let mut work = self.work();
                keys.into_iter().for_each(|key| work.enqueue(key));
            }
            Err(error) => {
                tracing::error!(controller = self.controller.name, %error, "the sweep cannot list");
            }
        }
    }

    async fn run_one(&self, house: &Arc<House>, key: ResourceKey) {
        let outcome = match house.begin_work().await {
            Some(_working) => {
                let ctx = house.ctx(self.controller.service, key.0);
                house.guard((self.controller.reconcile)(ctx, key.1.clone())).await
            }
            None => Ok(Next::Done),
        };
        let outcome = outcome.map_err(|error| {
            let cause = error.causes();
            tracing::warn!(controller = self.controller.name, id = key.1, %error, cause, "a run failed");
            format!("{}: {error} {cause}", key.1)
        });
        self.work().finish(key, outcome, house.clock().now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> ResourceKey {
        (HOUSE_SCOPE, id.to_owned())
    }

    #[test]
    fn a_key_runs_once_at_a_time_and_again_when_nudged_meanwhile() {
        let mut work = Work::default();
        work.enqueue(key("a"));
        work.enqueue(key("a"));
        assert_eq!(work.take(), Some(key("a")));
        assert_eq!(work.take(), None);
        work.enqueue(key("a"));
        assert_eq!(work.take(), None, "it is running");
        work.finish(key("a"), Ok(Next::Done), 0);
        assert_eq!(work.take(), Some(key("a")));
        work.finish(key("a"), Ok(Next::Done), 0);
        assert_eq!(work.take(), None);
    }

    #[test]
    fn failures_wait_longer_each_time_and_success_forgives() {
        let mut work = Work::default();
        for wait in [100, 200, 400] {
            work.enqueue(key("a"));
            let taken = work.take().unwrap();
            work.finish(taken, Err("no".into()), 1_000);
            assert_eq!(work.delayed.pop_first().unwrap().0, 1_000 + wait);
        }
        work.enqueue(key("a"));
        let taken = work.take().unwrap();
        work.finish(taken, Ok(Next::After(5)), 1_000);
        assert_eq!(work.delayed.first().unwrap().0, 1_005);
        assert!(work.failures.is_empty());
    }
}
