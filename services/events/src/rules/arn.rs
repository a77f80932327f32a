//! Names and ARNs of buses and rules.

use kernel::{Arn, Result, Scope};

use crate::errors;

pub const SERVICE: &str = "events";
pub const DEFAULT: &str = "default";

/// A bus: whose, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusName {
    pub scope: Scope,
    pub name: String,
}

impl BusName {
    /// A bus as requests name it: by name, by ARN, or not at all for the default one.
    ///
    /// # Errors
    /// When it is the ARN of something else.
    pub fn read(scope: &Scope, given: Option<&str>) -> Result<Self> {
        let Some(text) = given else { return Ok(Self { scope: *scope, name: DEFAULT.to_owned() }) };
        if !text.starts_with("arn:") {
            return Ok(Self { scope: *scope, name: text.to_owned() });
        }
        Self::of_arn(text)
            .ok_or_else(|| errors::bad_parameter("EventBusName", "it is no ARN of an event bus."))
    }

    pub fn of_arn(text: &str) -> Option<Self> {
        let arn: Arn = text.parse().ok().filter(|arn: &Arn| arn.service == SERVICE)?;
        let name = arn.resource.strip_prefix("event-bus/")?.to_owned();
        Some(Self { scope: Scope::of_arn(&arn)?, name })
    }

    pub fn arn(&self) -> String {
        bus(&self.scope, &self.name)
    }
}

pub fn bus(scope: &Scope, name: &str) -> String {
    scope.arn(SERVICE, format_args!("event-bus/{name}"))
}

/// Rules of the default bus have no bus in their ARN.
pub fn rule(scope: &Scope, bus: &str, name: &str) -> String {
    match bus {
        DEFAULT => scope.arn(SERVICE, format_args!("rule/{name}")),
        bus => scope.arn(SERVICE, format_args!("rule/{bus}/{name}")),
    }
}

pub fn archive(scope: &Scope, name: &str) -> String {
    scope.arn(SERVICE, format_args!("archive/{name}"))
}

pub fn replay(scope: &Scope, name: &str) -> String {
    scope.arn(SERVICE, format_args!("replay/{name}"))
}

/// What a resource of an ARN is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Bus(String),
    Rule { bus: String, name: String },
}

impl Named {
    pub fn of(resource: &str) -> Option<Self> {
        if let Some(name) = resource.strip_prefix("event-bus/") {
            return Some(Self::Bus(name.to_owned()));
        }
        let rule = resource.strip_prefix("rule/")?;
        let (bus, name) = rule.rsplit_once('/').unwrap_or((DEFAULT, rule));
        Some(Self::Rule { bus: bus.to_owned(), name: name.to_owned() })
    }
}
