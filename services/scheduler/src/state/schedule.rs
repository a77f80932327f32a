//! Schedules, and the timer of each.

use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::timers::TimerKey;
use kernel::{Ctx, Key, Millis, Reader, Result, Scope, Table, Tx};
use retry::Policy;
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::{arn, schedule as rules};

/// The kind of the timers; their names are a group and a name.
pub const TIMER: &str = "scheduler/schedule";
/// Schedules in the house.
const SCHEDULES_MAX: usize = 1_000_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub group: String,
    pub name: String,
    pub description: Option<String>,
    pub timing: Timing,
    pub target: Target,
    pub created_at: Millis,
    pub modified_at: Millis,
    /// The next time, and when the timer is set for: later, within a flexible window.
    pub next: Option<(Millis, Millis)>,
}

/// When it is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    pub expression: String,
    pub zone: String,
    pub start: Option<Millis>,
    pub end: Option<Millis>,
    pub window_minutes: Option<i32>,
    /// AWS's word.
    pub state: String,
    /// `NONE` or `DELETE`.
    pub after_completion: String,
    /// When this was said: what a rate without a start is counted from.
    pub since: Millis,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub arn: String,
    pub role_arn: String,
    pub input: Option<String>,
    /// The message group in a FIFO queue.
    pub group: Option<String>,
    /// Source and detail type of an event.
    pub event: Option<(String, String)>,
    pub retry: Option<Policy>,
    /// The ARN of a queue.
    pub dead_letters: Option<String>,
}

/// By group and name.
static SCHEDULES: Table<Schedule> = Table::new("scheduler/schedule");

impl Schedule {
    pub fn arn(&self, scope: &Scope) -> String {
        arn::schedule(scope, Some(&self.group), &self.name)
    }

    /// In the order of the table.
    pub fn key(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, group: &str, name: &str) -> Result<Option<Schedule>> {
    SCHEDULES.get(from, scope, (group, name))
}

/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, scope: &Scope, group: &str, name: &str) -> Result<Schedule> {
    find(from, scope, group, name)?.ok_or_else(|| errors::no_schedule(name))
}

/// Stores a schedule with its next time, and sets its timer or takes it back.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, mut schedule: Schedule, next: Option<Millis>) -> Result<()> {
    let (now, timing) = (tx.ctx().now(), &schedule.timing);
    let chance = u32::from_str_radix(&tx.ctx().ids().hex(8), 16).unwrap_or_default();
    // What has no time left may have nothing to wait for either: its timer deletes it.
    let end = rules::goes_when_over(timing).then_some(now);
    schedule.next = next.map(|at| (at, rules::called_at(timing, at, now, chance)));
    let timer = timer(tx.ctx(), &schedule.group, &schedule.name);
    match schedule.next.map(|(_, at)| at).or(end) {
        Some(at) => tx.schedule(&timer, at)?,
        None => drop(tx.unschedule(&timer)?),
    }
    SCHEDULES.put(tx, scope, (&*schedule.group, &*schedule.name), &schedule)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &str, name: &str) -> Result<()> {
    let timer = timer(tx.ctx(), group, name);
    tx.unschedule(&timer)?;
    SCHEDULES.delete(tx, scope, (group, name))
}

/// Those of a group, or of all, in the order of group and name, behind `after`.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    group: Option<&str>,
    after: Option<(&str, &str)>,
    limit: usize,
) -> Result<Vec<Schedule>> {
    let after = after.map(|after| after.to_bytes());
    let rows = match group {
        Some(group) => SCHEDULES.list(from, scope, group, after.as_deref(), limit)?,
        None => SCHEDULES.list(from, scope, (), after.as_deref(), limit)?,
    };
    Ok(rows.into_iter().map(|(_, schedule)| schedule).collect())
}

/// How many there are in the house.
pub fn count(from: &mut impl Reader) -> Result<usize> {
    SCHEDULES.count_all(from)
}

fn timer(ctx: &Ctx, group: &str, name: &str) -> TimerKey {
    TimerKey::new(ctx, TIMER, format!("{group}/{name}"))
}

/// How many schedules there are.
#[derive(Debug, Default)]
pub struct Count(AtomicUsize);

impl Count {
    pub fn set(&self, schedules: usize) {
        self.0.store(schedules, Ordering::Relaxed);
    }

    /// # Errors
    /// When there is no room for another schedule.
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            SCHEDULES_MAX.. => {
                Err(errors::quota(format!("This house keeps at most {SCHEDULES_MAX} schedules.")))
            }
            _ => Ok(()),
        }
    }

    pub fn made(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn gone(&self, gone: usize) {
        // Never below nothing: a reset may have come between.
        let less = |count: usize| Some(count.saturating_sub(gone));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
