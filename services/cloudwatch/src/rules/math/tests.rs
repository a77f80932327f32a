//! Expressions, as they are read and what they come to.

use std::collections::HashMap;

use proptest::prelude::*;

use super::budget::Budget;
use super::evaluate::Given;
use super::kind::{self, Kind};
use super::parse::Expression;
use super::series::{Range, TimeSeries, Value};

const MINUTE: i64 = 60_000;

fn series(points: &[(i64, f64)]) -> TimeSeries {
    let points = points.iter().map(|(minute, value)| (minute * MINUTE, *value)).collect();
    TimeSeries { period_ms: MINUTE, points, ..TimeSeries::default() }
}

fn evaluate(text: &str) -> Result<Value, String> {
    let m1 = series(&[(0, 1.0), (1, 2.0), (2, 3.0)]);
    let m2 = series(&[(0, 10.0), (2, 30.0)]);
    let values = HashMap::from([("m1".to_owned(), Value::One(m1)), ("m2".to_owned(), Value::One(m2))]);
    let given = Given {
        range: Range { start: 0, end: 4 * MINUTE },
        values: &values,
        metric_ids: &["m1".to_owned(), "m2".to_owned()],
        found: &[],
        budget: &Budget::default(),
        period_ms: MINUTE,
    };
    given.evaluate(&Expression::parse(text)?)
}

fn scalar(text: &str) -> f64 {
    match evaluate(text).unwrap() {
        Value::Scalar(number) => number,
        other => panic!("{text}: {other:?}"),
    }
}

