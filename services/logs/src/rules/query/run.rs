//! A query on its way: rows go in one by one, in any order, and come out as they are asked for.

use std::collections::HashSet;
use std::sync::Arc;

use super::expression::Expression;
use super::parse::{Command, Query, ROWS_MAX};
use super::row::Row;
use super::stats::{Table, TooMuch};
use super::value::Value;

/// Text of rows held before they are shown.
const BYTES_MAX: usize = 256 << 20;

#[derive(Debug)]
pub struct Run<'q> {
    query: &'q Query,
    /// Commands of which each row is done by itself.
    flowing: usize,
    table: Table,
    rows: Vec<Row<'static>>,
    bytes: usize,
    limit: usize,
    pub matched: u64,
}

/// Names of the columns, and the rows.
pub type Outcome = (Vec<Arc<str>>, Vec<Row<'static>>);

impl<'q> Run<'q> {
    /// `limit` is how many rows whoever asks wants at the most.
    pub fn new(query: &'q Query, limit: Option<usize>) -> Self {
        let flows = |command: &&Command| {
            matches!(
                command,
                Command::Fields(_) | Command::Display(_) | Command::Filter(_) | Command::Parse(_)
            )
        };
        Self {
            query,
            flowing: query.commands.iter().take_while(flows).count(),
            table: Table::default(),
            rows: Vec::new(),
            bytes: 0,
            limit: limit.unwrap_or(ROWS_MAX).min(ROWS_MAX),
            matched: 0,
        }
    }

    fn next(&self) -> Option<&'q Command> {
        self.query.commands.get(self.flowing)
    }

    /// # Errors
    /// When more would have to be held than may be.
    pub fn take(&mut self, mut row: Row<'_>) -> Result<(), TooMuch> {
        for command in self.query.commands.iter().take(self.flowing) {
            if !flow(command, &mut row) {
                return Ok(());
            }
        }
        self.matched += 1;
        if let Some(Command::Stats(stats)) = self.next() {
            return self.table.add(stats, &row);
        }
        let row = row.into_owned();
        self.bytes += row.bytes();
        self.rows.push(row);
        if self.rows.len() >= ROWS_MAX * 2 || self.bytes > BYTES_MAX {
            self.settle();
        }
        if self.bytes > BYTES_MAX { Err(TooMuch) } else { Ok(()) }
    }

    /// Keeps only rows that can still be shown.
    fn settle(&mut self) {
        let count = match self.next() {
            Some(Command::Limit(count)) => *count,
            None => self.limit,
            _ => ROWS_MAX,
        };
        match self.next() {
            Some(Command::Sort(keys)) => sort(&mut self.rows, keys),
            _ => latest_first(&mut self.rows),
        }
        self.rows.truncate(count);
        self.bytes = self.rows.iter().map(Row::bytes).sum();
    }

    /// # Errors
    /// When more would have to be held than may be.
    pub fn finish(mut self) -> Result<Outcome, TooMuch> {
        self.settle();
        let mut rows = std::mem::take(&mut self.rows);
        let mut rest = self.query.commands.get(self.flowing..).unwrap_or_default();
        if let [Command::Stats(stats), after @ ..] = rest {
            rows = std::mem::take(&mut self.table).rows(stats);
            rest = after;
        }
        for command in rest {
            match command {
                Command::Stats(stats) => {
                    let mut table = Table::default();
                    rows.iter().try_for_each(|row| table.add(stats, row))?;
                    rows = table.rows(stats);
                }
                Command::Sort(keys) => sort(&mut rows, keys),
                Command::Limit(count) => rows.truncate(*count),
                Command::Dedup(by) => {
                    let mut seen = HashSet::new();
                    let key = |row: &Row<'_>| {
                        by.iter().map(|(_, by)| by.compute(row).text()).collect::<Option<Vec<_>>>()
                    };
                    // Who has nothing there is like nobody.
                    rows.retain(|row| key(row).is_none_or(|key| seen.insert(key)));
                }
                flowing => {
                    let mut bytes = 0;
                    rows.retain_mut(|row| {
                        let is_kept = bytes <= BYTES_MAX && flow(flowing, row);
                        bytes += if is_kept { row.bytes() } else { 0 };
                        is_kept
                    });
                    if bytes > BYTES_MAX {
                        return Err(TooMuch);
                    }
                }
            }
        }
        rows.truncate(self.limit);
        Ok((columns(self.query, rows.iter().any(|row| row.event.is_some())), rows))
    }
}

/// `false` for a row that goes no further.
fn flow(command: &Command, row: &mut Row<'_>) -> bool {
    match command {
        Command::Filter(condition) => condition.compute(row).is_true(),
        Command::Parse(extract) => {
            extract.apply(row);
            true
        }
        Command::Fields(list) | Command::Display(list) => {
            for (name, expression) in list {
                // A field under its own name is there already.
                if !matches!(expression, Expression::Field(field) if **field == **name) {
                    let value = expression.compute(row);
                    row.set(name.clone(), value);
                }
            }
            true
        }
        _ => true,
    }
}

fn latest_first(rows: &mut [Row<'static>]) {
    rows.sort_by_key(|row| std::cmp::Reverse(row.event.as_ref().map(|event| event.place)));
}

fn sort(rows: &mut Vec<Row<'static>>, keys: &[(Expression, bool)]) {
    let key_of = |row: &Row<'_>| keys.iter().map(|(key, _)| key.compute(row)).collect::<Vec<Value>>();
    let mut keyed: Vec<(Vec<Value>, Row<'static>)> =
        std::mem::take(rows).into_iter().map(|row| (key_of(&row), row)).collect();
    keyed.sort_by(|(a, _), (b, _)| {
        let each = a.iter().zip(b).zip(keys).map(
            |((a, b), (_, descends))| {
                if *descends { b.order(a) } else { a.order(b) }
            },
        );
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
}

fn columns(query: &Query, of_events: bool) -> Vec<Arc<str>> {
    let mut columns: Vec<Arc<str>> = Vec::new();
    for command in &query.commands {
        match command {
            Command::Fields(list) => {
                for (name, _) in list {
                    if !columns.contains(name) {
                        columns.push(name.clone());
                    }
                }
            }
            Command::Display(list) => columns = list.iter().map(|(name, _)| name.clone()).collect(),
            Command::Stats(stats) => columns = stats.columns().cloned().collect(),
            _ => {}
        }
    }
    if columns.is_empty() && of_events {
        columns = vec!["@timestamp".into(), "@message".into()];
    }
    if of_events {
        columns.push("@ptr".into());
    }
    columns
}
