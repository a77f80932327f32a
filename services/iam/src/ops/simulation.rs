//! What policies would say to an action, decided as the gate decides.

use std::sync::Arc;

use api_iam::{
    ContextEntry, EvaluationResult, GetContextKeysForCustomPolicyRequest, GetContextKeysForPolicyResponse,
    GetContextKeysForPrincipalPolicyRequest, PermissionsBoundaryDecisionDetail, SimulateCustomPolicyRequest,
    SimulatePolicyResponse, SimulatePrincipalPolicyRequest, Statement,
};
use kernel::{Arn, Ctx, Result};
use policy::{
    Decision, Facts, Kind as Sort, Layer, Match, Outcome, Policies, Policy, Request, Weight, Who, explain,
};

use super::page;
use crate::errors;
use crate::rules::document;
use crate::state::directory::{Applied, named_by, policies_of_named};
use crate::state::home;
use crate::state::identity::Kind;

const CASES_MAX: usize = 1_000;

/// What is simulated, wherever its policies come from.
struct Simulation {
    identity: Vec<Arc<Policy>>,
    boundary: Vec<Arc<Policy>>,
    resource: Option<Arc<Policy>>,
    account: String,
    caller: String,
    owner: Option<String>,
    facts: Facts,
}

fn compile(sort: Sort, name: &str, texts: Option<&Vec<String>>) -> Result<Vec<Arc<Policy>>> {
    let numbered = texts.into_iter().flatten().enumerate();
    let one = |(at, text): (usize, &String)| {
        let document = document::check(sort, text)?;
        Ok(Arc::new(Policy::compile(format!("{name}.{}", at + 1), &document)))
    };
    numbered.map(one).collect()
}

fn facts(entries: Option<Vec<ContextEntry>>) -> Facts {
    entries.into_iter().flatten().fold(Facts::new(), |facts, entry| {
        let values = entry.context_key_values.unwrap_or_default();
        facts.with_all(&entry.context_key_name.unwrap_or_default(), values.iter().map(String::as_str))
    })
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::ExplicitDeny => "explicitDeny",
        Outcome::ImplicitDeny => "implicitDeny",
    }
    .to_owned()
}

fn source_type(layer: Layer, id: &str) -> &'static str {
    match layer {
        Layer::Resource | Layer::Trust => "resource",
        _ if id.starts_with("arn:") && id.contains(":iam::aws:") => "aws-managed",
        _ if id.starts_with("arn:") => "user-managed",
        _ if id.starts_with("user_") => "user",
        _ if id.starts_with("group_") => "group",
        _ if id.starts_with("role_") => "role",
        _ => "IAM Policy",
    }
}

impl Simulation {
    fn one(&self, action: &str, resource: &str) -> EvaluationResult {
        let request = Request {
            who: Who::User { account: &self.account, arn: &self.caller, id: "" },
            action,
            resource,
            owner: self.owner.as_deref(),
            context: &self.facts,
        };
        let policies = Policies {
            identity: &self.identity,
            resource: self.resource.as_deref(),
            weight: Weight::Enough,
            boundary: self.boundary.first().map(|boundary| &**boundary),
            ..Policies::default()
        };
        let (decision, matches) = explain(&request, &policies);
        let bounded = self.boundary.first().map(|_| PermissionsBoundaryDecisionDetail {
            allowed_by_permissions_boundary: Some(decision.layer != Layer::Boundary),
        });
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: word(decision.outcome),
            matched_statements: Some(deciding(&decision, &matches)),
            missing_context_values: Some(self.missing(&policies)),
            permissions_boundary_decision_detail: bounded,
            ..EvaluationResult::default()
        }
    }

    /// Keys that the policies look at and nobody gave.
    fn missing(&self, policies: &Policies<'_>) -> Vec<String> {
        let all = self.identity.iter().chain(&self.boundary).map(|policy| &**policy).chain(policies.resource);
        let mut keys: Vec<String> = all.flat_map(Policy::context_keys).map(str::to_owned).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| policy::Context::find(&self.facts, key).is_none());
        keys
    }
}

/// The statements on the side of the decision.
fn deciding(decision: &Decision<'_>, matches: &[Match<'_>]) -> Vec<Statement> {
    let side = match decision.outcome {
        Outcome::Allowed => policy::Effect::Allow,
        Outcome::ExplicitDeny => policy::Effect::Deny,
        Outcome::ImplicitDeny => return Vec::new(),
    };
    let on_side = matches.iter().filter(|found| found.statement().is_some_and(|s| s.effect() == side));
    let shown = on_side.map(|found| Statement {
        source_policy_id: Some(found.policy.id().to_owned()),
        source_policy_type: Some(source_type(found.layer, found.policy.id()).to_owned()),
        ..Statement::default()
    });
    shown.collect()
}

