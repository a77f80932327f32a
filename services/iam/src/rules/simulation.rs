//! What policies would say to an action, decided as the gate decides, and how it is told.
//!
//! Source: IAM API reference, EvaluationResult, ResourceSpecificResult, SimulatePrincipalPolicy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use api_iam::{
    EvaluationResult, OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail, ResourceSpecificResult,
    Statement,
};
use kernel::Membership;
use policy::{
    Context, Decision, Document, Effect, Facts, Kind, Layer, Match, Outcome, Policies, Policy, Request,
    Values, Weight, Who, decide, explain,
};

/// Everything: what is asked of limits alone is asked in the name of somebody who may all.
static ALL: LazyLock<[Arc<Policy>; 1]> = LazyLock::new(|| {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let document = Document::parse(Kind::Identity, text, &[]).expect("our own policy reads");
    [Arc::new(Policy::compile("all", &document))]
});

/// What is simulated, wherever its policies come from.
#[derive(Default)]
pub struct Simulation {
    pub identity: Vec<Arc<Policy>>,
    pub boundary: Option<Arc<Policy>>,
    pub resource: Option<Arc<Policy>>,
    /// Who asks, and their account.
    pub caller: String,
    pub caller_id: String,
    pub account: String,
    /// The account of resources whose ARN names none.
    pub owner: Option<String>,
    /// Places in organizations of the accounts concerned: of who asks, and of owners.
    pub places: BTreeMap<String, Arc<Membership>>,
    /// Organizations limit who asks.
    pub is_limited: bool,
    pub facts: Facts,
}

/// What is decided about one resource.
struct Found {
    resource: String,
    outcome: Outcome,
    statements: Vec<Statement>,
    missing: Vec<String>,
    by_organizations: Option<bool>,
    by_boundary: Option<bool>,
    /// Of two accounts: what each side's policies say. Empty within one.
    details: Option<BTreeMap<String, String>>,
}

/// What is known of a request: what was given, and what follows from whose the resource is.
struct Case<'s> {
    facts: &'s Facts,
    owner: &'s str,
    owner_place: Option<&'s Membership>,
}

impl Context for Case<'_> {
    fn find(&self, key: &str) -> Option<Values<'_>> {
        let known = |name: &str| key.eq_ignore_ascii_case(name);
        self.facts.find(key).or_else(|| match () {
            () if known("aws:ResourceAccount") => Some(Values::from(self.owner)),
            () if known("aws:ResourceOrgID") => Some(Values::from(self.owner_place?.organization.as_str())),
            () if known("aws:ResourceOrgPaths") => {
                Some(Values::Many(vec![self.owner_place?.path.clone()].into()))
            }
            () => None,
        })
    }
}

impl Simulation {
    /// One answer for the action: the most restrictive decision on any of the resources, which are told of one by one
    /// where they are named.
    pub fn result(&self, action: &str, resources: &[String]) -> EvaluationResult {
        let all = ["*".to_owned()];
        let are_named = !matches!(resources, []) && resources != all;
        let asked = if are_named { resources } else { &all };
        let found: Vec<Found> = asked.iter().map(|resource| self.found(action, resource)).collect();
        let missing: BTreeSet<&String> = found.iter().flat_map(|one| &one.missing).collect();
        let by_organizations = found.iter().filter_map(|one| one.by_organizations).reduce(|a, b| a && b);
        let by_boundary = found.iter().filter_map(|one| one.by_boundary).reduce(|a, b| a && b);
        // The first of the strictest: the one that is most so comes last of equals when compared backwards.
        let strictest = found.iter().rev().max_by_key(|one| strictness(one.outcome));
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: strictest.map(|one| one.resource.clone()),
            eval_decision: strictest.map_or_else(String::new, |one| word(one.outcome)),
            matched_statements: strictest.map(|one| one.statements.clone()),
            missing_context_values: Some(missing.into_iter().cloned().collect()),
            organizations_decision_detail: by_organizations
                .map(|is| OrganizationsDecisionDetail { allowed_by_organizations: Some(is) }),
            permissions_boundary_decision_detail: by_boundary.map(bounded),
            eval_decision_details: strictest.and_then(|one| one.details.clone()),
            resource_specific_results: are_named.then(|| found.iter().map(specific).collect()),
        }
    }

    fn found(&self, action: &str, resource: &str) -> Found {
        let named = resource.split(':').nth(4).filter(|account| !account.is_empty());
        let owner = named.or(self.owner.as_deref()).unwrap_or(&self.account);
        let owner_place = self.places.get(owner).map(|place| &**place);
        let case = Case { facts: &self.facts, owner, owner_place };
        let who = Who::User { account: &self.account, arn: &self.caller, id: &self.caller_id };
        let request = Request { who, action, resource, owner: Some(owner), context: &case };
        let limits = self.limits(action, owner_place);
        let policies = Policies {
            identity: &self.identity,
            resource: self.resource.as_deref(),
            weight: Weight::Enough,
            boundary: self.boundary.as_deref(),
            ..limits
        };
        let (decision, matches) = explain(&request, &policies);
        let alone = |limit: Policies<'_>| {
            let own = Request { owner: None, ..request };
            decide(&own, &Policies { identity: &*ALL, ..limit }).is_allowed()
        };
        let is_in_one = self.is_limited && self.places.contains_key(&self.account);
        let by_organizations = is_in_one.then(|| alone(limits));
        let boundary = self.boundary.as_deref();
        let by_boundary = boundary.map(|_| alone(Policies { boundary, ..Policies::default() }));
        let is_ended = by_organizations == Some(false) || resource == "*";
        Found {
            resource: resource.to_owned(),
            outcome: decision.outcome,
            statements: deciding(&decision, &matches),
            missing: missing(&case, &Policies { service_control: &[], resource_control: &[], ..policies }),
            by_organizations,
            by_boundary,
            details: (!is_ended).then(|| match owner == self.account {
                true => BTreeMap::new(),
                false => sides(&matches),
            }),
        }
    }

    /// What organizations of either side make impossible.
    fn limits<'s>(&'s self, action: &str, owner_place: Option<&'s Membership>) -> Policies<'s> {
        if !self.is_limited {
            return Policies::default();
        }
        let service = action.split(':').next().unwrap_or_default();
        let reached = owner_place.filter(|place| place.resource_controlled.contains(&service));
        Policies {
            service_control: self.places.get(&self.account).map_or(&[], |place| &place.service_control),
            resource_control: reached.map_or(&[], |place| &place.resource_control),
            ..Policies::default()
        }
    }
}

