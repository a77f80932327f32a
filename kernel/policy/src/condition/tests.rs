//! Operators against tables made of the documented semantics.

use super::*;
use crate::context::Facts;

fn holds(operator: &str, key: &str, values: &[&str], context: &dyn Context) -> bool {
    holds_in(Effect::Allow, operator, key, values, context)
}

fn holds_in(effect: Effect, operator: &str, key: &str, values: &[&str], context: &dyn Context) -> bool {
    let written = document::Condition {
        operator: operator.parse().unwrap(),
        key: key.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    Condition::new(&written, true).holds(effect, context)
}

#[test]
fn one_value() {
    let cases: &[(&str, &str, &[&str], bool)] = &[
        ("StringEquals", "a", &["a"], true),
        ("StringEquals", "a", &["b", "a"], true),
        ("StringEquals", "a", &["A"], false),
        ("StringEquals", "a*", &["a*"], true),
        ("StringEquals", "ab", &["a*"], false),
        ("StringEquals", "a", &[], false),
        ("StringNotEquals", "a", &["a", "b"], false),
        ("StringNotEquals", "c", &["a", "b"], true),
        ("StringNotEquals", "c", &[], true),
        ("StringEqualsIgnoreCase", "ÄB", &["äb"], true),
        ("StringNotEqualsIgnoreCase", "AB", &["ab"], false),
        ("StringLike", "home/x", &["home/*"], true),
        ("StringLike", "", &["", "home/"], true),
        ("StringNotLike", "home/x", &["home/*"], false),
        ("StringNotLike", "away/x", &["home/*"], true),
        ("NumericEquals", "10", &["10.0"], true),
        ("NumericNotEquals", "10", &["10", "11"], false),
        ("NumericLessThan", "9", &["10"], true),
        ("NumericLessThanEquals", "10", &["10"], true),
        ("NumericGreaterThan", "10", &["10"], false),
        ("NumericGreaterThan", "10", &["20", "5"], true),
        ("NumericGreaterThanEquals", "-1", &["-1"], true),
        ("NumericEquals", "ten", &["10"], false),
        ("NumericNotEquals", "ten", &["10"], true),
        ("DateGreaterThan", "2020-01-01T00:00:02Z", &["2020-01-01T00:00:01Z"], true),
        ("DateLessThan", "2020-01-01T01:30:00Z", &["2020-01-01T03:00:00+01:00"], true),
        ("DateEquals", "1577836800", &["2020-01-01T00:00:00Z"], true),
        ("DateNotEquals", "2020-01-01", &["2020-01-01T00:00:00Z"], false),
        ("DateLessThanEquals", "2020-01-01", &["2020-01-01"], true),
        ("DateGreaterThanEquals", "2019-12-31", &["2020-01-01"], false),
        ("Bool", "true", &["true"], true),
        ("Bool", "True", &["true"], true),
        ("Bool", "false", &["true"], false),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", &["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], true),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA", &["QmluYXJ5VmFsdWVJbkJhc2U2NA=="], true),
        ("BinaryEquals", "QUJD", &["QUJE"], false),
        ("IpAddress", "203.0.113.5", &["203.0.113.0/24", "2001:DB8:1234:5678::/64"], true),
        ("IpAddress", "2001:db8:1234:5678:1::", &["203.0.113.0/24", "2001:DB8:1234:5678::/64"], true),
        ("IpAddress", "::ffff:203.0.113.5", &["203.0.113.0/24"], true),
        ("IpAddress", "203.0.114.5", &["203.0.113.0/24"], false),
        ("IpAddress", "203.0.113.5", &["203.0.113.5"], true),
        ("IpAddress", "203.0.113.5", &["203.0.113.9/24"], true),
        ("IpAddress", "2001:db8::1", &["0.0.0.0/0"], false),
        ("NotIpAddress", "203.0.113.5", &["203.0.113.0/24"], false),
        ("NotIpAddress", "198.51.100.1", &["203.0.113.0/24"], true),
        ("ArnEquals", "arn:aws:sns:r:1:t", &["arn:aws:sns:*:1:*"], true),
        ("ArnLike", "arn:aws:sns:r:2:t", &["arn:aws:sns:*:1:*"], false),
        ("ArnNotEquals", "arn:aws:sns:r:2:t", &["arn:aws:sns:*:1:*"], true),
        ("ArnNotLike", "arn:aws:sns:r:1:t", &["arn:aws:sns:*:1:*"], false),
        ("Null", "x", &["true"], false),
        ("Null", "x", &["false"], true),
    ];
    for (operator, value, wanted, expected) in cases {
        let facts = Facts::new().with("the:key", value);
        assert_eq!(
            holds(operator, "The:Key", wanted, &facts),
            *expected,
            "{operator}: {value} to {wanted:?}"
        );
    }
}

#[test]
fn a_missing_key() {
    let positive = [
        "StringEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "NumericEquals",
        "NumericLessThan",
        "DateEquals",
        "DateGreaterThan",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "ArnEquals",
        "ArnLike",
    ];
    let negated = [
        "StringNotEquals",
        "StringNotEqualsIgnoreCase",
        "StringNotLike",
        "NumericNotEquals",
        "DateNotEquals",
        "NotIpAddress",
        "ArnNotEquals",
        "ArnNotLike",
    ];
    let no_values = Facts::new().with_all("k", []);
    for context in [&() as &dyn Context, &no_values] {
        for name in positive.iter().chain(&negated) {
            let is_negated = negated.contains(name);
            assert_eq!(holds(name, "k", &["1"], context), is_negated, "{name}");
            assert!(holds(&format!("{name}IfExists"), "k", &["1"], context), "{name}IfExists");
            assert!(holds(&format!("ForAllValues:{name}"), "k", &["1"], context), "ForAllValues:{name}");
            assert!(!holds(&format!("ForAnyValue:{name}"), "k", &["1"], context), "ForAnyValue:{name}");
            assert!(holds(&format!("ForAnyValue:{name}IfExists"), "k", &["1"], context));
        }
        assert!(holds("Null", "k", &["true"], context));
        assert!(!holds("Null", "k", &["false"], context));
    }
}

