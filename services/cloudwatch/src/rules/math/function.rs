//! The functions of metric math (CloudWatch user guide, "Functions supported for metric math").

use kernel::Millis;
use time::OffsetDateTime;

use super::evaluate::{Given, each};
use super::parse::{Expression, Refusal};
use super::series::{TimeSeries, Value, across};

/// Functions that read what this house does not have.
const REFUSED: [&str; 4] = ["DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA", "SERVICE_QUOTA"];

pub fn call(given: &Given<'_>, name: &str, parts: &[Expression]) -> Result<Value, Refusal> {
    if REFUSED.contains(&name) {
        return Err(format!("The function {name} is not supported here."));
    }
    match (name, parts) {
        ("METRICS", _) => metrics(given, parts),
        ("FILL", [of, with]) => fill(given, of, with),
        ("IF", [condition, rest @ ..]) => choose(given, condition, rest),
        ("SLICE", [of, from, rest @ ..]) => slice(given, of, from, rest),
        ("SORT", [of, rest @ ..]) => sort(given, of, rest),
        (_, [of]) => of_one(name, given.evaluate(of)?, given),
        _ => Err(format!("The function {name} does not exist, or not with {} parts.", parts.len())),
    }
}

fn of_one(name: &str, value: Value, given: &Given<'_>) -> Result<Value, Refusal> {
    match (name, &value) {
        ("ABS", _) => Ok(each(value, f64::abs)),
        ("CEIL", _) => Ok(each(value, f64::ceil)),
        ("FLOOR", _) => Ok(each(value, f64::floor)),
        ("LOG", _) => Ok(each(value, f64::ln)),
        ("LOG10", _) => Ok(each(value, f64::log10)),
        ("TIME_SERIES", Value::Scalar(number)) => given.constant(*number).map(Value::One),
        ("METRIC_COUNT", Value::Many(all)) => Ok(Value::Scalar(number(all.len()))),
        ("METRIC_COUNT", Value::One(_)) => Ok(Value::Scalar(1.0)),
        ("REMOVE_EMPTY", Value::Many(_)) => Ok(without_empty(value)),
        ("FIRST", Value::Many(all)) => first(all.first()),
        ("LAST", Value::Many(all)) => first(all.last()),
        ("PERIOD", Value::One(series)) => Ok(Value::Scalar(number_of(series.period_ms / 1_000))),
        _ => match (reduction(name), of_points(name)) {
            (Some(f), _) => reduce(name, &value, f),
            (_, Some(f)) => over_series(value, f).ok_or_else(|| not_of_numbers(name)),
            _ => Err(format!("The function {name} does not exist, or not of this.")),
        },
    }
}

/// The series that have points.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Many(mut all) => {
            all.retain(|series| !series.points.is_empty());
            Value::Many(all)
        }
        other => other,
    }
}

/// Functions that are of one thing and come to the same kind of thing, here or by name in [`of_points`].
pub fn keeps_kind(name: &str) -> bool {
    matches!(name, "ABS" | "CEIL" | "FLOOR" | "LOG" | "LOG10") || of_points(name).is_some()
}

fn not_of_numbers(name: &str) -> Refusal {
    format!("The function {name} is of time series, not of numbers.")
}

fn first(series: Option<&TimeSeries>) -> Result<Value, Refusal> {
    series.cloned().map(Value::One).ok_or_else(|| "The array is empty.".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "instants are far below")]
fn number_of(whole: i64) -> f64 {
    whole as f64
}

/// One number of many.
fn reduction(name: &str) -> Option<fn(&[f64]) -> f64> {
    Some(match name {
        "AVG" => mean,
        "SUM" => |all| all.iter().sum(),
        "MIN" => |all| all.iter().copied().fold(f64::INFINITY, f64::min),
        "MAX" => |all| all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "DATAPOINT_COUNT" => |all| number(all.len()),
        "STDDEV" => |all| {
            let mean = mean(all);
            (all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / number(all.len())).sqrt()
        },
        _ => None?,
    })
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / number(all.len())
}

/// Of a series a number, of an array a series.
fn reduce(name: &str, value: &Value, f: fn(&[f64]) -> f64) -> Result<Value, Refusal> {
    match value {
        Value::Scalar(_) => Err(not_of_numbers(name)),
        Value::One(series) => {
            let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
            let empty = if name == "DATAPOINT_COUNT" || name == "SUM" { 0.0 } else { f64::NAN };
            Ok(Value::Scalar(if values.is_empty() { empty } else { f(&values) }))
        }
        Value::Many(all) => {
            let points = across(all).into_iter().map(|(at, values)| (at, f(&values))).collect();
            let period_ms = all.iter().map(|series| series.period_ms).max().unwrap_or_default();
            Ok(Value::One(TimeSeries { period_ms, points, ..TimeSeries::default() }))
        }
    }
}

