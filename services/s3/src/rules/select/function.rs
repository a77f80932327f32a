//! Functions of values (S3 user guide, "SQL functions").

use kernel::{Millis, Result};

use super::eval::instant_of;
use super::instant;
use super::query::{Function, Trim};
use super::value::Value;
use crate::errors::select as errors;

/// # Errors
/// *EvaluatorInvalidArguments*, *EvaluatorInvalidTimestampFormatPattern*, *CastFailed*.
pub(super) fn call(function: Function, given: Vec<Value>, now: Millis) -> Result<Value> {
    if function == Function::UtcNow {
        return Ok(instant_of(now).map_or(Value::Null, Value::Instant));
    }
    if function == Function::Coalesce {
        return Ok(given.into_iter().find(|one| !one.is_nothing()).unwrap_or(Value::Null));
    }
    let is_same = |pair: &[Value]| matches!(pair, [a, b] if a.compare(b) == Some(std::cmp::Ordering::Equal));
    if function == Function::NullIf {
        let same = is_same(&given);
        return Ok(given.into_iter().next().filter(|_| !same).unwrap_or(Value::Null));
    }
    if given.iter().any(Value::is_nothing) {
        return Ok(Value::Null);
    }
    match (function, given.as_slice()) {
        (Function::Length, [Value::Text(text)]) => Ok(length(text)),
        (Function::Lower, [Value::Text(text)]) => Ok(Value::Text(text.to_lowercase())),
        (Function::Upper, [Value::Text(text)]) => Ok(Value::Text(text.to_uppercase())),
        (Function::Substring, [Value::Text(text), rest @ ..]) => substring(text, rest),
        (Function::Trim(side), [Value::Text(text), Value::Text(chars)]) => {
            let is_trimmed = |c: char| chars.contains(c);
            Ok(Value::Text(match side {
                Trim::Leading => text.trim_start_matches(is_trimmed).to_owned(),
                Trim::Trailing => text.trim_end_matches(is_trimmed).to_owned(),
                Trim::Both => text.trim_matches(is_trimmed).to_owned(),
            }))
        }
        (Function::DateAdd(part), [count, at]) => {
            let Some(Value::Integer(count)) = count.as_number() else {
                return Err(errors::invalid_arguments());
            };
            let moved = instant::add(part, count, instant_from(at)?);
            moved.map(Value::Instant).ok_or_else(errors::invalid_arguments)
        }
        (Function::DateDiff(part), [from, until]) => {
            Ok(Value::Integer(instant::difference(part, instant_from(from)?, instant_from(until)?)))
        }
        (Function::Extract(part), [at]) => Ok(Value::Integer(instant::extract(part, instant_from(at)?))),
        (Function::ToString, [at, Value::Text(pattern)]) => {
            let text = instant::format(instant_from(at)?, pattern);
            text.map(Value::Text).ok_or_else(errors::timestamp_pattern)
        }
        (Function::ToTimestamp, [at]) => instant_from(at).map(Value::Instant),
        _ => Err(errors::invalid_arguments()),
    }
}

fn length(text: &str) -> Value {
    i64::try_from(text.chars().count()).map_or(Value::Null, Value::Integer)
}

fn instant_from(value: &Value) -> Result<time::OffsetDateTime> {
    match value {
        Value::Instant(at) => Ok(*at),
        Value::Text(text) => instant::parse(text).ok_or_else(errors::cast_failed),
        _ => Err(errors::invalid_arguments()),
    }
}

/// From a place, counted from one; what lies before the first character counts, and is nothing.
fn substring(text: &str, given: &[Value]) -> Result<Value> {
    let whole = |value: Option<&Value>| match value.and_then(Value::as_number) {
        Some(Value::Integer(whole)) => Ok(whole),
        _ => Err(errors::invalid_arguments()),
    };
    let start = whole(given.first())?;
    let end = match given.get(1) {
        None => i64::MAX,
        Some(count) => match whole(Some(count))? {
            count if count < 0 => return Err(errors::invalid_arguments()),
            count => start.saturating_add(count),
        },
    };
    let place = |at: i64| usize::try_from(at.saturating_sub(1).max(0)).unwrap_or(usize::MAX);
    let (start, end) = (place(start), place(end));
    Ok(Value::Text(text.chars().skip(start).take(end.saturating_sub(start)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn texts_are_cut_and_measured() {
        let cut = |start, count: Option<i64>| {
            let mut given = vec![text("123456789"), Value::Integer(start)];
            given.extend(count.map(Value::Integer));
            call(Function::Substring, given, 0).unwrap()
        };
        assert_eq!(cut(0, None), text("123456789"));
        assert_eq!(cut(-1, Some(4)), text("12"));
        assert_eq!(cut(3, Some(2)), text("34"));
        assert_eq!(cut(30, None), text(""));
        assert_eq!(call(Function::Length, vec![text("über")], 0).unwrap(), Value::Integer(4));
        assert_eq!(call(Function::Lower, vec![Value::Null], 0).unwrap(), Value::Null);
        assert_eq!(
            call(Function::Lower, vec![Value::Integer(1)], 0).unwrap_err().code(),
            "EvaluatorInvalidArguments"
        );
        let trimmed = call(Function::Trim(Trim::Both), vec![text("  x "), text(" ")], 0).unwrap();
        assert_eq!(trimmed, text("x"));
    }

    #[test]
    fn what_is_nothing_is_passed_over() {
        let given = vec![Value::Missing, Value::Null, Value::Integer(3)];
        assert_eq!(call(Function::Coalesce, given, 0).unwrap(), Value::Integer(3));
        assert_eq!(call(Function::NullIf, vec![text("1"), Value::Integer(1)], 0).unwrap(), Value::Null);
        assert_eq!(call(Function::NullIf, vec![text("1"), text("2")], 0).unwrap(), text("1"));
    }
}
