//! What an expression comes to, told by how it is written.

use super::parse::Expression;
use super::series::Value;

/// The kinds of [`Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Scalar,
    One,
    Many,
}

impl From<&Value> for Kind {
    fn from(value: &Value) -> Self {
        match value {
            Value::Scalar(_) => Self::Scalar,
            Value::One(_) => Self::One,
            Value::Many(_) => Self::Many,
        }
    }
}

/// The kind of an expression, where `named` tells those of the names in it. What does not exist is of the kind of its parts.
pub fn of(expression: &Expression, named: &impl Fn(&str) -> Option<Kind>) -> Kind {
    let widest =
        |parts: &[Expression]| parts.iter().map(|part| of(part, named)).max().unwrap_or(Kind::Scalar);
    match expression {
        Expression::Number(_) | Expression::Text(_) => Kind::Scalar,
        Expression::Name(name) => named(name).unwrap_or(Kind::Scalar),
        Expression::Array(_) => Kind::Many,
        Expression::Negative(part) => of(part, named),
        Expression::Binary(_, left, right) => of(left, named).max(of(right, named)),
        Expression::Call(name, parts) => match (name.as_str(), parts.as_slice()) {
            ("METRICS" | "SEARCH" | "ANOMALY_DETECTION_BAND" | "SORT", _) => Kind::Many,
            ("TIME_SERIES" | "FIRST" | "LAST", _) => Kind::One,
            ("METRIC_COUNT" | "PERIOD", _) => Kind::Scalar,
            ("SLICE", parts) => {
                if parts.len() > 2 {
                    Kind::Many
                } else {
                    Kind::One
                }
            }
            ("FILL", [of_what, ..]) => of(of_what, named),
            ("IF", [condition, rest @ ..]) => match of(condition, named) {
                Kind::Scalar => widest(rest),
                kind => kind,
            },
            ("AVG" | "SUM" | "MIN" | "MAX" | "DATAPOINT_COUNT" | "STDDEV", parts) => match widest(parts) {
                Kind::Many => Kind::One,
                _ => Kind::Scalar,
            },
            (_, parts) => widest(parts),
        },
    }
}
