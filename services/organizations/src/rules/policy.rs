//! Policies: their types, the ones everybody has, and what their documents may be.

use kernel::Result;
use policy::{Document, Kind};
use serde::{Deserialize, Serialize};

use crate::errors;

/// Characters of a document, white space included.
const CONTENT_MAX: usize = 5_120;
/// Policies of a type attached to one target.
pub const ATTACHED_MAX: usize = 5;
pub const POLICIES_MAX: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyType {
    ServiceControl,
    ResourceControl,
}

impl PolicyType {
    pub const ALL: [Self; 2] = [Self::ServiceControl, Self::ResourceControl];

    pub fn word(self) -> &'static str {
        match self {
            Self::ServiceControl => "SERVICE_CONTROL_POLICY",
            Self::ResourceControl => "RESOURCE_CONTROL_POLICY",
        }
    }

    /// Reads a type.
    ///
    /// # Errors
    /// For types whose policies mean nothing here, by name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|one| one.word() == text).ok_or_else(|| {
            let message = format!("Cloudlet does not support policies of type {text}.");
            errors::invalid("INVALID_ENUM_POLICY_TYPE", &message)
        })
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::ServiceControl => Kind::ServiceControl,
            Self::ResourceControl => Kind::ResourceControl,
        }
    }

    /// The policy that allows everything, attached to all that is new.
    pub fn full(self) -> Full {
        match self {
            Self::ServiceControl => Full {
                id: "p-FullAWSAccess",
                name: "FullAWSAccess",
                description: "Allows access to every operation",
                content: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
            },
            Self::ResourceControl => Full {
                id: "p-RCPFullAWSAccess",
                name: "RCPFullAWSAccess",
                description: "Allows access to all resources",
                content: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
            },
        }
    }

    /// The type of which this is the policy that allows everything.
    pub fn of_full(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.full().id == id)
    }
}

/// A policy every organization has.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    pub id: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub content: &'static str,
}

/// Refuses a document that is too long, or none of its type.
pub fn check(policy_type: PolicyType, content: &str) -> Result<()> {
    if content.chars().count() > CONTENT_MAX {
        return Err(errors::constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You've exceeded the maximum length of a policy: 5120 characters.",
        ));
    }
    let parsed = Document::parse(policy_type.kind(), content, &[]);
    parsed.map(|_| ()).map_err(|reason| errors::malformed_policy(&reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_policies_are_of_their_type() {
        for one in PolicyType::ALL {
            check(one, one.full().content).unwrap();
            assert_eq!(PolicyType::of_full(one.full().id), Some(one));
        }
        assert!(PolicyType::parse("TAG_POLICY").is_err());
        assert!(check(PolicyType::ServiceControl, &" ".repeat(5_121)).is_err());
    }
}
