//! Patterns and events as the user guide has them.
#![allow(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

use serde_json::json;

use super::read;

#[track_caller]
fn check(pattern: serde_json::Value, yes: &[serde_json::Value], no: &[serde_json::Value]) {
    let read = read(&pattern.to_string()).unwrap_or_else(|bad| panic!("{pattern}: {}", bad.0));
    for event in yes {
        assert!(read.matches(event), "{pattern} must match {event}");
    }
    for event in no {
        assert!(!read.matches(event), "{pattern} must not match {event}");
    }
}

#[test]
fn exact_values_of_every_kind() {
    check(
        json!({ "a": ["x"] }),
        &[json!({ "a": "x", "b": 1 }), json!({ "a": ["y", "x"] })],
        &[json!({ "a": "X" }), json!({ "b": "x" }), json!({ "a": { "x": 1 } })],
    );
    check(
        json!({ "a": [1, null, true, ""] }),
        &[json!({ "a": 1 }), json!({ "a": null }), json!({ "a": true }), json!({ "a": "" })],
        &[json!({ "a": 1.0 }), json!({ "a": "1" }), json!({ "a": false }), json!({})],
    );
    check(
        json!({ "detail": { "state": ["running"] }, "source": ["aws.ec2"] }),
        &[json!({ "source": "aws.ec2", "detail": { "state": "running", "instance-id": "i-1" } })],
        &[
            json!({ "source": "aws.ec2", "detail": { "state": "stopped" } }),
            json!({ "source": "aws.ec2", "detail": "running" }),
            json!({ "detail": { "state": "running" } }),
        ],
    );
}

#[test]
fn beginnings_endings_and_letters_of_any_case() {
    check(
        json!({ "a": [{ "prefix": "ab" }] }),
        &[json!({ "a": "abc" }), json!({ "a": ["x", "ab"] })],
        &[json!({ "a": "Abc" }), json!({ "a": 1 })],
    );
    check(
        json!({ "a": [{ "prefix": { "equals-ignore-case": "Ab" } }] }),
        &[json!({ "a": "aBc" })],
        &[json!({ "a": "b" })],
    );
    check(json!({ "a": [{ "suffix": ".png" }] }), &[json!({ "a": "x.png" })], &[json!({ "a": "x.PNG" })]);
    check(
        json!({ "a": [{ "suffix": { "equals-ignore-case": ".PnG" } }] }),
        &[json!({ "a": "x.pNg" })],
        &[json!({ "a": "png" })],
    );
    check(
        json!({ "a": [{ "equals-ignore-case": "AlIce" }] }),
        &[json!({ "a": "ALICE" })],
        &[json!({ "a": "alices" })],
    );
}

#[test]
fn wildcards() {
    check(
        json!({ "a": [{ "wildcard": "*/temp/*.png" }] }),
        &[
            json!({ "a": "x/temp/y.png" }),
            json!({ "a": "/temp/.png" }),
            json!({ "a": "/temp/temp/a.png.png" }),
        ],
        &[json!({ "a": "temp/y.png" }), json!({ "a": "x/temp/y.jpg" })],
    );
    check(
        json!({ "a": [{ "wildcard": "a*a" }] }),
        &[json!({ "a": "aa" }), json!({ "a": "aba" })],
        &[json!({ "a": "a" })],
    );
    check(json!({ "a": [{ "wildcard": "1\\*\\\\*" }] }), &[json!({ "a": "1*\\2" })], &[json!({ "a": "12" })]);
}

#[test]
fn numbers() {
    check(
        json!({ "a": [{ "numeric": [">", 0, "<=", 5] }] }),
        &[json!({ "a": 5 }), json!({ "a": 0.1 })],
        &[json!({ "a": 0 }), json!({ "a": 5.1 }), json!({ "a": "3" })],
    );
    check(
        json!({ "a": [{ "numeric": ["=", 300] }] }),
        &[json!({ "a": 300 }), json!({ "a": 3.0e2 })],
        &[json!({ "a": 301 })],
    );
    check(json!({ "a": [{ "numeric": ["<", -1] }] }), &[json!({ "a": -2 })], &[json!({ "a": -1 })]);
}

#[test]
fn presence() {
    check(
        json!({ "d": { "a": [{ "exists": true }] } }),
        &[json!({ "d": { "a": 1 } }), json!({ "d": { "a": null } })],
        &[json!({ "d": {} }), json!({}), json!({ "d": { "a": { "b": 1 } } }), json!({ "d": { "a": [] } })],
    );
    check(
        json!({ "d": { "a": [{ "exists": false }] } }),
        &[json!({ "d": {} }), json!({})],
        &[json!({ "d": { "a": 1 } })],
    );
    check(
        json!({ "a": ["x", { "exists": false }] }),
        &[json!({}), json!({ "a": "x" })],
        &[json!({ "a": "y" })],
    );
}

