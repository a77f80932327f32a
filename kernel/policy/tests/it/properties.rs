//! What holds of all policies.

use std::fmt::Write as _;
use std::sync::Arc;

use policy::{Document, Facts, Kind, Outcome, Policies, Policy, Request, Who, decide, explain};
use proptest::prelude::*;

use crate::VENDORS;
use crate::evaluation::{HOME, ROLE_ARN, ROOT, SERVICE, SESSION, USER, USER_ARN};

const KINDS: [Kind; 6] =
    [Kind::Identity, Kind::Resource, Kind::Trust, Kind::Session, Kind::ServiceControl, Kind::ResourceControl];

/// Any JSON, with a liking for the words of policies.
fn any_json() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "Version",
        "2012-10-17",
        "Statement",
        "Effect",
        "Allow",
        "Deny",
        "Action",
        "NotAction",
        "Resource",
        "*",
        "s3:x",
        "arn:aws:s3:::b",
        "Principal",
        "AWS",
        "Condition",
        "StringLike",
        "DateLessThan",
        "IpAddress",
        "${aws:username}",
        "",
    ]);
    let leaf = prop_oneof![
        words.clone().prop_map(|word| format!("{word:?}")),
        any::<i64>().prop_map(|n| n.to_string()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        "[a-z*:$?{}]{0,8}".prop_map(|text| format!("{text:?}")),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((words.clone(), inner), 0..6).prop_map(|members| {
                let mut text = String::from("{");
                for (at, (name, value)) in members.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    let _ = write!(text, "{comma}{name:?}:{value}");
                }
                text + "}"
            }),
        ]
    })
}

/// A statement that is well formed, over few words so that many of them apply.
fn statement(effect: &'static str, named: bool) -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec![
        r#""Action": "*""#,
        r#""Action": "q:*""#,
        r#""Action": ["q:S*", "x:y"]"#,
        r#""NotAction": "q:Get*""#,
        r#""Action": "q:Send""#,
        r#""NotAction": "*:Send""#,
    ]);
    let resource = prop::sample::select(vec![
        r#""Resource": "*""#,
        r#""Resource": "arn:aws:q:*:*:a*""#,
        r#""NotResource": "arn:aws:q:::b""#,
        r#""Resource": "arn:aws:q:*:*:${aws:username}""#,
        r#""Resource": ["arn:aws:q:::?", "arn:aws:x:::y"]"#,
    ]);
    let condition = prop::sample::select(vec![
        "{}",
        r#"{"StringEquals": {"k": ["a", "b"]}}"#,
        r#"{"StringNotLike": {"k": "a*"}}"#,
        r#"{"ForAllValues:StringLike": {"k": ["a", "b"]}}"#,
        r#"{"NumericLessThanIfExists": {"n": 5}}"#,
        r#"{"Null": {"k": true}}"#,
    ]);
    let principal = prop::sample::select(vec![
        r#""Principal": "*","#.to_owned(),
        format!(r#""Principal": {{"AWS": "{USER_ARN}"}},"#),
        format!(r#""Principal": {{"AWS": ["{HOME}", "{ROLE_ARN}"]}},"#),
        r#""Principal": {"Service": "topic.amazonaws.com"},"#.to_owned(),
    ]);
    (action, resource, condition, principal).prop_map(move |(action, resource, condition, principal)| {
        let principal = if named { principal } else { String::new() };
        format!(r#"{{"Effect": "{effect}", {principal} {action}, {resource}, "Condition": {condition}}}"#)
    })
}

fn statements(named: bool) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![3 => statement("Allow", named), 1 => statement("Deny", named)], 1..5)
}

fn compile(kind: Kind, statements: &[String]) -> Arc<Policy> {
    crate::compile(kind, "p", &statements.join(","))
}

fn facts() -> impl Strategy<Value = Facts> {
    let values = prop::collection::vec(prop::sample::select(vec!["a", "b", "abc", ""]), 0..3);
    (prop::option::of(values), prop::option::of(0_i8..9)).prop_map(|(k, n)| {
        let facts = Facts::new().with("aws:username", "a");
        let facts = k.into_iter().fold(facts, |facts, values| facts.with_all("k", values));
        n.into_iter().fold(facts, |facts, n| facts.with("n", &n.to_string()))
    })
}

struct Case {
    identity: Vec<String>,
    resource: Option<Vec<String>>,
    boundary: Option<Vec<String>>,
    session: Option<Vec<String>>,
    facts: Facts,
    who: Who<'static>,
    at: &'static str,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { identity, resource, boundary, session, facts, who, at } = self;
        write!(f, "{who:?} at {at}: {identity:#?} {resource:#?} {boundary:#?} {session:#?} {facts:?}")
    }
}

