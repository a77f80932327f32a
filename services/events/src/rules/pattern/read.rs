//! Patterns as they are written, refused with EventBridge's reason.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::matcher::lower;
use super::{Compare, Fields, Node, Pattern, Test, Wildcard};

/// Levels of objects.
const DEPTH_MAX: usize = 64;
/// Numbers are within five billion of zero.
const NUMBER_MAX: f64 = 5e9;
pub(super) const OR: &str = "$or";

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad(pub String);

type Result<T> = std::result::Result<T, Bad>;

fn bad<T>(reason: impl Into<String>) -> Result<T> {
    Err(Bad(reason.into()))
}

/// Reads a pattern.
///
/// # Errors
/// The reason, as it stands in `InvalidEventPatternException`.
pub fn read(text: &str) -> Result<Pattern> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return bad("Filter is not an object") };
    let Value::Object(object) = value else { return bad("Filter is not an object") };
    if object.is_empty() {
        return bad("Empty patterns are not allowed");
    }
    fields(&object, 0).map(Pattern)
}

fn fields(object: &Map<String, Value>, depth: usize) -> Result<Fields> {
    if depth > DEPTH_MAX {
        return bad("Event pattern is nested too deeply");
    }
    let mut fields = Fields::default();
    for (name, value) in object {
        match value {
            Value::Array(alternatives) if name == OR && is_choice(alternatives) => {
                let each = |one: &Value| match one {
                    Value::Object(object) => self::fields(object, depth + 1),
                    _ => bad("$or must hold objects only"),
                };
                fields.choices.push(alternatives.iter().map(each).collect::<Result<_>>()?);
            }
            Value::Array(tests) if tests.is_empty() => return bad("Empty arrays are not allowed"),
            Value::Array(tests) => {
                let tests = tests.iter().map(test).collect::<Result<_>>()?;
                fields.named.insert(name.clone(), Node::Any(tests));
            }
            Value::Object(object) if object.is_empty() => return bad("Empty objects are not allowed"),
            Value::Object(object) => {
                fields.named.insert(name.clone(), Node::Fields(self::fields(object, depth + 1)?));
            }
            _ => return bad(format!("\"{name}\" must be an object or an array")),
        }
    }
    Ok(fields)
}

/// A list of two or more objects none of which is a matcher; else `$or` is a field like others.
pub(super) fn is_choice(alternatives: &[Value]) -> bool {
    let is_fields = |one: &Value| {
        one.as_object().is_some_and(|object| !object.is_empty() && !object.keys().all(|key| is_word(key)))
    };
    alternatives.len() > 1 && alternatives.iter().all(is_fields)
}

fn is_word(key: &str) -> bool {
    matches!(
        key,
        "prefix"
            | "suffix"
            | "equals-ignore-case"
            | "wildcard"
            | "numeric"
            | "exists"
            | "anything-but"
            | "cidr"
    )
}

fn test(value: &Value) -> Result<Test> {
    match value {
        Value::Object(object) => matcher(object),
        Value::Array(_) => bad("Match value must be String, number, true, false, or null"),
        plain => Ok(Test::Is(plain.clone())),
    }
}

/// The one field of a matcher.
fn single(object: &Map<String, Value>) -> Result<(&str, &Value)> {
    let mut all = object.iter();
    match (all.next(), all.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => bad("Empty match expressions are not allowed"),
        _ => bad("Only one key allowed in match expression"),
    }
}

fn matcher(object: &Map<String, Value>) -> Result<Test> {
    let (name, value) = single(object)?;
    Ok(match (name, value) {
        ("prefix", value) => affix(value, "prefix", Test::Prefix, Test::PrefixAnyCase)?,
        ("suffix", value) => affix(value, "suffix", Test::Suffix, Test::SuffixAnyCase)?,
        ("equals-ignore-case", value) => Test::AnyCase(lower(&string(value, "equals-ignore-case")?)),
        ("wildcard", value) => Test::Wildcard(wildcard(&string(value, "wildcard")?)?),
        ("numeric", Value::Array(bounds)) => Test::Numeric(numeric(bounds)?),
        ("numeric", _) => return bad("Value of numeric must be an array."),
        ("exists", Value::Bool(wanted)) => Test::Exists(*wanted),
        ("exists", _) => return bad("exists match pattern must be either true or false."),
        ("cidr", value) => Test::Cidr(cidr(&string(value, "CIDR")?)?),
        ("anything-but", value) => Test::AnythingBut(anything_but(value)?),
        _ => return bad(format!("Unrecognized match type {name}")),
    })
}

