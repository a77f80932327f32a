//! What columns count and sum over all records.

use std::cmp::Ordering;

use kernel::Result;

use super::eval::{Scene, arithmetic};
use super::query::{Aggregate, Arithmetic, Kind};
use super::value::Value;

/// What an aggregate has come to.
#[derive(Debug)]
pub(super) struct Running {
    kind: Kind,
    count: i64,
    value: Value,
}

impl Running {
    pub(super) fn new(of: &Aggregate) -> Self {
        Self { kind: of.kind, count: 0, value: Value::Null }
    }

    /// Takes a record in. What is nothing counts for nothing.
    pub(super) fn add(&mut self, of: &Aggregate, scene: &Scene<'_>) -> Result<()> {
        let value = match &of.of {
            None => Value::Bool(true),
            Some(expr) => scene.value(expr)?,
        };
        if value.is_nothing() {
            return Ok(());
        }
        self.count += 1;
        let first = self.value == Value::Null;
        match self.kind {
            Kind::Count => {}
            Kind::Sum | Kind::Average => {
                let before =
                    if first { Value::Integer(0) } else { std::mem::replace(&mut self.value, Value::Null) };
                self.value = arithmetic(Arithmetic::Plus, &before, &value)?;
            }
            Kind::Least | Kind::Greatest => {
                // Fields of CSV that are numbers are compared as such.
                let value = value.as_number().unwrap_or(value);
                let wanted = if self.kind == Kind::Least { Ordering::Less } else { Ordering::Greater };
                if first || value.compare(&self.value) == Some(wanted) {
                    self.value = value;
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean is a floating number")]
    pub(super) fn end(self) -> Value {
        match self.kind {
            Kind::Count => Value::Integer(self.count),
            Kind::Average => {
                self.value.as_float().map_or(Value::Null, |sum| Value::Float(sum / self.count as f64))
            }
            _ => self.value,
        }
    }
}