fn strictness(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Allowed => 0,
        Outcome::ImplicitDeny => 1,
        Outcome::ExplicitDeny => 2,
    }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::ExplicitDeny => "explicitDeny",
        Outcome::ImplicitDeny => "implicitDeny",
    }
    .to_owned()
}

fn bounded(is_allowed: bool) -> PermissionsBoundaryDecisionDetail {
    PermissionsBoundaryDecisionDetail { allowed_by_permissions_boundary: Some(is_allowed) }
}

fn specific(found: &Found) -> ResourceSpecificResult {
    ResourceSpecificResult {
        eval_resource_name: found.resource.clone(),
        eval_resource_decision: word(found.outcome),
        matched_statements: Some(found.statements.clone()),
        missing_context_values: Some(found.missing.clone()),
        eval_decision_details: found.details.clone(),
        permissions_boundary_decision_detail: found.by_boundary.map(bounded),
    }
}

/// Keys that the policies look at and nobody gave.
fn missing(case: &Case<'_>, policies: &Policies<'_>) -> Vec<String> {
    let keys: BTreeSet<&str> = policies.all().flat_map(|(_, policy)| policy.context_keys()).collect();
    keys.into_iter().filter(|key| case.find(key).is_none()).map(str::to_owned).collect()
}

/// What the policies of each of two accounts say by themselves.
fn sides(matches: &[Match<'_>]) -> BTreeMap<String, String> {
    let side = |layer: Layer| {
        let of_layer = matches.iter().filter(|found| found.layer == layer);
        let effects: Vec<_> =
            of_layer.filter_map(|found| found.statement().map(policy::CompiledStatement::effect)).collect();
        word(match () {
            () if effects.contains(&Effect::Deny) => Outcome::ExplicitDeny,
            () if effects.is_empty() => Outcome::ImplicitDeny,
            () => Outcome::Allowed,
        })
    };
    let sides = [("IAM Policy", Layer::Identity), ("Resource Policy", Layer::Resource)];
    sides.into_iter().map(|(name, layer)| (name.to_owned(), side(layer))).collect()
}

/// The statements on the side of the decision.
fn deciding(decision: &Decision<'_>, matches: &[Match<'_>]) -> Vec<Statement> {
    let side = match decision.outcome {
        Outcome::Allowed => Effect::Allow,
        Outcome::ExplicitDeny => Effect::Deny,
        Outcome::ImplicitDeny => return Vec::new(),
    };
    let limits = [Layer::ServiceControl, Layer::ResourceControl, Layer::Boundary];
    let is_told = |found: &&Match<'_>| {
        // What merely does not stand in the way is told of on its own.
        let decides = side == Effect::Deny || !limits.contains(&found.layer);
        decides && found.statement().is_some_and(|statement| statement.effect() == side)
    };
    let shown = matches.iter().filter(is_told).map(|found| Statement {
        source_policy_id: Some(found.policy.id().to_owned()),
        source_policy_type: Some(source_type(found.layer, found.policy.id()).to_owned()),
        ..Statement::default()
    });
    shown.collect()
}

