//! Event patterns: read once, matched often (EventBridge user guide, "Event patterns").

mod matcher;
mod named;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::Value;

pub use named::named;
pub use read::{Bad, read};

/// A pattern that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Fields);

/// All of these fields match, and of each choice one alternative.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fields {
    named: BTreeMap<String, Node>,
    choices: Vec<Vec<Fields>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Fields(Fields),
    /// One of these.
    Any(Vec<Test>),
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// Numbers as they are written: 300 is not 300.0.
    Is(Value),
    Prefix(String),
    PrefixAnyCase(String),
    Suffix(String),
    SuffixAnyCase(String),
    AnyCase(String),
    Wildcard(Wildcard),
    Numeric(Vec<(Compare, f64)>),
    Exists(bool),
    Cidr(IpNet),
    /// The field is there, and none of these holds.
    AnythingBut(Vec<Test>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Literal parts with anything between them.
#[derive(Clone, Debug, PartialEq)]
struct Wildcard(Vec<String>);

impl Pattern {
    /// Whether an event is one of those meant.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.match_in(event)
    }
}
