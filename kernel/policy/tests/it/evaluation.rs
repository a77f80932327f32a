//! Who gets what: users, roles, sessions, strangers, services; the layers and what the denied are told.

use std::sync::Arc;

use policy::{
    Decision, Facts, Kind, Layer, Outcome, Parent, Policies, Policy, Request, Who, decide, denial_message,
    explain,
};

use crate::compile;

pub(crate) const HOME: &str = "111122223333";
pub(crate) const AWAY: &str = "444455556666";
pub(crate) const USER_ARN: &str = "arn:aws:iam::111122223333:user/kim";
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/deploy";
pub(crate) const SESSION_ARN: &str = "arn:aws:sts::111122223333:assumed-role/deploy/monday";
const FEDERATED_ARN: &str = "arn:aws:sts::111122223333:federated-user/guest";
pub(crate) const USER: Who<'static> = Who::User { account: HOME, arn: USER_ARN, id: "AIDAJQABLZS4A3QDU576Q" };
pub(crate) const SESSION: Who<'static> = Who::RoleSession {
    account: HOME,
    role_arn: ROLE_ARN,
    role_id: "AROAJQABLZS4A3QDU576Q",
    session_arn: SESSION_ARN,
};
const FEDERATED: Who<'static> = Who::FederatedUser {
    account: HOME,
    session_arn: FEDERATED_ARN,
    parent: Some(Parent { arn: USER_ARN, id: "AIDAJQABLZS4A3QDU576Q" }),
};
pub(crate) const ROOT: Who<'static> = Who::Root { account: HOME };
pub(crate) const SERVICE: Who<'static> = Who::Service { name: "topic.amazonaws.com" };
pub(crate) const QUEUE: &str = "arn:aws:q:eu-west-1:111122223333:jobs";

pub(crate) fn identity(statements: &str) -> Vec<Arc<Policy>> {
    vec![compile(Kind::Identity, "identity", statements)]
}

