//! Expressions worked out over a record.

use std::cmp::Ordering;

use kernel::{Millis, Result};
use time::OffsetDateTime;

use super::function;
use super::like;
use super::query::{Arithmetic, Compare, Expr, Step, Type};
use super::value::{Value, truth};
use super::{RECORD_BYTES_MAX, instant, value};
use crate::errors::select as errors;

/// A record of the input.
#[derive(Debug)]
pub(super) enum Record {
    Fields(Vec<String>),
    Json(Value),
}

/// What expressions are worked out over.
pub(super) struct Scene<'a> {
    pub(super) record: &'a Record,
    /// Of the fields, where the file names them.
    pub(super) header: Option<&'a [String]>,
    pub(super) alias: Option<&'a str>,
    /// What the aggregates have come to.
    pub(super) aggregates: &'a [Value],
    pub(super) now: Millis,
}

impl Scene<'_> {
    /// # Errors
    /// *CastFailed*, *EvaluatorInvalidArguments*, *MissingHeaders*, …
    pub(super) fn value(&self, of: &Expr) -> Result<Value> {
        Ok(match of {
            Expr::Value(value) => value.clone(),
            Expr::Path(steps) => self.find(steps)?,
            Expr::Negative(of) => match self.value(of)?.as_number() {
                Some(Value::Integer(whole)) => {
                    Value::Integer(whole.checked_neg().ok_or_else(errors::integer_overflow)?)
                }
                Some(Value::Float(float)) => Value::Float(-float),
                _ => Value::Null,
            },
            Expr::Not(of) => self.truth(of)?.map_or(Value::Null, |truth| Value::Bool(!truth)),
            Expr::And(a, b) => match (self.truth(a)?, b) {
                (Some(false), _) => Value::Bool(false),
                (a, b) => match (a, self.truth(b)?) {
                    (_, Some(false)) => Value::Bool(false),
                    (Some(true), Some(true)) => Value::Bool(true),
                    _ => Value::Null,
                },
            },
            Expr::Or(a, b) => match (self.truth(a)?, b) {
                (Some(true), _) => Value::Bool(true),
                (a, b) => match (a, self.truth(b)?) {
                    (_, Some(true)) => Value::Bool(true),
                    (Some(false), Some(false)) => Value::Bool(false),
                    _ => Value::Null,
                },
            },
            Expr::Compare(how, a, b) => compared(*how, &self.value(a)?, &self.value(b)?),
            Expr::Arithmetic(how, a, b) => arithmetic(*how, &self.value(a)?, &self.value(b)?)?,
            Expr::Like(text, pattern, escape) => self.like(text, pattern, escape.as_deref())?,
            Expr::In(of, list) => self.is_in(of, list)?,
            Expr::Between(of, least, most) => {
                let of = self.value(of)?;
                let above = compared(Compare::GreaterOrEqual, &of, &self.value(least)?);
                let below = compared(Compare::LessOrEqual, &of, &self.value(most)?);
                match (above, below) {
                    (Value::Bool(above), Value::Bool(below)) => Value::Bool(above && below),
                    _ => Value::Null,
                }
            }
            Expr::IsNull(of) => Value::Bool(self.value(of)?.is_nothing()),
            Expr::IsMissing(of) => Value::Bool(self.value(of)? == Value::Missing),
            Expr::Case(arms, otherwise) => {
                for (when, then) in arms {
                    if self.truth(when)? == Some(true) {
                        return self.value(then);
                    }
                }
                self.value(otherwise)?
            }
            Expr::Cast(of, kind) => cast(self.value(of)?, *kind)?,
            Expr::Call(function, given) => {
                let given = given.iter().map(|one| self.value(one)).collect::<Result<Vec<_>>>()?;
                function::call(*function, given, self.now)?
            }
            Expr::Aggregate(at) => self.aggregates.get(*at).cloned().unwrap_or(Value::Null),
        })
    }

    /// `None` where it is not known.
    pub(super) fn truth(&self, of: &Expr) -> Result<Option<bool>> {
        Ok(match self.value(of)? {
            Value::Bool(truth) => Some(truth),
            Value::Text(text) => truth(&text),
            _ => None,
        })
    }

    fn like(&self, text: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Result<Value> {
        let escape = match escape.map(|escape| self.value(escape)).transpose()? {
            None => None,
            Some(Value::Text(text)) => {
                let mut chars = text.chars();
                Some(chars.next().filter(|_| chars.next().is_none()).ok_or_else(errors::like_inputs)?)
            }
            Some(_) => return Err(errors::like_inputs()),
        };
        match (self.value(text)?, self.value(pattern)?) {
            (Value::Text(text), Value::Text(pattern)) => {
                let matches = like::matches(&text, &pattern, escape).ok_or_else(errors::like_inputs)?;
                Ok(Value::Bool(matches))
            }
            (a, b) if a.is_nothing() || b.is_nothing() => Ok(Value::Null),
            _ => Err(errors::like_inputs()),
        }
    }

    fn is_in(&self, of: &Expr, list: &[Expr]) -> Result<Value> {
        let of = self.value(of)?;
        let mut unknown = of.is_nothing();
        for one in list {
            match compared(Compare::Equal, &of, &self.value(one)?) {
                Value::Bool(true) => return Ok(Value::Bool(true)),
                Value::Null => unknown = true,
                _ => {}
            }
        }
        Ok(if unknown { Value::Null } else { Value::Bool(false) })
    }

    fn find(&self, steps: &[Step]) -> Result<Value> {
        let steps = match steps {
            [Step::Name(name, _), rest @ ..] if self.is_record(name) => {
                if rest.is_empty() && matches!(self.record, Record::Fields(_)) {
                    return Err(errors::invalid_path());
                }
                rest
            }
            all => all,
        };
        match self.record {
            Record::Json(value) => walk(value, steps),
            Record::Fields(fields) => self.field(fields, steps),
        }
    }

    /// The record is known by its alias, and as long as it has none by its source's name.
    fn is_record(&self, name: &str) -> bool {
        self.alias
            .map_or_else(|| name.eq_ignore_ascii_case("S3Object"), |alias| name.eq_ignore_ascii_case(alias))
    }

    fn field(&self, fields: &[String], steps: &[Step]) -> Result<Value> {
        let [Step::Name(name, quoted)] = steps else { return Err(errors::invalid_path()) };
        let at = match self.header {
            Some(header) => column(header, name, *quoted)?,
            None => None,
        };
        let at = at.or_else(|| name.strip_prefix('_')?.parse::<usize>().ok()?.checked_sub(1));
        let at = at.ok_or_else(|| errors::missing_headers(name))?;
        Ok(fields.get(at).cloned().map_or(Value::Missing, Value::Text))
    }
}

