//! What a metric is expected to be: a level, a trend, what the hours of a day and of a week add to it, and how far
//! values stray from that. Every part is of medians, so that anomalies in the history teach nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kernel::Millis;

/// History that is looked at (CloudWatch user guide, "Using CloudWatch anomaly detection").
pub const HISTORY_MS: Millis = 14 * DAY_MS;
/// Less than this is not enough to expect anything.
const SPAN_MIN_MS: Millis = HOUR_MS;
const POINTS_MIN: usize = 12;

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;
/// A day's hours are told from each other when there are two of each.
const DAILY_FROM_MS: Millis = 2 * DAY_MS;
const TREND_FROM_MS: Millis = 4 * DAY_MS;
/// A week's hours count once there are two of some.
const WEEKLY_FROM_MS: Millis = 8 * DAY_MS;
const HOURS_OF_DAY: usize = 24;
const HOURS_OF_WEEK: usize = 7 * HOURS_OF_DAY;
/// How many values the spread of all hours counts as, beside that of one hour.
const POOL: f64 = 12.0;
/// Least spread, as a share of the level.
const SPREAD_MIN: f64 = 1e-3;

/// How history is to be read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose days and weeks they are.
    pub zone: TimeZone,
    /// Spikes come again and again, and are no anomalies.
    pub has_spikes: bool,
    pub period_ms: Millis,
}

/// What is expected of a metric.
#[derive(Clone, Debug)]
pub struct Model {
    zone: TimeZone,
    /// The last instant of the history.
    origin: Millis,
    level: f64,
    /// By millisecond.
    slope: f64,
    daily: Profile,
    weekly: Profile,
    /// Standard deviation, by the hour of the day.
    spread: Vec<f64>,
}

/// What the hours of a day or a week add. Between the middles of two hours it goes straight.
#[derive(Clone, Debug)]
struct Profile {
    adds: Vec<f64>,
    /// Where in its hour the middle of an hour's points lies: 0.5, or less for long periods.
    middle: f64,
}

impl Profile {
    #[expect(clippy::cast_precision_loss, reason = "periods are far below")]
    fn new(adds: Vec<f64>, period_ms: Millis) -> Self {
        Self { adds, middle: (1.0 - (period_ms as f64 / HOUR_MS as f64).min(1.0)) / 2.0 }
    }

    fn at(&self, hour: f64) -> f64 {
        if self.adds.is_empty() {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "168 at the most")]
        let count = self.adds.len() as f64;
        let place = (hour - self.middle).rem_euclid(count);
        let (before, share) = (place.floor(), place.fract());
        let slot = |place: f64| self.adds.get(slot_of(place, self.adds.len())).copied().unwrap_or(0.0);
        slot(before) * (1.0 - share) + slot(before + 1.0) * share
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an hour of a week")]
fn slot_of(hour: f64, count: usize) -> usize {
    hour as usize % count.max(1)
}

/// Hours since the beginning of the week, where the zone is.
fn hour_of_week(at: Millis, zone: &TimeZone) -> f64 {
    let Ok(instant) = Timestamp::from_millisecond(at) else { return 0.0 };
    let local = zone.to_datetime(instant);
    let day = f64::from(local.weekday().to_monday_zero_offset());
    let (hour, minute, second) =
        (f64::from(local.hour()), f64::from(local.minute()), f64::from(local.second()));
    day * 24.0 + hour + minute / 60.0 + second / 3_600.0
}

/// One value of the history: when, at which hour of the week, and what is left of it to explain.
struct Value {
    at: Millis,
    hour: f64,
    rest: f64,
}

impl Model {
    /// Learns from points, the oldest first. `None` of too few.
    pub fn train(points: &[(Millis, f64)], settings: &Settings) -> Option<Self> {
        let (first, origin) = (points.first()?.0, points.last()?.0);
        let span = origin - first;
        if span < SPAN_MIN_MS || points.len() < POINTS_MIN {
            return None;
        }
        let Settings { zone, has_spikes, period_ms } = settings;
        let value =
            |(at, value): &(Millis, f64)| Value { at: *at, hour: hour_of_week(*at, zone), rest: *value };
        let mut values: Vec<Value> = points.iter().map(value).collect();
        let slope = if span < TREND_FROM_MS { 0.0 } else { slope(&values, first) };
        values.iter_mut().for_each(|value| value.rest -= slope * millis(value.at - origin));
        let level = median(values.iter().map(|value| value.rest).collect());
        values.iter_mut().for_each(|value| value.rest -= level);
        let adds = if span < DAILY_FROM_MS { Vec::new() } else { daily(&values) };
        let daily = Profile::new(adds, *period_ms);
        values.iter_mut().for_each(|value| value.rest -= daily.at(value.hour));
        let adds = if span < WEEKLY_FROM_MS { Vec::new() } else { weekly(&values, origin) };
        let weekly = Profile::new(adds, *period_ms);
        values.iter_mut().for_each(|value| value.rest -= weekly.at(value.hour));
        let floor = level.abs() * SPREAD_MIN;
        let spread = spreads(&values, span >= DAILY_FROM_MS, *has_spikes);
        let spread = spread.into_iter().map(|spread| spread.max(floor)).collect();
        Some(Self { zone: zone.clone(), origin, level, slope, daily, weekly, spread })
    }

