//! Replays: what an archive kept between two times, once more.

use kernel::key::KeyReader;
use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::arn;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    pub name: String,
    pub description: Option<String>,
    /// The archive's name.
    pub archive: String,
    /// The bus's name.
    pub bus: String,
    /// ARNs of the only rules that get events; all where there is none.
    pub rules: Vec<String>,
    pub from: Millis,
    /// Exclusive.
    pub to: Millis,
    pub state: State,
    pub reason: Option<String>,
    pub started_at: Millis,
    pub ended_at: Option<Millis>,
    /// The time of the last event that was replayed.
    pub last_at: Option<Millis>,
    /// Where to go on.
    pub position: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Running,
    Cancelled,
    Completed,
    Failed,
}

impl State {
    /// AWS's word.
    pub fn word(self) -> &'static str {
        match self {
            State::Running => "RUNNING",
            State::Cancelled => "CANCELLED",
            State::Completed => "COMPLETED",
            State::Failed => "FAILED",
        }
    }
}

impl Replay {
    pub fn arn(&self, scope: &Scope) -> String {
        arn::replay(scope, &self.name)
    }
}

static REPLAYS: Table<Replay> = Table::new("events/replay");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Replay>> {
    REPLAYS.get(from, scope, name)
}

/// By name.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Replay>> {
    REPLAYS.all(from, scope, ())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, replay: &Replay) -> Result<()> {
    REPLAYS.put(tx, scope, &*replay.name, replay)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    REPLAYS.delete(tx, scope, name)
}

/// Replays of all accounts.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Replay)>> {
    let rows = REPLAYS.list_all(from, None, super::archive::COUNTED_MAX)?;
    Ok(rows.into_iter().filter_map(|(key, replay)| Some((KeyReader(&key).scope()?, replay))).collect())
}
