//! Which state an alarm has, of the points of its last periods (CloudWatch user guide, "Evaluating an alarm" and
//! "Configuring how CloudWatch alarms treat missing data").

use kernel::Millis;
use serde::{Deserialize, Serialize};

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData].into_iter().find(|state| state.as_str() == text)
    }
}

/// What a period without points counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Greater => value > threshold,
            Self::GreaterOrEqual => value >= threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }

    /// As reasons say it.
    fn words(self) -> &'static str {
        match self {
            Self::Greater => "greater than",
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

/// Which bound of a band may not be crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Upper,
    Lower,
    Either,
}

/// What a point may not be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    Threshold(Comparison, f64),
    /// Outside the band that each point has of its own.
    Band(Side),
}

impl Limit {
    fn is_breached(self, point: &Point) -> bool {
        let (lower, upper) = point.band;
        match self {
            Self::Threshold(comparison, threshold) => comparison.breaches(point.value, threshold),
            Self::Band(Side::Upper) => point.value > upper,
            Self::Band(Side::Lower) => point.value < lower,
            Self::Band(Side::Either) => point.value < lower || point.value > upper,
        }
    }
}

/// When an alarm goes off.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The last so many points are looked at.
    pub periods: usize,
    /// So many of them must breach.
    pub needed: usize,
    pub limit: Limit,
    pub missing: Missing,
}

/// Periods looked at beyond those of the rule, for points that come late.
pub const LATE_PERIODS: usize = 2;

/// The point of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: Millis,
    pub value: f64,
    /// Too few samples for the percentile it is: the state stays while it would decide.
    pub is_weak: bool,
    /// Between which values it was expected, for alarms on a band.
    pub band: (f64, f64),
}

impl Point {
    pub const UNBOUNDED: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// `None`: it stays as it is.
    pub state: Option<State>,
    /// The points that were looked at, newest first.
    pub points: Vec<Point>,
    pub reason: String,
}

/// Decides by the points of the last periods, oldest first, `LATE_PERIODS` more of them than the rule has.
pub fn decide(rule: &Rule, periods: &[Option<Point>]) -> Decision {
    // The most recent that there are; each with how many periods ago it was, 1 the last.
    let with_age = periods.iter().rev().zip(1..).filter_map(|(point, age)| Some(((*point)?, age)));
    let real: Vec<(Point, usize)> = with_age.take(rule.periods).collect();
    let breaches = |point: &Point| rule.limit.is_breached(point);
    let breaching = real.iter().filter(|(point, _)| breaches(point)).count();
    let fill = rule.periods - real.len();
    let has_good = breaching < real.len();
    let state = if real.iter().any(|(point, _)| point.is_weak) {
        None
    } else if breaching >= rule.needed {
        Some(State::Alarm)
    } else if fill == 0 {
        Some(State::Ok)
    } else {
        match rule.missing {
            Missing::Breaching if breaching + fill >= rule.needed => Some(State::Alarm),
            Missing::Breaching | Missing::NotBreaching => Some(State::Ok),
            Missing::Missing if real.is_empty() => Some(State::InsufficientData),
            // Nothing but breaches, and the oldest is as old as points are needed.
            Missing::Missing if !has_good && real.last().is_some_and(|(_, age)| *age >= rule.needed) => {
                Some(State::Alarm)
            }
            Missing::Missing | Missing::Ignore => has_good.then_some(State::Ok),
        }
    };
    let points: Vec<Point> = real.into_iter().map(|(point, _)| point).collect();
    let reason = reason(rule, state, &points, fill);
    Decision { state, points, reason }
}