    /// Between which values one is expected at an instant, `width` standard deviations either side.
    pub fn band(&self, at: Millis, width: f64) -> (f64, f64) {
        let hour = hour_of_week(at, &self.zone);
        // A trend is trusted for a day.
        let trend = self.slope * millis((at - self.origin).min(DAY_MS));
        let expected = self.level + trend + self.daily.at(hour) + self.weekly.at(hour);
        let spread = self.spread.get(slot_of(hour, HOURS_OF_DAY)).copied().unwrap_or(0.0);
        (expected - width * spread, expected + width * spread)
    }
}

#[expect(clippy::cast_precision_loss, reason = "spans are far below")]
fn millis(span: Millis) -> f64 {
    span as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below")]
fn count(of: usize) -> f64 {
    of as f64
}

/// The value in the middle; the mean of the two there. Nothing is 0.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let at = |place: usize| all.get(place).copied().unwrap_or(0.0);
    match all.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => at(odd / 2),
        even => f64::midpoint(at(even / 2 - 1), at(even / 2)),
    }
}

/// The value that `share` of them do not exceed.
fn quantile(mut all: Vec<f64>, share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among them")]
    let place = (count(all.len().saturating_sub(1)) * share).ceil() as usize;
    all.get(place).copied().unwrap_or(0.0)
}

/// The trend by the millisecond: the median of what the medians of two days differ by; of days a week apart where there
/// are such, whose weekday is the same.
fn slope(values: &[Value], first: Millis) -> f64 {
    let mut days: Vec<Vec<f64>> = Vec::new();
    for value in values {
        let day = usize::try_from((value.at - first) / DAY_MS).unwrap_or_default();
        days.resize_with(days.len().max(day + 1), Vec::new);
        if let Some(day) = days.get_mut(day) {
            day.push(value.rest);
        }
    }
    let fullest = days.iter().map(Vec::len).max().unwrap_or_default();
    // Days that are only begun have a median of other hours.
    let medians: Vec<Option<f64>> =
        days.into_iter().map(|day| (day.len() * 10 >= fullest * 9).then(|| median(day))).collect();
    let pairs = |apart: std::ops::RangeInclusive<usize>| -> Vec<f64> {
        let from = medians.iter().enumerate().filter_map(|(day, median)| Some((day, (*median)?)));
        let to = |(day, from): (usize, f64)| {
            let later = apart.clone().filter_map(move |apart| Some((apart, day.checked_add(apart)?)));
            let found = later.filter_map(|(apart, day)| Some((apart, (*medians.get(day)?)?)));
            found.map(|(apart, to)| (to - from) / (count(apart) * millis(DAY_MS))).collect::<Vec<_>>()
        };
        from.flat_map(to).collect()
    };
    let weekly = pairs(7..=7);
    median(if weekly.len() >= 2 { weekly } else { pairs(1..=6) })
}

/// What each hour of the day adds.
fn daily(values: &[Value]) -> Vec<f64> {
    let mut of_hour: Vec<Vec<f64>> = vec![Vec::new(); HOURS_OF_DAY];
    for value in values {
        if let Some(hour) = of_hour.get_mut(slot_of(value.hour, HOURS_OF_DAY)) {
            hour.push(value.rest);
        }
    }
    of_hour.into_iter().map(median).collect()
}

