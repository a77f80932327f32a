//! Schedules, and the timer of each.

use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::timers::TimerKey;
use kernel::{Key, Millis, Reader, Result, Scope, Table, Tx};
use retry::Policy;
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::{arn, schedule as rules};

/// The kind of the timers; their names are a group and a name.
pub const TIMER: &str = "scheduler/schedule";
/// Schedules and invocations under way in the house.
const SCHEDULES_MAX: usize = 1_000_000;
const UNDERWAY_MAX: usize = 200_000;
const PAGE: usize = 1_000;

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

/// Stores a schedule whose next time is after `after`, and sets its timer or takes it back.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, mut schedule: Schedule, next: Option<Millis>) -> Result<()> {
    let window_ms = rules::window_ms(&schedule.timing);
    let chance = u32::from_str_radix(&tx.ctx().ids().hex(8), 16).unwrap_or_default();
    let late_ms = if window_ms > 0 { Millis::from(chance) % window_ms } else { 0 };
    schedule.next = next.map(|at| (at, at + late_ms));
    let timer = timer(scope, &schedule.group, &schedule.name);
    match schedule.next {
        Some((_, at)) => tx.schedule(&timer, at)?,
        None => drop(tx.unschedule(&timer)?),
    }
    SCHEDULES.put(tx, scope, (&*schedule.group, &*schedule.name), &schedule)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &str, name: &str) -> Result<()> {
    tx.unschedule(&timer(scope, group, name))?;
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
    let (mut count, mut after) = (0, None::<Vec<u8>>);
    loop {
        let rows = SCHEDULES.list_all(from, after.as_deref(), PAGE)?;
        count += rows.len();
        match rows.into_iter().nth(PAGE - 1) {
            Some((last, _)) => after = Some(last.to_vec()),
            None => return Ok(count),
        }
    }
}

fn timer(scope: &Scope, group: &str, name: &str) -> TimerKey {
    let (service, kind) = ("scheduler".to_owned(), TIMER.to_owned());
    TimerKey { scope: *scope, service, kind, name: format!("{group}/{name}") }
}

/// How many schedules there are, and how many invocations are under way.
#[derive(Debug, Default)]
pub struct Count {
    schedules: AtomicUsize,
    underway: AtomicUsize,
}

impl Count {
    pub fn set(&self, schedules: usize, underway: usize) {
        self.schedules.store(schedules, Ordering::Relaxed);
        self.underway.store(underway, Ordering::Relaxed);
    }

    /// # Errors
    /// When there is no room for another schedule.
    pub fn check(&self) -> Result<()> {
        match self.schedules.load(Ordering::Relaxed) {
            SCHEDULES_MAX.. => {
                Err(errors::quota(format!("This house keeps at most {SCHEDULES_MAX} schedules.")))
            }
            _ => Ok(()),
        }
    }

    pub fn is_full(&self) -> bool {
        self.underway.load(Ordering::Relaxed) >= UNDERWAY_MAX
    }

    pub fn made(&self) {
        self.schedules.fetch_add(1, Ordering::Relaxed);
    }

    pub fn gone(&self, count: usize) {
        less(&self.schedules, count);
    }

    pub fn begun(&self) {
        self.underway.fetch_add(1, Ordering::Relaxed);
    }

    pub fn done(&self) {
        less(&self.underway, 1);
    }
}

/// Never below nothing: a reset may have come between.
fn less(number: &AtomicUsize, by: usize) {
    let _ = number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_sub(by)));
}
