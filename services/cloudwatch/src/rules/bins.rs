//! The samples of a range of time, gathered by periods.

use kernel::Millis;

use super::sample::{Sample, sort};
use super::statistic::{Statistic, Totals};

/// Periods of equal length, one behind the other.
#[derive(Debug)]
pub struct Bins {
    start: Millis,
    period_ms: Millis,
    bins: Vec<Bin>,
    keeps_spread: bool,
}

#[derive(Clone, Debug, Default)]
struct Bin {
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
    values: Vec<(f64, f64)>,
    is_unknown: bool,
}

impl Bins {
    /// Periods from `start` to before `end`. Distributions are gathered where `keeps_spread` says so.
    pub fn new(start: Millis, end: Millis, period_ms: Millis, keeps_spread: bool) -> Self {
        let count = usize::try_from((end - start + period_ms - 1) / period_ms).unwrap_or_default();
        Self { start, period_ms, bins: vec![Bin::default(); count], keeps_spread }
    }

    /// A sample out of range is left out.
    pub fn add(&mut self, at: Millis, sample: &Sample) {
        let place = usize::try_from((at - self.start).div_euclid(self.period_ms));
        let Some(bin) = place.ok().and_then(|place| self.bins.get_mut(place)) else { return };
        let is_first = bin.count == 0.0;
        let (minimum, maximum) = (sample.minimum(), sample.maximum());
        bin.minimum = if is_first { minimum } else { bin.minimum.min(minimum) };
        bin.maximum = if is_first { maximum } else { bin.maximum.max(maximum) };
        bin.count += sample.count();
        bin.sum += sample.sum();
        if self.keeps_spread && !bin.is_unknown {
            bin.is_unknown = !sample.spread_into(&mut bin.values);
        }
    }

    /// Puts distributions in order: to be called once, before percentiles are asked for.
    pub fn finish(&mut self) {
        self.bins.iter_mut().for_each(|bin| sort(&mut bin.values));
    }

    /// Beginning of each period that has samples, and the statistic of it; ascending.
    pub fn of(&self, statistic: Statistic) -> impl Iterator<Item = (Millis, f64)> + '_ {
        self.filled().filter_map(move |(at, bin)| Some((at, bin.of(statistic)?)))
    }

    /// How many samples each period has that has any.
    pub fn counts(&self) -> impl Iterator<Item = (Millis, f64)> + '_ {
        self.filled().map(|(at, bin)| (at, bin.count))
    }

    fn filled(&self) -> impl Iterator<Item = (Millis, &Bin)> {
        let instants = (0..).map(|place| self.start + place * self.period_ms);
        instants.zip(&self.bins).filter(|(_, bin)| bin.count > 0.0)
    }
}

impl Bin {
    fn of(&self, statistic: Statistic) -> Option<f64> {
        if statistic.needs_spread() {
            return if self.is_unknown { None } else { statistic.of_values(&self.values) };
        }
        let Self { count, sum, minimum, maximum, .. } = *self;
        statistic.of_totals(&Totals { count, sum, minimum, maximum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::sample::{Set, Spread};

    #[test]
    fn samples_fall_into_their_periods() {
        let mut bins = Bins::new(1_000, 3_500, 1_000, true);
        for (at, value) in [(999, 9.0), (1_000, 1.0), (1_999, 3.0), (3_000, 5.0), (4_000, 9.0)] {
            bins.add(at, &Sample::Single(value));
        }
        let set = Set { count: 4.0, sum: 8.0, minimum: 1.0, maximum: 3.0, spread: Spread::Unknown };
        bins.add(3_499, &Sample::Set(Box::new(set)));
        bins.finish();
        let of = |name| bins.of(Statistic::parse(name).unwrap()).collect::<Vec<_>>();
        assert_eq!(of("Average"), [(1_000, 2.0), (3_000, 13.0 / 5.0)]);
        assert_eq!(of("Maximum"), [(1_000, 3.0), (3_000, 5.0)]);
        assert_eq!(of("p100"), [(1_000, 3.0)], "of a statistic set no percentile is known");
        assert_eq!(bins.counts().last(), Some((3_000, 5.0)));
    }
}
