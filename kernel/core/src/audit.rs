//! A record of every decision of the gate: who wanted what, from where, what was decided, and by which statements.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

use crate::caller::Caller;
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::ruling::Ruling;
use crate::scope::Scope;

/// What became of a call at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    Allowed,
    Denied,
    /// Denied, and let pass because the gate only observes.
    WouldBeDenied,
    /// The request was refused before anything was asked: it named no resource that could be asked about.
    Undecided,
}

/// What was decided about a call. It waits in the call's context for how the call ends.
#[derive(Debug)]
pub(crate) struct Judged {
    /// `sqs:SendMessage`
    pub(crate) action: Cow<'static, str>,
    pub(crate) resources: Vec<String>,
    pub(crate) decision: Decided,
    pub(crate) rulings: Vec<Ruling>,
}

/// One decision, but for when it was made and the request's id: what calls that are alike have in common. Inputs are
/// not kept: they may hold secrets.
#[derive(Debug, Hash, Serialize)]
pub(crate) struct AuditRecord<'a> {
    scope: &'a Scope,
    caller: Who<'a>,
    access_key: &'a str,
    /// `None` inside the house.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<std::net::IpAddr>,
    /// The service that passed the call on for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
    action: &'a str,
    resources: &'a [String],
    decision: Decided,
    rulings: &'a [Ruling],
    /// The answer's error code; `None` when it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// Came from a service in its own name, not over the wire.
    pub(crate) internal: bool,
}

impl<'a> AuditRecord<'a> {
    pub(crate) fn new(ctx: &'a Ctx, judged: &'a Judged, error: Option<&'static str>) -> Self {
        let caller = ctx.caller();
        let Judged { action, resources, decision, rulings } = judged;
        Self {
            scope: ctx.scope(),
            caller: Who::Caller(caller),
            access_key: &caller.access_key,
            source_ip: caller.source_ip,
            via: caller.via,
            action,
            resources,
            decision: *decision,
            rulings,
            error,
            internal: caller.is_internal(),
        }
    }

    /// The same, of a service that acts by itself.
    pub(crate) fn of_service(self, service: Option<&'a str>) -> Self {
        Self { caller: service.map_or(self.caller, Who::Service), ..self }
    }

    /// All it is made of: records with the same have the same JSON.
    pub(crate) fn matter(&self) -> Vec<u8> {
        let mut matter = Matter(Vec::with_capacity(512));
        self.hash(&mut matter);
        matter.0
    }

    /// Its JSON. Without maps and floats it cannot fail.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Keeps what it is told to hash.
struct Matter(Vec<u8>);

impl Hasher for Matter {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Nobody asks.
    fn finish(&self) -> u64 {
        0
    }
}

/// Of a caller a record holds the ARN.
#[derive(Debug)]
enum Who<'a> {
    Caller(&'a Caller),
    Service(&'a str),
}

impl Hash for Who<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Caller(caller) => (caller.account, &caller.principal).hash(state),
            Self::Service(name) => name.hash(state),
        }
    }
}

impl Serialize for Who<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Caller(caller) => serializer.serialize_str(&caller.arn()),
            Self::Service(name) => serializer.serialize_str(name),
        }
    }
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