fn case() -> impl Strategy<Value = Case> {
    let resource = prop::sample::select(vec!["arn:aws:q:::a", "arn:aws:q:::b", "arn:aws:q:eu:1:abc", "*"]);
    let maybe = |named| prop::option::of(statements(named));
    (
        statements(false),
        maybe(true),
        maybe(false),
        maybe(false),
        facts(),
        prop::sample::select(vec![USER, SESSION, ROOT, SERVICE]),
        resource,
    )
        .prop_map(|(identity, resource, boundary, session, facts, who, at)| Case {
            identity,
            resource,
            boundary,
            session,
            facts,
            who,
            at,
        })
}

impl Case {
    fn outcome(&self, owner: &str) -> Outcome {
        let identity = [compile(Kind::Identity, &self.identity)];
        let resource = self.resource.as_ref().map(|s| compile(Kind::Resource, s));
        let boundary = self.boundary.as_ref().map(|s| compile(Kind::Identity, s));
        let session = self.session.as_ref().map(|s| [compile(Kind::Session, s)]);
        let policies = Policies {
            identity: &identity,
            resource: resource.as_deref(),
            boundary: boundary.as_deref(),
            session: session.as_ref().map(|session| session.as_slice()),
            ..Policies::default()
        };
        let request = Request {
            who: self.who,
            action: "q:Send",
            resource: self.at,
            owner: Some(owner),
            context: &self.facts,
        };
        let (decision, matches) = explain(&request, &policies);
        assert_eq!(decision.outcome, decide(&request, &policies).outcome);
        let denies = matches.iter().filter_map(|m| m.statement()).any(|s| s.effect() == policy::Effect::Deny);
        assert_eq!(
            denies,
            decision.outcome == Outcome::ExplicitDeny,
            "a denial that applies always wins, and none else"
        );
        decision.outcome
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_json_panics(text in any_json()) {
        for kind in KINDS {
            if let Ok(document) = Document::parse(kind, &text, &VENDORS) {
                Policy::compile("p", &document);
            }
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        for kind in KINDS {
            let _ = Document::parse(kind, &text, &VENDORS);
        }
    }

    #[test]
    fn more_allowances_never_take_away(case in case(), more in statement("Allow", false), named in statement("Allow", true)) {
        for owner in [HOME, "444455556666"] {
            let before = case.outcome(owner);
            let mut wider = Case { identity: case.identity.clone(), resource: case.resource.clone(),
                boundary: case.boundary.clone(), session: case.session.clone(), facts: case.facts.clone(), ..case };
            wider.identity.push(more.clone());
            wider.resource.iter_mut().for_each(|statements| statements.push(named.clone()));
            wider.boundary.iter_mut().for_each(|statements| statements.push(more.clone()));
            let after = wider.outcome(owner);
            prop_assert!(before != Outcome::Allowed || after == Outcome::Allowed);
            prop_assert_eq!(before == Outcome::ExplicitDeny, after == Outcome::ExplicitDeny);
        }
    }

    #[test]
    fn a_denial_of_everything_denies(case in case()) {
        let everything = r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#.to_owned();
        let mut narrower = case;
        narrower.identity.push(everything);
        prop_assert_eq!(narrower.outcome(HOME), Outcome::ExplicitDeny);
    }

    #[test]
    fn the_order_of_statements_does_not_matter(case in case()) {
        let before = case.outcome(HOME);
        let mut turned = case;
        turned.identity.reverse();
        turned.resource.iter_mut().for_each(|statements| statements.reverse());
        prop_assert_eq!(turned.outcome(HOME), before);
    }
}

/// Documents as large as any may be, made to be slow: read, compiled and asked within the patience of a test.
#[test]
fn large_documents_take_no_longer_than_they_are() {
    let action = |at: usize| format!("\"v{at}:x*?y\"");
    let many =
        |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<Vec<_>>().join(",");
    let wide = format!(r#""Effect": "Allow", "Action": [{}], "Resource": "*""#, many(9_000, &action));
    let tall =
        many(1_900, &|at| format!(r#"{{"Effect":"Deny","Action":["*:a?*","v{at}:b"],"Resource":"*"}}"#));
    let stars =
        format!(r#""Effect": "Allow", "Action": "*", "Resource": "arn:aws:q:::{}b""#, "*a?".repeat(1_300));
    for statements in [format!("{{{wide}}}"), tall, format!("{{{stars}}}")] {
        let policy = crate::compile(Kind::Identity, "large", &statements);
        let attached = [policy];
        let policies = Policies { identity: &attached, ..Policies::default() };
        let resource = format!("arn:aws:q:::{}", "a".repeat(2_000));
        for action in ["v7:x", "q:aaaaaaaaaaaaaaaaaaaaaaaaaa", "v8999:xzzy"] {
            let request =
                Request { who: USER, action, resource: &resource, owner: None, context: &Facts::new() };
            decide(&request, &policies);
        }
    }
}
