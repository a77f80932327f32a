//! What an expression comes to, told by how it is written.

use super::function::keeps_kind;
use super::parse::{Expression, Refusal};
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

/// The kind of an expression, where `named` tells those of the names in it.
///
/// # Errors
/// When it names what there is not.
pub fn of(expression: &Expression, named: &impl Fn(&str) -> Option<Kind>) -> Result<Kind, Refusal> {
    let widest = |parts: &[Expression]| {
        parts.iter().try_fold(Kind::Scalar, |widest, part| Ok::<_, Refusal>(widest.max(of(part, named)?)))
    };
    Ok(match expression {
        Expression::Number(_) | Expression::Text(_) => Kind::Scalar,
        Expression::Name(name) => named(name).ok_or_else(|| format!("Unrecognized identifier '{name}'."))?,
        Expression::Array(parts) => widest(parts)?.max(Kind::Many),
        Expression::Negative(part) => of(part, named)?,
        Expression::Binary(_, left, right) => of(left, named)?.max(of(right, named)?),
        Expression::Call(name, parts) => match (name.as_str(), parts.as_slice()) {
            ("METRICS" | "SEARCH" | "ANOMALY_DETECTION_BAND" | "SORT", _) => Kind::Many,
            ("TIME_SERIES" | "FIRST" | "LAST", _) | ("SLICE", [_, _]) => Kind::One,
            ("METRIC_COUNT" | "PERIOD", _) => Kind::Scalar,
            ("SLICE", _) => Kind::Many,
            ("FILL", [filled, ..]) => of(filled, named)?,
            ("IF", [condition, rest @ ..]) => match (of(condition, named)?, widest(rest)?) {
                (Kind::Scalar, chosen) => chosen,
                (each, _) => each,
            },
            ("AVG" | "SUM" | "MIN" | "MAX" | "DATAPOINT_COUNT" | "STDDEV", parts) => match widest(parts)? {
                Kind::Many => Kind::One,
                Kind::Scalar | Kind::One => Kind::Scalar,
            },
            (name, parts) if keeps_kind(name) => widest(parts)?,
            (name, _) => return Err(format!("The function {name} does not exist, or not here.")),
        },
    })
}
