//! What the gate decided about one action on one resource, and which statements of which policies decided it.

use policy::{CompiledStatement, Decision, Effect, Match, Outcome, Policies};
use serde::Serialize;

use crate::error::Error;

/// A statement that applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Matched {
    /// `identity-based policy`, `service control policy` …
    pub kind: &'static str,
    /// Name or ARN.
    pub policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Its place in the document, from 0.
    pub statement: usize,
    /// `Allow` or `Deny`
    pub effect: &'static str,
}

/// A decision on one resource.
#[derive(Clone, Debug, Hash, Serialize)]
pub struct Ruling {
    /// `sqs:SendMessage`
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// `allowed`, `explicitDeny` or `implicitDeny`
    pub outcome: &'static str,
    /// The kind of policies that decided, or whose silence did; `account` and `service` need none.
    pub by: &'static str,
    /// Of an allowance the statement that decided, of a denial every one that applied, in order of evaluation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matched: Vec<Matched>,
    /// Of a denial the policies there were: kind, and name or ARN. Of an allowance the statement says enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub considered: Vec<(&'static str, String)>,
}

/// Everything decided about a call. Without a denial it may go on.
#[derive(Debug, Default)]
pub struct Verdict {
    pub rulings: Vec<Ruling>,
    pub denial: Option<Error>,
}

impl Ruling {
    /// No policy was asked: the account itself (`account`), or a service of the house (`service`), may.
    pub(crate) fn without_policies(action: &str, resource: &str, by: &'static str) -> Self {
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome: "allowed",
            by,
            matched: Vec::new(),
            considered: Vec::new(),
        }
    }

    pub(crate) fn new(
        action: &str,
        resource: &str,
        decision: &Decision<'_>,
        matches: &[Match<'_>],
        policies: &Policies<'_>,
    ) -> Self {
        let (outcome, by) = match (decision.outcome, decision.layer) {
            (Outcome::Allowed, policy::Layer::Root) => ("allowed", "account"),
            (Outcome::Allowed, layer) => ("allowed", layer.name()),
            (Outcome::ExplicitDeny, layer) => ("explicitDeny", layer.name()),
            (Outcome::ImplicitDeny, layer) => ("implicitDeny", layer.name()),
        };
        let considered = match outcome {
            "allowed" => Vec::new(),
            _ => policies.all().map(|(layer, policy)| (layer.name(), policy.id().to_owned())).collect(),
        };
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome,
            by,
            matched: matches.iter().map(matched).collect(),
            considered,
        }
    }
}

fn matched(found: &Match<'_>) -> Matched {
    let statement = found.statement();
    let effect = match statement.map(CompiledStatement::effect) {
        Some(Effect::Deny) => "Deny",
        Some(Effect::Allow) | None => "Allow",
    };
    Matched {
        kind: found.layer.name(),
        policy: found.policy.id().to_owned(),
        sid: statement.and_then(CompiledStatement::sid).map(str::to_owned),
        statement: found.place,
        effect,
    }
}
