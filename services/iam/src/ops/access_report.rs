//! Which services somebody may call, which they did, and which policies let them.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_iam::{
    EntityDetails, EntityInfo, GenerateServiceLastAccessedDetailsRequest,
    GenerateServiceLastAccessedDetailsResponse, GetServiceLastAccessedDetailsRequest,
    GetServiceLastAccessedDetailsResponse, GetServiceLastAccessedDetailsWithEntitiesRequest,
    GetServiceLastAccessedDetailsWithEntitiesResponse, ListPoliciesGrantingServiceAccessEntry,
    ListPoliciesGrantingServiceAccessRequest, ListPoliciesGrantingServiceAccessResponse,
    PolicyGrantingServiceAccess, ServiceLastAccessed, TrackedActionLastAccessed,
};
use kernel::{Arn, Ctx, Result, Scope, Snapshot};
use policy::Policy;

use super::{at, page};
use crate::errors;
use crate::rules::service_name;
use crate::state::access_report::{self, Caller, Report, Service};
use crate::state::directory::{change, compile, named_by};
use crate::state::identity::{self, Identity, Kind};
use crate::state::last_used::{self, Accesses};
use crate::state::policy_use::{self, Usage};
use crate::state::{home, policy as managed};

const ACTIONS: &str = "ACTION_LEVEL";
const DONE: &str = "COMPLETED";

/// A policy that allows, and what has it.
struct Held {
    policy: Arc<Policy>,
    name: String,
    /// `None` for one written into an identity.
    arn: Option<String>,
    by: (Kind, String),
}

/// Every policy of an identity, those of a user's groups included.
fn held_by(snap: &mut Snapshot<'_>, home: &Scope, of: &Identity) -> Result<Vec<Held>> {
    let mut held = Vec::new();
    for (name, document) in &of.inline {
        let policy = compile(name, policy::Kind::Identity, document)?;
        held.push(Held { policy, name: name.clone(), arn: None, by: (of.kind, of.name.clone()) });
    }
    for arn in &of.attached {
        if let Some(found) = managed::find(snap, home, arn)? {
            let policy = compile(arn, policy::Kind::Identity, found.document())?;
            held.push(Held {
                policy,
                name: found.name,
                arn: Some(arn.clone()),
                by: (of.kind, of.name.clone()),
            });
        }
    }
    for group in &of.groups {
        if let Some(group) = identity::find(snap, home, Kind::Group, group)? {
            held.extend(held_by(snap, home, &group)?);
        }
    }
    Ok(held)
}

/// The identity of an ARN.
fn identity_of(snap: &mut Snapshot<'_>, home: &Scope, text: &str) -> Result<Identity> {
    let arn: Arn = text.parse().map_err(|_| errors::bad_arn(text))?;
    let (kind, name) =
        named_by(&arn).filter(|_| arn.service == "iam").ok_or_else(|| errors::bad_arn(text))?;
    let found = identity::get(snap, home, kind, name)?;
    if found.arn(home) == text { Ok(found) } else { Err(errors::no_such_identity(kind, name)) }
}

/// Those whose calls a report on this ARN is about: a user or role itself, the users of a group, whoever has a policy.
fn callers_of(snap: &mut Snapshot<'_>, home: &Scope, text: &str) -> Result<Vec<Identity>> {
    let mut found = Vec::new();
    if text.split(':').nth(5).is_some_and(|resource| resource.starts_with("policy/")) {
        managed::get(snap, home, text)?;
        for (kind, name) in policy_use::users(snap, home, text, Usage::Attached)? {
            found.extend(identity::find(snap, home, kind, &name)?);
        }
    } else {
        found.push(identity_of(snap, home, text)?);
    }
    let mut callers: BTreeMap<String, Identity> = BTreeMap::new();
    for one in found {
        if one.kind == Kind::Group {
            for user in identity::members(snap, home, &one.name)? {
                let user = identity::find(snap, home, Kind::User, &user)?;
                callers.extend(user.map(|user| (user.id.clone(), user)));
            }
        } else {
            callers.insert(one.id.clone(), one);
        }
    }
    Ok(callers.into_values().collect())
}

