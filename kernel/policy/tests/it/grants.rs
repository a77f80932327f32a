//! Allowances on a resource beside its policy.

use policy::{Kind, Outcome, Policies, Weight};

use crate::compile;
use crate::evaluation::{
    AWAY, HOME, ROLE_ARN, SESSION, SESSION_ARN, USER, USER_ARN, allow_all, ask, aws, granting, identity,
};

#[test]
fn who_is_granted_something_needs_nothing_else() {
    let silent = identity(r#"{"Effect": "Allow", "Action": "other:x", "Resource": "*"}"#);
    let (allowed, denied) = (Outcome::Allowed, Outcome::ImplicitDeny);
    // (who, principal named, without other policies / with a silent session policy)
    let rows = [
        (USER, USER_ARN, allowed, allowed),
        (SESSION, ROLE_ARN, allowed, denied),
        (SESSION, SESSION_ARN, allowed, allowed),
        (USER, HOME, denied, denied),
        (USER, "arn:aws:iam::111122223333:user/sam", denied, denied),
    ];
    for (who, principal, alone, narrowed) in rows {
        let grants = [granting(&aws(principal))];
        let policies = Policies { grants: &grants, weight: Weight::Required, ..Policies::default() };
        for owner in [HOME, AWAY] {
            assert_eq!(ask(who, owner, &policies).outcome, alone, "{principal} at {owner}");
            let session = Policies { session: Some(&silent), ..policies };
            assert_eq!(ask(who, owner, &session).outcome, narrowed, "{principal} at {owner}, narrowed");
        }
    }
}

#[test]
fn a_grant_to_an_account_is_left_to_its_policies_and_a_denial_outweighs_every_grant() {
    let everything = allow_all();
    for owner in [HOME, AWAY] {
        let grants = [granting(&aws(HOME))];
        let policies = Policies { grants: &grants, weight: Weight::Required, ..Policies::default() };
        let policies = Policies { identity: &everything, ..policies };
        assert_eq!(ask(USER, owner, &policies).outcome, Outcome::Allowed, "{owner}");
        let denial = r#"{"Effect": "Deny", "Principal": "*", "Action": "q:*", "Resource": "*"}"#;
        let denial = compile(Kind::Resource, "resource", denial);
        let grants = [granting(&aws(USER_ARN))];
        let policies = Policies { grants: &grants, resource: Some(&denial), ..policies };
        assert_eq!(ask(USER, owner, &policies).outcome, Outcome::ExplicitDeny, "{owner}");
    }
}
