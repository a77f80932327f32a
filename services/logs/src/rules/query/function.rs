//! Functions of the language (user guide, "Functions"): names, how many values each takes, and what it makes of them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::value::{TEXT_BYTES_MAX, Value, millis};

/// Name, least and greatest count of values, and what it does.
type Function = (&'static str, usize, usize, fn(&[Value]) -> Value);

pub const FUNCTIONS: [Function; 29] = [
    ("abs", 1, 1, |v| number(v, f64::abs)),
    ("ceil", 1, 1, |v| number(v, f64::ceil)),
    ("floor", 1, 1, |v| number(v, f64::floor)),
    ("log", 1, 1, |v| number(v, f64::ln)),
    ("sqrt", 1, 1, |v| number(v, f64::sqrt)),
    ("greatest", 1, 64, |v| numbers(v).reduce(f64::max).map_or(Value::Absent, Value::Number)),
    ("least", 1, 64, |v| numbers(v).reduce(f64::min).map_or(Value::Absent, Value::Number)),
    ("isempty", 1, 1, |v| Value::truth(text(v, 0).is_none_or(|text| text.is_empty()))),
    ("isblank", 1, 1, |v| Value::truth(text(v, 0).is_none_or(|text| text.trim().is_empty()))),
    ("ispresent", 1, 1, |v| Value::truth(v.first().is_some_and(|value| *value != Value::Absent))),
    ("coalesce", 1, 64, |v| {
        v.iter().find(|value| **value != Value::Absent).cloned().unwrap_or(Value::Absent)
    }),
    ("concat", 1, 64, |v| joined(v.iter().filter_map(Value::text))),
    ("trim", 1, 2, |v| trimmed(v, true, true)),
    ("ltrim", 1, 2, |v| trimmed(v, true, false)),
    ("rtrim", 1, 2, |v| trimmed(v, false, true)),
    ("toupper", 1, 1, |v| map(v, |text| text.to_uppercase())),
    ("tolower", 1, 1, |v| map(v, |text| text.to_lowercase())),
    ("strlen", 1, 1, |v| text(v, 0).map_or(Value::Absent, |text| count(text.chars().count()))),
    ("substr", 2, 3, substring),
    ("replace", 3, 3, |v| match (text(v, 0), text(v, 1), text(v, 2)) {
        (Some(all), Some(from), Some(to)) if !from.is_empty() => replaced(&all, &from, &to),
        (all, ..) => all.map_or(Value::Absent, Value::Text),
    }),
    ("strcontains", 2, 2, |v| {
        Value::truth(text(v, 0).zip(text(v, 1)).is_some_and(|(all, part)| all.contains(&part)))
    }),
    ("fromMillis", 1, 1, |v| number_of(v).and_then(millis).map_or(Value::Absent, Value::Instant)),
    ("toMillis", 1, 1, |v| number(v, |number| number)),
    ("isValidIp", 1, 1, |v| Value::truth(address(v).is_some())),
    ("isValidIpv4", 1, 1, |v| Value::truth(address(v).is_some_and(|address| address.is_ipv4()))),
    ("isValidIpv6", 1, 1, |v| Value::truth(address(v).is_some_and(|address| address.is_ipv6()))),
    ("isIpInSubnet", 2, 2, |v| within(v, |_| true)),
    ("isIpv4InSubnet", 2, 2, |v| within(v, IpAddr::is_ipv4)),
    ("isIpv6InSubnet", 2, 2, |v| within(v, IpAddr::is_ipv6)),
];

pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))
}

/// One text of many, if it is not too long.
fn joined(mut parts: impl Iterator<Item = String>) -> Value {
    let whole = parts.try_fold(String::new(), |whole, part| {
        (whole.len() + part.len() <= TEXT_BYTES_MAX).then(|| whole + &part)
    });
    whole.map_or(Value::Absent, Value::Text)
}

fn replaced(all: &str, from: &str, to: &str) -> Value {
    let more = all.matches(from).count().saturating_mul(to.len().saturating_sub(from.len()));
    if all.len().saturating_add(more) > TEXT_BYTES_MAX {
        return Value::Absent;
    }
    Value::Text(all.replace(from, to))
}

fn number_of(values: &[Value]) -> Option<f64> {
    values.first()?.number()
}

fn numbers(values: &[Value]) -> impl Iterator<Item = f64> {
    values.iter().filter_map(Value::number)
}

fn number(values: &[Value], f: impl Fn(f64) -> f64) -> Value {
    number_of(values).map(f).filter(|made| made.is_finite()).map_or(Value::Absent, Value::Number)
}

fn text(values: &[Value], at: usize) -> Option<String> {
    values.get(at)?.text()
}

fn map(values: &[Value], f: impl Fn(String) -> String) -> Value {
    text(values, 0).map_or(Value::Absent, |text| Value::Text(f(text)))
}

#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
fn count(count: usize) -> Value {
    Value::Number(count as f64)
}

fn trimmed(values: &[Value], start: bool, end: bool) -> Value {
    let signs = text(values, 1);
    let is_one = |c: char| signs.as_ref().map_or(c.is_whitespace(), |signs| signs.contains(c));
    map(values, |text| {
        let text = if start { text.trim_start_matches(is_one) } else { &text };
        let text = if end { text.trim_end_matches(is_one) } else { text };
        text.to_owned()
    })
}

fn substring(values: &[Value]) -> Value {
    let at = |at: usize| {
        let number = values.get(at)?.number().and_then(millis)?;
        usize::try_from(number).ok()
    };
    let (Some(all), Some(start)) = (text(values, 0), at(1)) else { return Value::Absent };
    Value::Text(all.chars().skip(start).take(at(2).unwrap_or(usize::MAX)).collect())
}

fn address(values: &[Value]) -> Option<IpAddr> {
    text(values, 0)?.parse().ok()
}

fn within(values: &[Value], is_kind: impl Fn(&IpAddr) -> bool) -> Value {
    let range: Option<IpNet> = text(values, 1).and_then(|range| range.parse().ok());
    let inside = |address: IpAddr| range.is_some_and(|range| range.contains(&address));
    Value::truth(address(values).filter(is_kind).is_some_and(inside))
}
