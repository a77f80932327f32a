//! Our evaluator against `iam-rs`, which was written by others from the same documents: random policies and requests,
//! every difference explained or shown. `cargo run --release -- [cases] [seed]`

mod cases;
mod explained;
mod shrink;
mod theirs;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use cases::Case;
use policy::{Document, Kind, Policies, Policy, Request, Who, decide};

const SHOWN_MAX: usize = 12;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (cases, seed) = (number(100_000), number(1));
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut same = [0_u64; 2];
    let mut explained: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for _ in 0..cases {
        let case = Case::random(&mut chance);
        let (own, other) = (ours(&case), theirs::allows(&case));
        if own == other {
            same[usize::from(own)] += 1;
        } else if let Some(why) = explained::find(&case, ours) {
            *explained.entry(why).or_default() += 1;
        } else {
            unexplained.push(case);
        }
    }
    println!("{cases} cases, seed {seed}: both deny {}, both allow {}", same[0], same[1]);
    for (why, count) in &explained {
        println!("{count:>8}  {why}");
    }
    println!("{:>8}  unexplained", unexplained.len());
    let all_explained = unexplained.is_empty();
    for case in unexplained.into_iter().take(SHOWN_MAX) {
        let least = shrink::least(case, |case| ours(case) != theirs::allows(case));
        println!("\nours allows: {}, theirs: {}\n{}", ours(&least), theirs::allows(&least), least.shown());
    }
    if all_explained { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether ours allows.
fn ours(case: &Case) -> bool {
    let compile = |kind: Kind, texts: &[String]| -> Vec<Arc<Policy>> {
        let compile = |text: &String| {
            let document = Document::parse(kind, text, &[]).unwrap_or_else(|e| panic!("{e}: {text}"));
            Arc::new(Policy::compile("p", &document))
        };
        texts.iter().map(compile).collect()
    };
    let identity = compile(Kind::Identity, &case.texts(&case.identity));
    let boundary = compile(Kind::Identity, &case.texts(case.boundary.as_slice()));
    let control: Vec<_> = case
        .control
        .iter()
        .map(|one| compile(Kind::ServiceControl, &case.texts(std::slice::from_ref(one))))
        .collect();
    let request = Request {
        who: Who::User { account: cases::ACCOUNT, arn: cases::USER, id: "AIDAEXAMPLEOFANID" },
        action: &case.action,
        resource: &case.resource,
        owner: None,
        context: &case.facts(),
    };
    let policies = Policies {
        identity: &identity,
        boundary: boundary.first().map(|policy| &**policy),
        service_control: &control,
        ..Policies::default()
    };
    decide(&request, &policies).is_allowed()
}
