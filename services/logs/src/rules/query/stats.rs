//! `stats`: what many rows are together.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::cursor::{Cursor, Wrong};
use super::expression::Expression;
use super::row::Row;
use super::value::Value;

#[derive(Clone, Debug)]
pub struct Stats {
    aggregates: Vec<(Arc<str>, Aggregate)>,
    by: Vec<(Arc<str>, Expression)>,
}

#[derive(Clone, Debug)]
struct Aggregate {
    kind: Kind,
    /// None counts every row.
    of: Option<Expression>,
    percent: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Average,
    Count,
    Distinct,
    Greatest,
    Least,
    Percentile,
    Deviation,
    Sum,
    Earliest,
    Latest,
    First,
    Last,
}

const KINDS: [(&str, Kind); 12] = [
    ("avg", Kind::Average),
    ("count", Kind::Count),
    ("count_distinct", Kind::Distinct),
    ("max", Kind::Greatest),
    ("min", Kind::Least),
    ("pct", Kind::Percentile),
    ("stddev", Kind::Deviation),
    ("sum", Kind::Sum),
    ("earliest", Kind::Earliest),
    ("latest", Kind::Latest),
    ("sortsFirst", Kind::First),
    ("sortsLast", Kind::Last),
];

/// Values and groups held by one query.
pub const HELD_MAX: usize = 2_000_000;
/// Text that counts as one of them.
const TEXT_BYTES: usize = 128;

impl Stats {
    pub fn read(from: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let mut aggregates = vec![aggregate(from)?];
        while from.takes(",") {
            aggregates.push(aggregate(from)?);
        }
        let mut by = Vec::new();
        if from.takes_word("by") {
            by.push(named(from)?);
            while from.takes(",") {
                by.push(named(from)?);
            }
        }
        Ok(Self { aggregates, by })
    }

    pub fn columns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by.iter().map(|(name, _)| name).chain(self.aggregates.iter().map(|(name, _)| name))
    }
}

/// An expression and its name: what follows `as`, else as it is written.
pub fn named(from: &mut Cursor<'_>) -> Result<(Arc<str>, Expression), Wrong> {
    from.skip();
    let place = from.place();
    let made = Expression::read(from)?;
    let written = from.since(place).trim_matches('`').to_owned();
    let name = if from.takes_word("as") { from.name()? } else { written };
    Ok((name.into(), made))
}

fn aggregate(from: &mut Cursor<'_>) -> Result<(Arc<str>, Aggregate), Wrong> {
    from.skip();
    let place = from.place();
    let name = from.name()?;
    let Some((_, kind)) = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) else {
        return Err(from.wrong_since(place, &format!("{name} is no aggregate that is supported")));
    };
    from.expect("(")?;
    let counts_all = *kind == Kind::Count && (from.takes("*") || from.stands(")"));
    let of = if counts_all { None } else { Some(Expression::read(from)?) };
    let mut percent = 0.0;
    if *kind == Kind::Percentile {
        from.expect(",")?;
        let given = from.number().filter(|percent| (0.0..=100.0).contains(percent));
        percent = given.ok_or_else(|| from.wrong("expected a percentage"))?;
    }
    from.expect(")")?;
    let written = from.since(place).to_owned();
    let name = if from.takes_word("as") { from.name()? } else { written };
    Ok((name.into(), Aggregate { kind: *kind, of, percent }))
}

/// The values of `by`, and a sum of each aggregate.
type Group = (Vec<Value>, Vec<Sum>);

/// What is known so far, by group.
#[derive(Debug, Default)]
pub struct Table {
    groups: BTreeMap<Vec<Option<String>>, Group>,
    held: usize,
}

#[derive(Clone, Debug, Default)]
struct Sum {
    count: f64,
    sum: f64,
    squares: f64,
    least: Option<Value>,
    most: Option<Value>,
    early: Option<(Value, Value)>,
    late: Option<(Value, Value)>,
    values: Vec<f64>,
    distinct: HashSet<String>,
}

/// A query held more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

impl Table {
    pub fn add(&mut self, stats: &Stats, row: &Row<'_>) -> Result<(), TooMuch> {
        let values: Vec<Value> = stats.by.iter().map(|(_, by)| by.compute(row)).collect();
        let key = values.iter().map(Value::text).collect();
        let held = &mut self.held;
        let text: usize = values.iter().map(Value::bytes).sum();
        let (_, sums) = self.groups.entry(key).or_insert_with(|| {
            *held += stats.aggregates.len() + 1 + text / TEXT_BYTES;
            (values, vec![Sum::default(); stats.aggregates.len()])
        });
        for ((_, aggregate), sum) in stats.aggregates.iter().zip(sums) {
            *held += sum.add(aggregate, row);
        }
        if self.held > HELD_MAX { Err(TooMuch) } else { Ok(()) }
    }

