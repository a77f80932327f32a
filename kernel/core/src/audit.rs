//! A record of every decision of the gate: who wanted what, from where, what was decided, and by which statements.

use serde::Serialize;

use crate::clock::Millis;
use crate::ruling::Ruling;
use crate::scope::Scope;

/// What became of a call at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    Allowed,
    Denied,
    /// Denied, and let pass because the gate only observes.
    WouldBeDenied,
    /// The request was refused before anything was asked: it named no resource that could be asked about.
    Undecided,
}

/// One decision. Inputs are not kept: they may hold secrets.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    pub at: Millis,
    pub request_id: String,
    pub scope: Scope,
    pub caller: String,
    pub access_key: String,
    /// `None` inside the house.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<std::net::IpAddr>,
    /// The service that passed the call on for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<&'static str>,
    /// `sqs:SendMessage`
    pub action: String,
    pub resources: Vec<String>,
    pub decision: Decided,
    pub rulings: Vec<Ruling>,
    /// The answer's error code; `None` when it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// Came from a service in its own name, not over the wire.
    pub internal: bool,
}

/// How long records last, whichever ends first.
#[derive(Clone, Copy, Debug)]
pub struct AuditLimits {
    /// Records in the store; 0 keeps none there.
    pub records_max: u64,
    pub age_ms_max: Millis,
}

impl Default for AuditLimits {
    fn default() -> Self {
        Self { records_max: 100_000, age_ms_max: 30 * 86_400_000 }
    }
}
