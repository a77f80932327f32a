//! Axes: from where to where they go, at which round numbers and instants they have marks, and how these are written.

use kernel::Millis;
use time::{OffsetDateTime, UtcOffset};

use super::canvas::pixels;

/// From where to where values go, and the marks between.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub least: f64,
    pub most: f64,
    pub marks: Vec<f64>,
}

impl Scale {
    /// A scale on which all values lie. Bounds that are given hold; others go to a round number.
    pub fn new(
        values: impl Iterator<Item = f64>,
        least: Option<f64>,
        most: Option<f64>,
        marks: usize,
    ) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let mut low = least.unwrap_or(if low > 0.0 && low < high / 2.0 { 0.0 } else { low });
        let mut high = most.unwrap_or(high);
        if high <= low {
            // One value, or bounds that contradict each other: some room around it.
            let room = (low.abs() / 2.0).max(0.5);
            (low, high) = (low.min(high) - room, low.max(high) + room);
        }
        let step = step((high - low) / pixels(marks.max(1)));
        let bottom = if least.is_some() { low } else { (low / step).floor() * step };
        let top = if most.is_some() { high } else { (high / step).ceil() * step };
        let first = (bottom / step).ceil();
        let marks =
            (0..MARKS_MAX).map(|n| (first + pixels(n)) * step).take_while(|mark| *mark <= top + step / 1e6);
        Self { least: bottom, most: top, marks: marks.collect() }
    }

    /// From 0 at the bottom to 1 at the top.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.least) / (self.most - self.least)
    }
}

const MARKS_MAX: usize = 64;

/// The round number at or above.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * power >= least * 0.999_999);
    round.unwrap_or(10.0) * power
}

/// `1.5K`, `0.25`, `20M`
pub fn written(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")];
    let size = value.abs();
    if size > 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.2e}");
    }
    let unit = UNITS.into_iter().find(|(least, _)| size >= least * 0.999_95);
    let (number, unit) = unit.map_or((value, ""), |(least, unit)| (value / least, unit));
    let places = if number.abs() >= 100.0 {
        1
    } else if number.abs() >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{number:.places$}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    let short = if short == "-0" { "0" } else { short };
    format!("{short}{unit}")
}

/// Steps of marks in time.
const STEPS_S: [i64; 18] = [
    1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    2_592_000,
];

/// Instants for marks, at most `most` of them, with what is written there.
pub fn times(from: Millis, to: Millis, most: usize, offset: UtcOffset) -> Vec<(Millis, String)> {
    let most = i64::try_from(most.max(1)).unwrap_or(1);
    let fits = |step: &i64| (to - from) / (step * 1_000) < most;
    let longest = STEPS_S.last().copied().unwrap_or(1);
    let step_ms =
        STEPS_S.into_iter().find(fits).unwrap_or((to - from) / 1_000 / most / longest * longest + longest)
            * 1_000;
    let shift = i64::from(offset.whole_seconds()) * 1_000;
    let first = from + (step_ms - (from + shift).rem_euclid(step_ms)) % step_ms;
    let steps = usize::try_from(step_ms).unwrap_or(1);
    (first..=to).step_by(steps).map(|at| (at, time_of(at, step_ms, offset))).collect()
}

fn time_of(at: Millis, step_ms: Millis, offset: UtcOffset) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else { return String::new() };
    let time = time.to_offset(offset);
    let (hour, minute, second) = time.to_hms();
    if step_ms >= 86_400_000 || (hour, minute, second) == (0, 0, 0) {
        return format!("{:02}/{:02}", u8::from(time.month()), time.day());
    }
    if step_ms >= 60_000 {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_all_values() {
        let of = |values: &[f64], least, most| Scale::new(values.iter().copied(), least, most, 5);
        assert_eq!(of(&[3.0, 97.0], None, None).marks, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(of(&[98.0, 99.5], None, None).marks, [98.0, 98.5, 99.0, 99.5]);
        assert_eq!(of(&[3.0], Some(0.0), Some(50.0)).marks, [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(of(&[-5.0, 5.0], None, None).share(0.0), 0.5);
        for odd in [&[][..], &[7.0], &[0.0, 0.0], &[f64::NAN, 1.0], &[1e300, -1e300]] {
            let scale = of(odd, None, None);
            assert!(scale.least < scale.most && scale.marks.len() >= 2, "{scale:?}");
        }
        assert!(of(&[1.0], Some(9.0), Some(3.0)).marks.len() > 1, "bounds that contradict each other");
    }

    #[test]
    fn numbers_are_short() {
        let all =
            [(0.0, "0"), (0.25, "0.25"), (12.0, "12"), (1_500.0, "1.5K"), (-20e6, "-20M"), (999.99, "1K")];
        for (number, text) in all {
            assert_eq!(written(number), text);
        }
        assert_eq!(written(1.5e-7), "1.50e-7");
        assert_eq!(written(1e18), "1.00e18");
    }

    #[test]
    fn instants_are_round_where_the_reader_is() {
        let start = 1_767_225_600_000;
        let marks = times(start + 60_000, start + 3 * 3_600_000, 6, UtcOffset::UTC);
        let texts: Vec<&str> = marks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["00:30", "01:00", "01:30", "02:00", "02:30", "03:00"]);
        let india = UtcOffset::from_hms(5, 30, 0).unwrap();
        assert_eq!(times(start, start + 86_400_000, 4, india)[0].1, "12:00");
        assert_eq!(times(start, start + 30 * 86_400_000, 5, UtcOffset::UTC)[0].1, "01/01");
        assert!(times(start, start + 4_000 * 86_400_000, 5, UtcOffset::UTC).len() <= 6);
    }
}
