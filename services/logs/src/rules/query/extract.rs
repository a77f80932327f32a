//! `parse`: fields out of a text, by a pattern with asterisks or by a regular expression with names.

use std::sync::Arc;

use regex_lite::Regex;

use super::cursor::{Cursor, Wrong};
use super::expression::{Expression, regex};
use super::row::Row;
use super::value::Value;

#[derive(Clone, Debug)]
pub struct Extract {
    from: Expression,
    by: By,
    names: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
enum By {
    /// The texts between asterisks.
    Parts(Vec<String>),
    Regex(Regex),
}

impl Extract {
    pub fn read(from: &mut Cursor<'_>) -> Result<Self, Wrong> {
        from.skip();
        let place = from.place();
        let direct = from.text()?.is_some() || from.regex()?.is_some();
        from.back_to(place);
        let of = match direct {
            true => Expression::Field("@message".to_owned()),
            false => Expression::Field(from.name()?),
        };
        if let Some(text) = from.regex()? {
            let regex = regex(from, &text)?;
            let names: Vec<Arc<str>> = regex.capture_names().flatten().map(Arc::from).collect();
            return match names.is_empty() {
                true => Err(from.wrong_since(place, "the regular expression names no group")),
                false => Ok(Self { from: of, by: By::Regex(regex), names }),
            };
        }
        let Some(pattern) = from.text()? else { return Err(from.wrong("expected a pattern")) };
        if !from.takes_word("as") {
            return Err(from.wrong("expected as"));
        }
        let mut names: Vec<Arc<str>> = vec![from.name()?.into()];
        while from.takes(",") {
            names.push(from.name()?.into());
        }
        let parts: Vec<String> = pattern.split('*').map(str::to_owned).collect();
        match parts.len() == names.len() + 1 {
            true => Ok(Self { from: of, by: By::Parts(parts), names }),
            false => Err(from.wrong_since(place, "the pattern has not as many asterisks as there are names")),
        }
    }

    /// Sets the fields it finds.
    pub fn apply(&self, row: &mut Row<'_>) {
        let Some(text) = self.from.compute(row).text() else { return };
        let found: Option<Vec<String>> = match &self.by {
            By::Parts(parts) => between(parts, &text),
            By::Regex(regex) => regex.captures(&text).map(|captures| {
                let find =
                    |name: &Arc<str>| captures.name(name).map_or("", |found| found.as_str()).to_owned();
                self.names.iter().map(find).collect()
            }),
        };
        for (name, value) in self.names.iter().zip(found.unwrap_or_default()) {
            row.set(name.clone(), Value::Text(value));
        }
    }
}

/// What stands for the asterisks: as little as possible, after the last one all of the rest.
fn between(parts: &[String], text: &str) -> Option<Vec<String>> {
    let (first, others) = parts.split_first()?;
    let (_, mut rest) = text.split_once(first.as_str())?;
    let mut found = Vec::with_capacity(others.len());
    for (at, part) in others.iter().enumerate() {
        let is_last = at + 1 == others.len();
        let (value, after) =
            if part.is_empty() && is_last { (rest, "") } else { rest.split_once(part.as_str())? };
        found.push(value.to_owned());
        rest = after;
    }
    Some(found)
}
