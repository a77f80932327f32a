//! A query: its commands, one after the other, with pipes between them.

use std::sync::Arc;

use super::cursor::{Cursor, Wrong};
use super::expression::Expression;
use super::extract::Extract;
use super::stats::{Stats, named};
use super::value::millis;

#[derive(Clone, Debug)]
pub struct Query {
    pub commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub enum Command {
    Fields(Vec<(Arc<str>, Expression)>),
    Display(Vec<(Arc<str>, Expression)>),
    Filter(Expression),
    Parse(Extract),
    Stats(Stats),
    /// The second is whether it descends.
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<(Arc<str>, Expression)>),
}

/// Rows of a query.
pub const ROWS_MAX: usize = 10_000;
const COMMANDS_MAX: usize = 64;

impl Query {
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let mut from = Cursor::new(text);
        let mut commands = Vec::new();
        if from.is_at_end() {
            return Ok(Self { commands });
        }
        loop {
            commands.push(command(&mut from)?);
            if from.is_at_end() {
                return Ok(Self { commands });
            }
            if commands.len() >= COMMANDS_MAX {
                return Err(from.wrong("there are too many commands"));
            }
            from.expect("|")?;
        }
    }
}

fn command(from: &mut Cursor<'_>) -> Result<Command, Wrong> {
    let word = from.peek_name();
    let place = from.place();
    if word.is_empty() {
        return Err(from.wrong("expected a command"));
    }
    from.takes_word(word);
    Ok(match word.to_ascii_lowercase().as_str() {
        "fields" => Command::Fields(list(from)?),
        "display" => Command::Display(list(from)?),
        "filter" | "where" => Command::Filter(Expression::read(from)?),
        "parse" => Command::Parse(Extract::read(from)?),
        "stats" => Command::Stats(Stats::read(from)?),
        "sort" => Command::Sort(keys(from)?),
        "dedup" => Command::Dedup(list(from)?),
        "limit" | "head" => {
            let count = from.number().and_then(millis).and_then(|count| usize::try_from(count).ok());
            match count {
                Some(count @ 1..=ROWS_MAX) => Command::Limit(count),
                _ => return Err(from.wrong("expected a number from 1 to 10000")),
            }
        }
        _ => {
            from.back_to(place);
            return Err(from.wrong(&format!("{word} is no command that is supported")));
        }
    })
}

fn list(from: &mut Cursor<'_>) -> Result<Vec<(Arc<str>, Expression)>, Wrong> {
    let mut all = vec![named(from)?];
    while from.takes(",") {
        all.push(named(from)?);
    }
    Ok(all)
}

fn keys(from: &mut Cursor<'_>) -> Result<Vec<(Expression, bool)>, Wrong> {
    let mut keys = Vec::new();
    loop {
        from.skip();
        let (name, made) = named(from)?;
        // `sort count(*) desc` means the column of that name.
        let key = if name.contains('(') { Expression::Field(name.to_string()) } else { made };
        let descends = from.takes_word("desc");
        if !descends {
            from.takes_word("asc");
        }
        keys.push((key, descends));
        if !from.takes(",") {
            return Ok(keys);
        }
    }
}