fn run(
    ctx: &Ctx,
    simulation: &Simulation,
    actions: &[String],
    resources: Option<Vec<String>>,
    (marker, max_items): (Option<String>, Option<i32>),
) -> Result<SimulatePolicyResponse> {
    let resources = resources.filter(|list| !list.is_empty()).unwrap_or_else(|| vec!["*".to_owned()]);
    if actions.len().saturating_mul(resources.len()) > CASES_MAX {
        return Err(errors::invalid_input("Too many combinations of actions and resources."));
    }
    let cases = actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let cases = cases.map(|(action, resource)| (format!("{action} {resource}"), action, resource));
    let page = page(ctx, "SimulatePolicy", marker.as_deref(), max_items, cases, |(name, _, _)| name)?;
    let results = page.items.iter().map(|(_, action, resource)| simulation.one(action, resource));
    let evaluation_results = Some(results.collect());
    Ok(SimulatePolicyResponse { evaluation_results, is_truncated: page.is_truncated, marker: page.marker })
}

/// The resource's policy, where one is given.
fn resource_policy(text: Option<String>) -> Result<Option<Arc<Policy>>> {
    Ok(compile(Sort::Resource, "ResourcePolicy", text.map(|text| vec![text]).as_ref())?.pop())
}

/// The account an ARN is of, or the text itself.
fn account_of(arn: &str) -> String {
    arn.split(':').nth(4).unwrap_or(arn).to_owned()
}

pub async fn simulate_custom_policy(
    ctx: &Ctx,
    input: SimulateCustomPolicyRequest,
) -> Result<SimulatePolicyResponse> {
    let caller = input.caller_arn.unwrap_or_else(|| ctx.caller().arn());
    let simulation = Simulation {
        identity: compile(Sort::Identity, "PolicyInputList", Some(&input.policy_input_list))?,
        boundary: compile(
            Sort::Identity,
            "PermissionsBoundaryPolicyInputList",
            input.permissions_boundary_policy_input_list.as_ref(),
        )?,
        resource: resource_policy(input.resource_policy)?,
        account: account_of(&caller),
        caller,
        owner: input.resource_owner.as_deref().map(account_of),
        facts: facts(input.context_entries),
    };
    run(ctx, &simulation, &input.action_names, input.resource_arns, (input.marker, input.max_items))
}

/// The policies of a user, group or role of this account, by its ARN.
async fn applied(ctx: &Ctx, text: &str) -> Result<Arc<Applied>> {
    let arn: Arn = text.parse().map_err(|_| errors::bad_arn(text))?;
    let named = named_by(&arn).filter(|_| arn.account == ctx.account().to_string());
    let (kind, name) = named.ok_or_else(|| {
        errors::invalid_input(format!(
            "Invalid Entity Arn: {text} does not clearly define entity type and name."
        ))
    })?;
    let found = policies_of_named(ctx, &home(ctx), kind, name).await?;
    found.ok_or_else(|| errors::no_such_identity(kind, name))
}

pub async fn simulate_principal_policy(
    ctx: &Ctx,
    input: SimulatePrincipalPolicyRequest,
) -> Result<SimulatePolicyResponse> {
    let applied = applied(ctx, &input.policy_source_arn).await?;
    let mut identity = applied.grants.identity.clone();
    identity.extend(compile(Sort::Identity, "PolicyInputList", input.policy_input_list.as_ref())?);
    let given = compile(
        Sort::Identity,
        "PermissionsBoundaryPolicyInputList",
        input.permissions_boundary_policy_input_list.as_ref(),
    )?;
    let boundary = if given.is_empty() { applied.grants.boundary.iter().cloned().collect() } else { given };
    let mut facts = facts(input.context_entries);
    if applied.kind == Kind::User {
        facts = facts.with("aws:username", &applied.name);
    }
    for (key, value) in &applied.grants.tags {
        facts = facts.with(&format!("aws:PrincipalTag/{key}"), value);
    }
    let caller = input.caller_arn.unwrap_or_else(|| applied.arn.clone());
    let simulation = Simulation {
        identity,
        boundary,
        resource: resource_policy(input.resource_policy)?,
        account: account_of(&caller),
        caller,
        owner: input.resource_owner.as_deref().map(account_of),
        facts,
    };
    run(ctx, &simulation, &input.action_names, input.resource_arns, (input.marker, input.max_items))
}

fn keys_of<'p>(policies: impl Iterator<Item = &'p Arc<Policy>>) -> GetContextKeysForPolicyResponse {
    let mut keys: Vec<String> =
        policies.flat_map(|policy| policy.context_keys()).map(str::to_owned).collect();
    keys.sort_unstable();
    keys.dedup();
    GetContextKeysForPolicyResponse { context_key_names: Some(keys) }
}

pub async fn get_context_keys_for_custom_policy(
    _: &Ctx,
    input: GetContextKeysForCustomPolicyRequest,
) -> Result<GetContextKeysForPolicyResponse> {
    let policies = compile(Sort::Identity, "PolicyInputList", Some(&input.policy_input_list))?;
    Ok(keys_of(policies.iter()))
}

pub async fn get_context_keys_for_principal_policy(
    ctx: &Ctx,
    input: GetContextKeysForPrincipalPolicyRequest,
) -> Result<GetContextKeysForPolicyResponse> {
    let applied = applied(ctx, &input.policy_source_arn).await?;
    let given = compile(Sort::Identity, "PolicyInputList", input.policy_input_list.as_ref())?;
    Ok(keys_of(applied.grants.identity.iter().chain(&given)))
}