/// Which column has a name.
fn column(header: &[String], name: &str, quoted: bool) -> Result<Option<usize>> {
    let alike = |column: &String| if quoted { column == name } else { column.eq_ignore_ascii_case(name) };
    let mut found = header.iter().enumerate().filter(|(_, column)| alike(column)).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(errors::ambiguous_field(name)),
        (found, _) => Ok(found),
    }
}

/// What a value has at a place.
pub(super) fn walk(value: &Value, steps: &[Step]) -> Result<Value> {
    let mut at = value;
    for step in steps {
        let next = match (step, at) {
            (Step::Name(name, quoted), Value::Map(members)) => member(members, name, *quoted)?,
            (Step::At(index), Value::List(list)) => list.get(*index),
            (Step::Every, _) => return Err(errors::invalid_path()),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(Value::Missing),
        }
    }
    Ok(at.clone())
}

pub(super) fn member<'v>(
    members: &'v [(String, Value)],
    name: &str,
    quoted: bool,
) -> Result<Option<&'v Value>> {
    if let Some((_, value)) = members.iter().find(|(key, _)| key == name) {
        return Ok(Some(value));
    }
    let mut alike = members.iter().filter(|(key, _)| !quoted && key.eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (Some(_), Some(_)) => Err(errors::ambiguous_field(name)),
        (found, _) => Ok(found.map(|(_, value)| value)),
    }
}

