//! The pieces of a pattern as written.

use crate::context::Context;

/// What has a meaning of its own in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// `*` and `?` stand for other characters.
    pub wildcards: bool,
    /// `${…}` stands for a value; not so in documents of the version of 2008.
    pub variables: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Text(String),
    /// Any characters, or any but `:`.
    Star {
        across: bool,
    },
    /// Any one character.
    One,
    Variable(Variable),
}

/// `${key}` or `${key, 'default'}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub key: String,
    pub default: Option<String>,
}

/// Cuts a pattern into pieces. What opens no complete variable is plain text.
pub(crate) fn tokens(text: &str, syntax: Syntax) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '$' if syntax.variables => variable(rest, &mut tokens),
            '*' if syntax.wildcards => {
                push_star(&mut tokens);
                rest.get(1..).unwrap_or_default()
            }
            '?' if syntax.wildcards => {
                tokens.push(Token::One);
                rest.get(1..).unwrap_or_default()
            }
            _ => {
                let special =
                    |c| (syntax.variables && c == '$') || (syntax.wildcards && matches!(c, '*' | '?'));
                let (plain, after) = rest.split_at(rest.find(special).unwrap_or(rest.len()));
                push_text(&mut tokens, plain);
                after
            }
        };
    }
    tokens
}

/// Reads what `$` begins and returns what follows it.
fn variable<'a>(rest: &'a str, tokens: &mut Vec<Token>) -> &'a str {
    // A brace opened again means that the first was never closed.
    let cut = |inner: &'a str| inner.find(['{', '}']).map(|at| inner.split_at(at));
    let inner = rest.strip_prefix("${").and_then(cut);
    let inner = inner.and_then(|(name, after)| Some((name, after.strip_prefix('}')?)));
    let Some((name, after)) = inner.filter(|(name, _)| !name.is_empty()) else {
        push_text(tokens, "$");
        return rest.get(1..).unwrap_or_default();
    };
    match name {
        "*" | "?" | "$" => push_text(tokens, name),
        _ => tokens.push(Token::Variable(read_variable(name))),
    }
    after
}

fn read_variable(name: &str) -> Variable {
    let quoted = name.split_once(',').and_then(|(key, default)| {
        let default = default.trim_start().strip_prefix('\'')?.strip_suffix('\'')?;
        Some(Variable { key: key.trim().to_owned(), default: Some(default.to_owned()) })
    });
    quoted.unwrap_or_else(|| Variable { key: name.trim().to_owned(), default: None })
}

fn push_text(tokens: &mut Vec<Token>, text: &str) {
    match tokens.last_mut() {
        Some(Token::Text(before)) => before.push_str(text),
        _ if text.is_empty() => {}
        _ => tokens.push(Token::Text(text.to_owned())),
    }
}

/// Several in a row are one.
fn push_star(tokens: &mut Vec<Token>) {
    if !matches!(tokens.last(), Some(Token::Star { .. })) {
        tokens.push(Token::Star { across: true });
    }
}

/// The pieces with values for variables, in which nothing has a meaning of its own.
/// `None` when a variable has no value, or several.
pub(crate) fn fill(tokens: &[Token], context: &dyn Context) -> Option<Vec<Token>> {
    let mut filled = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Variable(Variable { key, default }) => {
                let found = context.find(key);
                let value = found.as_ref().and_then(|values| values.single()).or(default.as_deref())?;
                push_text(&mut filled, value);
            }
            Token::Text(text) => push_text(&mut filled, text),
            other => filled.push(other.clone()),
        }
    }
    Some(filled)
}
