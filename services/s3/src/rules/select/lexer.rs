//! The words of a query.

use kernel::Result;

use crate::errors::select as errors;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword, as written.
    Word(String),
    /// `"name"`: alike in no other case.
    Quoted(String),
    Text(String),
    /// In backticks: an instant.
    Instant(String),
    Number(String),
    /// An operator, or one of `( ) [ ] , . *`.
    Symbol(&'static str),
}

/// Longest first.
const SYMBOLS: [&str; 21] = [
    "<>", "<=", ">=", "!=", "||", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", ";",
    "==",
];

/// # Errors
/// *LexerInvalidChar*, *LexerInvalidLiteral*.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' => literal(rest, '\'').map(|(text, after)| (Token::Text(text), after))?,
            '"' => literal(rest, '"').map(|(text, after)| (Token::Quoted(text), after))?,
            '`' => literal(rest, '`').map(|(text, after)| (Token::Instant(text), after))?,
            c if c.is_ascii_digit() => number(rest),
            '.' if rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) => {
                number(rest)
            }
            c if is_letter(c) => {
                let end = rest.find(|c: char| !is_letter(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (Token::Word(word.to_owned()), after)
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| errors::invalid_char(first))?;
                (Token::Symbol(symbol), rest.get(symbol.len()..).unwrap_or_default())
            }
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '$')
}

/// What stands between two marks; the mark itself is written twice.
fn literal(rest: &str, mark: char) -> Result<(String, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != mark {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == mark).is_some() {
            text.push(mark);
        } else {
            return Ok((text, rest.get(at + mark.len_utf8()..).unwrap_or_default()));
        }
    }
    Err(errors::invalid_literal())
}

/// Digits, a fraction, an exponent.
fn number(rest: &str) -> (Token, &str) {
    let bytes = rest.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    let (text, after) = rest.split_at(end);
    (Token::Number(text.to_owned()), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_texts() {
        let word = |text: &str| Token::Word(text.to_owned());
        let found = tokens("SELECT s.\"a\"\"b\", 'it''s' <> 1.5e-3 `2020T`").unwrap();
        let expected = [
            word("SELECT"),
            word("s"),
            Token::Symbol("."),
            Token::Quoted("a\"b".to_owned()),
            Token::Symbol(","),
            Token::Text("it's".to_owned()),
            Token::Symbol("<>"),
            Token::Number("1.5e-3".to_owned()),
            Token::Instant("2020T".to_owned()),
        ];
        assert_eq!(found, expected);
        assert_eq!(tokens("a # b").unwrap_err().code(), "LexerInvalidChar");
        assert_eq!(tokens("'open").unwrap_err().code(), "LexerInvalidLiteral");
    }
}