/// The policies that decide which services a report on this ARN lists.
fn policies_of(snap: &mut Snapshot<'_>, home: &Scope, text: &str) -> Result<Vec<Arc<Policy>>> {
    if text.split(':').nth(5).is_some_and(|resource| resource.starts_with("policy/")) {
        let found = managed::get(snap, home, text)?;
        return Ok(vec![compile(text, policy::Kind::Identity, found.document())?]);
    }
    let of = identity_of(snap, home, text)?;
    Ok(held_by(snap, home, &of)?.into_iter().map(|held| held.policy).collect())
}

/// Services by the name their actions begin with, each with the name people read.
fn services(ctx: &Ctx) -> BTreeMap<&'static str, String> {
    ctx.house()
        .services()
        .map(|def| (def.action_prefix, service_name::of(def.action_prefix, def.id)))
        .collect()
}

pub async fn generate_service_last_accessed_details(
    ctx: &Ctx,
    input: GenerateServiceLastAccessedDetailsRequest,
) -> Result<GenerateServiceLastAccessedDetailsResponse> {
    let (home, about) = (home(ctx), input.arn);
    let read =
        |snap: &mut Snapshot<'_>| Ok((callers_of(snap, &home, &about)?, policies_of(snap, &home, &about)?));
    let (callers, policies) = ctx.read(read).await?;
    let mut calls = Vec::new();
    for caller in callers {
        calls.push((caller.arn(&home), last_used::accesses(ctx, &caller.id).await?));
    }
    let allowed =
        services(ctx).into_iter().filter(|(name, _)| policies.iter().any(|one| one.may_allow(name)));
    let services = allowed.map(|(namespace, name)| reported(namespace, name, &calls)).collect();
    let with_actions = input.granularity.as_deref() == Some(ACTIONS);
    let report = Report { made_at: ctx.now(), about, with_actions, services };
    let job_id = ctx.ids().uuid();
    let id = job_id.clone();
    change(ctx, move |tx| access_report::put(tx, &home, &id, &report)).await?;
    Ok(GenerateServiceLastAccessedDetailsResponse { job_id: Some(job_id) })
}

fn reported(namespace: &str, name: String, calls: &[(String, Accesses)]) -> Service {
    let caller = |arn: &String, call: &last_used::Call| Caller {
        arn: arn.clone(),
        at: call.at,
        region: call.region.clone(),
    };
    let last = calls.iter().filter_map(|(arn, known)| Some(caller(arn, known.of_service(namespace)?)));
    let mut callers: Vec<Caller> = last.collect();
    callers.sort_by_key(|caller| std::cmp::Reverse(caller.at));
    let mut actions: BTreeMap<&String, Caller> = BTreeMap::new();
    for (arn, known) in calls {
        for (action, call) in known.0.get(namespace).into_iter().flatten() {
            let known = actions.entry(action).or_insert_with(|| caller(arn, call));
            if known.at < call.at {
                *known = caller(arn, call);
            }
        }
    }
    let actions = actions.into_iter().map(|(action, caller)| (action.clone(), caller)).collect();
    Service { namespace: namespace.to_owned(), name, callers, actions }
}

async fn report(ctx: &Ctx, id: &str) -> Result<Report> {
    let (home, now) = (home(ctx), ctx.now());
    ctx.read(|snap| access_report::get(snap, &home, id, now)).await
}

pub async fn get_service_last_accessed_details(
    ctx: &Ctx,
    input: GetServiceLastAccessedDetailsRequest,
) -> Result<GetServiceLastAccessedDetailsResponse> {
    let Report { made_at, with_actions, services, .. } = report(ctx, &input.job_id).await?;
    let (marker, name) = (input.marker.as_deref(), |service: &Service| service.namespace.clone());
    let services: Vec<_> = services.into_iter().map(|service| (name(&service), service)).collect();
    let page = page(ctx, "LastAccessed", marker, input.max_items, services, |(name, _)| name)?;
    let shown = page.items.into_iter().map(|(_, service)| shown(service, with_actions)).collect();
    Ok(GetServiceLastAccessedDetailsResponse {
        job_status: DONE.to_owned(),
        job_type: Some(if with_actions { ACTIONS } else { "SERVICE_LEVEL" }.to_owned()),
        job_creation_date: at(made_at),
        job_completion_date: at(made_at),
        services_last_accessed: shown,
        is_truncated: page.is_truncated,
        marker: page.marker,
        error: None,
    })
}

