//! Time series, and what an expression comes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::Millis;

use crate::rules::metric::MetricKey;

/// Numbers by instants, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeSeries {
    pub label: String,
    pub period_ms: Millis,
    pub points: Vec<(Millis, f64)>,
    /// What it was read of, where it was of one metric.
    pub of: Option<(Arc<MetricKey>, Arc<str>)>,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Scalar(f64),
    One(TimeSeries),
    Many(Vec<TimeSeries>),
}

/// The instants of a request.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub start: Millis,
    pub end: Millis,
}

impl Range {
    pub fn instants(self, period_ms: Millis) -> impl Iterator<Item = Millis> {
        let first = crate::rules::tier::floor(self.start, period_ms.max(1));
        let step = usize::try_from(period_ms).unwrap_or(1).max(1);
        (first..self.end).step_by(step)
    }
}

impl TimeSeries {
    /// The same with other points.
    pub fn with(&self, points: Vec<(Millis, f64)>) -> Self {
        Self { points, ..self.clone() }
    }

    /// Each point made into another.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        self.with(self.points.iter().map(|(at, value)| (*at, f(*value))).collect())
    }

    pub fn at(&self, at: Millis) -> Option<f64> {
        let place = self.points.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        self.points.get(place).map(|(_, value)| *value)
    }

    /// Values of both at the instants that both have.
    pub fn joined(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut theirs = other.points.iter().peekable();
        let mut points = Vec::with_capacity(self.points.len().min(other.points.len()));
        for (at, value) in &self.points {
            while theirs.next_if(|(their, _)| their < at).is_some() {}
            if let Some((_, other)) = theirs.peek().filter(|(their, _)| their == at) {
                points.push((*at, f(*value, *other)));
            }
        }
        self.with(points)
    }
}

/// The values of all series at each instant that any has.
pub fn across(all: &[TimeSeries]) -> BTreeMap<Millis, Vec<f64>> {
    let mut instants: BTreeMap<Millis, Vec<f64>> = BTreeMap::new();
    for (at, value) in all.iter().flat_map(|series| &series.points) {
        instants.entry(*at).or_default().push(*value);
    }
    instants
}
