//! One value against the values of a policy.

use std::net::IpAddr;

use ipnet::IpNet;

use super::number::Number;
use super::operator::{Compare, Relation};
use super::time::Moment;
use crate::context::Context;
use crate::pattern::{ArnPattern, Pattern, Syntax};

/// The values of a policy in the form they are compared in.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Text(Box<[Pattern]>),
    TextInAnyCase(Box<[Pattern]>),
    Number(Compare, Box<[Number]>),
    Date(Compare, Box<[Moment]>),
    Binary(Box<[Box<str>]>),
    Network(Box<[IpNet]>),
    Arn(Box<[ArnPattern]>),
}

impl Test {
    /// Values that are not of the relation's type match nothing; documents with such are refused before.
    pub(super) fn new(relation: Relation, values: &[String], variables: bool) -> Self {
        let patterns = |wildcards| {
            let syntax = Syntax { wildcards, variables };
            values.iter().map(|value| Pattern::new(value, syntax)).collect()
        };
        match relation {
            Relation::StringEquals => Self::Text(patterns(false)),
            Relation::StringLike => Self::Text(patterns(true)),
            Relation::StringEqualsIgnoreCase | Relation::Bool | Relation::Null => {
                Self::TextInAnyCase(patterns(false))
            }
            Relation::Numeric(compare) => {
                Self::Number(compare, values.iter().filter_map(|value| value.parse().ok()).collect())
            }
            Relation::Date(compare) => {
                Self::Date(compare, values.iter().filter_map(|value| value.parse().ok()).collect())
            }
            Relation::BinaryEquals => {
                Self::Binary(values.iter().map(|value| unpadded(value).into()).collect())
            }
            Relation::IpAddress => Self::Network(values.iter().filter_map(|value| network(value)).collect()),
            Relation::Arn => {
                Self::Arn(values.iter().map(|value| ArnPattern::new(value, variables)).collect())
            }
        }
    }

    /// Whether the value is as any of the policy's values says.
    pub(super) fn meets(&self, value: &str, context: &dyn Context) -> bool {
        match self {
            Self::Text(patterns) => patterns.iter().any(|pattern| pattern.matches(value, context)),
            Self::TextInAnyCase(patterns) => patterns
                .iter()
                .any(|pattern| pattern.text(context).is_some_and(|text| is_same_in_any_case(&text, value))),
            Self::Number(compare, numbers) => {
                let Ok(value) = value.parse::<Number>() else { return false };
                numbers.iter().any(|number| compare.holds(value.cmp(number)))
            }
            Self::Date(compare, moments) => {
                let Ok(value) = value.parse::<Moment>() else { return false };
                moments.iter().any(|moment| compare.holds(value.cmp(moment)))
            }
            Self::Binary(encoded) => encoded.iter().any(|own| **own == *unpadded(value)),
            Self::Network(networks) => {
                let Ok(address) = value.parse::<IpAddr>() else { return false };
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }
            Self::Arn(patterns) => patterns.iter().any(|pattern| pattern.matches(value, context)),
        }
    }

    pub(super) fn variables(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Text(patterns) | Self::TextInAnyCase(patterns) => {
                Box::new(patterns.iter().flat_map(Pattern::variables))
            }
            Self::Arn(patterns) => Box::new(patterns.iter().flat_map(ArnPattern::variables)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

fn is_same_in_any_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

/// Base64 is one to one but for its padding, so bytes are equal when their texts are.
fn unpadded(base64: &str) -> &str {
    base64.trim_end_matches('=')
}

/// An address alone is a network of one.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
