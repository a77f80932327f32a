//! Policies: whatever is written, it is one or is refused, and what it says of a request is always the same.

use policy::{
    Document, Facts, Kind, Policies, Policy, Request, Weight, Who, decide, denial_message, explain,
};

const KINDS: [Kind; 6] =
    [Kind::Identity, Kind::Resource, Kind::Trust, Kind::Session, Kind::ServiceControl, Kind::ResourceControl];
const WHO: &str = "arn:aws:iam::111122223333:user/kim";

/// The first line is what is asked for, the rest a document. Patterns are hostile as they like: time stays linear,
/// which the limit for an input sees to.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (resource, text) = text.split_once('\n').unwrap_or(("*", text));
    for kind in KINDS {
        let Ok(document) = Document::parse(kind, text, &[]) else { continue };
        let made = Policy::compile("mine", &document);
        let facts = Facts::new().with("aws:username", resource).with("aws:CurrentTime", "1700000000");
        let ask = |account| Request {
            who: Who::User { account, arn: WHO, id: "AIDAEXAMPLEOFANID" },
            action: "sqs:SendMessage",
            resource,
            owner: Some("111122223333"),
            context: &facts,
        };
        let attached = [made.clone().into()];
        let policies = match kind {
            Kind::Resource => {
                Policies { resource: Some(&made), weight: Weight::Required, ..Policies::default() }
            }
            _ => Policies { identity: &attached, ..Policies::default() },
        };
        for account in ["111122223333", "444455556666"] {
            let decision = decide(&ask(account), &policies);
            let (explained, matches) = explain(&ask(account), &policies);
            assert_eq!(decision.outcome, explained.outcome, "an explanation decides alike");
            assert!(matches.len() <= document.statements.len());
            assert!(!decision.is_allowed() || !matches.is_empty(), "somebody allows");
            denial_message(WHO, "sqs:SendMessage", resource, &decision);
        }
    }
}
