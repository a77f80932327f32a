//! Receives of FIFO queues that named their attempt, so that the same attempt made again gets the same messages.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use kernel::Millis;

use super::index::Sequence;

/// How long an attempt can be made again.
const WINDOW_MS: Millis = 5 * 60_000;

/// What an attempt got: each message and the number of its receipt handle.
pub type Got = Vec<(Sequence, u32)>;

/// Lately made attempts. Not kept over a restart: then a repeated attempt is a new one.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    made: HashMap<String, (Millis, Got)>,
    by_age: VecDeque<(Millis, String)>,
}

impl Attempts {
    pub fn find(&self, id: &str, now: Millis) -> Option<Got> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while state.by_age.front().is_some_and(|(at, _)| now - at >= WINDOW_MS) {
            if let Some((at, old)) = state.by_age.pop_front()
                && state.made.get(&old).is_some_and(|(made_at, _)| *made_at == at)
            {
                state.made.remove(&old);
            }
        }
        state.made.get(id).map(|(_, got)| got.clone())
    }

    pub fn remember(&self, id: &str, now: Millis, got: Got) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.made.insert(id.to_owned(), (now, got));
        state.by_age.push_back((now, id.to_owned()));
    }
}
