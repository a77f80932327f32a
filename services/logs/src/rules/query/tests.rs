//! Queries over a handful of events.

use std::borrow::Cow;
use std::sync::Arc;

use super::parse::Query;
use super::row::{Event, Row, Source, fields_of};
use super::run::Run;
use crate::rules::page::Place;

const EVENTS: [&str; 6] = [
    r#"{"level": "INFO", "ms": 10, "user": {"name": "ann"}, "tags": ["a", "b"]}"#,
    r#"{"level": "ERROR", "ms": 30, "user": {"name": "bob"}}"#,
    r#"{"level": "INFO", "ms": 20, "user": {"name": "ann"}}"#,
    "GET /index.html 200 from 10.0.0.7",
    "GET /none.html 404 from 192.168.0.1",
    r#"{"level": "WARN", "user": {"name": "cy"}}"#,
];

fn event(n: usize, message: &str) -> Event<'_> {
    let at = i64::try_from(n).unwrap() * 60_000;
    let source = Source { group: "g".into(), stream: "s".into(), log: "0:g".into() };
    let place = Place { at, stream: 1, number: u64::try_from(n).unwrap() + 1 };
    Event { at, ingested_at: at + 1, message: Cow::Borrowed(message), place, source: Arc::new(source) }
}

/// Rows as text, without pointers.
fn ask(text: &str) -> Vec<String> {
    let query = Query::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
    let mut run = Run::new(&query, None);
    for (n, message) in EVENTS.iter().enumerate() {
        run.take(Row::of_event(event(n, message))).unwrap();
    }
    let (columns, rows) = run.finish().unwrap();
    let show = |row: &Row<'_>| {
        let shown = columns.iter().filter(|name| ***name != *"@ptr");
        shown.map(|name| row.get(name).text().unwrap_or("-".into())).collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(show).collect()
}

#[test]
fn fields_and_filters() {
    assert_eq!(ask("fields ms | filter level = 'INFO'"), ["20", "10"]);
    assert_eq!(ask("filter ms > 10 | fields user.name, ms / 10 as tens | sort ms asc"), ["ann 2", "bob 3"]);
    assert_eq!(ask("fields @timestamp | limit 1"), ["1970-01-01 00:05:00.000"]);
    assert_eq!(ask("filter tags.1 = 'b' | display level"), ["INFO"]);
    assert_eq!(ask("filter @message like /GET .* [45]\\d\\d/ | fields @logStream, @log"), ["s 0:g"]);
    assert_eq!(ask("filter @message like 'none'").len(), 1);
    assert_eq!(
        ask("filter @message not like 'GET' and level in ['WARN', 'ERROR'] | fields level"),
        ["WARN", "ERROR"]
    );
    assert_eq!(ask("filter not ispresent(level) | fields strlen(@message) as n | sort n"), ["33", "35"]);
    assert_eq!(
        ask("filter ispresent(ms) and (ms = 10 or ms = 30) | fields ms # all of it\n| sort ms desc"),
        ["30", "10"]
    );
    assert_eq!(
        ask("fields coalesce(ms, -1) * 2 as x | sort x asc, @timestamp asc | limit 4"),
        ["-2", "-2", "-2", "20"]
    );
    assert_eq!(ask("").len(), 6);
}

#[test]
fn texts_are_taken_apart() {
    let parse = "parse @message 'GET * * from *' as path, status, ip | filter ispresent(path)";
    assert_eq!(
        ask(&format!("{parse} | fields path, status, ip | sort status asc")),
        ["/index.html 200 10.0.0.7", "/none.html 404 192.168.0.1"]
    );
    assert_eq!(
        ask(&format!("{parse} | filter isIpv4InSubnet(ip, '10.0.0.0/8') | fields path")),
        ["/index.html"]
    );
    assert_eq!(
        ask("parse @message /GET (?<path>\\S+)/ | filter path like 'none' | fields path"),
        ["/none.html"]
    );
    assert_eq!(
        ask("parse 'GET *.html' as page | filter ispresent(page) | fields toupper(page) as p | sort p asc"),
        ["/INDEX", "/NONE"]
    );
}

#[test]
fn truths_of_json_are_numbers_and_have_names() {
    for (filter, count) in
        [("ok = true", 1), ("ok = 1", 1), ("ok = false", 1), ("ok = 0", 1), ("ok", 1), ("ok != true", 2)]
    {
        let query = Query::parse(&format!("filter {filter}")).unwrap();
        let mut run = Run::new(&query, None);
        for (n, message) in [r#"{"ok": true}"#, r#"{"ok": false}"#, "none"].iter().enumerate() {
            run.take(Row::of_event(event(n, message))).unwrap();
        }
        assert_eq!(run.finish().unwrap().1.len(), count, "{filter}");
    }
}