fn points(text: &str) -> Vec<(i64, f64)> {
    match evaluate(text).unwrap() {
        Value::One(series) => series.points.iter().map(|(at, value)| (at / MINUTE, *value)).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_an_expression_comes_to_can_be_told_before() {
    let named = |name: &str| matches!(name, "m1" | "m2").then_some(Kind::One);
    for text in [
        "1 + 2",
        "m1",
        "m1 + 1",
        "-m1",
        "[m1, m2]",
        "[m1, m2] * 2",
        "METRICS()",
        "SUM(METRICS())",
        "SUM(m1)",
        "AVG([m1, m2])",
        "m1 > 1",
        "IF(m1 > 1, 1, 0)",
        "IF(1, m1, 2)",
        "FILL(m1, 0)",
        "FILL(METRICS(), REPEAT)",
        "TIME_SERIES(1)",
        "FIRST(METRICS())",
        "SLICE(METRICS(), 0)",
        "SLICE(METRICS(), 0, 1)",
        "RATE(m1)",
        "SORT(METRICS(), AVG, DESC)",
        "METRIC_COUNT(METRICS())",
        "PERIOD(m1)",
        "ABS(METRICS())",
        "RATE(METRICS())",
        "DATAPOINT_COUNT(m1)",
        "STDDEV([m1, m2])",
        "m1 / METRICS()",
    ] {
        let value = evaluate(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(kind::of(&Expression::parse(text).unwrap(), &named), Ok(Kind::from(&value)), "{text}");
    }
}

#[test]
fn what_does_not_exist_is_told_before() {
    for text in ["m3", "FOO(m1)", "m1 + FOO(m1)", "IF(m1, m3)", "LAMBDA(m1)", "ABS(m3)"] {
        let named = |name: &str| (name == "m1").then_some(Kind::One);
        assert!(kind::of(&Expression::parse(text).unwrap(), &named).is_err(), "{text}");
        assert!(evaluate(text).is_err(), "{text}");
    }
}

#[test]
fn what_comes_to_more_than_memory_holds_is_refused() {
    let budget = Budget::default();
    let mut values = HashMap::from([("e0".to_owned(), Value::One(series(&[(0, 1.0)])))]);
    let mut refused = None;
    for level in 0..9 {
        let given = Given {
            range: Range { start: 0, end: 60 * MINUTE },
            values: &values,
            metric_ids: &[],
            found: &[],
            budget: &budget,
            period_ms: MINUTE,
        };
        let text = format!("[{}]", vec![format!("e{level}"); 60].join(","));
        match given.evaluate(&Expression::parse(&text).unwrap()) {
            Ok(value) => drop(values.insert(format!("e{}", level + 1), value)),
            Err(why) => {
                refused = Some((level, why));
                break;
            }
        }
    }
    let (level, why) = refused.unwrap();
    assert!(level < 4 && why.contains("datapoints"), "{level}: {why}");
    // A long range of short periods is not even begun.
    let long = Given {
        range: Range { start: 0, end: i64::MAX / 4 },
        values: &HashMap::new(),
        metric_ids: &[],
        found: &[],
        budget: &Budget::default(),
        period_ms: 1_000,
    };
    assert!(long.evaluate(&Expression::parse("TIME_SERIES(1)").unwrap()).is_err());
}

#[test]
fn operators_bind_as_in_arithmetic() {
    assert_eq!(scalar("1 + 2 * 3"), 7.0);
    assert_eq!(scalar("(1 + 2) * 3"), 9.0);
    assert_eq!(scalar("2 ^ 3 ^ 2"), 512.0);
    assert_eq!(scalar("-2 ^ 2"), -4.0);
    assert_eq!(scalar("10 - 4 - 3"), 3.0);
    assert_eq!(scalar("1e3 / .5"), 2_000.0);
    assert_eq!(scalar("1 < 2 && 2 <= 1 || 3 != 4"), 1.0);
    assert_eq!(scalar("1 < 2 AND (2 <= 1 OR 3 != 4)"), 1.0);
    assert_eq!(scalar("METRIC_COUNT(REMOVE_EMPTY([m1, m1 / 0, m2]))"), 2.0);
}

#[test]
fn series_meet_at_the_instants_both_have() {
    assert_eq!(points("m1 + 1"), [(0, 2.0), (1, 3.0), (2, 4.0)]);
    assert_eq!(points("m2 / m1"), [(0, 10.0), (2, 10.0)]);
    assert_eq!(points("TIME_SERIES(1 / 0)"), []);
    assert_eq!(points("m1 > 1.5"), [(0, 0.0), (1, 1.0), (2, 1.0)]);
    assert_eq!(points("m1 / (m1 - 1)"), [(1, 2.0), (2, 1.5)], "nothing is divided by nothing");
}

#[test]
fn functions_reduce_series_to_numbers_and_arrays_to_series() {
    assert_eq!(scalar("SUM(m1)"), 6.0);
    assert_eq!(scalar("avg(m1)"), 2.0);
    assert_eq!(scalar("DATAPOINT_COUNT(m2)"), 2.0);
    assert_eq!(scalar("METRIC_COUNT(METRICS())"), 2.0);
    assert_eq!(scalar("PERIOD(m1)"), 60.0);
    assert_eq!(points("SUM([m1, m2])"), [(0, 11.0), (1, 2.0), (2, 33.0)]);
    assert_eq!(points("MAX(METRICS('m'))"), [(0, 10.0), (1, 2.0), (2, 30.0)]);
    assert_eq!(points("STDDEV([m1,m2])"), [(0, 4.5), (1, 0.0), (2, 13.5)]);
}

#[test]
fn functions_of_time() {
    assert_eq!(points("DIFF(m2)"), [(2, 20.0)]);
    assert_eq!(points("RATE(m2)"), [(2, 20.0 / 120.0)]);
    assert_eq!(points("DIFF_TIME(m2)"), [(2, 120.0)]);
    assert_eq!(points("RUNNING_SUM(m1)"), [(0, 1.0), (1, 3.0), (2, 6.0)]);
    assert_eq!(points("MINUTE(m2)"), [(0, 0.0), (2, 2.0)]);
    assert_eq!(points("YEAR(m2)"), [(0, 1_970.0), (2, 1_970.0)]);
    assert_eq!(points("DAY(m2)"), [(0, 4.0), (2, 4.0)], "a Thursday");
    assert_eq!(points("TIME_SERIES(7)"), [(0, 7.0), (1, 7.0), (2, 7.0), (3, 7.0)]);
}

#[test]
fn gaps_are_filled() {
    assert_eq!(points("FILL(m2, 0)"), [(0, 10.0), (1, 0.0), (2, 30.0), (3, 0.0)]);
    assert_eq!(points("FILL(m2, REPEAT)"), [(0, 10.0), (1, 10.0), (2, 30.0), (3, 30.0)]);
    assert_eq!(points("FILL(m2, LINEAR)"), [(0, 10.0), (1, 20.0), (2, 30.0)]);
    assert_eq!(points("FILL(m2, m1)"), [(0, 10.0), (1, 2.0), (2, 30.0)]);
}

#[test]
fn choices_and_arrays() {
    assert_eq!(points("IF(m1 > 1, m1, 0)"), [(0, 0.0), (1, 2.0), (2, 3.0)]);
    assert_eq!(points("IF(m1 > 1, m1)"), [(1, 2.0), (2, 3.0)]);
    assert_eq!(points("FIRST(METRICS())"), points("m1"));
    assert_eq!(points("SLICE(METRICS(), 1)"), points("m2"));
    assert_eq!(points("FIRST(SORT(METRICS(), MAX, DESC, 1))"), points("m2"));
    assert_eq!(scalar("METRIC_COUNT(SLICE(METRICS(), 0, 1))"), 1.0);
    assert!(matches!(evaluate("METRICS() * 2").unwrap(), Value::Many(all) if all.len() == 2));
}

#[test]
fn what_cannot_be_read_or_computed_is_refused() {
    for bad in [
        "",
        "1 +",
        "(1",
        "m1 m2",
        "1 2",
        "'text'",
        "m9",
        "NOSUCH(m1)",
        "SUM(1)",
        "FILL(m1)",
        "m1 @ 2",
        "[m1",
        "SUM('a)",
        "1..2",
        "ANOMALY_DETECTION_BAND(m1)",
        "SORT(METRICS(), P, ASC)",
        "SLICE(METRICS(), -1)",
    ] {
        assert!(evaluate(bad).is_err(), "{bad}");
    }
    assert!(Expression::parse(&"(".repeat(5_000)).is_err());
    assert!(Expression::parse(&"-".repeat(5_000)).is_err());
}

proptest! {
    #[test]
    fn nothing_breaks_the_reader(text in "[-+*/^<>=!&|()\\[\\],.'a-zA-Z0-9 ]{0,60}") {
        let _ = evaluate(&text);
    }
}