fn shown(service: Service, with_actions: bool) -> ServiceLastAccessed {
    let last = service.callers.first();
    let tracked = |(action, caller): (String, Caller)| TrackedActionLastAccessed {
        action_name: Some(action),
        last_accessed_entity: Some(caller.arn),
        last_accessed_time: Some(at(caller.at)),
        last_accessed_region: Some(caller.region),
    };
    ServiceLastAccessed {
        service_name: service.name,
        last_authenticated: last.map(|caller| at(caller.at)),
        service_namespace: service.namespace,
        last_authenticated_entity: last.map(|caller| caller.arn.clone()),
        last_authenticated_region: last.map(|caller| caller.region.clone()),
        total_authenticated_entities: Some(i32::try_from(service.callers.len()).unwrap_or(i32::MAX)),
        tracked_actions_last_accessed: with_actions
            .then(|| service.actions.into_iter().map(tracked).collect()),
    }
}

pub async fn get_service_last_accessed_details_with_entities(
    ctx: &Ctx,
    input: GetServiceLastAccessedDetailsWithEntitiesRequest,
) -> Result<GetServiceLastAccessedDetailsWithEntitiesResponse> {
    let home = home(ctx);
    let report = report(ctx, &input.job_id).await?;
    let service = report.services.into_iter().find(|service| service.namespace == input.service_namespace);
    let called = service.ok_or_else(|| errors::no_such_namespace(&input.service_namespace))?.callers;
    let callers = ctx.read(|snap| callers_of(snap, &home, &report.about)).await?;
    let all = callers.into_iter().map(|one| {
        let last_authenticated =
            called.iter().find(|caller| caller.arn == one.arn(&home)).map(|caller| at(caller.at));
        (one.id.clone(), EntityDetails { entity_info: info(&home, one), last_authenticated })
    });
    let marker = input.marker.as_deref();
    let page = page(ctx, "LastAccessedEntities", marker, input.max_items, all, |(id, _)| id)?;
    Ok(GetServiceLastAccessedDetailsWithEntitiesResponse {
        job_status: DONE.to_owned(),
        job_creation_date: at(report.made_at),
        job_completion_date: at(report.made_at),
        entity_details_list: page.items.into_iter().map(|(_, details)| details).collect(),
        is_truncated: page.is_truncated,
        marker: page.marker,
        error: None,
    })
}

fn info(home: &Scope, one: Identity) -> EntityInfo {
    let r#type = one.kind.word().to_uppercase();
    EntityInfo { arn: one.arn(home), name: one.name, r#type, id: one.id, path: Some(one.path) }
}

pub async fn list_policies_granting_service_access(
    ctx: &Ctx,
    input: ListPoliciesGrantingServiceAccessRequest,
) -> Result<ListPoliciesGrantingServiceAccessResponse> {
    let home = home(ctx);
    let held = ctx
        .read(|snap| {
            let of = identity_of(snap, &home, &input.arn)?;
            held_by(snap, &home, &of)
        })
        .await?;
    let grants = input.service_namespaces.into_iter().map(|namespace| {
        let allowing = held.iter().filter(|held| held.policy.may_allow(&namespace));
        let policies = Some(allowing.map(granting).collect());
        (
            namespace.clone(),
            ListPoliciesGrantingServiceAccessEntry { service_namespace: Some(namespace), policies },
        )
    });
    let page = page(ctx, "PoliciesGranting", input.marker.as_deref(), None, grants, |(name, _)| name)?;
    let policies_granting_service_access = page.items.into_iter().map(|(_, entry)| entry).collect();
    Ok(ListPoliciesGrantingServiceAccessResponse {
        policies_granting_service_access,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

/// Whose it is is told of one written into an identity only: a managed policy has its ARN.
fn granting(held: &Held) -> PolicyGrantingServiceAccess {
    let (kind, name) = &held.by;
    let inline = held.arn.is_none();
    PolicyGrantingServiceAccess {
        policy_name: held.name.clone(),
        policy_type: if inline { "INLINE" } else { "MANAGED" }.to_owned(),
        policy_arn: held.arn.clone(),
        entity_type: inline.then(|| kind.word().to_uppercase()),
        entity_name: inline.then(|| name.clone()),
    }
}
