//! Tables of patterns and events, most after the examples of the user guide.

use super::*;

fn matches(pattern: &str, message: &str) -> bool {
    Pattern::parse(pattern).unwrap_or_else(|wrong| panic!("{pattern}: {}", wrong.0)).matches(message)
}

fn each(table: &[(&str, &str, bool)]) {
    for (pattern, message, expected) in table {
        assert_eq!(matches(pattern, message), *expected, "{pattern} on {message}");
    }
}

#[test]
fn words() {
    each(&[
        ("", "anything", true),
        ("  ", "anything", true),
        ("ERROR", "[ERROR 400] BAD REQUEST", true),
        ("ERROR", "[error 400] bad request", false),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true),
        ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false),
        ("?ERROR ?ARGUMENTS", "[ERROR 400] BAD REQUEST", true),
        ("?ERROR ?ARGUMENTS", "[WARN] none", false),
        ("?ERROR ARGUMENTS", "[WARN] ARGUMENTS", true),
        ("?ERROR ARGUMENTS", "[ERROR]", false),
        ("\"INTERNAL SERVER ERROR\"", "[ERROR 500] INTERNAL SERVER ERROR", true),
        ("\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR SERVER", false),
        ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", true),
        ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false),
        ("-\"a b\"", "x", true),
        ("-\"a b\"", "a b", false),
        ("\"say \\\"hi\\\"\"", "they say \"hi\"", true),
        ("%[Ee]rror [45]..%", "an Error 404", true),
        ("%^ERROR%", "no ERROR", false),
        ("?%a{3}% ?b", "xaaax", true),
    ]);
}

#[test]
fn json() {
    let event = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": null, "cluster.name": "c", "bandwidth": 75, "latency": 50, "errorCode": 400, "is": true,
        "deep": {"a": {"b": "x"}}, "text": "5"}"#;
    for (pattern, expected) in [
        ("{ $.eventType = \"UpdateTrail\" }", true),
        ("{ $.eventType = UpdateTrail }", true),
        ("{$.eventType=\"Update*\"}", true),
        ("{ $.eventType = \"*Trail\" }", true),
        ("{ $.eventType = \"U*d*l\" }", true),
        ("{ $.eventType = \"Trail\" }", false),
        ("{ $.sourceIPAddress != 123.123.* }", true),
        ("{ $.sourceIPAddress = 111.111.* }", true),
        ("{ $.arrayKey[0] = \"value\" }", true),
        ("{ $.arrayKey[1] = \"value\" }", false),
        ("{ $.arrayKey[*] = \"another value\" }", true),
        ("{ $.objectList[1].id = 2 }", true),
        ("{ $.objectList[*].id >= 2 }", true),
        ("{ $.eventType = %Trail% }", true),
        ("{ $.eventType != %^Trail% }", true),
        ("{ $.SomeObject IS NULL }", true),
        ("{ $.latency IS NULL }", false),
        ("{ $.SomeOtherObject NOT EXISTS }", true),
        ("{ $.SomeObject NOT EXISTS }", false),
        ("{ $.is IS TRUE }", true),
        ("{ $.is is false }", false),
        ("{ $.bandwidth > 75 }", false),
        ("{ $.bandwidth >= 7.5e1 }", true),
        ("{ $.latency < 50 }", false),
        ("{ $.latency = 50 && $.bandwidth = 75 }", true),
        ("{ $.latency = 1 || $.bandwidth = 75 }", true),
        ("{ ($.latency = 1 || $.bandwidth = 75) && $.errorCode = 400 }", true),
        ("{ $.latency = 50 || $.latency = 1 && $.bandwidth = 1 }", true),
        ("{ ($.latency = 50 || $.latency = 1) && $.bandwidth = 1 }", false),
        ("{ $.errorCode = 4* }", true),
        ("{ $.['cluster.name'] = \"c\" }", true),
        ("{ $[\"cluster.name\"] = c }", true),
        ("{ $.deep.a.b = x }", true),
        ("{ $.deep.*.b = x }", true),
        ("{ $.nothing = x }", false),
        ("{ $.nothing != x }", false),
        ("{ $.text = 5 }", true),
        ("{}", true),
    ] {
        assert_eq!(matches(pattern, event), expected, "{pattern}");
    }
    each(&[
        ("{ $.a = 1 }", "a = 1", false),
        ("{ $.a = 1 }", "[1]", false),
        ("{ $.a = 1 }", "{\"a\": 1", false),
    ]);
}