#[test]
fn anything_but_in_all_its_forms() {
    for (but, no) in [
        (json!("x"), json!("x")),
        (json!(["x", "y"]), json!("y")),
        (json!(3), json!(3)),
        (json!([3, 4]), json!(4)),
        (json!({ "prefix": "in" }), json!("init")),
        (json!({ "prefix": ["in", "on"] }), json!("once")),
        (json!({ "suffix": ".txt" }), json!("a.txt")),
        (json!({ "suffix": [".txt", ".rtf"] }), json!("a.rtf")),
        (json!({ "equals-ignore-case": "ALICE" }), json!("alice")),
        (json!({ "equals-ignore-case": ["a", "b"] }), json!("B")),
        (json!({ "wildcard": "*/lib/*" }), json!("a/lib/b")),
        (json!({ "wildcard": ["*/lib/*", "*/bin/*"] }), json!("a/bin/b")),
    ] {
        check(
            json!({ "a": [{ "anything-but": but }] }),
            &[json!({ "a": "other" }), json!({ "a": 5 })],
            &[json!({ "a": no }), json!({})],
        );
    }
}

#[test]
fn addresses() {
    check(
        json!({ "ip": [{ "cidr": "10.0.0.0/24" }] }),
        &[json!({ "ip": "10.0.0.255" })],
        &[json!({ "ip": "10.0.1.0" }), json!({ "ip": "x" })],
    );
    check(
        json!({ "ip": [{ "cidr": "2001:db8::/32" }] }),
        &[json!({ "ip": "2001:db8::1" })],
        &[json!({ "ip": "2001:db9::1" })],
    );
}

#[test]
fn choices() {
    check(
        json!({ "s": ["x"], "$or": [{ "a": [1] }, { "b": { "c": [{ "prefix": "p" }] } }] }),
        &[json!({ "s": "x", "a": 1 }), json!({ "s": "x", "b": { "c": "pq" } })],
        &[json!({ "s": "x", "a": 2 }), json!({ "s": "y", "a": 1 })],
    );
    check(
        json!({ "d": { "$or": [{ "a": [1] }, { "b": [2] }] } }),
        &[json!({ "d": { "b": 2 } })],
        &[json!({ "b": 2 })],
    );
    // One object alone, or scalars, make `$or` a name like others.
    check(json!({ "$or": ["x"] }), &[json!({ "$or": "x" })], &[json!({})]);
}

#[test]
fn objects_in_a_list_match_as_a_whole() {
    let pattern = json!({ "l": { "a": [1], "b": [2] } });
    check(
        pattern,
        &[json!({ "l": [{ "a": 0 }, { "a": 1, "b": 2 }] })],
        &[json!({ "l": [{ "a": 1, "b": 0 }, { "a": 0, "b": 2 }] })],
    );
}

#[test]
fn bad_patterns_are_refused_with_their_reason() {
    for (pattern, reason) in [
        ("", "Filter is not an object"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty patterns"),
        (r#"{"a":"x"}"#, "\"a\" must be an object or an array"),
        (r#"{"a":1}"#, "\"a\" must be an object or an array"),
        (r#"{"a":[]}"#, "Empty arrays are not allowed"),
        (r#"{"a":{}}"#, "Empty objects"),
        (r#"{"a":[["x"]]}"#, "Match value must be String, number, true, false, or null"),
        (r#"{"a":[{"beginning":"x"}]}"#, "Unrecognized match type beginning"),
        (r#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "Only one key allowed in match expression"),
        (r#"{"a":[{"prefix":1}]}"#, "prefix match pattern must be a string"),
        (r#"{"a":[{"exists":"yes"}]}"#, "exists match pattern must be either true or false."),
        (r#"{"a":[{"numeric":["<","1"]}]}"#, "Value of numeric"),
        (r#"{"a":[{"numeric":["~",1]}]}"#, "Unrecognized numeric range operator: ~"),
        (r#"{"a":[{"numeric":[">",5,"<",1]}]}"#, "Bottom must be less than top"),
        (r#"{"a":[{"numeric":["=",6e9]}]}"#, "Value must be between"),
        (r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "Malformed CIDR"),
        (r#"{"a":[{"wildcard":"a**b"}]}"#, "Consecutive wildcard characters"),
        (r#"{"a":[{"wildcard":"a\\b"}]}"#, "Invalid escape character"),
        (r#"{"a":[{"anything-but":["x",1]}]}"#, "mixed type is not supported"),
        (r#"{"a":[{"anything-but":{"exists":true}}]}"#, "Unsupported anything-but pattern: exists"),
        (r#"{"a":[{"anything-but":{"prefix":""}}]}"#, "Null prefix not allowed"),
        (r#"{"$or":[{"a":[1]},2]}"#, "$or"),
    ] {
        match read(pattern) {
            Err(bad) if pattern.contains("$or") || bad.0.contains(reason) => {}
            other => panic!("{pattern}: {other:?}"),
        }
    }
}