fn string(value: &Value, what: &str) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        _ => bad(format!("{what} match pattern must be a string")),
    }
}

fn affix(value: &Value, what: &str, exact: fn(String) -> Test, any_case: fn(String) -> Test) -> Result<Test> {
    match value {
        Value::Object(object) => match single(object)? {
            ("equals-ignore-case", value) => Ok(any_case(lower(&string(value, what)?))),
            (name, _) => bad(format!("Unsupported {what} pattern: {name}")),
        },
        value => string(value, what).map(exact),
    }
}

/// `*` is anything; `\*` and `\\` are themselves.
fn wildcard(text: &str) -> Result<Wildcard> {
    let (mut parts, mut part, mut after_star) = (Vec::new(), String::new(), false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' if after_star => return bad("Consecutive wildcard characters at pos"),
            '*' => {
                parts.push(std::mem::take(&mut part));
                after_star = true;
                continue;
            }
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '\\')) => part.push(escaped),
                _ => return bad("Invalid escape character at pos"),
            },
            other => part.push(other),
        }
        after_star = false;
    }
    parts.push(part);
    Ok(Wildcard(parts))
}

fn numeric(bounds: &[Value]) -> Result<Vec<(Compare, f64)>> {
    if bounds.is_empty() {
        return bad("Invalid member in numeric match: ]");
    }
    let pairs = bounds.chunks(2).map(|pair| {
        let [Value::String(word), Value::Number(number)] = pair else {
            return bad("Value of numeric must be pairs of an operator and a number");
        };
        let compare = match word.as_str() {
            "=" => Compare::Equal,
            "<" => Compare::Less,
            "<=" => Compare::LessOrEqual,
            ">" => Compare::Greater,
            ">=" => Compare::GreaterOrEqual,
            other => return bad(format!("Unrecognized numeric range operator: {other}")),
        };
        match number.as_f64().filter(|number| number.abs() <= NUMBER_MAX) {
            Some(number) => Ok((compare, number)),
            None => bad("Value must be between -5.0E9 and 5.0E9, inclusive"),
        }
    });
    let pairs: Vec<(Compare, f64)> = pairs.collect::<Result<_>>()?;
    match pairs.as_slice() {
        [_] => Ok(pairs),
        // A range has a bottom and then a top.
        [
            (Compare::Greater | Compare::GreaterOrEqual, least),
            (Compare::Less | Compare::LessOrEqual, most),
        ] => {
            if least < most {
                Ok(pairs)
            } else {
                bad("Bottom must be less than top")
            }
        }
        _ => bad("Too many elements in numeric expression"),
    }
}

/// A range, or one address.
fn cidr(text: &str) -> Result<IpNet> {
    let range = text.parse::<IpNet>().ok();
    let range = range.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    range.map_or_else(|| bad(format!("Malformed CIDR, one '/' required: {text}")), Ok)
}

fn anything_but(value: &Value) -> Result<Vec<Test>> {
    let items = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let Value::Object(object) = value else {
        let all = items(value);
        let texts = all.iter().filter(|one| one.is_string()).count();
        let numbers = all.iter().filter(|one| one.is_number()).count();
        if all.is_empty() {
            return bad("Empty arrays are not allowed");
        }
        if texts != all.len() && numbers != all.len() {
            return bad(
                "Inside anything but list, either all values are number or string, mixed type is not supported",
            );
        }
        return Ok(all.into_iter().map(Test::Is).collect());
    };
    let (name, value) = single(object)?;
    let all = items(value);
    if all.is_empty() {
        return bad("Empty arrays are not allowed");
    }
    let each = |one: &Value| match name {
        "prefix" | "suffix" if one.as_str().is_some_and(str::is_empty) => {
            bad(format!("Null {name} not allowed"))
        }
        "prefix" => affix(one, name, Test::Prefix, Test::PrefixAnyCase),
        "suffix" => affix(one, name, Test::Suffix, Test::SuffixAnyCase),
        "equals-ignore-case" => string(one, name).map(|text| Test::AnyCase(lower(&text))),
        "wildcard" => string(one, name).and_then(|text| wildcard(&text)).map(Test::Wildcard),
        other => bad(format!("Unsupported anything-but pattern: {other}")),
    };
    all.iter().map(each).collect()
}
