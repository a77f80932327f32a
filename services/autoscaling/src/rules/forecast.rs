//! What a load will be, by what it was: its hours of the day, its days of the week, and where it stands lately.

use std::collections::BTreeMap;

use kernel::Millis;

pub const HOUR_MS: Millis = 3_600_000;
/// History that is looked at, and the future that is told (user guide, "How predictive scaling works").
pub const HISTORY_H: i64 = 14 * DAY_H;
pub const HORIZON_H: i64 = 2 * DAY_H;
/// No forecast from less.
const LEAST_H: usize = 24;
const DAY_H: i64 = 24;
const WEEK_D: i64 = 7;
/// What a day tells, as a part of what the day after it tells.
const FADES: f64 = 0.8;
/// The same day of the week tells so much more.
const WEEKDAY: f64 = 6.0;
/// How far the last day may lift or lower what is told.
const LEVEL_MAX: f64 = 2.0;

/// Values by hour, in hours since 1970.
pub type Series = BTreeMap<i64, f64>;

/// The hour of an instant.
pub fn hour(at: Millis) -> i64 {
    at.div_euclid(HOUR_MS)
}

/// The load of each hour from `from` on; `None` where less than a day is known.
pub fn forecast(history: &Series, from: i64) -> Option<Vec<f64>> {
    let known: Series = history.range(from - HISTORY_H..from).map(|(hour, value)| (*hour, *value)).collect();
    if known.len() < LEAST_H {
        return None;
    }
    let level = level(&known, from);
    Some((from..from + HORIZON_H).map(|hour| (pattern(&known, hour, from) * level).max(0.0)).collect())
}

/// What an hour is by the same hour of days before `until`, or by the hours beside it, or on the whole.
fn pattern(known: &Series, hour: i64, until: i64) -> f64 {
    let beside = || {
        let sides = [hour - 1, hour + 1].map(|side| same_hours(known, side, until));
        mean(sides.into_iter().flatten())
    };
    let whole = || mean(known.range(..until).map(|(_, value)| *value));
    same_hours(known, hour, until).or_else(beside).or_else(whole).unwrap_or_default()
}

fn same_hours(known: &Series, hour: i64, until: i64) -> Option<f64> {
    let (mut sum, mut weights, mut weight) = (0.0, 0.0, 1.0);
    // The week of two days from now ends before the history does.
    for day in 1..=HISTORY_H / DAY_H + HORIZON_H / DAY_H {
        let at = hour - day * DAY_H;
        if let Some(value) = known.get(&at).filter(|_| at < until) {
            let weight = if day % WEEK_D == 0 { weight * WEEKDAY } else { weight };
            sum += value * weight;
            weights += weight;
        }
        weight *= FADES;
    }
    (weights > 0.0).then(|| sum / weights)
}

fn mean(of: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = of.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// How the last day stood to what would have been told of it: half of that is believed to stay.
fn level(known: &Series, from: i64) -> f64 {
    let last = from - DAY_H;
    let earlier = known.range(..last).count();
    if earlier < LEAST_H {
        return 1.0;
    }
    let (was, told) = known
        .range(last..)
        .fold((0.0, 0.0), |(was, told), (hour, value)| (was + value, told + pattern(known, *hour, last)));
    if told <= 0.0 {
        return 1.0;
    }
    let moved = (was / told).clamp(1.0 / LEVEL_MAX, LEVEL_MAX);
    1.0 + (moved - 1.0) / 2.0
}

/// What a unit of load means for the scaling metric of a single instance: the middle of what it meant.
pub fn ratio(scaling: &Series, capacity: &Series, load: &Series) -> Option<f64> {
    let meant = load.iter().filter(|(_, load)| **load > 0.0).filter_map(|(hour, load)| {
        let ratio = scaling.get(hour)? * capacity.get(hour)? / load;
        (ratio > 0.0).then_some(ratio)
    });
    let mut all: Vec<f64> = meant.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday, midnight.
    const FROM: i64 = 20_000 * 24 + 4 * 24;

    fn day(hour: i64) -> f64 {
        if (8..20).contains(&hour.rem_euclid(24)) { 100.0 } else { 10.0 }
    }

    fn history(hours: i64, value: impl Fn(i64) -> f64) -> Series {
        (FROM - hours..FROM).map(|hour| (hour, value(hour))).collect()
    }

    fn near(told: &[f64], wanted: impl Fn(i64) -> f64, share: f64) {
        assert_eq!(told.len(), 48);
        for (told, hour) in told.iter().zip(FROM..) {
            let wanted = wanted(hour);
            assert!((told - wanted).abs() <= wanted * share, "{told} is not {wanted} at {}", hour - FROM);
        }
    }

    #[test]
    fn a_day_is_enough_and_less_is_not() {
        near(&forecast(&history(24, day), FROM).unwrap(), day, 0.01);
        assert_eq!(forecast(&history(23, day), FROM), None);
        assert_eq!(forecast(&Series::new(), FROM), None);
    }

    #[test]
    fn days_of_the_week_are_known_after_one() {
        let weekly =
            |hour: i64| if hour.div_euclid(24).rem_euclid(7) < 2 { day(hour) * 4.0 } else { day(hour) };
        near(&forecast(&history(14 * 24, weekly), FROM).unwrap(), weekly, 0.45);
        let flat = forecast(&history(14 * 24, day), FROM).unwrap();
        let week = forecast(&history(14 * 24, weekly), FROM).unwrap();
        let differ = week.iter().zip(&flat).any(|(week, flat)| week > &(flat * 2.0));
        assert_eq!(differ, (FROM..FROM + 48).any(|hour| weekly(hour) > day(hour)));
    }

    #[test]
    fn a_load_that_has_risen_is_told_to_stay_so_in_part() {
        let risen = |hour: i64| if hour >= FROM - 24 { day(hour) * 1.5 } else { day(hour) };
        let told = forecast(&history(14 * 24, risen), FROM).unwrap();
        let (told, before): (f64, f64) = (told.iter().sum(), (FROM..FROM + 48).map(day).sum());
        assert!(told > before * 1.2 && told < before * 1.6, "{}", told / before);
    }

    #[test]
    fn hours_that_are_missing_are_filled_from_beside() {
        let mut known = history(72, |_| 50.0);
        known.retain(|hour, _| hour.rem_euclid(24) != 5);
        near(&forecast(&known, FROM).unwrap(), |_| 50.0, 0.01);
    }

    #[test]
    fn a_ratio_is_the_middle_one() {
        let series = |values: &[f64]| (0..).zip(values.iter().copied()).collect::<Series>();
        let load = series(&[600.0, 1_200.0, 0.0, 600.0]);
        let scaling = series(&[10.0, 10.0, 0.0, 90.0]);
        let capacity = series(&[1.0, 2.0, 1.0, 1.0]);
        let found = ratio(&scaling, &capacity, &load).unwrap();
        assert!((found - 10.0 / 600.0).abs() < 1e-9, "{found}");
        assert_eq!(ratio(&scaling, &Series::new(), &load), None);
    }
}
