use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

fn at(text: &str) -> Millis {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn read(text: &str) -> Option<Schedule> {
    Schedule::parse(text, Units::Grammatical)
}

#[track_caller]
fn times(expression: &str, after: &str, wanted: &[&str]) {
    let schedule = read(expression).unwrap_or_else(|| panic!("{expression} does not read"));
    let mut last = at(after);
    for wanted in wanted {
        last = schedule.next(last, last, &TimeZone::UTC).unwrap();
        assert_eq!(last, at(wanted), "{expression} after {after}: {wanted}");
    }
}

#[test]
fn every_so_often() {
    let rate = |text: &str| read(text).and_then(|schedule| schedule.rate_ms());
    assert_eq!(rate("rate(1 minute)"), Some(60_000));
    assert_eq!(rate("rate(5 minutes)"), Some(300_000));
    assert_eq!(rate("rate(1 day)"), Some(86_400_000));
    let any = Schedule::parse("rate(1 hours)", Units::Any).and_then(|schedule| schedule.rate_ms());
    assert_eq!(any, Some(3_600_000));
    let schedule = read("rate(2 hours)").unwrap();
    assert_eq!(schedule.next(1_000, 1_000, &TimeZone::UTC), Some(7_201_000));
    assert_eq!(
        schedule.next(1_000, 20_000_000, &TimeZone::UTC),
        Some(21_601_000),
        "what was missed is not made up for"
    );
}

#[test]
fn by_six_fields() {
    times("cron(0 10 * * ? *)", "2026-03-01T09:59:59Z", &["2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z"]);
    times("cron(15 12 * * ? *)", "2026-12-31T12:15:00Z", &["2027-01-01T12:15:00Z"]);
    times("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00Z", &["2026-11-23T18:00:00Z"]);
    times("cron(0/15 * * * ? *)", "2026-11-20T18:46:00Z", &["2026-11-20T19:00:00Z", "2026-11-20T19:15:00Z"]);
    times("cron(0/5 8-17 ? * 2-6 *)", "2026-11-20T17:55:00Z", &["2026-11-23T08:00:00Z"]);
    times("cron(0 8 1 * ? *)", "2026-11-02T00:00:00Z", &["2026-12-01T08:00:00Z"]);
    times("cron(0 9 ? * 2#1 *)", "2026-11-03T00:00:00Z", &["2026-12-07T09:00:00Z"]);
    times("cron(0 9 ? * 6L *)", "2026-11-01T00:00:00Z", &["2026-11-27T09:00:00Z"]);
    times("cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]);
    times("cron(0 0 L-3 * ? *)", "2026-11-01T00:00:00Z", &["2026-11-27T00:00:00Z"]);
    times("cron(0 0 15W * ? *)", "2026-11-01T00:00:00Z", &["2026-11-16T00:00:00Z"]);
    times("cron(0 0 1W 8 ? *)", "2026-01-01T00:00:00Z", &["2026-08-03T00:00:00Z"]);
    times("cron(0 0 LW 10 ? *)", "2026-01-01T00:00:00Z", &["2026-10-30T00:00:00Z"]);
    times("cron(0 0 31 * ? *)", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z"]);
    times(
        "cron(0 12 ? JAN,jul FRI-MON 2027)",
        "2026-01-01T00:00:00Z",
        &["2027-01-01T12:00:00Z", "2027-01-02T12:00:00Z"],
    );
    assert_eq!(read("cron(0 0 30 2 ? *)").unwrap().next(0, 0, &TimeZone::UTC), None);
    assert_eq!(
        read("cron(0 0 1 1 ? 2020)").unwrap().next(0, at("2026-01-01T00:00:00Z"), &TimeZone::UTC),
        None
    );
}

#[test]
fn what_is_no_schedule() {
    for bad in [
        "",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1 second)",
        "rate(1minute)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(0 10 * * ?)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * 2#6 *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 * * ? 2200)",
        "cron(a 10 * * ? *)",
        "cron(0/0 10 * * ? *)",
        "at(2026-01-01T00:00:00Z)",
        "at(2026-01-01)",
        "at(2026-02-30T00:00:00)",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

/// In New York clocks go from 2 to 3 on 2026-03-08, and from 2 back to 1 on 2026-11-01.
#[test]
fn clocks_that_change() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let times = |expression: &str, after: &str, count: usize| {
        let (schedule, mut last) = (read(expression).unwrap(), at(after));
        let mut found = Vec::new();
        for _ in 0..count {
            last = schedule.next(last, last, &zone).unwrap();
            found.push(Timestamp::from_millisecond(last).unwrap().to_string());
        }
        found
    };
    assert_eq!(
        times("cron(30 9 * * ? *)", "2026-03-07T00:00:00Z", 2),
        ["2026-03-07T14:30:00Z", "2026-03-08T13:30:00Z"]
    );
    // 2:30 is left out on that day, and 1:30 is there twice: the first counts.
    assert_eq!(
        times("cron(30 2 * * ? *)", "2026-03-07T08:00:00Z", 2),
        ["2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"]
    );
    assert_eq!(
        times("cron(30 1 * * ? *)", "2026-10-31T06:00:00Z", 2),
        ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
    );
    assert_eq!(times("at(2026-11-20T13:00:00)", "2026-11-20T00:00:00Z", 1), ["2026-11-20T18:00:00Z"]);
    let gone = read("at(2026-03-08T02:30:00)").unwrap();
    assert!(gone.is_once());
    assert_eq!(gone.next(0, 0, &zone), None);
    assert_eq!(read("at(2026-11-20T13:00:00)").unwrap().next(0, at("2026-11-20T18:00:00Z"), &zone), None);
}
