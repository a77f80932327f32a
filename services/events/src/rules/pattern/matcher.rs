//! Whether an event fits a pattern.

use std::net::IpAddr;

use serde_json::Value;

use super::{Compare, Fields, Node, Test, Wildcard};

impl Fields {
    /// In an object; or in one of a list of them, as a whole.
    pub(super) fn match_in(&self, value: &Value) -> bool {
        if let Value::Array(items) = value {
            return items.iter().any(|item| self.match_in(item));
        }
        // A pattern of fields that must be absent holds where there is no object at all.
        let get = |name: &str| value.as_object().and_then(|object| object.get(name));
        self.named.iter().all(|(name, node)| node.matches(get(name)))
            && self.choices.iter().all(|choice| choice.iter().any(|fields| fields.match_in(value)))
    }
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Node::Fields(fields) => fields.match_in(value.unwrap_or(&Value::Null)),
            Node::Any(tests) => tests.iter().any(|test| test.holds(value)),
        }
    }
}

/// The leaves of a value: itself, or those in lists. Objects are none.
fn any_leaf(value: &Value, f: &impl Fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| any_leaf(item, f)),
        Value::Object(_) => false,
        leaf => f(leaf),
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let is_there = value.is_some_and(|value| any_leaf(value, &|_| true));
        match (self, value) {
            (Test::Exists(wanted), _) => is_there == *wanted,
            (_, None) => false,
            // Of a list, one item that is none of them is enough.
            (Test::AnythingBut(tests), Some(value)) => {
                any_leaf(value, &|leaf| !tests.iter().any(|test| test.holds_of(leaf)))
            }
            (_, Some(value)) => any_leaf(value, &|leaf| self.holds_of(leaf)),
        }
    }

    fn holds_of(&self, leaf: &Value) -> bool {
        match (self, leaf) {
            (Test::Is(Value::Number(wanted)), Value::Number(number)) => {
                wanted.to_string() == number.to_string()
            }
            (Test::Is(wanted), leaf) => wanted == leaf,
            (Test::Prefix(head), Value::String(text)) => text.starts_with(head),
            (Test::PrefixAnyCase(head), Value::String(text)) => lower(text).starts_with(head),
            (Test::Suffix(tail), Value::String(text)) => text.ends_with(tail),
            (Test::SuffixAnyCase(tail), Value::String(text)) => lower(text).ends_with(tail),
            (Test::AnyCase(wanted), Value::String(text)) => lower(text) == *wanted,
            (Test::Wildcard(wildcard), Value::String(text)) => wildcard.matches(text),
            (Test::Cidr(range), Value::String(text)) => {
                text.parse::<IpAddr>().is_ok_and(|address| range.contains(&address))
            }
            (Test::Numeric(bounds), Value::Number(number)) => number
                .as_f64()
                .is_some_and(|number| bounds.iter().all(|(compare, bound)| compare.holds(number, *bound))),
            _ => false,
        }
    }
}

pub(super) fn lower(text: &str) -> String {
    text.to_lowercase()
}

impl Compare {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Compare::Equal => number.to_bits() == bound.to_bits() || (number - bound).abs() < 1e-6,
            Compare::Less => number < bound,
            Compare::LessOrEqual => number <= bound,
            Compare::Greater => number > bound,
            Compare::GreaterOrEqual => number >= bound,
        }
    }
}

impl Wildcard {
    fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return text.is_empty() };
        let Some((last, between)) = rest.split_last() else { return text == first };
        let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
        // The earliest place of each part leaves most for those behind it.
        for part in between {
            let Some(at) = left.find(part.as_str()) else { return false };
            left = left.get(at + part.len()..).unwrap_or_default();
        }
        left.ends_with(last.as_str())
    }
}