#[test]
fn comments_are_no_part_of_names() {
    let query = Query::parse("fields ms # of the request\n, level as l # and its level\n| sort ms").unwrap();
    let (columns, _) = Run::new(&query, None).finish().unwrap();
    assert_eq!(columns.iter().map(|name| &**name).collect::<Vec<_>>(), ["ms", "l"]);
}

#[test]
fn what_a_query_computes_is_bounded() {
    let doubled = |from: usize, times: usize| {
        (from..from + times)
            .map(|n| format!("| fields concat(a{n}, a{n}) as a{} ", n + 1))
            .collect::<String>()
    };
    let long = format!("fields @message as a0 {}| filter strlen(a26) > 0", doubled(0, 26));
    assert!(ask(&long).is_empty());
    // As long as it may be, it is kept.
    let text = format!("fields @message as a0 {}| stats max(strlen(a12)) as most", doubled(0, 12));
    assert_eq!(ask(&text), [(EVENTS[0].len() << 12).to_string()]);
    let replaced = "fields replace(@message, 'e', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee') as b0 ".to_owned()
        + &(0..6)
            .map(|n| {
                format!("| fields replace(b{n}, 'e', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee') as b{} ", n + 1)
            })
            .collect::<String>();
    assert!(ask(&format!("{replaced}| filter ispresent(b6)")).is_empty());
    // Rows that are computed of rows count as well.
    let query = format!(
        "stats count(*) as n by @timestamp | fields '{}' as a0 {}",
        "x".repeat(1_000),
        doubled(0, 10)
    );
    let query = Query::parse(&query).unwrap();
    let mut run = Run::new(&query, None);
    for n in 0..400 {
        run.take(Row::of_event(event(n, "{}"))).unwrap();
    }
    assert!(run.finish().is_err());
}

#[test]
fn rows_together() {
    assert_eq!(ask("stats count(*), sum(ms), avg(ms), max(ms), min(ms), pct(ms, 50)"), ["6 60 20 30 10 20"]);
    assert_eq!(
        ask("filter ispresent(level) | stats count(*) as n by level | sort n desc, level asc"),
        ["INFO 2", "ERROR 1", "WARN 1"]
    );
    assert_eq!(
        ask("stats count() by bin(2m) | sort bin(2m) asc"),
        ["1970-01-01 00:00:00.000 2", "1970-01-01 00:02:00.000 2", "1970-01-01 00:04:00.000 2"]
    );
    assert_eq!(
        ask("stats count_distinct(user.name) as users, earliest(level) as e, latest(level) as l"),
        ["3 INFO WARN"]
    );
    assert_eq!(ask("filter level = 'none' | stats count(*), sum(ms)"), ["0 -"]);
    assert_eq!(ask("filter ispresent(user.name) | dedup user.name | fields user.name, @timestamp").len(), 3);
    // Who has no such field is like nobody.
    assert_eq!(ask("fields @timestamp | dedup user.name").len(), 5);
    assert_eq!(ask("stats sum(ms) as s by user.name | filter s > 0 | stats max(s) as most"), ["30"]);
}

#[test]
fn what_does_not_read_is_refused_with_its_place() {
    for (text, from) in [
        ("explode @message", 0),
        ("fields @timestamp | pattern @message", 20),
        ("fields", 6),
        ("filter ms >", 11),
        ("filter (ms > 1", 14),
        ("filter nothing(ms)", 7),
        ("stats median(ms)", 6),
        ("limit 0", 7),
        ("limit 10001", 11),
        ("parse @message 'a * b' as x, y", 6),
        ("parse @message /a/", 6),
        ("filter @message like /(/", 24),
        ("filter a = 'x", 11),
        ("fields a b", 9),
        ("stats count(*) by bin(5x)", 23),
    ] {
        let wrong = Query::parse(text).unwrap_err();
        assert_eq!(wrong.from, from, "{text}: {}", wrong.words);
    }
    assert!(Query::parse(&format!("filter {}a{}", "(".repeat(500), ")".repeat(500))).is_err());
    assert!(Query::parse(&format!("filter {}a", "not ".repeat(500))).is_err());
    assert!(Query::parse(&format!("filter {}1", "-".repeat(500))).is_err());
}

#[test]
fn all_fields_of_an_event_are_found() {
    let fields = fields_of(&event(0, EVENTS[0]));
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).skip(5).collect();
    assert_eq!(names, ["level", "ms", "tags.0", "tags.1", "user.name"]);
}