pub(crate) fn allow_all() -> Vec<Arc<Policy>> {
    identity(r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#)
}

/// A resource's policy of one statement that allows sending to the principal given.
pub(crate) fn granting(principal: &str) -> Arc<Policy> {
    let statement = format!(
        r#"{{"Sid": "grant", "Effect": "Allow", "Principal": {principal}, "Action": "q:Send", "Resource": "*"}}"#
    );
    compile(Kind::Resource, "resource", &statement)
}

pub(crate) fn aws(name: &str) -> String {
    format!(r#"{{"AWS": "{name}"}}"#)
}

pub(crate) fn ask<'a>(who: Who<'_>, owner: &str, policies: &Policies<'a>) -> Decision<'a> {
    let request = Request { who, action: "q:Send", resource: QUEUE, owner: Some(owner), context: &() };
    decide(&request, policies)
}

fn outcome(who: Who<'_>, owner: &str, policies: &Policies<'_>) -> (Outcome, Layer) {
    let decision = ask(who, owner, policies);
    (decision.outcome, decision.layer)
}

#[test]
fn identity_policies_alone() {
    let attached = identity(
        r#"{"Sid": "AllowGetList", "Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"},
           {"Sid": "DenyReports", "Effect": "Deny", "Action": "iam:*Report", "Resource": "*"}"#,
    );
    let cases = [
        ("iam:GetUser", Outcome::Allowed, Some("AllowGetList")),
        ("IAM:getuser", Outcome::Allowed, Some("AllowGetList")),
        ("iam:GetOrganizationsAccessReport", Outcome::ExplicitDeny, Some("DenyReports")),
        ("iam:GenerateCredentialReport", Outcome::ExplicitDeny, Some("DenyReports")),
        ("iam:CreatePolicy", Outcome::ImplicitDeny, None),
        ("s3:GetUser", Outcome::ImplicitDeny, None),
        ("nonsense", Outcome::ImplicitDeny, None),
        ("", Outcome::ImplicitDeny, None),
    ];
    let policies = Policies { identity: &attached, ..Policies::default() };
    for (action, outcome, sid) in cases {
        let decision =
            decide(&Request { who: USER, action, resource: "*", owner: None, context: &() }, &policies);
        assert_eq!(decision.outcome, outcome, "{action}");
        assert_eq!(decision.by.and_then(|by| by.statement()?.sid()), sid, "{action}");
        assert_eq!(decision.layer, Layer::Identity);
    }
}

/// The documented example of an identity's policy beside a bucket's.
#[test]
fn identity_and_resource_policies_together() {
    let arn = "arn:aws:iam::123456789012:user/carlossalazar";
    let who = Who::User { account: "123456789012", arn, id: "AIDAJQABLZS4A3QDU576Q" };
    let attached = identity(
        r#"{"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListAllMyBuckets"], "Resource": "arn:aws:s3:::*"},
           {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::carlossalazar/*", "arn:aws:s3:::carlossalazar"]},
           {"Sid": "DenyLogs", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*log*"}"#,
    );
    let statement = format!(
        r#"{{"Effect": "Allow", "Principal": {{"AWS": "{arn}"}}, "Action": "s3:*", "Resource": "arn:aws:s3:::carlossalazar/*"}}"#
    );
    let bucket = compile(Kind::Resource, "bucket", &statement);
    let at = |resource, policies: &Policies<'_>| {
        decide(&Request { who, action: "s3:PutObject", resource, owner: None, context: &() }, policies)
            .outcome
    };
    let both = Policies { identity: &attached, resource: Some(&bucket), ..Policies::default() };
    assert_eq!(at("arn:aws:s3:::carlossalazar-logs/x", &both), Outcome::ExplicitDeny);
    assert_eq!(at("arn:aws:s3:::carlossalazar/x", &both), Outcome::Allowed);
    assert_eq!(at("arn:aws:s3:::other/x", &both), Outcome::ImplicitDeny);
    let only = Policies { resource: Some(&bucket), ..Policies::default() };
    assert_eq!(at("arn:aws:s3:::carlossalazar/x", &only), Outcome::Allowed);
}

/// "Resource-based policies and implicit denies in other policy types (same account)", row by row.
#[test]
fn what_a_resource_policy_is_worth_in_its_account() {
    let silent = identity(r#"{"Effect": "Allow", "Action": "other:x", "Resource": "*"}"#);
    let (allowed, everything) = (Outcome::Allowed, allow_all());
    let denied = Outcome::ImplicitDeny;
    // (who, principal named, with nothing in identity / a silent boundary / a silent session policy)
    let rows = [
        (USER, aws(USER_ARN), [allowed, allowed, allowed]),
        (USER, aws("AIDAJQABLZS4A3QDU576Q"), [allowed, allowed, allowed]),
        (USER, "\"*\"".to_owned(), [allowed, allowed, allowed]),
        (USER, aws("*"), [allowed, allowed, allowed]),
        (USER, aws(HOME), [denied, denied, denied]),
        (USER, aws("arn:aws:iam::111122223333:user/sam"), [denied, denied, denied]),
        (SESSION, aws(ROLE_ARN), [allowed, denied, denied]),
        (SESSION, aws("AROAJQABLZS4A3QDU576Q"), [allowed, denied, denied]),
        (SESSION, aws(SESSION_ARN), [allowed, allowed, allowed]),
        (SESSION, aws("arn:aws:sts::111122223333:assumed-role/deploy/friday"), [denied, denied, denied]),
        (SESSION, aws(HOME), [denied, denied, denied]),
        (FEDERATED, aws(FEDERATED_ARN), [allowed, allowed, allowed]),
        (FEDERATED, aws(USER_ARN), [denied, denied, denied]),
    ];
    for (who, principal, [no_identity, boundary, session]) in rows {
        let resource = granting(&principal);
        let base = Policies { resource: Some(&resource), ..Policies::default() };
        assert_eq!(ask(who, HOME, &base).outcome, no_identity, "{principal}: no identity policy");
        let bounded = Policies { boundary: Some(&silent[0]), identity: &silent, ..base };
        assert_eq!(ask(who, HOME, &bounded).outcome, boundary, "{principal}: boundary");
        let narrowed = Policies { session: Some(&silent), identity: &silent, ..base };
        assert_eq!(ask(who, HOME, &narrowed).outcome, session, "{principal}: session");
        let open = Policies {
            identity: &everything,
            boundary: Some(&everything[0]),
            session: Some(&everything),
            ..base
        };
        assert_eq!(ask(who, HOME, &open).outcome, allowed, "{principal}: all allow");
    }
    // Without a parent the account itself made the session, and only its policies limit it.
    let guest = Who::FederatedUser { account: HOME, session_arn: FEDERATED_ARN, parent: None };
    let narrowed = Policies { session: Some(&silent), ..Policies::default() };
    assert_eq!(ask(guest, HOME, &narrowed).layer, Layer::Session);
    assert_eq!(ask(guest, HOME, &Policies { session: Some(&everything), ..narrowed }).outcome, allowed);
    // The parent's name counts for a federated session whose own policies allow.
    let resource = granting(&aws(USER_ARN));
    let session = Policies { resource: Some(&resource), session: Some(&everything), ..Policies::default() };
    assert_eq!(ask(FEDERATED, HOME, &session).outcome, allowed);
}

#[test]
fn limits_on_identity_policies() {
    let all = allow_all();
    let silent = identity(r#"{"Effect": "Allow", "Action": "other:x", "Resource": "*"}"#);
    let base = Policies { identity: &all, ..Policies::default() };
    let cases = [
        (USER, base, (Outcome::Allowed, Layer::Identity)),
        (USER, Policies::default(), (Outcome::ImplicitDeny, Layer::Identity)),
        (USER, Policies { boundary: Some(&silent[0]), ..base }, (Outcome::ImplicitDeny, Layer::Boundary)),
        (
            USER,
            Policies { boundary: Some(&all[0]), identity: &silent, ..base },
            (Outcome::ImplicitDeny, Layer::Identity),
        ),
        (USER, Policies { boundary: Some(&all[0]), ..base }, (Outcome::Allowed, Layer::Identity)),
        (SESSION, Policies { session: Some(&silent), ..base }, (Outcome::ImplicitDeny, Layer::Session)),
        (SESSION, Policies { session: Some(&[]), ..base }, (Outcome::ImplicitDeny, Layer::Session)),
        (SESSION, Policies { session: Some(&all), ..base }, (Outcome::Allowed, Layer::Identity)),
        (FEDERATED, base, (Outcome::ImplicitDeny, Layer::Session)),
        (FEDERATED, Policies { session: Some(&all), ..base }, (Outcome::Allowed, Layer::Identity)),
        (ROOT, Policies::default(), (Outcome::Allowed, Layer::Root)),
        (SERVICE, base, (Outcome::ImplicitDeny, Layer::Resource)),
        (Who::Anonymous, base, (Outcome::ImplicitDeny, Layer::Resource)),
    ];
    for (who, policies, expected) in cases {
        assert_eq!(outcome(who, HOME, &policies), expected, "{who:?} {policies:?}");
    }
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let all = allow_all();
    let silent = identity(r#"{"Effect": "Allow", "Action": "other:x", "Resource": "*"}"#);
    for (who, principal) in
        [(USER, aws(USER_ARN)), (SESSION, aws(SESSION_ARN)), (USER, aws(HOME)), (USER, "\"*\"".into())]
    {
        let resource = granting(&principal);
        let both = Policies { resource: Some(&resource), identity: &all, ..Policies::default() };
        assert_eq!(outcome(who, AWAY, &both), (Outcome::Allowed, Layer::Identity), "{principal}");
        let unasked = Policies { identity: &[], ..both };
        assert_eq!(outcome(who, AWAY, &unasked), (Outcome::ImplicitDeny, Layer::Identity), "{principal}");
        let ungranted = Policies { resource: None, ..both };
        assert_eq!(outcome(who, AWAY, &ungranted), (Outcome::ImplicitDeny, Layer::Resource), "{principal}");
        let bounded = Policies { boundary: Some(&silent[0]), ..both };
        assert_eq!(outcome(who, AWAY, &bounded), (Outcome::ImplicitDeny, Layer::Boundary), "{principal}");
    }
    assert_eq!(outcome(ROOT, AWAY, &Policies::default()), (Outcome::ImplicitDeny, Layer::Resource));
    let resource = granting(&aws(HOME));
    let granted = Policies { resource: Some(&resource), ..Policies::default() };
    assert_eq!(outcome(ROOT, AWAY, &granted), (Outcome::Allowed, Layer::Resource));
}

#[test]
fn services_and_strangers_need_the_resource_policy() {
    let external = Who::External { provider: "accounts.example.com" };
    let cases = [
        (SERVICE, r#"{"Service": "topic.amazonaws.com"}"#, true),
        (SERVICE, r#"{"Service": ["x.amazonaws.com", "topic.amazonaws.com"]}"#, true),
        (SERVICE, r#"{"Service": "x.amazonaws.com"}"#, false),
        (SERVICE, "\"*\"", true),
        (SERVICE, r#"{"AWS": "*"}"#, false),
        (Who::Anonymous, "\"*\"", true),
        (Who::Anonymous, r#"{"AWS": "*"}"#, true),
        (Who::Anonymous, r#"{"AWS": "111122223333"}"#, false),
        (external, r#"{"Federated": "accounts.example.com"}"#, true),
        (external, r#"{"Federated": "other.example.com"}"#, false),
        (USER, r#"{"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"}"#, false),
    ];
    for (who, principal, expected) in cases {
        let resource = granting(principal);
        let policies = Policies { resource: Some(&resource), ..Policies::default() };
        assert_eq!(ask(who, HOME, &policies).is_allowed(), expected, "{who:?} {principal}");
    }
}

#[test]
fn all_but_some() {
    let all = allow_all();
    let deny = |names: &str| {
        let statement = format!(
            r#"{{"Effect": "Deny", "NotPrincipal": {{"AWS": [{names}]}}, "Action": "*", "Resource": "*"}}"#
        );
        compile(Kind::Resource, "resource", &statement)
    };
    let cases = [
        (USER, format!("\"{USER_ARN}\", \"{HOME}\""), true),
        (USER, format!("\"{HOME}\""), false),
        (USER, "\"arn:aws:iam::111122223333:user/sam\"".to_owned(), false),
        (SESSION, format!("\"{ROLE_ARN}\", \"{HOME}\""), true),
        (SESSION, format!("\"{SESSION_ARN}\""), true),
        (ROOT, format!("\"{HOME}\""), true),
        (ROOT, format!("\"{AWAY}\""), false),
    ];
    for (who, names, spared) in cases {
        let resource = deny(&names);
        let policies = Policies { resource: Some(&resource), identity: &all, ..Policies::default() };
        assert_eq!(ask(who, HOME, &policies).is_allowed(), spared, "{who:?} {names}");
        let bounded = Policies { boundary: Some(&all[0]), ..policies };
        assert_eq!(ask(who, HOME, &bounded).outcome, Outcome::ExplicitDeny, "a boundary: {who:?} {names}");
    }
}

#[test]
fn versions_and_variables() {
    let text = |version: &str| {
        format!(
            r#"{{"Version": "{version}", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "q:Send", "Resource": "arn:aws:q:::${{aws:username}}"}}}}"#
        )
    };
    let facts = Facts::new().with("aws:username", "kim");
    for (version, resource, expected) in [
        ("2012-10-17", "arn:aws:q:::kim", true),
        ("2012-10-17", "arn:aws:q:::${aws:username}", false),
        ("2008-10-17", "arn:aws:q:::${aws:username}", true),
        ("2008-10-17", "arn:aws:q:::kim", false),
    ] {
        let document = crate::parse(Kind::Resource, &text(version)).unwrap();
        let policy = Policy::compile("p", &document);
        let policies = Policies { resource: Some(&policy), ..Policies::default() };
        let request = Request { who: USER, action: "q:Send", resource, owner: None, context: &facts };
        assert_eq!(decide(&request, &policies).is_allowed(), expected, "{version} {resource}");
    }
}

#[test]
fn the_denied_are_told_why() {
    let all = allow_all();
    let silent = identity(r#"{"Effect": "Allow", "Action": "other:x", "Resource": "*"}"#);
    let deny = identity(r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#);
    let base = Policies { identity: &all, ..Policies::default() };
    let cases = [
        (Policies::default(), "because no identity-based policy allows the q:Send action"),
        (
            Policies { boundary: Some(&silent[0]), ..base },
            "because no permissions boundary allows the q:Send action",
        ),
        (Policies { session: Some(&silent), ..base }, "because no session policy allows the q:Send action"),
        (Policies { identity: &deny, ..base }, "with an explicit deny in an identity-based policy"),
        (Policies { boundary: Some(&deny[0]), ..base }, "with an explicit deny in a permissions boundary"),
        (Policies { session: Some(&deny), ..base }, "with an explicit deny in a session policy"),
    ];
    for (policies, why) in cases {
        let decision = ask(SESSION, HOME, &policies);
        let message = denial_message(SESSION_ARN, "q:Send", QUEUE, &decision);
        let expected =
            format!("User: {SESSION_ARN} is not authorized to perform: q:Send on resource: {QUEUE} {why}");
        assert_eq!(message, expected);
    }
    let decision = ask(USER, HOME, &Policies::default());
    assert_eq!(
        denial_message(USER_ARN, "q:List", "*", &decision),
        format!(
            "User: {USER_ARN} is not authorized to perform: q:List because no identity-based policy allows the q:List action"
        )
    );
}

#[test]
fn every_statement_that_applies_is_told() {
    let attached = vec![
        compile(
            Kind::Identity,
            "first",
            r#"{"Sid": "no", "Effect": "Allow", "Action": "other:x", "Resource": "*"},
               {"Sid": "yes", "Effect": "Allow", "Action": "q:*", "Resource": "*"},
               {"Sid": "never", "Effect": "Deny", "Action": "q:S*", "Resource": "*"},
               {"Sid": "also", "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"aws:PrincipalTag/a": "${aws:username}"}}}"#,
        ),
        compile(Kind::Identity, "second", r#"{"Effect": "Allow", "NotAction": "other:x", "Resource": "*"}"#),
    ];
    let facts = Facts::new().with("aws:principaltag/A", "kim").with("aws:username", "kim");
    let request = Request { who: USER, action: "q:Send", resource: QUEUE, owner: None, context: &facts };
    let (decision, matches) = explain(&request, &Policies { identity: &attached, ..Policies::default() });
    assert_eq!(decision.outcome, Outcome::ExplicitDeny);
    assert_eq!(decision.by.map(|by| (by.policy.id(), by.place)), Some(("first", 2)));
    let told: Vec<_> = matches.iter().map(|found| (found.policy.id(), found.place)).collect();
    assert_eq!(told, [("first", 1), ("first", 2), ("first", 3), ("second", 0)]);
    assert_eq!(attached[0].context_keys(), ["aws:PrincipalTag/a", "aws:username"]);
}
