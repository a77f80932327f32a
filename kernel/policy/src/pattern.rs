//! Patterns with `*`, `?` and `${variables}`: compiled once, matched in time linear in the text.
//!
//! Source: IAM user guide, "IAM policy elements: Variables and tags" and "Using wildcards in resource ARNs".

mod arn;
mod glob;
mod machine;
mod pairs;
mod token;

pub(crate) use arn::{ActionPattern, ArnPattern, ResourcePattern};
pub(crate) use glob::Glob;
pub(crate) use pairs::Pairs;
pub(crate) use token::{Syntax, Token, tokens};

use std::borrow::Cow;

use crate::context::Context;

/// A pattern whose variables, if any, are filled in when it is matched.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Fixed(Glob),
    Varying(Box<[Token]>),
}

impl Pattern {
    pub(crate) fn new(text: &str, syntax: Syntax) -> Self {
        Self::of(tokens(text, syntax))
    }

    pub(crate) fn of(tokens: Vec<Token>) -> Self {
        match tokens.iter().any(|token| matches!(token, Token::Variable(_))) {
            true => Self::Varying(tokens.into()),
            false => Self::Fixed(Glob::new(&tokens)),
        }
    }

    /// `false` also when a variable has no value: nothing is like what is not there.
    pub(crate) fn matches(&self, text: &str, context: &dyn Context) -> bool {
        match self {
            Self::Fixed(glob) => glob.matches(text),
            Self::Varying(tokens) => {
                // Most texts differ before the first variable; nothing is filled in for them.
                let head = match tokens.first() {
                    Some(Token::Text(head)) => head.as_str(),
                    _ => "",
                };
                text.starts_with(head)
                    && token::fill(tokens, context).is_some_and(|tokens| Glob::new(&tokens).matches(text))
            }
        }
    }

    /// The text this stands for, where it is one text; `None` when a variable has no value.
    pub(crate) fn text(&self, context: &dyn Context) -> Option<Cow<'_, str>> {
        match self {
            Self::Fixed(glob) => glob.text().map(Cow::Borrowed),
            Self::Varying(tokens) => {
                let filled = token::fill(tokens, context)?;
                Glob::new(&filled).text().map(|text| Cow::Owned(text.to_owned()))
            }
        }
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        let tokens: &[Token] = match self {
            Self::Fixed(_) => &[],
            Self::Varying(tokens) => tokens,
        };
        tokens.iter().filter_map(|token| match token {
            Token::Variable(variable) => Some(variable.key.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
