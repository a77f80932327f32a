//! An organization's limits: every level must allow, whoever else does.

use std::sync::Arc;

use policy::{Kind, Layer, Outcome, Policies, Policy, Who, denial_message};

use crate::compile;
use crate::evaluation::{AWAY, HOME, QUEUE, ROOT, SERVICE, USER, USER_ARN, allow_all, ask, aws, granting};

fn full(kind: Kind) -> Arc<Policy> {
    let principal = if kind == Kind::ResourceControl { r#""Principal": "*","# } else { "" };
    compile(kind, "full", &format!(r#"{{"Effect": "Allow", {principal} "Action": "*", "Resource": "*"}}"#))
}

fn only(action: &str) -> Arc<Policy> {
    compile(
        Kind::ServiceControl,
        "only",
        &format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}"#),
    )
}

#[test]
fn every_level_must_allow() {
    let all = allow_all();
    let scp = || full(Kind::ServiceControl);
    let cases = [
        (vec![], true),
        (vec![vec![scp()], vec![scp()]], true),
        (vec![vec![scp()], vec![only("other:*"), only("q:*")]], true),
        (vec![vec![scp()], vec![only("other:*")], vec![scp()]], false),
        (vec![vec![scp()], vec![]], false),
    ];
    for (levels, expected) in cases {
        let policies = Policies { identity: &all, service_control: &levels, ..Policies::default() };
        for who in [USER, ROOT] {
            let decision = ask(who, HOME, &policies);
            assert_eq!(decision.is_allowed(), expected, "{who:?} {levels:?}");
            if !expected {
                assert_eq!(
                    (decision.outcome, decision.layer),
                    (Outcome::ImplicitDeny, Layer::ServiceControl)
                );
            }
        }
    }
}

#[test]
fn a_limit_is_not_lifted_by_a_grant() {
    let levels = [vec![only("other:*")]];
    let resource = granting(&aws(USER_ARN));
    let policies = Policies { resource: Some(&resource), service_control: &levels, ..Policies::default() };
    assert_eq!(ask(USER, HOME, &policies).layer, Layer::ServiceControl);
    // Who belongs to no account is not limited by what limits principals.
    let open = granting("\"*\"");
    let policies = Policies { resource: Some(&open), service_control: &levels, ..Policies::default() };
    assert!(ask(SERVICE, HOME, &policies).is_allowed());
    assert!(ask(Who::Anonymous, HOME, &policies).is_allowed());
}

#[test]
fn resources_are_limited_for_everybody() {
    let deny = compile(
        Kind::ResourceControl,
        "deny",
        r#"{"Effect": "Deny", "Principal": "*", "Action": "q:*", "Resource": "*"}"#,
    );
    let levels = [vec![full(Kind::ResourceControl)], vec![full(Kind::ResourceControl), deny]];
    let (open, all) = (granting("\"*\""), allow_all());
    let policies =
        Policies { resource: Some(&open), identity: &all, resource_control: &levels, ..Policies::default() };
    for who in [USER, ROOT, SERVICE, Who::Anonymous] {
        for owner in [HOME, AWAY] {
            let decision = ask(who, owner, &policies);
            assert_eq!((decision.outcome, decision.layer), (Outcome::ExplicitDeny, Layer::ResourceControl));
        }
    }
    let none = [vec![]];
    let silent = Policies { resource_control: &none, ..policies };
    assert_eq!(ask(USER, HOME, &silent).layer, Layer::ResourceControl);
}

#[test]
fn the_denied_are_told_of_the_organization() {
    let all = allow_all();
    let deny = compile(Kind::ServiceControl, "deny", r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#);
    let told = |levels: &[Vec<Arc<Policy>>]| {
        let policies = Policies { identity: &all, service_control: levels, ..Policies::default() };
        denial_message(USER_ARN, "q:Send", QUEUE, &ask(USER, HOME, &policies))
    };
    let start = format!("User: {USER_ARN} is not authorized to perform: q:Send on resource: {QUEUE}");
    let silent = told(&[vec![only("other:*")]]);
    assert_eq!(silent, format!("{start} because no service control policy allows the q:Send action"));
    let denied = told(&[vec![full(Kind::ServiceControl), deny]]);
    assert_eq!(denied, format!("{start} with an explicit deny in a service control policy"));
}

#[test]
fn the_endpoint_a_request_came_by_must_allow_it() {
    let all = allow_all();
    let open = compile(
        Kind::Resource,
        "open",
        r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#,
    );
    let other = granting(&aws(AWAY));
    let resource = granting("\"*\"");
    for who in [USER, ROOT, Who::Anonymous] {
        let base = Policies { identity: &all, resource: Some(&resource), ..Policies::default() };
        assert!(ask(who, HOME, &Policies { endpoint: Some(&open), ..base }).is_allowed(), "{who:?}");
        let decision = ask(who, HOME, &Policies { endpoint: Some(&other), ..base });
        assert_eq!((decision.outcome, decision.layer), (Outcome::ImplicitDeny, Layer::Endpoint), "{who:?}");
        let message = denial_message(USER_ARN, "q:Send", QUEUE, &decision);
        assert!(message.ends_with("because no VPC endpoint policy allows the q:Send action"), "{message}");
    }
}