fn source_type(layer: Layer, id: &str) -> &'static str {
    match layer {
        Layer::Resource | Layer::Trust => "resource",
        Layer::ServiceControl | Layer::ResourceControl => "none",
        _ if id.starts_with("arn:") && id.contains(":iam::aws:") => "aws-managed",
        _ if id.starts_with("arn:") => "user-managed",
        _ if id.starts_with("user_") => "user",
        _ if id.starts_with("group_") => "group",
        _ if id.starts_with("role_") => "role",
        _ => "IAM Policy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(kind: Kind, effect: &str, action: &str, more: &str) -> Arc<Policy> {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"{more}}}}}"#
        );
        Arc::new(Policy::compile(action, &Document::parse(kind, &text, &[]).unwrap()))
    }

    fn allow(action: &str) -> Arc<Policy> {
        policy(Kind::Identity, "Allow", action, "")
    }

    fn kim() -> Simulation {
        Simulation {
            identity: vec![allow("sqs:*")],
            caller: "arn:aws:iam::111122223333:user/kim".into(),
            account: "111122223333".into(),
            ..Simulation::default()
        }
    }

    fn queue(account: &str) -> String {
        format!("arn:aws:sqs:us-east-1:{account}:q")
    }

    #[test]
    fn one_answer_for_an_action_is_the_strictest() {
        let denied = r#","Condition":{"StringEquals":{"aws:ResourceAccount":"444455556666"}}"#;
        let more = policy(Kind::Identity, "Deny", "sqs:Send*", denied);
        let simulation = Simulation { identity: vec![allow("sqs:*"), more], ..kim() };
        let both = [queue("111122223333"), queue("444455556666")];
        let answer = simulation.result("sqs:SendMessage", &both);
        assert_eq!(
            (answer.eval_decision.as_str(), answer.eval_resource_name),
            ("explicitDeny", Some(both[1].clone()))
        );
        let each = answer.resource_specific_results.unwrap();
        let each: Vec<_> = each.iter().map(|one| one.eval_resource_decision.as_str()).collect();
        assert_eq!(each, ["allowed", "explicitDeny"]);
        let any = simulation.result("sqs:SendMessage", &[]);
        assert_eq!((any.eval_decision.as_str(), any.resource_specific_results.is_none()), ("allowed", true));
        assert_eq!(any.eval_decision_details, None);
    }

    #[test]
    fn two_accounts_must_both_allow() {
        let theirs = [queue("444455556666")];
        let answer = kim().result("sqs:SendMessage", &theirs);
        let details = answer.eval_decision_details.unwrap();
        assert_eq!(
            (answer.eval_decision.as_str(), details["IAM Policy"].as_str()),
            ("implicitDeny", "allowed")
        );
        assert_eq!(details["Resource Policy"], "implicitDeny");
        let named = r#","Principal":{"AWS":"arn:aws:iam::111122223333:user/kim"}"#;
        let resource = Some(policy(Kind::Resource, "Allow", "sqs:SendMessage", named));
        let answer = Simulation { resource, ..kim() }.result("sqs:SendMessage", &theirs);
        assert_eq!(answer.eval_decision, "allowed");
        assert_eq!(answer.eval_decision_details.unwrap()["Resource Policy"], "allowed");
        let own = kim().result("sqs:SendMessage", &[queue("111122223333")]);
        assert_eq!(own.eval_decision_details, Some(BTreeMap::new()));
    }

    #[test]
    fn limits_are_told_of_by_themselves() {
        let simulation = Simulation { boundary: Some(allow("s3:*")), ..kim() };
        let told = |action| {
            let answer = simulation.result(action, &[]);
            let detail = answer.permissions_boundary_decision_detail.unwrap();
            (answer.eval_decision, detail.allowed_by_permissions_boundary.unwrap())
        };
        assert_eq!(told("sqs:SendMessage"), ("implicitDeny".to_owned(), false));
        // Nothing allows it, but the boundary would let it be.
        assert_eq!(told("s3:GetObject"), ("implicitDeny".to_owned(), true));
        let place = Membership {
            organization: "o-a".into(),
            service_control: vec![vec![allow("sqs:Receive*")]],
            ..Membership::default()
        };
        let places = BTreeMap::from([("111122223333".to_owned(), Arc::new(place))]);
        let simulation = Simulation { places, is_limited: true, ..kim() };
        for (action, decision, allowed) in
            [("sqs:ReceiveMessage", "allowed", true), ("sqs:SendMessage", "implicitDeny", false)]
        {
            let answer = simulation.result(action, &[queue("111122223333")]);
            assert_eq!(answer.eval_decision, decision);
            let detail = answer.organizations_decision_detail.unwrap().allowed_by_organizations;
            assert_eq!((detail, answer.eval_decision_details.is_some()), (Some(allowed), allowed));
        }
        assert!(kim().result("sqs:SendMessage", &[]).organizations_decision_detail.is_none());
    }

    #[test]
    fn what_is_missing_is_told() {
        let asked = r#","Condition":{"StringEquals":{"aws:PrincipalTag/team":"a","aws:ResourceAccount":"111122223333"}}"#;
        let simulation =
            Simulation { identity: vec![policy(Kind::Identity, "Allow", "sqs:*", asked)], ..kim() };
        let answer = simulation.result("sqs:SendMessage", &[]);
        assert_eq!(answer.missing_context_values.unwrap(), ["aws:PrincipalTag/team"]);
        let facts = Facts::new().with("aws:PrincipalTag/team", "a");
        let answer = Simulation { facts, ..simulation }.result("sqs:SendMessage", &[queue("111122223333")]);
        assert_eq!(
            (answer.eval_decision.as_str(), answer.missing_context_values),
            ("allowed", Some(Vec::new()))
        );
    }
}
