//! How often things happened, for CloudWatch: counted in memory, put every minute. A kill loses what was counted since.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use api_cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, StatisticSet, op};
use kernel::{Ctx, Millis, Result, Scope};
use shape::Timestamp;

/// Different counts between two looks; beyond it, new ones are not taken up.
const COUNTS_MAX: usize = 100_000;
/// Data of one call.
const DATA_MAX: usize = 1_000;

/// A name and value each.
type Dimensions = Vec<(&'static str, String)>;

/// Counts since the last look: of what, by the names of metrics.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<(Scope, Dimensions, &'static str), u32>>);

impl Tally {
    pub const EVERY_MS: Millis = 60_000;

    /// Once more.
    pub fn add(&self, scope: Scope, of: &[(&'static str, &str)], metric: &'static str) {
        let dimensions = of.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = counts.len() >= COUNTS_MAX;
        let key = (scope, dimensions, metric);
        match counts.get_mut(&key) {
            Some(count) => *count = count.saturating_add(1),
            None if is_full => {}
            None => drop(counts.insert(key, 1)),
        }
    }

    /// What was counted is of no account any more.
    pub fn forget(&self) {
        drop(self.take());
    }

    fn take(&self) -> BTreeMap<(Scope, Dimensions, &'static str), u32> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts what was counted.
    ///
    /// # Errors
    /// CloudWatch's.
    pub async fn put_all(ctx: &Ctx, namespace: &str) -> Result<()> {
        let mut data: BTreeMap<Scope, Vec<MetricDatum>> = BTreeMap::new();
        for ((scope, dimensions, metric), count) in ctx.own::<Self>().take() {
            data.entry(scope).or_default().push(datum(dimensions, metric, count, ctx.now()));
        }
        for (scope, data) in data {
            for some in data.chunks(DATA_MAX) {
                let (namespace, metric_data) = (namespace.to_owned(), Some(some.to_vec()));
                let input = PutMetricDataInput { namespace, metric_data, ..Default::default() };
                // A house without CloudWatch has no metrics.
                ctx.in_scope(scope).call_if_served(op::PutMetricData, input).await?;
            }
        }
        Ok(())
    }
}

/// So many times one.
fn datum(dimensions: Dimensions, metric: &str, count: u32, now: Millis) -> MetricDatum {
    let dimension = |(name, value): (&str, String)| Dimension { name: name.to_owned(), value };
    let (count, one) = (f64::from(count), 1.0);
    MetricDatum {
        metric_name: metric.to_owned(),
        dimensions: Some(dimensions.into_iter().map(dimension).collect()),
        timestamp: Some(Timestamp::from_millis(now)),
        statistic_values: Some(StatisticSet { sample_count: count, sum: count, minimum: one, maximum: one }),
        unit: Some("Count".to_owned()),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use kernel::AccountId;

    use super::*;

    #[test]
    fn what_is_counted_is_taken_once() {
        let scope = Scope { account: AccountId::DEFAULT, region: "us-east-1".parse().unwrap() };
        let tally = Tally::default();
        for group in ["a", "b", "a"] {
            tally.add(scope, &[("Group", group)], "Tries");
        }
        let counted: Vec<_> = tally.take().into_iter().map(|((_, of, _), count)| (of, count)).collect();
        assert_eq!(counted, [(vec![("Group", "a".to_owned())], 2), (vec![("Group", "b".to_owned())], 1)]);
        assert!(tally.take().is_empty());
        tally.add(scope, &[], "Tries");
        tally.forget();
        assert!(tally.take().is_empty());
        let shown = datum(vec![("Group", "a".to_owned())], "Tries", 2, 0).statistic_values.unwrap();
        assert_eq!((shown.sample_count, shown.sum, shown.maximum), (2.0, 2.0, 1.0));
    }
}
