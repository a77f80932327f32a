//! What was decided, by which statement, and what the denied are told.

use crate::policy::{Policy, Statement};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Allowed,
    /// A statement denies.
    ExplicitDeny,
    /// None allows.
    ImplicitDeny,
}

/// The kind of policy that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    ResourceControl,
    ServiceControl,
    /// Of the private way the request came by.
    Endpoint,
    Resource,
    /// A role's trust policy.
    Trust,
    Identity,
    Boundary,
    Session,
    /// No policy: the account itself asked.
    Root,
}

impl Layer {
    /// As AWS calls it: "no … allows".
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceControl => "resource control policy",
            Self::ServiceControl => "service control policy",
            Self::Endpoint => "VPC endpoint policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Identity | Self::Root => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }

    /// As AWS calls it with its article: "with an explicit deny in …".
    fn with_article(self) -> String {
        let article = match self {
            Self::Trust => "the",
            Self::Identity | Self::Root => "an",
            _ => "a",
        };
        format!("{article} {}", self.name())
    }
}

/// A statement that applies.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    pub layer: Layer,
    pub policy: &'a Policy,
    /// Its place in the document, from 0.
    pub place: usize,
}

impl<'a> Match<'a> {
    pub fn statement(&self) -> Option<&'a Statement> {
        self.policy.statements().get(self.place)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    pub outcome: Outcome,
    /// The kind of policy that allows, denies or is silent. Where several are silent, the first in AWS's order.
    pub layer: Layer,
    /// `None` for silence, and for the account itself.
    pub by: Option<Match<'a>>,
}

impl Decision<'_> {
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allowed
    }
}

/// What the denied are told, in AWS's words (IAM user guide, "Troubleshoot access denied error messages").
///
/// `who` is the caller's ARN. A `resource` of `*` is left out, as AWS leaves it out for actions without one.
pub fn denial_message(who: &str, action: &str, resource: &str, decision: &Decision<'_>) -> String {
    let on = match resource {
        "*" | "" => String::new(),
        resource => format!(" on resource: {resource}"),
    };
    let why = match decision.outcome {
        Outcome::ExplicitDeny => format!("with an explicit deny in {}", decision.layer.with_article()),
        Outcome::ImplicitDeny | Outcome::Allowed => {
            format!("because no {} allows the {action} action", decision.layer.name())
        }
    };
    format!("User: {who} is not authorized to perform: {action}{on} {why}")
}