#[test]
fn columns() {
    let line = "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
    for (pattern, expected) in [
        ("[ip, env, user, timestamp, request, status_code, bytes]", true),
        ("[ip, env, user, timestamp, request, status_code]", false),
        ("[ip, env, user, timestamp, request, status_code = 404, bytes > 1500]", true),
        ("[ip, env, user, timestamp, request, status_code = 4*, bytes]", true),
        ("[ip, env, user, timestamp, request = \"*.html*\", status_code = 4*, bytes]", true),
        ("[ip, env, user, timestamp, request, status_code != 404, bytes]", false),
        ("[ip, env, user, timestamp, request, s = 404 || s = 410, bytes]", true),
        ("[ip, env, user, timestamp, request, (s = 4* && s != 404) || s = 500, bytes]", false),
        ("[..., status_code = 4*, bytes]", true),
        ("[ip = %127\\.0\\.0\\.[1-9]%, ...]", true),
        ("[ip, ..., bytes = 1534]", true),
        ("[ip, user, ..., bytes = 1535]", false),
        ("[...]", true),
        ("[]", true),
        ("[a, b, c, d, e, f, g, h, ...]", false),
    ] {
        assert_eq!(matches(pattern, line), expected, "{pattern}");
    }
}

#[test]
fn what_is_taken_out() {
    let of = |pattern: &str, message: &str| Pattern::parse(pattern).unwrap().extract(message);
    let pairs = |list: &[(&str, &str)]| {
        Some(list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Extracted>())
    };
    assert_eq!(
        of("[a, ..., z]", "1 2 [3 4] 5"),
        pairs(&[("$a", "1"), ("$2", "2"), ("$3", "3 4"), ("$z", "5")])
    );
    assert_eq!(
        of("{ $.a = 1 && $.b = * }", r#"{"a":1,"b":"x","c":2}"#),
        pairs(&[("$.a", "1"), ("$.b", "x")])
    );
    assert_eq!(of("a", "b"), None);
    assert_eq!(of("a", "a"), pairs(&[]));
    let value = |pattern: &str, selector: &str, message: &str| {
        Pattern::parse(pattern).unwrap().value_of(selector, message)
    };
    assert_eq!(value("[ip, bytes]", "$bytes", "::1 17").as_deref(), Some("17"));
    assert_eq!(value("", "$.a.b", r#"{"a":{"b":2.5}}"#).as_deref(), Some("2.5"));
    assert_eq!(value("x", "$bytes", "x"), None);
}

#[test]
fn what_is_wrong_is_refused() {
    for pattern in [
        "foo-bar",
        "a.b",
        "\"open",
        "%open",
        "%(a)%",
        "%a% %b% %c%",
        "- a",
        "{ $.a = 1",
        "{ $.a }",
        "{ a = 1 }",
        "{ $ = 1 }",
        "{ $.a = }",
        "{ $.a = 1 && }",
        "{ $.a = 1 $.b = 2 }",
        "{ ($.a = 1 }",
        "{ $.a > x }",
        "{ $.a IS x }",
        "{ $.a NOT x }",
        "{ $.a[x] = 1 }",
        "[a, b",
        "[a, ..., b, ...]",
        "[a = 1 && b = 2]",
        "[a =]",
        "[, a]",
        "[a b]",
        "[a > x]",
    ] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
    assert!(Pattern::parse(&"a".repeat(1_025)).is_err());
    let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(100), ")".repeat(100));
    assert!(Pattern::parse(&deep).is_err());
}
