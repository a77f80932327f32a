//! A query as it was understood.

use super::value::Value;

#[derive(Debug)]
pub struct Query {
    pub(super) columns: Columns,
    /// What is looked at of each record of JSON, behind `S3Object`.
    pub(super) from: Vec<Step>,
    /// What the record is called.
    pub(super) alias: Option<String>,
    pub(super) wanted: Option<Expr>,
    pub(super) limit: Option<u64>,
    /// What the columns count and sum; then there is one row, at the end.
    pub(super) aggregates: Vec<Aggregate>,
}

#[derive(Debug)]
pub(super) enum Columns {
    All,
    Some(Vec<Column>),
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) value: Expr,
    pub(super) name: String,
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// In quotes, it is alike in no other case.
    Name(String, bool),
    At(usize),
    Every,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Divided,
    Modulo,
    Concatenated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Integer,
    Text,
    Float,
    Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    TimezoneHour,
    TimezoneMinute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trim {
    Leading,
    Trailing,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Coalesce,
    NullIf,
    Length,
    Lower,
    Upper,
    Substring,
    Trim(Trim),
    DateAdd(Part),
    DateDiff(Part),
    Extract(Part),
    ToString,
    ToTimestamp,
    UtcNow,
}

#[derive(Debug)]
pub(super) enum Expr {
    Value(Value),
    Path(Vec<Step>),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// With what takes a wildcard's meaning away.
    Like(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    In(Box<Expr>, Vec<Expr>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>),
    IsMissing(Box<Expr>),
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    Cast(Box<Expr>, Type),
    Call(Function, Vec<Expr>),
    /// One of the query's aggregates.
    Aggregate(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Count,
    Sum,
    Average,
    Least,
    Greatest,
}

#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) kind: Kind,
    /// None counts all.
    pub(super) of: Option<Expr>,
}

impl Expr {
    /// Whether it looks at a record itself, not through an aggregate.
    pub(super) fn looks_at_record(&self) -> bool {
        match self {
            Self::Path(_) => true,
            Self::Value(_) | Self::Aggregate(_) => false,
            Self::Negative(of)
            | Self::Not(of)
            | Self::IsNull(of)
            | Self::IsMissing(of)
            | Self::Cast(of, _) => of.looks_at_record(),
            Self::And(a, b) | Self::Or(a, b) | Self::Compare(_, a, b) | Self::Arithmetic(_, a, b) => {
                a.looks_at_record() || b.looks_at_record()
            }
            Self::Like(a, b, c) => {
                a.looks_at_record() || b.looks_at_record() || c.as_ref().is_some_and(|c| c.looks_at_record())
            }
            Self::Between(a, b, c) => [a, b, c].into_iter().any(|part| part.looks_at_record()),
            Self::In(of, list) => of.looks_at_record() || list.iter().any(Self::looks_at_record),
            Self::Case(arms, otherwise) => {
                arms.iter().any(|(when, then)| when.looks_at_record() || then.looks_at_record())
                    || otherwise.looks_at_record()
            }
            Self::Call(_, given) => given.iter().any(Self::looks_at_record),
        }
    }
}
