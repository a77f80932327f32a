//! What keeps a snapshot from being deleted.

use kernel::clock::Millis;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub mode: Mode,
    pub created_at: Millis,
    /// In compliance mode: how long it can still be taken back.
    pub cool_off_hours: Option<u32>,
    pub ends: Ends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Governance,
    Compliance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ends {
    /// Days after it was locked; of a snapshot that was pending, after it was completed.
    After(u32),
    At(Millis),
}
