//! Patterns of words: `ERROR -404`, `?WARN ?"disk full"`, `%[45]0[0-9]%`.

use regex_lite::Regex;

use super::Wrong;
use super::lexer::quoted;
use super::operand::regex;

#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    required: Vec<Term>,
    excluded: Vec<Term>,
    /// One of them must be there; without meaning beside required ones, as AWS documents.
    optional: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let mut terms = Self::default();
        let mut rest = text.trim_start();
        while let Some(sign) = rest.chars().next() {
            let (list, body) = match sign {
                '-' => (&mut terms.excluded, rest.get(1..).unwrap_or_default()),
                '?' => (&mut terms.optional, rest.get(1..).unwrap_or_default()),
                _ => (&mut terms.required, rest),
            };
            let (term, after) = one(body)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(terms)
    }

    pub(super) fn regexes(&self) -> usize {
        let all = self.required.iter().chain(&self.excluded).chain(&self.optional);
        all.filter(|term| matches!(term, Term::Regex(_))).count()
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let wanted = match self.required.is_empty() && !self.optional.is_empty() {
            true => self.optional.iter().any(|term| term.is_in(message)),
            false => self.required.iter().all(|term| term.is_in(message)),
        };
        wanted && !self.excluded.iter().any(|term| term.is_in(message))
    }
}

fn one(text: &str) -> Result<(Term, &str), Wrong> {
    if let Some(inner) = text.strip_prefix('"') {
        let (quoted, rest) = quoted(inner)?;
        return Ok((Term::Text(quoted), rest));
    }
    if let Some(inner) = text.strip_prefix('%') {
        let (inside, rest) =
            inner.split_once('%').ok_or_else(|| Wrong::new("a regular expression does not end"))?;
        return Ok((Term::Regex(regex(inside)?), rest));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(Wrong::new(format!("Invalid character(s) in term '{word}'")));
    }
    Ok((Term::Text(word.to_owned()), rest))
}