#[test]
fn several_values() {
    let cases: &[(&str, &[&str], &[&str], bool)] = &[
        ("ForAllValues:StringEquals", &["a", "b"], &["a", "b", "c"], true),
        ("ForAllValues:StringEquals", &["a", "d"], &["a", "b", "c"], false),
        ("ForAllValues:StringNotEquals", &["x", "y"], &["a", "b"], true),
        ("ForAllValues:StringNotEquals", &["x", "a"], &["a", "b"], false),
        ("ForAnyValue:StringEquals", &["x", "a"], &["a", "b"], true),
        ("ForAnyValue:StringEquals", &["x", "y"], &["a", "b"], false),
        ("ForAnyValue:StringNotEquals", &["x", "a"], &["a", "b"], true),
        ("ForAnyValue:StringNotEquals", &["a", "b"], &["a", "b"], false),
        ("ForAnyValue:StringLike", &["cost-center"], &["cost*"], true),
        ("ForAllValues:StringEquals", &[""], &["a"], true),
        ("ForAnyValue:StringEquals", &[""], &[""], false),
        ("StringEquals", &["x", "a"], &["a"], true),
        ("StringNotEquals", &["x", "a"], &["a"], false),
        ("StringNotEquals", &["x", "y"], &["a"], true),
    ];
    for (operator, values, wanted, expected) in cases {
        let facts = Facts::new().with_all("k", values.iter().copied());
        assert_eq!(holds(operator, "k", wanted, &facts), *expected, "{operator}: {values:?} to {wanted:?}");
    }
}

/// "Policy variables with no value": nothing is equal to what is not there, so it is unequal to everything.
#[test]
fn variables_with_and_without_value() {
    let facts = Facts::new().with("s3:ExistingObjectTag/Team", "red").with("aws:PrincipalTag/Other", "red");
    let key = "s3:ExistingObjectTag/Team";
    assert!(holds("StringEquals", key, &["${aws:PrincipalTag/Other}"], &facts));
    assert!(holds("StringEqualsIgnoreCase", key, &["R${x, 'E'}D"], &facts));
    assert!(!holds("StringEquals", key, &["${aws:PrincipalTag/Team}"], &facts));
    assert!(holds("StringNotEquals", key, &["${aws:PrincipalTag/Team}"], &facts));
    assert!(holds("StringNotLike", key, &["${aws:PrincipalTag/Team}*"], &facts));
}

#[test]
fn names_of_operators() {
    for good in ["ForAnyValue:StringEqualsIfExists", "DateLessThanEquals", "NullIfExist"] {
        assert_eq!(good.parse::<Operator>().is_ok(), good != "NullIfExist", "{good}");
    }
    for bad in
        ["", "x", "IfExists", "ForAnyValue::StringEquals", "NullIfExists", "stringequals", "NumericLike"]
    {
        assert!(bad.parse::<Operator>().is_err(), "{bad}");
    }
}

/// A key of which nothing but a list is known, or a key that is waived.
struct Only(Option<Vec<String>>);

impl Context for Only {
    fn find(&self, _key: &str) -> Option<Values<'_>> {
        self.0.as_deref().map(|all| Values::List(all.into()))
    }

    fn waives(&self, _key: &str) -> bool {
        self.0.is_none()
    }
}

#[test]
fn a_list_is_meant_as_a_whole() {
    let list = |values: &[&str]| Only(Some(values.iter().map(|value| (*value).to_owned()).collect()));
    let cases = [
        ("StringEquals", ["a"].as_slice(), ["a"].as_slice(), true, true),
        ("StringEquals", ["a", "b"].as_slice(), ["a"].as_slice(), false, true),
        ("StringEquals", ["a", "b"].as_slice(), ["a", "b"].as_slice(), false, true),
        ("StringEquals", ["a", "b"].as_slice(), ["c"].as_slice(), false, false),
        ("StringNotEquals", ["a", "b"].as_slice(), ["a"].as_slice(), false, true),
        ("StringNotEquals", ["a", "b"].as_slice(), ["a", "b"].as_slice(), false, false),
        ("StringEqualsIfExists", ["a", "b"].as_slice(), ["a"].as_slice(), false, true),
        ("ForAllValues:StringEquals", ["a", "b"].as_slice(), ["a", "b"].as_slice(), true, true),
        ("ForAllValues:StringEquals", ["a", "b"].as_slice(), ["a"].as_slice(), false, false),
        ("ForAnyValue:StringEquals", ["a", "b"].as_slice(), ["a"].as_slice(), true, true),
        ("Null", ["a", "b"].as_slice(), ["false"].as_slice(), true, true),
    ];
    for (operator, values, wanted, allowing, denying) in cases {
        let held = |effect| holds_in(effect, operator, "k", wanted, &list(values));
        let held = (held(Effect::Allow), held(Effect::Deny));
        assert_eq!(held, (allowing, denying), "{operator}: {values:?} to {wanted:?}");
    }
}

#[test]
fn what_is_waived_stands_in_the_way_of_nothing() {
    for operator in ["StringEquals", "StringNotEquals", "Null", "ForAllValues:StringEquals"] {
        assert!(holds_in(Effect::Allow, operator, "k", &["a"], &Only(None)), "{operator}");
        assert!(!holds_in(Effect::Deny, operator, "k", &["a"], &Only(None)), "{operator}");
    }
}