fn reason(rule: &Rule, state: Option<State>, points: &[Point], fill: usize) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let was = |count: usize| if count == 1 { "was" } else { "were" };
    if state == Some(State::InsufficientData) {
        return format!("Insufficient Data: {fill} datapoint{} {} unknown.", plural(fill), was(fill));
    }
    let treated = match rule.missing {
        Missing::Breaching => "Breaching",
        Missing::NotBreaching => "NonBreaching",
        Missing::Ignore | Missing::Missing => "Missing",
    };
    if points.is_empty() {
        let (s, were) = (plural(fill), was(fill));
        return format!(
            "Threshold Crossed: no datapoints were received for {fill} period{s} and \
             {fill} missing datapoint{s} {were} treated as [{treated}]."
        );
    }
    let (breaching, good): (Vec<&Point>, Vec<&Point>) =
        points.iter().partition(|point| rule.limit.is_breached(point));
    let is_alarm = state == Some(State::Alarm);
    let told = if is_alarm { breaching } else { good };
    if told.is_empty() {
        let (s, were) = (plural(fill), was(fill));
        return format!("Threshold Crossed: {fill} missing datapoint{s} {were} treated as [{treated}].");
    }
    let list: Vec<String> =
        told.iter().map(|point| format!("{:?} ({})", point.value, day_and_time(point.at))).collect();
    let (count, were) = (told.len(), was(told.len()));
    let (crossed, words) = crossed(rule.limit, is_alarm, &told);
    let least = if is_alarm {
        format!(" (minimum {} datapoint{} for OK -> ALARM transition)", rule.needed, plural(rule.needed))
    } else {
        let least = rule.periods - rule.needed + 1;
        format!(" (minimum {least} datapoint{} for ALARM -> OK transition)", plural(least))
    };
    format!(
        "{crossed} Crossed: {count} out of the last {} datapoints [{}] {were} {words}{least}.",
        rule.periods,
        list.join(", "),
    )
}

/// What was crossed, and how the points that are told of lie to it.
fn crossed(limit: Limit, is_alarm: bool, told: &[&Point]) -> (&'static str, String) {
    let not = if is_alarm { "" } else { "not " };
    let bounds = |of: fn(&Point) -> f64| {
        told.iter().map(|point| format!("{:?}", of(point))).collect::<Vec<_>>().join(", ")
    };
    let upper = || format!("{not}greater than the upper thresholds [{}]", bounds(|point| point.band.1));
    let lower = || format!("{not}less than the lower thresholds [{}]", bounds(|point| point.band.0));
    match limit {
        Limit::Threshold(comparison, threshold) => {
            ("Threshold", format!("{not}{} the threshold ({threshold:?})", comparison.words()))
        }
        Limit::Band(Side::Upper) => ("Thresholds", upper()),
        Limit::Band(Side::Lower) => ("Thresholds", lower()),
        Limit::Band(Side::Either) => ("Thresholds", format!("{} or {}", lower(), upper())),
    }
}

