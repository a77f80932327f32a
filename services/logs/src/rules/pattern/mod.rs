//! Filter patterns (CloudWatch Logs user guide, "Filter pattern syntax"): which events are meant, and what is taken out
//! of them. Pure.

mod columns;
mod json;
mod lexer;
mod logic;
mod operand;
mod terms;

use columns::Columns;
use json::JsonFilter;
use terms::Terms;

/// What a pattern takes out of an event: selector and value, in the order of the pattern.
pub type Extracted = Vec<(String, String)>;

/// A pattern that was read.
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    All,
    Terms(Terms),
    Json(JsonFilter),
    Columns(Columns),
}

/// What is wrong with a pattern, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub String);

impl Wrong {
    fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// Longest pattern, in characters.
pub const LENGTH_MAX: usize = 1_024;
/// Regular expressions of one pattern.
const REGEXES_MAX: usize = 2;

impl Pattern {
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if text.chars().count() > LENGTH_MAX {
            return Err(Wrong::new(format!("a pattern has at most {LENGTH_MAX} characters")));
        }
        let trimmed = text.trim();
        let kind = match trimmed.chars().next() {
            None => Kind::All,
            Some('{') => Kind::Json(JsonFilter::parse(trimmed)?),
            Some('[') => Kind::Columns(Columns::parse(trimmed)?),
            Some(_) => Kind::Terms(Terms::parse(trimmed)?),
        };
        let pattern = Self(kind);
        if pattern.regexes() > REGEXES_MAX {
            return Err(Wrong::new(format!("a pattern has at most {REGEXES_MAX} regular expressions")));
        }
        Ok(pattern)
    }

    /// Regular expressions in it.
    pub fn regexes(&self) -> usize {
        match &self.0 {
            Kind::All => 0,
            Kind::Terms(terms) => terms.regexes(),
            Kind::Json(json) => json.regexes(),
            Kind::Columns(columns) => columns.regexes(),
        }
    }

    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(json) => json.matches(message),
            Kind::Columns(columns) => columns.find(message).is_some(),
        }
    }

    /// Values of the columns, or of the selectors of the pattern; `None` when the event is not meant.
    pub fn extract(&self, message: &str) -> Option<Extracted> {
        match &self.0 {
            Kind::Columns(columns) => columns.find(message),
            Kind::Json(json) => json.extract(message),
            Kind::All | Kind::Terms(_) => self.matches(message).then(Vec::new),
        }
    }

    /// The value a selector of a metric names in an event that is meant: `$.latency`, `$bytes`.
    pub fn value_of(&self, selector: &str, message: &str) -> Option<String> {
        if selector.starts_with("$.") || selector.starts_with("$[") {
            return json::value_at(selector, message);
        }
        let Kind::Columns(columns) = &self.0 else { return None };
        columns.find(message)?.into_iter().find(|(name, _)| name == selector).map(|(_, value)| value)
    }

    /// Whether events are read as columns: then metrics name their values by column.
    pub fn has_column(&self, selector: &str) -> bool {
        matches!(&self.0, Kind::Columns(columns) if columns.has(selector))
    }

    pub fn is_json(&self) -> bool {
        matches!(self.0, Kind::Json(_))
    }
}

#[cfg(test)]
mod tests;
