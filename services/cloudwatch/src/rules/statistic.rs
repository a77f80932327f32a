//! Statistics: their names, and what they are of the values of one period.
//!
//! Percentiles are the value at that rank, of values in order; the trimmed ones take the values between two bounds, a
//! value on a bound of percent in part (CloudWatch user guide, "CloudWatch statistics definitions").

/// What is computed of the values of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// From 0 to 100.
    Percentile(f64),
    Between(Trimmed, Bound, Bound),
}

/// What is computed of the values between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trimmed {
    Mean,
    /// The mean with those beyond the bounds put onto them.
    WinsorizedMean,
    Count,
    Sum,
    /// The share of values between, in percent.
    Rank,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Open,
    Percent(f64),
    Value(f64),
}

/// Values of a period, summed up.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    pub count: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
}

impl Statistic {
    /// The five that need no distribution.
    pub fn parse_plain(name: &str) -> Option<Self> {
        match name {
            "SampleCount" => Some(Self::SampleCount),
            "Average" => Some(Self::Average),
            "Sum" => Some(Self::Sum),
            "Minimum" => Some(Self::Minimum),
            "Maximum" => Some(Self::Maximum),
            _ => None,
        }
    }

    /// Any: `Average`, `p99.9`, `tm90`, `TM(10%:90%)`, `WM(:500)`, `PR(100:)`, `IQM` and their like.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(plain) = Self::parse_plain(name) {
            return Some(plain);
        }
        if name.eq_ignore_ascii_case("IQM") {
            return Some(Self::Between(Trimmed::Mean, Bound::Percent(25.0), Bound::Percent(75.0)));
        }
        if let Some(rank) = name.strip_prefix('p') {
            return percent(rank).map(Self::Percentile);
        }
        let (kind, rest) = name.split_at_checked(2)?;
        let trimmed = match kind.to_ascii_uppercase().as_str() {
            "TM" => Trimmed::Mean,
            "WM" => Trimmed::WinsorizedMean,
            "TC" => Trimmed::Count,
            "TS" => Trimmed::Sum,
            "PR" => Trimmed::Rank,
            _ => return None,
        };
        if let Some(bounds) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            let (low, high) = bounds.split_once(':')?;
            return Self::between(trimmed, bound(low)?, bound(high)?);
        }
        let short = (trimmed != Trimmed::Rank).then(|| percent(rest)).flatten()?;
        Self::between(trimmed, Bound::Open, Bound::Percent(short))
    }

    fn between(trimmed: Trimmed, low: Bound, high: Bound) -> Option<Self> {
        let is_right = match (low, high) {
            (Bound::Open, Bound::Open) => false,
            (Bound::Percent(low), Bound::Percent(high)) => low < high,
            (Bound::Value(low), Bound::Value(high)) => low < high,
            (Bound::Percent(_), Bound::Value(_)) | (Bound::Value(_), Bound::Percent(_)) => false,
            _ => true,
        };
        let by_percent = matches!(low, Bound::Percent(_)) || matches!(high, Bound::Percent(_));
        (is_right && !(trimmed == Trimmed::Rank && by_percent)).then_some(Self::Between(trimmed, low, high))
    }

    pub fn needs_spread(self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Between(..))
    }

    /// Of values that are not all known: `None` where they had to be.
    pub fn of_totals(self, totals: &Totals) -> Option<f64> {
        match self {
            Self::SampleCount => Some(totals.count),
            Self::Average => Some(totals.sum / totals.count),
            Self::Sum => Some(totals.sum),
            Self::Minimum => Some(totals.minimum),
            Self::Maximum => Some(totals.maximum),
            Self::Percentile(_) | Self::Between(..) => None,
        }
    }

    /// Of values and how often each, ascending. `None` where a value is negative, or none is between the bounds.
    pub fn of_values(self, values: &[(f64, f64)]) -> Option<f64> {
        if values.first()?.0 < 0.0 {
            return None;
        }
        let count: f64 = values.iter().map(|(_, count)| count).sum();
        match self {
            Self::Percentile(rank) => Some(at_rank(values, rank / 100.0 * count)),
            Self::Between(trimmed, low, high) => between(values, count, trimmed, low, high),
            _ => {
                let sum = values.iter().map(|(value, count)| value * count).sum();
                let (minimum, maximum) = (values.first()?.0, values.last()?.0);
                self.of_totals(&Totals { count, sum, minimum, maximum })
            }
        }
    }
}

/// 0 to 100, of at most ten decimals.
fn percent(text: &str) -> Option<f64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 10 || text.ends_with('.') {
        return None;
    }
    text.parse().ok().filter(|rank| (0.0..=100.0).contains(rank))
}

fn bound(text: &str) -> Option<Bound> {
    if text.is_empty() {
        return Some(Bound::Open);
    }
    match text.strip_suffix('%') {
        Some(rank) => percent(rank).map(Bound::Percent),
        None => text.parse().ok().filter(|value: &f64| value.is_finite()).map(Bound::Value),
    }
}

