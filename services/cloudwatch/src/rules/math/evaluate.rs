//! Computes an expression.

use std::collections::HashMap;

use super::budget::Budget;
use super::function;
use super::parse::{Expression, Operator, Refusal};
use super::series::{Range, TimeSeries, Value};

/// What an expression is computed of.
#[derive(Debug)]
pub struct Given<'g> {
    pub range: Range,
    /// Queries by id.
    pub values: &'g HashMap<String, Value>,
    /// The ids of queries that read metrics, in order.
    pub metric_ids: &'g [String],
    /// What was read for each SEARCH and ANOMALY_DETECTION_BAND, by its call.
    pub found: &'g [(Expression, Vec<TimeSeries>)],
    /// What it all may come to.
    pub budget: &'g Budget,
    /// Of a series that comes of no other.
    pub period_ms: i64,
}

/// Functions that read more than their parts.
pub fn is_read(function: &str) -> bool {
    matches!(function, "SEARCH" | "ANOMALY_DETECTION_BAND")
}

impl Given<'_> {
    /// # Errors
    /// What cannot be computed, in words.
    pub fn evaluate(&self, expression: &Expression) -> Result<Value, Refusal> {
        if let Expression::Name(name) = expression {
            let value = self.values.get(name).ok_or_else(|| format!("Unrecognized identifier '{name}'."))?;
            self.budget.take(value)?;
            return Ok(value.clone());
        }
        let value = self.computed(expression)?;
        self.budget.take(&value)?;
        Ok(value)
    }

    fn computed(&self, expression: &Expression) -> Result<Value, Refusal> {
        match expression {
            Expression::Number(number) => Ok(Value::Scalar(*number)),
            Expression::Text(text) => Err(format!("Unexpected text '{text}'.")),
            Expression::Name(name) => Err(format!("Unrecognized identifier '{name}'.")),
            Expression::Array(parts) => self.many(parts).map(Value::Many),
            Expression::Negative(part) => Ok(each(self.evaluate(part)?, |value| -value)),
            Expression::Binary(operator, left, right) => {
                binary(*operator, self.evaluate(left)?, self.evaluate(right)?)
            }
            Expression::Call(name, parts) if is_read(name) => {
                let found = self.found.iter().find(|(call, _)| call == expression);
                let found = found.map(|(_, found)| Value::Many(found.clone()));
                found.ok_or_else(|| format!("{name} was not expected with {} parts here.", parts.len()))
            }
            Expression::Call(name, parts) => function::call(self, name, parts),
        }
    }

    fn many(&self, parts: &[Expression]) -> Result<Vec<TimeSeries>, Refusal> {
        let mut all = Vec::new();
        for part in parts {
            match self.evaluate(part)? {
                Value::One(series) => all.push(series),
                Value::Many(series) => all.extend(series),
                Value::Scalar(number) => all.push(self.constant(number)?),
            }
        }
        Ok(all)
    }

    /// The number at every instant of the range; none where it is no finite one.
    ///
    /// # Errors
    /// When there are more than may be computed.
    pub fn constant(&self, number: f64) -> Result<TimeSeries, Refusal> {
        let instants = self.instants(self.period_ms)?.filter(|_| number.is_finite());
        let points = instants.map(|at| (at, number)).collect();
        Ok(TimeSeries { period_ms: self.period_ms, points, ..TimeSeries::default() })
    }

    /// The instants of the range.
    ///
    /// # Errors
    /// When there are more than may be computed.
    pub fn instants(&self, period_ms: i64) -> Result<impl Iterator<Item = i64>, Refusal> {
        let instants = self.range.instants(period_ms);
        self.budget.take_points(instants.size_hint().0)?;
        Ok(instants)
    }
}

/// Each number made into another. What has none there (a logarithm of nothing) has no point.
pub fn each(value: Value, f: impl Fn(f64) -> f64 + Copy) -> Value {
    let finite = |series: &TimeSeries| {
        let mut series = series.map(f);
        series.points.retain(|(_, value)| value.is_finite());
        series
    };
    match value {
        Value::Scalar(number) => Value::Scalar(f(number)),
        Value::One(series) => Value::One(finite(&series)),
        Value::Many(all) => Value::Many(all.iter().map(finite).collect()),
    }
}

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left.total_cmp(&right).is_eq()),
        Operator::NotEqual => truth(left.total_cmp(&right).is_ne()),
        Operator::LessOrEqual => truth(left <= right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Less => truth(left < right),
        Operator::Greater => truth(left > right),
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
    }
}

/// At the instants that both sides have; an array with an array, in pairs.
pub fn binary(operator: Operator, left: Value, right: Value) -> Result<Value, Refusal> {
    let f = |left: f64, right: f64| apply(operator, left, right);
    let joined = |left: &TimeSeries, right: &TimeSeries| {
        let mut series = left.joined(right, f);
        series.period_ms = left.period_ms.max(right.period_ms);
        series.points.retain(|(_, value)| value.is_finite());
        series
    };
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => Value::Scalar(f(left, right)),
        (left, Value::Scalar(right)) => each(left, |left| f(left, right)),
        (Value::Scalar(left), right) => each(right, |right| f(left, right)),
        (Value::One(left), Value::One(right)) => Value::One(joined(&left, &right)),
        (Value::Many(all), Value::One(one)) => {
            Value::Many(all.iter().map(|series| joined(series, &one)).collect())
        }
        (Value::One(one), Value::Many(all)) => {
            let with_label =
                |series: &TimeSeries| TimeSeries { label: series.label.clone(), ..joined(&one, series) };
            Value::Many(all.iter().map(with_label).collect())
        }
        (Value::Many(left), Value::Many(right)) => {
            if left.len() != right.len() {
                return Err("Arrays of different length cannot be combined.".to_owned());
            }
            Value::Many(left.iter().zip(&right).map(|(left, right)| joined(left, right)).collect())
        }
    })
}
