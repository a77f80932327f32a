//! What policies would say to an action: those of a user, group or role, or any that are given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api_iam::{
    ContextEntry, GetContextKeysForCustomPolicyRequest, GetContextKeysForPolicyResponse,
    GetContextKeysForPrincipalPolicyRequest, SimulateCustomPolicyRequest, SimulatePolicyResponse,
    SimulatePrincipalPolicyRequest,
};
use kernel::{Arn, Ctx, Membership, Result};
use policy::{Facts, Kind as Sort, Policy};

use super::page;
use crate::errors;
use crate::rules::document;
use crate::rules::simulation::Simulation;
use crate::state::directory::{Applied, named_by, policies_of_named};
use crate::state::home;
use crate::state::identity::Kind;

/// Actions times resources.
const CASES_MAX: usize = 1_000;

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

fn run(
    ctx: &Ctx,
    simulation: &Simulation,
    actions: &[String],
    resources: Option<Vec<String>>,
    (marker, max_items): (Option<String>, Option<i32>),
) -> Result<SimulatePolicyResponse> {
    let resources = resources.unwrap_or_default();
    if actions.len().saturating_mul(resources.len().max(1)) > CASES_MAX {
        return Err(errors::invalid_input("Too many combinations of actions and resources."));
    }
    let page = page(ctx, "SimulatePolicy", marker.as_deref(), max_items, actions, |action| action)?;
    let results = page.items.iter().map(|action| simulation.result(action, &resources));
    let evaluation_results = Some(results.collect());
    Ok(SimulatePolicyResponse { evaluation_results, is_truncated: page.is_truncated, marker: page.marker })
}

/// The resource's policy, where one is given.
fn resource_policy(text: Option<String>) -> Result<Option<Arc<Policy>>> {
    Ok(compile(Sort::Resource, "ResourcePolicy", text.map(|text| vec![text]).as_ref())?.pop())
}

/// The one boundary that is given.
fn boundary_policy(texts: Option<&Vec<String>>) -> Result<Option<Arc<Policy>>> {
    let mut given = compile(Sort::Identity, "PermissionsBoundaryPolicyInputList", texts)?;
    if given.len() > 1 {
        return Err(errors::invalid_input("Only one permissions boundary policy can be simulated."));
    }
    Ok(given.pop())
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
        boundary: boundary_policy(input.permissions_boundary_policy_input_list.as_ref())?,
        resource: resource_policy(input.resource_policy)?,
        account: account_of(&caller),
        caller,
        owner: input.resource_owner.as_deref().map(account_of),
        facts: facts(input.context_entries),
        ..Simulation::default()
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
    let given = boundary_policy(input.permissions_boundary_policy_input_list.as_ref())?;
    let caller = input.caller_arn.unwrap_or_else(|| applied.arn.clone());
    let (account, owner) = (account_of(&caller), input.resource_owner.as_deref().map(account_of));
    let resources = input.resource_arns.iter().flatten().map(|arn| account_of(arn));
    let places = places(ctx, resources.chain(owner.clone()).chain([account.clone()])).await?;
    let facts = known(facts(input.context_entries), &applied, &caller, places.get(&account));
    let simulation = Simulation {
        identity,
        boundary: given.or_else(|| applied.grants.boundary.clone()),
        resource: resource_policy(input.resource_policy)?,
        is_limited: !applied.arn.contains(":role/aws-service-role/"),
        caller_id: applied.id.clone(),
        account,
        caller,
        owner,
        places,
        facts,
    };
    run(ctx, &simulation, &input.action_names, input.resource_arns, (input.marker, input.max_items))
}

/// Where accounts stand in this account's organization. What limits others is not for it to know.
async fn places(
    ctx: &Ctx,
    accounts: impl Iterator<Item = String>,
) -> Result<BTreeMap<String, Arc<Membership>>> {
    let mut places = BTreeMap::new();
    let Some(own) = ctx.house().membership(ctx, ctx.account()).await? else { return Ok(places) };
    for account in accounts.collect::<BTreeSet<_>>() {
        let Ok(id) = account.parse() else { continue };
        let place = ctx.house().membership(ctx, id).await?;
        if let Some(place) = place.filter(|place| place.organization == own.organization) {
            places.insert(account, place);
        }
    }
    Ok(places)
}

/// What is given, then what the gate would know of who asks.
fn known(given: Facts, applied: &Applied, caller: &str, place: Option<&Arc<Membership>>) -> Facts {
    let mut facts = given.with("aws:PrincipalArn", caller).with("aws:PrincipalAccount", &account_of(caller));
    if applied.kind == Kind::User {
        facts = facts.with("aws:username", &applied.name).with("aws:userid", &applied.id);
        facts = facts.with("aws:PrincipalType", "User");
    }
    for (key, value) in &applied.grants.tags {
        facts = facts.with(&format!("aws:PrincipalTag/{key}"), value);
    }
    match place {
        Some(place) => facts
            .with("aws:PrincipalOrgID", &place.organization)
            .with_all("aws:PrincipalOrgPaths", [place.path.as_str()]),
        None => facts,
    }
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
