//! Times a decision over ten policies of twenty statements.
//!
//! `cargo run --release -p policy --example decide`

#![allow(clippy::indexing_slicing)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use policy::{Document, Facts, Kind, Outcome, Policies, Policy, Request, Who, decide};

const ROUNDS: usize = 200_000;
const SERVICES: [&str; 5] = ["queue", "table", "bucket", "machine", "topic"];

/// Statements as people write them: lists of actions, ARNs with wildcards, a condition here and there.
fn policy(number: usize, same_service: bool) -> Arc<Policy> {
    let statements = (0..20).map(|at| {
        let service = if same_service { "queue" } else { SERVICES[(number + at) % SERVICES.len()] };
        let effect = if at % 5 == 4 { "Deny" } else { "Allow" };
        let condition = match at % 4 {
            0 => r#","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#,
            1 => {
                r#","Condition":{"StringLike":{"aws:PrincipalTag/team":["red*","blue"]},
                   "IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#
            }
            _ => "",
        };
        format!(
            r#"{{"Sid":"S{at}","Effect":"{effect}","Action":["{service}:Get*","{service}:List*","{service}:SendMessage"],
               "Resource":["arn:aws:{service}:*:111122223333:team{number}-{at}-*","arn:aws:{service}:eu-*:*:*-{at}"]{condition}}}"#
        )
    });
    let text =
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.collect::<Vec<_>>().join(","));
    let document = Document::parse(Kind::Identity, &text, &[]).expect("a policy");
    Arc::new(Policy::compile(format!("policy-{number}"), &document))
}

fn measure(name: &str, attached: &[Arc<Policy>], resource: &str, expected: Outcome) {
    let facts = Facts::new()
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "203.0.113.9")
        .with("aws:PrincipalTag/team", "red-1");
    let request = Request {
        who: Who::User {
            account: "111122223333",
            arn: "arn:aws:iam::111122223333:user/kim",
            id: "AIDAEXAMPLE",
        },
        action: "queue:SendMessage",
        resource,
        owner: Some("111122223333"),
        context: &facts,
    };
    let policies = Policies { identity: attached, ..Policies::default() };
    let mut nanos: Vec<u128> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        // The bench is where the clock is read directly.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let decision = decide(black_box(&request), black_box(&policies));
        nanos.push(start.elapsed().as_nanos());
        assert_eq!(decision.outcome, expected);
    }
    nanos.sort_unstable();
    let at = |share: usize| nanos[ROUNDS * share / 100];
    let line = format!("{name:<34} p50 {:>6} ns  p99 {:>6} ns", at(50), at(99));
    #[allow(clippy::print_stdout)]
    {
        println!("{line}");
    }
}

fn main() {
    let mixed: Vec<_> = (0..10).map(|number| policy(number, false)).collect();
    let same: Vec<_> = (0..10).map(|number| policy(number, true)).collect();
    let fitting = "arn:aws:queue:us-east-1:111122223333:team7-3-orders";
    let strange = "arn:aws:queue:us-east-1:111122223333:unknown";
    measure("five services, allowed", &mixed, fitting, Outcome::Allowed);
    measure("five services, nothing fits", &mixed, strange, Outcome::ImplicitDeny);
    measure("one service, allowed", &same, fitting, Outcome::Allowed);
    measure("one service, nothing fits", &same, strange, Outcome::ImplicitDeny);
}
