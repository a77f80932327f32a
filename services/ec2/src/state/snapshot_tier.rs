//! Where a snapshot is kept, once it was asked to be elsewhere than where all begin.

use kernel::clock::Millis;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub wish: Wish,
    pub asked_at: Millis,
    /// Before that it is not done: a restore takes its time.
    pub due_at: Millis,
    pub seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    Archive,
    /// Back for some days.
    Temporary {
        days: u32,
    },
    Permanent,
}

/// What the controller has seen. Only it writes this, but for the end of a temporary restore, which can be asked for anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What was asked last is done since then.
    pub done_at: Option<Millis>,
    /// There is an archive since then.
    pub archived_at: Option<Millis>,
    pub archive_bytes: u64,
    /// Its blocks are in the standard tier, and it can be used.
    pub is_here: bool,
    /// Since when, where they were away.
    pub here_since: Option<Millis>,
    /// When a temporary restore ends.
    pub expires_at: Option<Millis>,
}
