//! Where the resource's own policy must speak: keys, and roles that are taken on.

use policy::{Kind, Layer, Outcome, Policies, Request, Weight, Who, decide, denial_message};

use crate::compile;
use crate::evaluation::{
    AWAY, HOME, ROLE_ARN, ROOT, SERVICE, SESSION, USER, USER_ARN, allow_all, ask, aws, granting,
};

#[test]
fn a_key_is_nobodys_unless_its_policy_says_so() {
    let all = allow_all();
    let cases = [
        // (who, principal in the key's policy, has identity policies, outcome)
        (USER, None, true, (Outcome::ImplicitDeny, Layer::Resource)),
        (ROOT, None, true, (Outcome::ImplicitDeny, Layer::Resource)),
        (ROOT, Some(aws(HOME)), false, (Outcome::Allowed, Layer::Resource)),
        (USER, Some(aws(HOME)), true, (Outcome::Allowed, Layer::Identity)),
        (USER, Some(aws(HOME)), false, (Outcome::ImplicitDeny, Layer::Identity)),
        (USER, Some(aws(USER_ARN)), false, (Outcome::Allowed, Layer::Resource)),
        (SESSION, Some(aws(ROLE_ARN)), false, (Outcome::Allowed, Layer::Resource)),
        (USER, Some(aws(ROLE_ARN)), true, (Outcome::ImplicitDeny, Layer::Resource)),
        (SERVICE, Some(aws(HOME)), true, (Outcome::ImplicitDeny, Layer::Resource)),
    ];
    for (who, principal, has_identity, expected) in cases {
        let resource = principal.as_deref().map(granting);
        let policies = Policies {
            resource: resource.as_deref(),
            weight: Weight::Required,
            identity: if has_identity { &all } else { &[] },
            ..Policies::default()
        };
        let decision = ask(who, HOME, &policies);
        assert_eq!((decision.outcome, decision.layer), expected, "{who:?} {principal:?} {has_identity}");
    }
    // Another account's: both sides, as everywhere.
    let resource = granting(&aws(HOME));
    let policies = Policies { resource: Some(&resource), weight: Weight::Required, ..Policies::default() };
    assert_eq!(ask(USER, AWAY, &policies).layer, Layer::Identity);
    assert!(ask(USER, AWAY, &Policies { identity: &all, ..policies }).is_allowed());
}

#[test]
fn a_role_is_taken_on_by_those_it_trusts() {
    let role = "arn:aws:iam::111122223333:role/target";
    let trust = |principal: &str| {
        let statement =
            format!(r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "sts:AssumeRole"}}"#);
        compile(Kind::Trust, "target", &statement)
    };
    let may = compile(
        Kind::Identity,
        "may",
        &format!(r#"{{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "{role}"}}"#),
    );
    let attached = [may];
    let cases = [
        (USER, aws(USER_ARN), false, HOME, true),
        (USER, aws(HOME), false, HOME, false),
        (USER, aws(HOME), true, HOME, true),
        (USER, aws(AWAY), true, HOME, false),
        (USER, aws(USER_ARN), false, AWAY, false),
        (USER, aws(USER_ARN), true, AWAY, true),
        (SESSION, aws(ROLE_ARN), false, HOME, true),
        (SERVICE, r#"{"Service": "topic.amazonaws.com"}"#.to_owned(), false, HOME, true),
        (
            Who::External { provider: "idp.example" },
            r#"{"Federated": "idp.example"}"#.to_owned(),
            false,
            HOME,
            true,
        ),
        (Who::External { provider: "idp.example" }, aws("*"), false, HOME, false),
    ];
    for (who, principal, may, owner, expected) in cases {
        let policy = trust(&principal);
        let policies = Policies {
            resource: Some(&policy),
            weight: Weight::Trust,
            identity: if may { &attached } else { &[] },
            ..Policies::default()
        };
        let request =
            Request { who, action: "sts:AssumeRole", resource: role, owner: Some(owner), context: &() };
        assert_eq!(decide(&request, &policies).is_allowed(), expected, "{who:?} {principal} {may} {owner}");
    }
    let policies = Policies { weight: Weight::Trust, ..Policies::default() };
    let request = Request { who: USER, action: "sts:AssumeRole", resource: role, owner: None, context: &() };
    let message = denial_message(USER_ARN, "sts:AssumeRole", role, &decide(&request, &policies));
    assert!(message.ends_with("because no role trust policy allows the sts:AssumeRole action"), "{message}");
    let deny = compile(
        Kind::Trust,
        "deny",
        r#"{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}"#,
    );
    let policies = Policies { resource: Some(&deny), weight: Weight::Trust, ..Policies::default() };
    let message = denial_message(USER_ARN, "sts:AssumeRole", role, &decide(&request, &policies));
    assert!(message.ends_with("with an explicit deny in the role trust policy"), "{message}");
}
