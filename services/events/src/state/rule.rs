//! Rules with their targets, and the timers of those that go by the clock.

use jiff::tz::TimeZone;
use kernel::timers::TimerKey;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use retry::Policy;
use serde::{Deserialize, Serialize};

use crate::rules::arn;
use crate::rules::rule::read_schedule;
use crate::rules::tag::Tags;
use crate::rules::transform::Input;

/// The kind of the timers; their names are rules of the default bus.
pub const TIMER: &str = "events/schedule";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub bus: String,
    pub name: String,
    pub description: Option<String>,
    pub pattern: Option<String>,
    pub schedule: Option<String>,
    /// AWS's word; `DISABLED` is the one that matters.
    pub state: String,
    /// For buses and actions without a role of their own.
    pub role_arn: Option<String>,
    pub targets: Vec<Target>,
    pub tags: Tags,
    pub created_by: String,
    /// What a rate is counted from: when it was set or enabled.
    pub since: Millis,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub id: String,
    pub arn: String,
    pub role_arn: Option<String>,
    pub input: Input,
    /// The message group in a FIFO queue.
    pub group: Option<String>,
    pub retry: Option<Policy>,
    /// The ARN of a queue.
    pub dead_letters: Option<String>,
}

impl Rule {
    pub fn arn(&self, scope: &Scope) -> String {
        arn::rule(scope, &self.bus, &self.name)
    }

    pub fn is_enabled(&self) -> bool {
        self.state != "DISABLED"
    }
}

/// By bus and name.
static RULES: Table<Rule> = Table::new("events/rule");

pub fn find(from: &mut impl Reader, scope: &Scope, bus: &str, name: &str) -> Result<Option<Rule>> {
    RULES.get(from, scope, (bus, name))
}

/// Those of a bus, by name.
pub fn all(from: &mut impl Reader, scope: &Scope, bus: &str) -> Result<Vec<Rule>> {
    RULES.all(from, scope, bus)
}

/// Stores a rule, and sets or takes back its timer.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, rule: &Rule) -> Result<()> {
    let now = tx.ctx().now();
    RULES.put(tx, scope, (&*rule.bus, &*rule.name), rule)?;
    let schedule = rule.schedule.as_deref().filter(|_| rule.is_enabled()).and_then(read_schedule);
    match schedule.and_then(|schedule| schedule.next(rule.since, now, &TimeZone::UTC)) {
        Some(at) => tx.schedule(&timer(scope, &rule.name), at),
        None => tx.unschedule(&timer(scope, &rule.name)).map(|_| ()),
    }
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, rule: &Rule) -> Result<()> {
    if rule.schedule.is_some() {
        tx.unschedule(&timer(scope, &rule.name))?;
    }
    RULES.delete(tx, scope, (&*rule.bus, &*rule.name))
}

fn timer(scope: &Scope, name: &str) -> TimerKey {
    let (service, kind) = ("events".to_owned(), TIMER.to_owned());
    TimerKey { scope: *scope, service, kind, name: name.to_owned() }
}
