//! Words and signs of a pattern, for those in braces and brackets.

use super::Wrong;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Between quotes, without them.
    Quoted(String),
    /// Between percent signs.
    Regex(String),
    /// A run of other characters.
    Word(String),
    And,
    Or,
    Open,
    Close,
    Comma,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`
    Sign(&'static str),
}

const SIGNS: [(&str, Token); 11] = [
    ("&&", Token::And),
    ("||", Token::Or),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
    ("!=", Token::Sign("!=")),
    ("<=", Token::Sign("<=")),
    (">=", Token::Sign(">=")),
    ("=", Token::Sign("=")),
    ("<", Token::Sign("<")),
    (">", Token::Sign(">")),
];

/// # Errors
/// When a quotation or an expression does not end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let (token, after) = next(rest)?;
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn next(text: &str) -> Result<(Token, &str), Wrong> {
    if let Some(inner) = text.strip_prefix('"') {
        let (quoted, rest) = quoted(inner)?;
        return Ok((Token::Quoted(quoted), rest));
    }
    if let Some(inner) = text.strip_prefix('%') {
        let (regex, rest) =
            inner.split_once('%').ok_or_else(|| Wrong::new("a regular expression does not end"))?;
        return Ok((Token::Regex(regex.to_owned()), rest));
    }
    for (sign, token) in SIGNS {
        if let Some(rest) = text.strip_prefix(sign) {
            return Ok((token, rest));
        }
    }
    word(text)
}

/// What stands before the closing quote, and what follows it. `\"` and `\\` stand for themselves.
pub(super) fn quoted(text: &str) -> Result<(String, &str), Wrong> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((out, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => out.push(escaped),
                Some((_, other)) => out.extend(['\\', other]),
                None => break,
            },
            other => out.push(other),
        }
    }
    Err(Wrong::new("a quotation does not end"))
}

/// Brackets and quotes within brackets belong to a word: `$.a["b c"][0]`.
fn word(text: &str) -> Result<(Token, &str), Wrong> {
    let (mut depth, mut in_quotes) = (0_u32, false);
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        let outside = depth == 0 && !in_quotes;
        match c {
            '"' if depth > 0 => in_quotes = !in_quotes,
            '[' if !in_quotes => depth += 1,
            ']' if !in_quotes && depth > 0 => depth -= 1,
            _ if outside && (c.is_whitespace() || "=!<>&|(),\"".contains(c)) => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    if depth > 0 || in_quotes {
        return Err(Wrong::new("a bracket does not end"));
    }
    let (word, rest) = text.split_at(end);
    if word.is_empty() {
        let sign = text.chars().next().unwrap_or_default();
        return Err(Wrong::new(format!("'{sign}' has no meaning here")));
    }
    Ok((Token::Word(word.to_owned()), rest))
}
