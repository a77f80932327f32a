//! ARNs as patterns: of resources, and of the ARN condition operators.

use super::token::{Syntax, Token, tokens};
use super::{Glob, Pairs, Pattern};
use crate::context::Context;

/// Parts of an ARN before its resource part, each ended by a colon.
const COLONS: usize = 5;

/// An entry of `Resource`.
///
/// A `*` at the end of a part goes on over colons, another in the first five parts stays within its part;
/// in the resource part it matches everything ("Using wildcards in resource ARNs").
#[derive(Clone, Debug)]
pub(crate) struct ResourcePattern {
    pattern: Pattern,
    /// Pairs of bytes that every text has which matches.
    needs: Pairs,
}

impl ResourcePattern {
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        let mut tokens = tokens(text, Syntax { wildcards: true, variables });
        let mut colons = 0;
        let mut ends_part: Vec<bool> = tokens
            .iter()
            .skip(1)
            .map(|next| matches!(next, Token::Text(text) if text.starts_with(':')))
            .collect();
        ends_part.push(true);
        for (token, ends_part) in tokens.iter_mut().zip(ends_part) {
            match token {
                Token::Text(text) => colons += text.bytes().filter(|b| *b == b':').count(),
                Token::Star { across } => *across = ends_part || colons >= COLONS,
                Token::One | Token::Variable(_) => {}
            }
        }
        let mut needs = Pairs::default();
        for token in &tokens {
            if let Token::Text(text) = token {
                needs.add(text);
            }
        }
        Self { pattern: Pattern::of(tokens), needs }
    }

    /// `pairs` are those of the resource.
    pub(crate) fn matches(&self, resource: &str, pairs: &Pairs, context: &dyn Context) -> bool {
        pairs.may_contain(&self.needs) && self.pattern.matches(resource, context)
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.pattern.variables()
    }
}

/// A value of `ArnLike` and its kin: each of the six parts is matched by itself.
#[derive(Clone, Debug)]
pub(crate) enum ArnPattern {
    Any,
    Parts(Box<[Pattern]>),
}

impl ArnPattern {
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        if text == "*" {
            return Self::Any;
        }
        let mut parts = vec![Vec::new()];
        for token in tokens(text, Syntax { wildcards: true, variables }) {
            match token {
                Token::Text(text) => {
                    let left = (COLONS + 1).saturating_sub(parts.len()) + 1;
                    for (index, piece) in text.splitn(left, ':').enumerate() {
                        if index > 0 {
                            parts.push(Vec::new());
                        }
                        if let (Some(part), false) = (parts.last_mut(), piece.is_empty()) {
                            part.push(Token::Text(piece.to_owned()));
                        }
                    }
                }
                other => parts.last_mut().into_iter().for_each(|part| part.push(other.clone())),
            }
        }
        Self::Parts(parts.into_iter().map(Pattern::of).collect())
    }

    pub(crate) fn matches(&self, arn: &str, context: &dyn Context) -> bool {
        let Self::Parts(parts) = self else { return true };
        parts.len() == COLONS + 1
            && arn.bytes().filter(|b| *b == b':').count() >= COLONS
            && parts.iter().zip(arn.splitn(COLONS + 1, ':')).all(|(part, text)| part.matches(text, context))
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        let parts: &[Pattern] = match self {
            Self::Any => &[],
            Self::Parts(parts) => parts,
        };
        parts.iter().flat_map(Pattern::variables)
    }
}

/// An entry of `Action`: letters in any case. The vendor is matched apart from the name.
#[derive(Clone, Debug)]
pub(crate) struct ActionPattern {
    /// Lower case; `None` for any.
    pub vendor: Option<Box<str>>,
    name: Glob,
}

impl ActionPattern {
    pub(crate) fn new(text: &str) -> Self {
        let (vendor, name) = text.split_once(':').unwrap_or(("*", "*"));
        let vendor = (vendor != "*").then(|| vendor.to_ascii_lowercase().into());
        let syntax = Syntax { wildcards: true, variables: false };
        Self { vendor, name: Glob::new(&tokens(&name.to_ascii_lowercase(), syntax)) }
    }

    /// Both in lower case.
    pub(crate) fn matches(&self, vendor: &str, name: &str) -> bool {
        self.vendor.as_deref().is_none_or(|own| own == vendor) && self.name.matches(name)
    }
}
