//! A pattern without variables, in the form that is matched quickest.

use super::machine::Machine;
use super::token::Token;

#[derive(Clone, Debug)]
pub(crate) enum Glob {
    /// `*`
    Any,
    Exact(Box<str>),
    /// Texts with any characters between them: `head*middle*…*tail`.
    Pieces {
        head: Box<str>,
        middle: Box<[Box<str>]>,
        tail: Box<str>,
    },
    Machine(Box<Machine>),
}

impl Glob {
    /// Variables among the tokens match nothing here; they are filled in before.
    pub(crate) fn new(tokens: &[Token]) -> Self {
        match tokens {
            [] => Self::Exact(Box::from("")),
            [Token::Star { across: true }] => Self::Any,
            [Token::Text(text)] => Self::Exact(text.as_str().into()),
            _ if tokens.iter().all(|t| matches!(t, Token::Text(_) | Token::Star { across: true })) => {
                Self::pieces(tokens)
            }
            _ => Self::Machine(Box::new(Machine::new(tokens))),
        }
    }

    fn pieces(tokens: &[Token]) -> Self {
        let mut texts: Vec<Box<str>> = vec![Box::from("")];
        for token in tokens {
            match token {
                Token::Text(text) => {
                    if let Some(last) = texts.last_mut() {
                        *last = text.as_str().into();
                    }
                }
                _ => texts.push(Box::from("")),
            }
        }
        let tail = texts.pop().unwrap_or_default();
        let mut texts = texts.into_iter();
        let head = texts.next().unwrap_or_default();
        Self::Pieces { head, middle: texts.collect(), tail }
    }

    /// Linear: `str::find` is, and each search begins where the one before ended.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => **exact == *text,
            Self::Pieces { head, middle, tail } => {
                let inner = text.strip_prefix(&**head).and_then(|rest| rest.strip_suffix(&**tail));
                let Some(mut rest) = inner else { return false };
                for piece in middle {
                    let found = rest.find(&**piece).and_then(|at| rest.get(at + piece.len()..));
                    let Some(after) = found else { return false };
                    rest = after;
                }
                true
            }
            Self::Machine(machine) => machine.matches(text),
        }
    }

    /// The only text that matches, where there is but one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Exact(text) => Some(text),
            _ => None,
        }
    }
}