/// `31/01/26 23:59:00`
fn day_and_time(at: Millis) -> String {
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else {
        return String::new();
    };
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{day:02}/{:02}/{:02} {hour:02}:{minute:02}:{second:02}", u8::from(month), year.rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0` is good, `X` breaches, `-` is missing, `w` breaches of too few samples; the newest is the last.
    fn state(points: &str, periods: usize, needed: usize, missing: Missing) -> Option<State> {
        let rule = Rule { periods, needed, limit: Limit::Threshold(Comparison::Greater, 10.0), missing };
        let point = |value: f64, is_weak| Some(Point { at: 0, value, is_weak, band: Point::UNBOUNDED });
        let points: Vec<_> = points
            .chars()
            .map(|c| match c {
                '0' => point(1.0, false),
                'X' => point(11.0, false),
                'w' => point(11.0, true),
                _ => None,
            })
            .collect();
        decide(&rule, &points).state
    }

    const ALARM: Option<State> = Some(State::Alarm);
    const OK: Option<State> = Some(State::Ok);
    const STAYS: Option<State> = None;

    /// By missing, ignore, breaching, not breaching: the tables of the user guide.
    #[test]
    fn missing_points_are_treated_as_documented() {
        let of = |points: &str, needed| {
            [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching]
                .map(|missing| state(points, 3, needed, missing))
        };
        assert_eq!(of("0-X-X", 3), [OK; 4]);
        assert_eq!(of("0----", 3), [OK; 4]);
        assert_eq!(of("-----", 3), [Some(State::InsufficientData), STAYS, ALARM, OK]);
        assert_eq!(of("0XX-X", 3), [ALARM; 4]);
        assert_eq!(of("--X--", 3), [ALARM, STAYS, ALARM, OK]);
        assert_eq!(of("0-X-X", 2), [ALARM; 4]);
        assert_eq!(of("00X0X", 2), [ALARM; 4]);
        assert_eq!(of("0-X--", 2), [OK, OK, ALARM, OK]);
        assert_eq!(of("----0", 2), [OK, OK, ALARM, OK]);
        assert_eq!(of("---X-", 2), [ALARM, STAYS, ALARM, OK]);
    }

    #[test]
    fn a_young_breach_among_missing_points_does_not_decide() {
        assert_eq!(state("----X", 3, 3, Missing::Missing), STAYS);
        assert_eq!(state("XX-", 1, 1, Missing::Missing), ALARM, "late points count");
        assert_eq!(state("X0-", 1, 1, Missing::Missing), OK);
        assert_eq!(state("00w", 1, 1, Missing::Missing), STAYS, "too few samples");
    }

    #[test]
    fn reasons_tell_what_was_seen() {
        let rule = Rule {
            periods: 1,
            needed: 1,
            limit: Limit::Threshold(Comparison::Greater, 10.0),
            missing: Missing::Missing,
        };
        let point = Point { at: 1_767_225_600_000, value: 21.0, is_weak: false, band: Point::UNBOUNDED };
        let decision = decide(&rule, &[None, None, Some(point)]);
        assert_eq!(
            decision.reason,
            "Threshold Crossed: 1 out of the last 1 datapoints [21.0 (01/01/26 00:00:00)] was greater than the threshold \
             (10.0) (minimum 1 datapoint for OK -> ALARM transition)."
        );
        let nothing = decide(&rule, &[None, None, None]);
        assert_eq!(nothing.reason, "Insufficient Data: 1 datapoint was unknown.");
        let breaching = Rule { missing: Missing::Breaching, ..rule };
        assert_eq!(
            decide(&breaching, &[None, None, None]).reason,
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching]."
        );
    }

    #[test]
    fn a_state_that_only_missing_points_explain_says_so() {
        let rule = Rule {
            periods: 3,
            needed: 2,
            limit: Limit::Threshold(Comparison::Greater, 10.0),
            missing: Missing::NotBreaching,
        };
        let point = Point { at: 1_767_225_600_000, value: 21.0, is_weak: false, band: Point::UNBOUNDED };
        let decision = decide(&rule, &[None, None, None, Some(point), None, None]);
        assert_eq!(decision.state, OK);
        assert_eq!(
            decision.reason,
            "Threshold Crossed: 2 missing datapoints were treated as [NonBreaching]."
        );
    }

    #[test]
    fn points_of_a_band_have_bounds_of_their_own() {
        let point = |value, band| Some(Point { at: 1_767_225_600_000, value, is_weak: false, band });
        let decided = |side, points: &[Option<Point>]| {
            let rule =
                Rule { periods: 2, needed: 2, limit: Limit::Band(side), missing: Missing::NotBreaching };
            let decision = decide(&rule, points);
            (decision.state, decision.reason)
        };
        let outside = [point(9.0, (10.0, 20.0)), point(31.0, (15.0, 30.0))];
        let (state, reason) = decided(Side::Either, &outside);
        assert_eq!(state, ALARM);
        assert_eq!(
            reason,
            "Thresholds Crossed: 2 out of the last 2 datapoints [31.0 (01/01/26 00:00:00), 9.0 (01/01/26 00:00:00)] were \
             less than the lower thresholds [15.0, 10.0] or greater than the upper thresholds [30.0, 20.0] (minimum 2 \
             datapoints for OK -> ALARM transition)."
        );
        let (state, reason) = decided(Side::Upper, &outside);
        assert_eq!(state, OK);
        assert!(
            reason.contains("[9.0 (01/01/26 00:00:00)] was not greater than the upper thresholds [20.0]"),
            "{reason}"
        );
        assert_eq!(decided(Side::Lower, &outside).0, OK);
        assert_eq!(decided(Side::Lower, &[outside[0], outside[0]]).0, ALARM);
        let inside = [point(15.0, (10.0, 20.0)); 2];
        assert_eq!(decided(Side::Either, &inside).0, OK);
    }
}