type OfPoints = fn(&[(Millis, f64)]) -> Vec<(Millis, f64)>;

/// A series of a series.
fn of_points(name: &str) -> Option<OfPoints> {
    Some(match name {
        "DIFF" => |points| steps(points, |step, _| step),
        "DIFF_TIME" => |points| steps(points, |_, seconds| seconds),
        "RATE" => |points| steps(points, |step, seconds| step / seconds),
        "RUNNING_SUM" => |points| {
            let mut sum = 0.0;
            let add = |(at, value): &(Millis, f64)| {
                sum += value;
                (*at, sum)
            };
            points.iter().map(add).collect()
        },
        "REMOVE_EMPTY" => <[(Millis, f64)]>::to_vec,
        "EPOCH" => |points| points.iter().map(|(at, _)| (*at, number_of(at / 1_000))).collect(),
        "MINUTE" => |points| calendar(points, |at| at.minute()),
        "HOUR" => |points| calendar(points, |at| at.hour()),
        "DAY" => |points| calendar(points, |at| at.weekday().number_from_monday()),
        "DATE" => |points| calendar(points, |at| at.day()),
        "MONTH" => |points| calendar(points, |at| u8::from(at.month())),
        "YEAR" => |points| {
            let year = |at: Millis| instant(at).map_or(0.0, |at| f64::from(at.year()));
            points.iter().map(|(at, _)| (*at, year(*at))).collect()
        },
        _ => None?,
    })
}

fn instant(at: Millis) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).ok()
}

fn calendar(points: &[(Millis, f64)], part: fn(OffsetDateTime) -> u8) -> Vec<(Millis, f64)> {
    let part = |at: Millis| instant(at).map_or(0.0, |at| f64::from(part(at)));
    points.iter().map(|(at, _)| (*at, part(*at))).collect()
}

fn steps(points: &[(Millis, f64)], f: fn(f64, f64) -> f64) -> Vec<(Millis, f64)> {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.map(|((from, a), (to, b))| (*to, f(b - a, number_of(to - from) / 1_000.0))).collect()
}

/// `None` for a number.
fn over_series(value: Value, f: OfPoints) -> Option<Value> {
    let of = |series: &TimeSeries| series.with(f(&series.points));
    Some(match value {
        Value::Scalar(_) => return None,
        Value::One(series) => Value::One(of(&series)),
        Value::Many(all) => Value::Many(all.iter().map(of).collect()),
    })
}

/// Of all queries that read metrics; of those whose id holds a word.
fn metrics(given: &Given<'_>, parts: &[Expression]) -> Result<Value, Refusal> {
    let word = match parts {
        [] => "",
        [Expression::Text(word)] => word.as_str(),
        _ => return Err("METRICS takes nothing, or a word in quotation marks.".to_owned()),
    };
    let ids = given.metric_ids.iter().filter(|id| id.contains(word));
    let series = ids.filter_map(|id| match given.values.get(id) {
        Some(Value::One(series)) => Some(series.clone()),
        _ => None,
    });
    Ok(Value::Many(series.collect()))
}

/// How a gap is filled.
enum Filling {
    With(Value),
    Repeat,
    Linear,
}

fn fill(given: &Given<'_>, of: &Expression, with: &Expression) -> Result<Value, Refusal> {
    let filling = match with {
        Expression::Name(word) if word.eq_ignore_ascii_case("REPEAT") => Filling::Repeat,
        Expression::Name(word) if word.eq_ignore_ascii_case("LINEAR") => Filling::Linear,
        other => Filling::With(given.evaluate(other)?),
    };
    let one = |series: &TimeSeries| {
        let period_ms = if series.period_ms > 0 { series.period_ms } else { given.period_ms };
        let instants = given.instants(period_ms)?;
        let value = |at: Millis| series.at(at).or_else(|| filled(series, &filling, at));
        Ok(series.with(instants.filter_map(|at| Some((at, value(at)?))).collect()))
    };
    match given.evaluate(of)? {
        Value::Scalar(_) => Err(not_of_numbers("FILL")),
        Value::One(series) => one(&series).map(Value::One),
        Value::Many(all) => all.iter().map(one).collect::<Result<_, Refusal>>().map(Value::Many),
    }
}