fn compared(how: Compare, a: &Value, b: &Value) -> Value {
    if a.is_nothing() || b.is_nothing() {
        return Value::Null;
    }
    // What does not compare is not equal, and neither less nor greater.
    let Some(order) = a.compare(b) else { return Value::Bool(how == Compare::Unequal) };
    Value::Bool(match how {
        Compare::Equal => order == Ordering::Equal,
        Compare::Unequal => order != Ordering::Equal,
        Compare::Less => order == Ordering::Less,
        Compare::LessOrEqual => order != Ordering::Greater,
        Compare::Greater => order == Ordering::Greater,
        Compare::GreaterOrEqual => order != Ordering::Less,
    })
}

pub(super) fn arithmetic(how: Arithmetic, a: &Value, b: &Value) -> Result<Value> {
    if a.is_nothing() || b.is_nothing() {
        return Ok(Value::Null);
    }
    if how == Arithmetic::Concatenated {
        let (a, b) = (a.to_field(), b.to_field());
        if a.len() + b.len() > RECORD_BYTES_MAX {
            return Err(errors::over_max_record());
        }
        return Ok(Value::Text(a + &b));
    }
    let (Some(a), Some(b)) = (a.as_number(), b.as_number()) else { return Err(errors::invalid_arguments()) };
    if let (Value::Integer(a), Value::Integer(b)) = (&a, &b) {
        if *b == 0 && matches!(how, Arithmetic::Divided | Arithmetic::Modulo) {
            return Err(errors::division_by_zero());
        }
        let whole = match how {
            Arithmetic::Plus => a.checked_add(*b),
            Arithmetic::Minus => a.checked_sub(*b),
            Arithmetic::Times => a.checked_mul(*b),
            Arithmetic::Divided => a.checked_div(*b),
            _ => a.checked_rem(*b),
        };
        return whole.map(Value::Integer).ok_or_else(errors::integer_overflow);
    }
    let (Some(a), Some(b)) = (a.as_float(), b.as_float()) else { return Err(errors::invalid_arguments()) };
    let float = match how {
        Arithmetic::Plus => a + b,
        Arithmetic::Minus => a - b,
        Arithmetic::Times => a * b,
        Arithmetic::Divided => a / b,
        _ => a % b,
    };
    if float.is_finite() { Ok(Value::Float(float)) } else { Err(errors::division_by_zero()) }
}

/// # Errors
/// *CastFailed*.
fn cast(of: Value, kind: Type) -> Result<Value> {
    if of.is_nothing() {
        return Ok(of);
    }
    let failed = errors::cast_failed;
    Ok(match (kind, of) {
        (Type::Text, of) => Value::Text(of.to_field()),
        (Type::Bool, Value::Text(text)) => Value::Bool(truth(&text).ok_or_else(failed)?),
        (Type::Bool, Value::Bool(truth)) => Value::Bool(truth),
        (Type::Bool, of) => Value::Bool(of.as_float().ok_or_else(failed)? != 0.0),
        (Type::Integer, Value::Bool(truth)) => Value::Integer(i64::from(truth)),
        (Type::Integer, of) => match of.as_number().ok_or_else(failed)? {
            Value::Float(float) => Value::Integer(whole(float).ok_or_else(failed)?),
            number => number,
        },
        (Type::Float, of) => Value::Float(of.as_float().ok_or_else(failed)?),
        (Type::Instant, Value::Instant(at)) => Value::Instant(at),
        (Type::Instant, Value::Text(text)) => Value::Instant(instant::parse(&text).ok_or_else(failed)?),
        (Type::Instant, _) => return Err(failed()),
    })
}

/// A floating number without its fraction.
fn whole(float: f64) -> Option<i64> {
    match value::number(&format!("{:.0}", float.trunc()))? {
        Value::Integer(whole) => Some(whole),
        _ => None,
    }
}

/// The instant of a clock's time.
pub(super) fn instant_of(now: Millis) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(now) * 1_000_000).ok()
}
