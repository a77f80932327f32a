//! What was measured at one instant: one number, or many of which counts, sums and a distribution are kept.

/// The values of one instant.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    Single(f64),
    Set(Box<Set>),
}

/// Several values, summed up.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    pub count: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
    pub spread: Spread,
}

/// How the values of a set are distributed.
#[derive(Clone, Debug, PartialEq)]
pub enum Spread {
    /// All are equal.
    Even,
    /// Values and how often each, ascending, each value once.
    Values(Vec<(f64, f64)>),
    /// Only their sum is known: a statistic set was put.
    Unknown,
}

/// Distinct values kept of one instant; more are put together with their neighbours.
pub const SPREAD_MAX: usize = 512;
/// How far apart two neighbours may be that are put together first, as a ratio.
const NEIGHBOURS: f64 = 1.005;

impl Sample {
    /// `None` when there is no value at all.
    pub fn of_values(mut values: Vec<(f64, f64)>) -> Option<Self> {
        let (first, count) = *values.first()?;
        if let [(value, 1.0)] = *values {
            return Some(Self::Single(value));
        }
        if values.iter().all(|(value, _)| value.to_bits() == first.to_bits()) {
            let count = if values.len() == 1 { count } else { values.iter().map(|(_, count)| count).sum() };
            let set = Set { count, sum: first * count, minimum: first, maximum: first, spread: Spread::Even };
            return Some(Self::Set(Box::new(set)));
        }
        let sum = values.iter().map(|(value, count)| value * count).sum();
        let count = values.iter().map(|(_, count)| count).sum();
        sort(&mut values);
        let (minimum, maximum) = (values.first()?.0, values.last()?.0);
        let spread = Spread::Values(thinned(values, SPREAD_MAX));
        Some(Self::Set(Box::new(Set { count, sum, minimum, maximum, spread })))
    }

    pub fn count(&self) -> f64 {
        match self {
            Self::Single(_) => 1.0,
            Self::Set(set) => set.count,
        }
    }

    pub fn sum(&self) -> f64 {
        match self {
            Self::Single(value) => *value,
            Self::Set(set) => set.sum,
        }
    }

    pub fn minimum(&self) -> f64 {
        match self {
            Self::Single(value) => *value,
            Self::Set(set) => set.minimum,
        }
    }

    pub fn maximum(&self) -> f64 {
        match self {
            Self::Single(value) => *value,
            Self::Set(set) => set.maximum,
        }
    }

    /// Appends the values and how often each; `false` when they are not known.
    pub fn spread_into(&self, values: &mut Vec<(f64, f64)>) -> bool {
        match self {
            Self::Single(value) => values.push((*value, 1.0)),
            Self::Set(set) => match &set.spread {
                Spread::Even => values.push((set.minimum, set.count)),
                Spread::Values(spread) => values.extend_from_slice(spread),
                Spread::Unknown => return false,
            },
        }
        true
    }

    /// All of several samples as one; `None` of none.
    pub fn merged<'s>(samples: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let mut samples = samples.into_iter();
        let first = samples.next()?;
        let mut values = Vec::new();
        let mut known = first.spread_into(&mut values);
        let (mut count, mut sum) = (first.count(), first.sum());
        let (mut minimum, mut maximum) = (first.minimum(), first.maximum());
        let mut is_alone = true;
        for sample in samples {
            is_alone = false;
            known &= sample.spread_into(&mut values);
            count += sample.count();
            sum += sample.sum();
            minimum = minimum.min(sample.minimum());
            maximum = maximum.max(sample.maximum());
        }
        if is_alone {
            return Some(first.clone());
        }
        let spread = match known {
            false => Spread::Unknown,
            true if minimum.to_bits() == maximum.to_bits() => Spread::Even,
            true => {
                sort(&mut values);
                Spread::Values(thinned(values, SPREAD_MAX))
            }
        };
        Some(Self::Set(Box::new(Set { count, sum, minimum, maximum, spread })))
    }

    /// Keeps at most `max` distinct values.
    pub fn thin(&mut self, max: usize) {
        if let Self::Set(set) = self
            && let Spread::Values(values) = &mut set.spread
        {
            *values = thinned(std::mem::take(values), max);
        }
    }
}

/// In order, each value once.
pub fn sort(values: &mut Vec<(f64, f64)>) {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values.dedup_by(|next, kept| {
        let same = next.0.to_bits() == kept.0.to_bits();
        if same {
            kept.1 += next.1;
        }
        same
    });
}

/// Puts neighbours together, nearer ones first, until at most `max` are left. Each stands where its parts were on
/// average, so that sums stay.
fn thinned(mut values: Vec<(f64, f64)>, max: usize) -> Vec<(f64, f64)> {
    let mut near = NEIGHBOURS;
    while values.len() > max.max(1) {
        let mut kept: Vec<(f64, f64)> = Vec::with_capacity(max);
        let mut reach = f64::NEG_INFINITY;
        for (value, count) in values {
            match kept.last_mut() {
                Some((at, weight)) if value <= reach => {
                    *at = (*at * *weight + value * count) / (*weight + count);
                    *weight += count;
                }
                _ => {
                    kept.push((value, count));
                    reach = if value < 0.0 { value / near } else { value * near };
                }
            }
        }
        values = kept;
        near *= near;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_keeps_count_sum_and_ends() {
        let many: Vec<f64> = (0..10_000).map(|n| f64::from(n % 5_000) * 0.37).collect();
        let samples: Vec<Sample> = many.iter().map(|v| Sample::Single(*v)).collect();
        let all = Sample::merged(&samples).unwrap();
        assert_eq!(all.count(), 10_000.0);
        assert_eq!((all.minimum(), all.maximum()), (0.0, 4_999.0 * 0.37));
        assert!((all.sum() - many.iter().sum::<f64>()).abs() < 1e-6);
        let mut values = Vec::new();
        assert!(all.spread_into(&mut values));
        assert!(values.len() <= SPREAD_MAX && values.len() > SPREAD_MAX / 4, "{}", values.len());
        let kept: f64 = values.iter().map(|(value, count)| value * count).sum();
        assert!((kept / all.sum() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn equal_values_are_even_and_unknown_ones_spoil_the_rest() {
        let even = Sample::of_values(vec![(2.0, 1.0), (2.0, 3.0)]).unwrap();
        assert!(matches!(&even, Sample::Set(set) if set.spread == Spread::Even && set.sum == 8.0));
        let set = Set { count: 2.0, sum: 3.0, minimum: 1.0, maximum: 2.0, spread: Spread::Unknown };
        let both = Sample::merged([&even, &Sample::Set(Box::new(set))]).unwrap();
        assert!(!both.spread_into(&mut Vec::new()));
        assert_eq!(Sample::of_values(vec![(1.5, 1.0)]), Some(Sample::Single(1.5)));
        assert_eq!(Sample::merged([]), None);
    }
}