fn filled(series: &TimeSeries, filling: &Filling, at: Millis) -> Option<f64> {
    let behind = series.points.partition_point(|(known, _)| *known < at);
    let before = behind.checked_sub(1).and_then(|place| series.points.get(place)).copied();
    match filling {
        Filling::With(Value::Scalar(number)) => Some(*number),
        Filling::With(Value::One(other)) => other.at(at),
        Filling::With(Value::Many(_)) => None,
        Filling::Repeat => before.map(|(_, value)| value),
        Filling::Linear => {
            let ((from, a), (to, b)) = (before?, series.points.get(behind).copied()?);
            Some(a + (b - a) * number_of(at - from) / number_of(to - from))
        }
    }
}

/// `IF(condition, then, else)`, by the instants of the condition.
fn choose(given: &Given<'_>, condition: &Expression, rest: &[Expression]) -> Result<Value, Refusal> {
    let (then, otherwise) = match rest {
        [then] => (given.evaluate(then)?, None),
        [then, otherwise] => (given.evaluate(then)?, Some(given.evaluate(otherwise)?)),
        _ => return Err("IF takes a condition and one or two values.".to_owned()),
    };
    let at = |value: &Value, at: Millis| match value {
        Value::Scalar(number) => Some(*number),
        Value::One(series) => series.at(at),
        Value::Many(_) => None,
    };
    if matches!(then, Value::Many(_)) || matches!(otherwise, Some(Value::Many(_))) {
        return Err("IF chooses between numbers and time series, not arrays.".to_owned());
    }
    let one = |series: &TimeSeries| {
        let chosen = |(instant, holds): &(Millis, f64)| {
            let value = if *holds != 0.0 { Some(&then) } else { otherwise.as_ref() };
            Some((*instant, at(value?, *instant)?))
        };
        series.with(series.points.iter().filter_map(chosen).collect())
    };
    match given.evaluate(condition)? {
        Value::Scalar(holds) if holds != 0.0 => Ok(then),
        Value::Scalar(_) => Ok(otherwise.unwrap_or(Value::Many(Vec::new()))),
        Value::One(series) => Ok(Value::One(one(&series))),
        Value::Many(all) => Ok(Value::Many(all.iter().map(one).collect())),
    }
}

fn array(given: &Given<'_>, of: &Expression) -> Result<Vec<TimeSeries>, Refusal> {
    match given.evaluate(of)? {
        Value::Many(all) => Ok(all),
        Value::One(series) => Ok(vec![series]),
        Value::Scalar(_) => Err("An array of time series was expected, not a number.".to_owned()),
    }
}

fn place(given: &Given<'_>, of: &Expression) -> Result<usize, Refusal> {
    match given.evaluate(of)? {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within its bounds")]
        Value::Scalar(number) if (0.0..=1_000_000.0).contains(&number) => Ok(number as usize),
        _ => Err("A number that is not negative was expected.".to_owned()),
    }
}

/// The series from one place up to but without another; without that, the one there.
fn slice(
    given: &Given<'_>,
    of: &Expression,
    from: &Expression,
    rest: &[Expression],
) -> Result<Value, Refusal> {
    let (all, from) = (array(given, of)?, place(given, from)?);
    match rest {
        [] => first(all.get(from)),
        [to] => {
            let to = place(given, to)?.min(all.len());
            Ok(Value::Many(all.get(from..to).unwrap_or_default().to_vec()))
        }
        _ => Err("SLICE takes an array and one or two places.".to_owned()),
    }
}

/// `SORT(array, AVG|MIN|MAX|SUM, ASC|DESC, count)`
fn sort(given: &Given<'_>, of: &Expression, rest: &[Expression]) -> Result<Value, Refusal> {
    let [Expression::Name(by), Expression::Name(order), count @ ..] = rest else {
        return Err("SORT takes an array, a function, ASC or DESC, and may take a count.".to_owned());
    };
    let by = by.to_ascii_uppercase();
    let f = reduction(&by).filter(|_| matches!(by.as_str(), "AVG" | "MIN" | "MAX" | "SUM"));
    let f = f.ok_or_else(|| format!("SORT does not know {by}."))?;
    let descends = match order.to_ascii_uppercase().as_str() {
        "ASC" => false,
        "DESC" => true,
        _ => return Err("SORT takes ASC or DESC.".to_owned()),
    };
    let value = |series: &TimeSeries| {
        let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
        if values.is_empty() { f64::NEG_INFINITY } else { f(&values) }
    };
    let mut all: Vec<(f64, TimeSeries)> =
        array(given, of)?.into_iter().map(|series| (value(&series), series)).collect();
    all.sort_by(|a, b| if descends { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
    let count = match count {
        [] => all.len(),
        [count] => place(given, count)?,
        _ => return Err("SORT takes one count.".to_owned()),
    };
    Ok(Value::Many(all.into_iter().take(count).map(|(_, series)| series).collect()))
}
