//! A policy document as written: read strictly, by the rules of its kind, refused with AWS's reason.
//!
//! Source: IAM user guide, "IAM JSON policy element reference" and "Grammar of the IAM JSON policy language".

mod checks;
mod principals;
mod read;
mod resources;

use std::str::FromStr;

pub use principals::PrincipalType;
pub(crate) use principals::is_account;
pub use resources::{Regions, VendorRule};

/// Longest text looked at, in bytes; the services' own limits are far below.
pub const TEXT_LENGTH_MAX: usize = 131_072;
/// Most statements in a document.
pub const STATEMENTS_MAX: usize = 2_000;

/// Longest entry of an element or condition, in bytes; an ARN has at most 2,048.
pub const ENTRY_LENGTH_MAX: usize = 4_096;

/// What a document is for; each kind has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Attached to a user, group or role, managed or inline; also used as a permissions boundary.
    Identity,
    /// Attached to a resource: who may do what with it.
    Resource,
    /// Attached to a role: who may take it on.
    Trust,
    /// Passed when a session is made.
    Session,
    /// An organization's limit on its principals.
    ServiceControl,
    /// An organization's limit on its resources.
    ResourceControl,
}

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// AWS's wording.
    pub message: String,
    /// What exactly is wrong, where AWS's wording does not say it.
    pub detail: Option<String>,
}

impl Malformed {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), detail: None }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Which rules of the language apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// No policy variables.
    V2008,
    V2012,
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "2008-10-17" => Ok(Self::V2008),
            "2012-10-17" => Ok(Self::V2012),
            _ => Err(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// `Action`, `Resource` or `Principal`, or their `Not…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<T> {
    /// Written `Not…`: everything but these.
    pub except: bool,
    pub entries: Vec<T>,
}

/// One entry of `Principal`: `*` alone is `(Any, "*")`.
pub type PrincipalEntry = (PrincipalType, String);

/// One key under one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub operator: crate::condition::Operator,
    pub key: String,
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    pub principals: Option<Element<PrincipalEntry>>,
    pub actions: Element<String>,
    /// `None` in trust policies only.
    pub resources: Option<Element<String>>,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub kind: Kind,
    pub version: Version,
    pub id: Option<String>,
    pub statements: Vec<Statement>,
}

impl Document {
    /// Reads a document. `vendors` are rules of single services for the ARNs of theirs.
    ///
    /// # Errors
    /// The reason AWS gives with `MalformedPolicyDocument`.
    pub fn parse(kind: Kind, text: &str, vendors: &[VendorRule<'_>]) -> Result<Self, Malformed> {
        let parsed = read::read(kind, text).and_then(|raw| checks::check(kind, raw, vendors));
        match kind {
            Kind::ServiceControl | Kind::ResourceControl => parsed.map_err(|reason| {
                let why = reason.detail.unwrap_or(reason.message);
                let wording = "The provided policy document does not meet the requirements of the specified \
                               policy type.";
                Malformed::new(wording).detail(why)
            }),
            _ => parsed,
        }
    }
}

/// The size of a document as IAM counts it: characters that are no white space.
///
/// Organizations counts every character: `text.chars().count()`.
pub fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
