//! Expressions: read, and computed for a row.

use kernel::Millis;
use regex_lite::{Regex, RegexBuilder};

use super::cursor::{Cursor, Wrong};
use super::function;
use super::row::Row;
use super::value::{Value, millis};

#[derive(Clone, Debug)]
pub enum Expression {
    Field(String),
    Value(Value),
    Call(fn(&[Value]) -> Value, Vec<Expression>),
    /// The beginning (or end) of the period a value lies in.
    Period(Box<Expression>, Millis, bool),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Box<Expression>, Comparison, Box<Expression>),
    Compute(Box<Expression>, char, Box<Expression>),
    Like(Box<Expression>, Regex),
    Contains(Box<Expression>, String),
    In(Box<Expression>, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Expressions within expressions.
const DEPTH_MAX: usize = 64;
const REGEX_BYTES_MAX: usize = 1 << 20;

impl Expression {
    pub fn read(from: &mut Cursor<'_>) -> Result<Self, Wrong> {
        any_of(from, 0)
    }

    pub fn compute(&self, row: &Row<'_>) -> Value {
        match self {
            Self::Field(name) => row.get(name),
            Self::Value(value) => value.clone(),
            Self::Call(function, values) => {
                function(&values.iter().map(|value| value.compute(row)).collect::<Vec<_>>())
            }
            Self::Period(of, length, ceiling) => match of.compute(row).number().and_then(millis) {
                Some(at) => {
                    let start = at - at.rem_euclid(*length);
                    Value::Instant(if *ceiling && start < at { start + length } else { start })
                }
                None => Value::Absent,
            },
            Self::Not(inner) => Value::truth(!inner.compute(row).is_true()),
            Self::And(a, b) => Value::truth(a.compute(row).is_true() && b.compute(row).is_true()),
            Self::Or(a, b) => Value::truth(a.compute(row).is_true() || b.compute(row).is_true()),
            Self::Compare(a, sign, b) => Value::truth(compare(&a.compute(row), *sign, &b.compute(row))),
            Self::Compute(a, sign, b) => arithmetic(&a.compute(row), *sign, &b.compute(row)),
            Self::Like(of, regex) => Value::truth(on_text(of, row, |text| regex.is_match(text))),
            Self::Contains(of, part) => Value::truth(on_text(of, row, |text| text.contains(part.as_str()))),
            Self::In(of, values) => {
                let found = of.compute(row);
                let is_in = |value: &Self| compare(&found, Comparison::Equal, &value.compute(row));
                Value::truth(values.iter().any(is_in))
            }
        }
    }
}

/// The text of an event is looked at where it lies.
fn on_text(of: &Expression, row: &Row<'_>, f: impl Fn(&str) -> bool) -> bool {
    if let (Expression::Field(name), Some(event)) = (of, &row.event)
        && name == "@message"
    {
        return f(&event.message);
    }
    of.compute(row).text().is_some_and(|text| f(&text))
}

fn compare(a: &Value, sign: Comparison, b: &Value) -> bool {
    if *a == Value::Absent || *b == Value::Absent {
        return sign == Comparison::Unequal && a != b;
    }
    let order = match (a.number(), b.number()) {
        (Some(a), Some(b)) => a.partial_cmp(&b),
        _ => Some(a.text().cmp(&b.text())),
    };
    let Some(order) = order else { return false };
    match sign {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn arithmetic(a: &Value, sign: char, b: &Value) -> Value {
    let (Some(a), Some(b)) = (a.number(), b.number()) else { return Value::Absent };
    let made = match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a / b,
        '%' => a % b,
        _ => a.powf(b),
    };
    if made.is_finite() { Value::Number(made) } else { Value::Absent }
}

pub fn regex(from: &Cursor<'_>, text: &str) -> Result<Regex, Wrong> {
    let made = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
    made.map_err(|_| from.wrong("a regular expression that is not supported"))
}

fn any_of(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    if depth > DEPTH_MAX {
        return Err(from.wrong("expressions lie too deep in each other"));
    }
    let mut made = all_of(from, depth)?;
    while from.takes_word("or") || from.takes("||") {
        made = Expression::Or(Box::new(made), Box::new(all_of(from, depth)?));
    }
    Ok(made)
}

fn all_of(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    let mut made = not(from, depth)?;
    while from.takes_word("and") || from.takes("&&") {
        made = Expression::And(Box::new(made), Box::new(not(from, depth)?));
    }
    Ok(made)
}

fn not(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    if depth > DEPTH_MAX {
        return Err(from.wrong("expressions lie too deep in each other"));
    }
    match from.takes_word("not") {
        true => Ok(Expression::Not(Box::new(not(from, depth + 1)?))),
        false => comparison(from, depth),
    }
}

fn comparison(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    let left = sum(from, depth)?;
    if from.takes("=~") {
        return matching(from, left);
    }
    for (sign, comparison) in COMPARISONS {
        if from.takes(sign) {
            return Ok(Expression::Compare(Box::new(left), comparison, Box::new(sum(from, depth)?)));
        }
    }
    let negated = from.takes_word("not");
    let made = if from.takes_word("like") {
        matching(from, left)?
    } else if from.takes_word("in") {
        Expression::In(Box::new(left), list(from, depth)?)
    } else if negated {
        return Err(from.wrong("expected like or in"));
    } else {
        return Ok(left);
    };
    Ok(if negated { Expression::Not(Box::new(made)) } else { made })
}

fn matching(from: &mut Cursor<'_>, left: Expression) -> Result<Expression, Wrong> {
    if let Some(text) = from.regex()? {
        return Ok(Expression::Like(Box::new(left), regex(from, &text)?));
    }
    match from.text()? {
        Some(part) => Ok(Expression::Contains(Box::new(left), part)),
        None => Err(from.wrong("expected a text or a regular expression")),
    }
}

fn list(from: &mut Cursor<'_>, depth: usize) -> Result<Vec<Expression>, Wrong> {
    from.expect("[")?;
    let mut values = vec![any_of(from, depth + 1)?];
    while from.takes(",") {
        values.push(any_of(from, depth + 1)?);
    }
    from.expect("]").map(|()| values)
}

fn sum(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    chain(from, depth, &['+', '-'], product)
}

fn product(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    chain(from, depth, &['*', '/', '%'], power)
}

fn power(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    chain(from, depth, &['^'], one)
}

fn chain(
    from: &mut Cursor<'_>,
    depth: usize,
    signs: &[char],
    next: fn(&mut Cursor<'_>, usize) -> Result<Expression, Wrong>,
) -> Result<Expression, Wrong> {
    let mut made = next(from, depth)?;
    while let Some(sign) = signs.iter().find(|sign| from.takes(sign.encode_utf8(&mut [0; 4]))) {
        made = Expression::Compute(Box::new(made), *sign, Box::new(next(from, depth)?));
    }
    Ok(made)
}

fn one(from: &mut Cursor<'_>, depth: usize) -> Result<Expression, Wrong> {
    if from.takes("(") {
        let inner = any_of(from, depth + 1)?;
        return from.expect(")").map(|()| inner);
    }
    if from.takes("-") {
        let zero = Box::new(Expression::Value(Value::Number(0.0)));
        if depth > DEPTH_MAX {
            return Err(from.wrong("expressions lie too deep in each other"));
        }
        return Ok(Expression::Compute(zero, '-', Box::new(one(from, depth + 1)?)));
    }
    if let Some(text) = from.text()? {
        return Ok(Expression::Value(Value::Text(text)));
    }
    if let Some(number) = from.number() {
        return Ok(Expression::Value(Value::Number(number)));
    }
    let place = from.place();
    let name = from.name()?;
    if !from.takes("(") {
        return Ok(match name.as_str() {
            "true" => Expression::Value(Value::truth(true)),
            "false" => Expression::Value(Value::truth(false)),
            _ => Expression::Field(name),
        });
    }
    call(from, &name, place, depth)
}

fn call(from: &mut Cursor<'_>, name: &str, place: usize, depth: usize) -> Result<Expression, Wrong> {
    if name.eq_ignore_ascii_case("bin") {
        let length = period(from)?;
        let at = Box::new(Expression::Field("@timestamp".to_owned()));
        return from.expect(")").map(|()| Expression::Period(at, length, false));
    }
    let ceiling = name.eq_ignore_ascii_case("dateceil");
    if ceiling || name.eq_ignore_ascii_case("datefloor") {
        let of = Box::new(any_of(from, depth + 1)?);
        from.expect(",")?;
        let length = period(from)?;
        return from.expect(")").map(|()| Expression::Period(of, length, ceiling));
    }
    let Some((_, least, most, function)) = function::find(name) else {
        return Err(from.wrong_since(place, &format!("{name} is no function that is supported")));
    };
    let mut values = Vec::new();
    if !from.takes(")") {
        values.push(any_of(from, depth + 1)?);
        while from.takes(",") {
            values.push(any_of(from, depth + 1)?);
        }
        from.expect(")")?;
    }
    match (*least..=*most).contains(&values.len()) {
        true => Ok(Expression::Call(*function, values)),
        false => Err(from.wrong_since(place, &format!("{name} takes another number of values"))),
    }
}

/// `5m`, `1 hour`
fn period(from: &mut Cursor<'_>) -> Result<Millis, Wrong> {
    let count = from.number().and_then(millis).filter(|count| (1..=1_000_000).contains(count));
    let unit = from.peek_name().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "ms" | "msec" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 604_800_000,
        _ => return Err(from.wrong("expected ms, s, m, h, d or w")),
    };
    let Some(count) = count else { return Err(from.wrong("expected a period")) };
    let word = from.peek_name();
    from.takes_word(word);
    Ok(count * unit)
}