/// The least value of which, with those below, there are `rank` at least.
fn at_rank(values: &[(f64, f64)], rank: f64) -> f64 {
    let mut below = 0.0;
    for (value, count) in values {
        below += count;
        // Ranks are products of decimals: a hair's breadth is no rank.
        if below >= rank - 1e-9 {
            return *value;
        }
    }
    values.last().map_or(0.0, |(value, _)| *value)
}

/// The part of `count` values behind `below` others that lies within the bounds.
fn part_within(value: f64, below: f64, count: f64, all: f64, low: Bound, high: Bound) -> f64 {
    let from = match low {
        Bound::Value(low) if value <= low => return 0.0,
        Bound::Percent(low) => low / 100.0 * all,
        _ => 0.0,
    };
    let to = match high {
        Bound::Value(high) if value > high => return 0.0,
        Bound::Percent(high) => high / 100.0 * all,
        _ => all,
    };
    ((below + count).min(to) - below.max(from)).max(0.0)
}

fn between(values: &[(f64, f64)], all: f64, trimmed: Trimmed, low: Bound, high: Bound) -> Option<f64> {
    let (mut below, mut count, mut sum) = (0.0, 0.0, 0.0);
    for (value, times) in values {
        let part = part_within(*value, below, *times, all, low, high);
        below += times;
        count += part;
        sum += value * part;
    }
    match trimmed {
        Trimmed::Count => Some(count),
        Trimmed::Sum => Some(sum),
        Trimmed::Rank => Some(count / all * 100.0),
        Trimmed::Mean => (count > 0.0).then(|| sum / count),
        Trimmed::WinsorizedMean => {
            let place = |bound, open: f64| match bound {
                Bound::Open => open,
                Bound::Value(value) => value,
                Bound::Percent(rank) => at_rank(values, rank / 100.0 * all),
            };
            let (least, most) = (place(low, 0.0), place(high, f64::MAX));
            let sum: f64 =
                values.iter().map(|(value, times)| value.clamp(least, most.max(least)) * times).sum();
            Some(sum / all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, values: &[f64]) -> Option<f64> {
        let mut values: Vec<_> = values.iter().map(|value| (*value, 1.0)).collect();
        crate::rules::sample::sort(&mut values);
        Statistic::parse(name).unwrap_or_else(|| panic!("{name}")).of_values(&values)
    }

    #[test]
    fn names_are_read_and_others_refused() {
        for name in [
            "p0",
            "p100",
            "p99.9",
            "p0.0000000001",
            "tm90",
            "TM(10%:90%)",
            "TM(:0.5%)",
            "WM(150:1000)",
            "wm99.9",
            "TC(0.005:0.030)",
            "TS(80%:)",
            "PR(:300)",
            "PR(100:2000)",
            "IQM",
            "iqm",
            "TM(:100%)",
        ] {
            assert!(Statistic::parse(name).is_some(), "{name}");
        }
        for name in [
            "",
            "p",
            "p101",
            "p-1",
            "p1.",
            "p0.00000000001",
            "average",
            "TM()",
            "TM(:)",
            "TM(90%:10%)",
            "TM(10%:90)",
            "PR(10%:90%)",
            "pr90",
            "TM(5:5)",
            "XX(1:2)",
            "é",
            "tm",
        ] {
            assert!(Statistic::parse(name).is_none(), "{name}");
        }
    }

    #[test]
    fn percentiles_are_values_at_ranks() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(of("p50", &hundred), Some(50.0));
        assert_eq!(of("p99", &hundred), Some(99.0));
        assert_eq!(of("p99.1", &hundred), Some(100.0));
        assert_eq!(of("p0", &hundred), Some(1.0));
        assert_eq!(of("p100", &hundred), Some(100.0));
        assert_eq!(of("p90", &[7.0]), Some(7.0));
        assert_eq!(of("p90", &[-7.0, 3.0]), None, "not of negative values");
    }

    #[test]
    fn trimmed_ones_take_what_is_between() {
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(of("TM(10%:90%)", &ten), Some(5.5));
        assert_eq!(of("tm90", &ten), Some(5.0));
        assert_eq!(of("IQM", &ten), Some(5.5));
        assert_eq!(of("TC(10%:90%)", &ten), Some(8.0));
        assert_eq!(of("TS(2:4)", &ten), Some(7.0), "above the lower bound, up to the upper");
        assert_eq!(of("PR(:3)", &ten), Some(30.0));
        assert_eq!(of("PR(8:)", &ten), Some(20.0));
        assert_eq!(of("WM(:8)", &ten), Some((36.0 + 16.0) / 10.0));
        assert_eq!(of("TM(20:30)", &ten), None);
        assert_eq!(of("TC(20:30)", &ten), Some(0.0));
    }
}