/// What each hour of the week adds: what two weeks agree on, since what only one has may be an accident.
fn weekly(values: &[Value], origin: Millis) -> Vec<f64> {
    let mut of_hour: Vec<[Vec<f64>; 2]> = vec![[Vec::new(), Vec::new()]; HOURS_OF_WEEK];
    for value in values {
        let is_last = origin - value.at < 7 * DAY_MS;
        if let Some([before, last]) = of_hour.get_mut(slot_of(value.hour, HOURS_OF_WEEK)) {
            if is_last { last } else { before }.push(value.rest);
        }
    }
    let agreed = |[before, last]: [Vec<f64>; 2]| {
        if before.is_empty() || last.is_empty() {
            return 0.0;
        }
        let (before, last) = (median(before), median(last));
        match before.signum().total_cmp(&last.signum()).is_eq() {
            true => before.abs().min(last.abs()).copysign(last),
            false => 0.0,
        }
    };
    of_hour.into_iter().map(agreed).collect()
}

/// How far values stray, by the hour of the day; the same for all hours where these cannot be told apart.
fn spreads(values: &[Value], by_hour: bool, has_spikes: bool) -> Vec<f64> {
    let spread = |strays: Vec<f64>| {
        let mean = strays.iter().sum::<f64>() / count(strays.len().max(1));
        let spikes = if has_spikes { quantile(strays.clone(), 0.99) / 2.0 } else { 0.0 };
        // Of a normal distribution both are its standard deviation; the second where most values are alike.
        let (middle, mean) = (1.4826 * median(strays), 1.2533 * mean);
        (if middle > 0.0 { middle } else { mean }).max(spikes)
    };
    let all = spread(values.iter().map(|value| value.rest.abs()).collect());
    let mut of_hour: Vec<Vec<f64>> = vec![Vec::new(); HOURS_OF_DAY];
    for value in values.iter().filter(|_| by_hour) {
        if let Some(hour) = of_hour.get_mut(slot_of(value.hour, HOURS_OF_DAY)) {
            hour.push(value.rest.abs());
        }
    }
    let pooled = |strays: Vec<f64>| {
        let (known, own) = (count(strays.len()), spread(strays));
        ((known * own.powi(2) + POOL * all.powi(2)) / (known + POOL)).sqrt()
    };
    of_hour.into_iter().map(pooled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Millis = 300_000;
    /// A Monday.
    const START: Millis = 1_767_571_200_000;

    fn settings(zone: &str) -> Settings {
        Settings { zone: TimeZone::get(zone).unwrap(), has_spikes: false, period_ms: STEP }
    }

    /// From -1 to 1, the same in every run.
    fn noise(at: Millis) -> f64 {
        let mixed = u64::try_from(at).unwrap().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        f64::from(u32::try_from(mixed >> 40).unwrap()) / f64::from(1 << 23) - 1.0
    }

    fn points(days: Millis, of: impl Fn(Millis) -> f64) -> Vec<(Millis, f64)> {
        (0..days * DAY_MS / STEP).map(|n| (START + n * STEP, of(START + n * STEP) + noise(n))).collect()
    }

    fn shop(at: Millis) -> f64 {
        let day = millis((at - START).rem_euclid(DAY_MS)) / millis(DAY_MS);
        let is_weekend = (at - START).rem_euclid(7 * DAY_MS) >= 5 * DAY_MS;
        let busy = 50.0 - 40.0 * (day * std::f64::consts::TAU).cos();
        if is_weekend { busy / 5.0 } else { busy }
    }

    /// The share of the values of the day after `days` that lies in the band.
    fn share_within(model: &Model, days: Millis, of: impl Fn(Millis) -> f64) -> f64 {
        let day: Vec<Millis> = (0..DAY_MS / STEP).map(|n| START + days * DAY_MS + n * STEP).collect();
        let within = |at: &&Millis| {
            let (low, high) = model.band(**at, 3.0);
            let value = of(**at) + noise(**at);
            low <= value && value <= high
        };
        count(day.iter().filter(within).count()) / count(day.len())
    }

    #[test]
    fn days_and_weeks_are_learned() {
        let model = Model::train(&points(14, shop), &settings("UTC")).unwrap();
        let share = share_within(&model, 14, shop);
        assert!(share > 0.97, "a Monday: {share}");
        let saturday = START + 19 * DAY_MS + DAY_MS / 2;
        let (low, high) = model.band(saturday, 3.0);
        assert!(low < 18.0 && 18.0 < high && high < 30.0, "a Saturday: {low} to {high}");
        let (low, high) = model.band(START + 14 * DAY_MS + DAY_MS / 2, 3.0);
        assert!(low > 80.0 && high < 100.0, "a Monday's noon: {low} to {high}");
        let (_, wide) = model.band(START + 14 * DAY_MS, 6.0);
        assert!(wide > model.band(START + 14 * DAY_MS, 3.0).1);
    }

    #[test]
    fn a_trend_goes_on_and_anomalies_teach_nothing() {
        let rising = |at: Millis| 100.0 + millis(at - START) / millis(DAY_MS) * 5.0;
        for days in [5, 14] {
            let model = Model::train(&points(days, rising), &settings("UTC")).unwrap();
            let share = share_within(&model, days, rising);
            assert!(share > 0.97, "{days} days: {share}");
        }
        let broken = |at: Millis| {
            let hour = (at - START) / HOUR_MS;
            if hour == 300 || hour % 97 == 0 { 100_000.0 } else { shop(at) }
        };
        let model = Model::train(&points(14, broken), &settings("UTC")).unwrap();
        assert!(share_within(&model, 14, shop) > 0.97);
        assert!(model.band(START + 300 * HOUR_MS, 3.0).1 < 200.0);
    }

    #[test]
    fn hours_are_those_of_the_zone_over_a_change_of_clocks() {
        // Berlin's clocks went an hour ahead on 2026-03-29: noon by the wall is an hour earlier after it.
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at_noon = |at: Millis| {
            let hour = hour_of_week(at, &zone).rem_euclid(24.0);
            if (11.0..13.0).contains(&hour) { 100.0 } else { 0.0 }
        };
        let start = 1_773_529_200_000 - 7 * DAY_MS;
        let history: Vec<_> = (0..14 * DAY_MS / STEP)
            .map(|n| start + n * STEP)
            .map(|at| (at, at_noon(at) + noise(at / STEP)))
            .collect();
        let here = Model::train(&history, &settings("Europe/Berlin")).unwrap();
        let elsewhere = Model::train(&history, &settings("UTC")).unwrap();
        // Half past eleven on the 30th, by the wall.
        let at = 1_774_828_800_000 + 9 * HOUR_MS + HOUR_MS / 2;
        assert!(here.band(at, 2.0).0 > 50.0);
        assert!(elsewhere.band(at, 2.0).1 < 50.0);
    }

    #[test]
    fn little_history_gives_a_level_and_less_gives_nothing() {
        let flat = |_| 7.0;
        let day = points(1, flat);
        assert!(Model::train(&day[..12], &settings("UTC")).is_none(), "55 minutes");
        assert!(Model::train(&[], &settings("UTC")).is_none());
        let (low, high) = Model::train(&day[..13], &settings("UTC")).unwrap().band(START + DAY_MS, 2.0);
        assert!(low < 7.0 && 7.0 < high && high < 10.0, "{low} to {high}");
        let constant: Vec<_> = day.iter().map(|(at, _)| (*at, 5.0)).collect();
        let (low, high) = Model::train(&constant, &settings("UTC")).unwrap().band(START, 2.0);
        assert!(low > 4.9 && high < 5.1);
    }

    #[test]
    fn spikes_that_come_again_widen_the_band() {
        let spiky = |at: Millis| if at / STEP % 37 == 0 { 50.0 } else { 0.0 };
        let plain = Model::train(&points(14, spiky), &settings("UTC")).unwrap();
        let with = Settings { has_spikes: true, ..settings("UTC") };
        let tolerant = Model::train(&points(14, spiky), &with).unwrap();
        let at = START + 14 * DAY_MS;
        assert!(plain.band(at, 2.0).1 < 10.0);
        assert!(tolerant.band(at, 2.0).1 > 40.0);
    }
}
