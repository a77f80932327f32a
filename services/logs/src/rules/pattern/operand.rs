//! What a value is compared to: a number, a text with wildcards, a regular expression.

use regex_lite::{Regex, RegexBuilder};

use super::Wrong;
use super::lexer::Token;

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Number(f64, String),
    /// The parts between its asterisks.
    Text(Vec<String>),
    Regex(Regex),
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Sign {
    pub(super) fn of(token: &Token) -> Option<Self> {
        let Token::Sign(sign) = token else { return None };
        Some(match *sign {
            "=" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            _ => Self::GreaterOrEqual,
        })
    }

    fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }
}

/// Bytes a compiled expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Reads a regular expression between percent signs.
///
/// # Errors
/// When it is none, or has groups, which AWS does not take.
pub(super) fn regex(text: &str) -> Result<Regex, Wrong> {
    let wrong = || Wrong::new(format!("'{text}' is no regular expression that is supported here"));
    if text.is_empty() || text.contains(['(', ')']) {
        return Err(wrong());
    }
    RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().map_err(|_| wrong())
}

/// A number as patterns write it: `4`, `-0.5`, `1e3`.
pub(super) fn number(text: &str) -> Option<f64> {
    let starts = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|number: &f64| starts && number.is_finite())
}

impl Operand {
    /// # Errors
    /// When `sign` does not take such an operand.
    pub(super) fn read(sign: Sign, token: &Token) -> Result<Self, Wrong> {
        let operand = match token {
            Token::Word(word) => match number(word) {
                Some(number) => Self::Number(number, word.clone()),
                None => Self::text(word),
            },
            Token::Quoted(text) => Self::text(text),
            Token::Regex(text) => Self::Regex(regex(text)?),
            other => return Err(Wrong::new(format!("a value is missing before {other:?}"))),
        };
        match operand {
            Self::Text(_) | Self::Regex(_) if sign.orders() => {
                Err(Wrong::new("only numbers are compared by their order"))
            }
            operand => Ok(operand),
        }
    }

    fn text(text: &str) -> Self {
        Self::Text(text.split('*').map(str::to_owned).collect())
    }

    pub(super) fn is_regex(&self) -> bool {
        matches!(self, Self::Regex(_))
    }

    /// Whether a value fits. `value` as a number is asked for only where it counts.
    pub(super) fn fits(&self, sign: Sign, value: &str) -> bool {
        match self {
            Self::Number(wanted, written) => match number(value.trim()) {
                Some(found) => compare(sign, found, *wanted),
                None => match sign {
                    Sign::Equal => value == written,
                    Sign::Unequal => value != written,
                    _ => false,
                },
            },
            Self::Text(parts) => is_like(parts, value) == (sign == Sign::Equal),
            Self::Regex(regex) => regex.is_match(value) == (sign == Sign::Equal),
        }
    }
}

#[expect(clippy::float_cmp, reason = "equal means equal")]
fn compare(sign: Sign, found: f64, wanted: f64) -> bool {
    match sign {
        Sign::Equal => found == wanted,
        Sign::Unequal => found != wanted,
        Sign::Less => found < wanted,
        Sign::LessOrEqual => found <= wanted,
        Sign::Greater => found > wanted,
        Sign::GreaterOrEqual => found >= wanted,
    }
}

/// Whether `value` is the parts with anything between them.
fn is_like(parts: &[String], value: &str) -> bool {
    let [first, middle @ .., last] = parts else {
        return parts.first().is_some_and(|only| only == value);
    };
    let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match rest.split_once(part.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}
