//! How much the answer to one request may come to.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::parse::Refusal;
use super::series::{TimeSeries, Value};

/// Points that one request may read and compute, all steps together. A hundred pages of GetMetricData.
pub const POINTS_MAX: usize = 10_080_000;
/// What a series costs besides its points.
const SERIES_POINTS: usize = 16;

/// What is left of it. Nothing is given back: whoever computes much for little takes long, too.
#[derive(Debug)]
pub struct Budget(AtomicUsize);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicUsize::new(POINTS_MAX))
    }
}

impl Budget {
    /// Takes what a value costs.
    ///
    /// # Errors
    /// When less is left.
    pub fn take(&self, value: &Value) -> Result<(), Refusal> {
        match value {
            Value::Scalar(_) => self.take_points(1),
            Value::One(series) => self.take_all(std::slice::from_ref(series)),
            Value::Many(all) => self.take_all(all),
        }
    }

    fn take_all(&self, all: &[TimeSeries]) -> Result<(), Refusal> {
        self.take_points(all.iter().map(|series| series.points.len() + SERIES_POINTS).sum())
    }

    /// Takes what this number of points costs that are yet to be made.
    ///
    /// # Errors
    /// When less is left.
    pub fn take_points(&self, count: usize) -> Result<(), Refusal> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count));
        taken.map(drop).map_err(|_| format!("More than {POINTS_MAX} datapoints would be computed."))
    }
}