    pub fn rows(mut self, stats: &Stats) -> Vec<Row<'static>> {
        if self.groups.is_empty() && stats.by.is_empty() {
            self.groups.insert(Vec::new(), (Vec::new(), vec![Sum::default(); stats.aggregates.len()]));
        }
        let row = |(values, sums): (Vec<Value>, Vec<Sum>)| {
            let made = stats.aggregates.iter().zip(sums).map(|((_, aggregate), sum)| sum.value(aggregate));
            Row::computed(stats.columns().cloned().zip(values.into_iter().chain(made)).collect())
        };
        self.groups.into_values().map(row).collect()
    }
}

fn keep(best: &mut Option<Value>, value: &Value, wanted: std::cmp::Ordering) {
    if best.as_ref().is_none_or(|best| value.order(best) == wanted) {
        *best = Some(value.clone());
    }
}

impl Sum {
    /// Gives how many values more are held.
    fn add(&mut self, aggregate: &Aggregate, row: &Row<'_>) -> usize {
        let Some(of) = &aggregate.of else {
            self.count += 1.0;
            return 0;
        };
        let value = of.compute(row);
        if value == Value::Absent {
            return 0;
        }
        let best = self.best_bytes();
        match aggregate.kind {
            Kind::Count => self.count += 1.0,
            Kind::Distinct => {
                let (text, is_new) = (value.bytes(), self.distinct.insert(value.text().unwrap_or_default()));
                return if is_new { 1 + text / TEXT_BYTES } else { 0 };
            }
            Kind::Earliest | Kind::Latest => {
                let at = row.get("@timestamp");
                if self.early.as_ref().is_none_or(|(early, _)| at.order(early).is_lt()) {
                    self.early = Some((at.clone(), value.clone()));
                }
                if self.late.as_ref().is_none_or(|(late, _)| at.order(late).is_ge()) {
                    self.late = Some((at, value));
                }
            }
            Kind::Greatest | Kind::Least | Kind::First | Kind::Last => {
                keep(&mut self.least, &value, std::cmp::Ordering::Less);
                keep(&mut self.most, &value, std::cmp::Ordering::Greater);
            }
            Kind::Average | Kind::Sum | Kind::Deviation | Kind::Percentile => {
                let Some(number) = value.number() else { return 0 };
                self.count += 1.0;
                self.sum += number;
                self.squares += number * number;
                if aggregate.kind == Kind::Percentile {
                    self.values.push(number);
                    return 1;
                }
            }
        }
        self.best_bytes().saturating_sub(best) / TEXT_BYTES
    }

    /// Of the texts that are first, last or extreme so far.
    fn best_bytes(&self) -> usize {
        let times = [&self.early, &self.late].into_iter().flatten().map(|(_, value)| value);
        [&self.least, &self.most].into_iter().flatten().chain(times).map(Value::bytes).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn value(self, aggregate: &Aggregate) -> Value {
        let of = |value: Option<Value>| value.unwrap_or(Value::Absent);
        let any = |number: f64| if self.count > 0.0 { Value::Number(number) } else { Value::Absent };
        match aggregate.kind {
            Kind::Count => Value::Number(self.count),
            Kind::Distinct => Value::Number(self.distinct.len() as f64),
            Kind::Average => any(self.sum / self.count),
            Kind::Sum => any(self.sum),
            Kind::Deviation => {
                let mean = self.sum / self.count;
                any((self.squares / self.count - mean * mean).max(0.0).sqrt())
            }
            Kind::Greatest | Kind::Last => of(self.most),
            Kind::Least | Kind::First => of(self.least),
            Kind::Earliest => of(self.early.map(|(_, value)| value)),
            Kind::Latest => of(self.late.map(|(_, value)| value)),
            Kind::Percentile => percentile(self.values, aggregate.percent),
        }
    }
}

/// The value at that rank.
fn percentile(mut values: Vec<f64>, percent: f64) -> Value {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let rank = ((percent / 100.0) * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).map_or(Value::Absent, |value| Value::Number(*value))
}
