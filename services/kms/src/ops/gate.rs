//! What the gate is told of a key: its policy, its grants, and what policies may ask about it.

use std::sync::Arc;

use kernel::{
    Arn, Asked, Attached, BoxFuture, Conditions, Ctx, ResourceFacts, ResourcePolicy, Result, Scope, Snapshot,
};
use policy::{Policy, Weight};

use super::look_up;
use crate::rules::access::{GRANT, OTHER_KEY, values};
use crate::rules::grant as rules;
use crate::rules::reference::{Reference, key_arn};
use crate::state::grant::{self, Grant};
use crate::state::policy::Compiled;
use crate::state::{alias, key};

/// Grants of one grantee looked at in one step.
const STEP: usize = 100;

/// What decides on the side of the key behind an ARN, its own or an alias's.
pub fn attached(ctx: Ctx, asked: Asked<'_>) -> BoxFuture<'_, Result<Attached>> {
    Box::pin(async move {
        let mut attached = Attached { conditions: of_caller(&ctx, &asked), ..Attached::default() };
        let Ok(reference) = Reference::parse(ctx.scope(), &asked.arn.to_string()) else {
            return Ok(attached);
        };
        // An alias has no policy of its own: who names keys is decided by their own account.
        if asked.action.ends_with("Alias") && matches!(reference, Reference::Alias { .. }) {
            return Ok(attached);
        }
        let Some((id, policy, grants)) = ctx.read(|snap| read(snap, ctx.scope(), &reference, &asked)).await?
        else {
            return Ok(attached);
        };
        if let Some(other) = values(asked.access, OTHER_KEY).first() {
            let same = is_same(&ctx, other, &id).await?;
            attached.conditions.push(("kms:ReEncryptOnSameKey".into(), vec![same.to_string()]));
        }
        Ok(Attached {
            policy: ctx.own::<Compiled>().get(policy.decides()),
            grants,
            weight: Weight::Required,
            arn: Some(key_arn(ctx.scope(), &id)),
            ..attached
        })
    })
}

type Found = (String, ResourcePolicy, Vec<Arc<Policy>>);

/// The key's id, its policy, and the grants that let the caller do what they ask.
fn read(
    snap: &mut Snapshot<'_>,
    scope: &Scope,
    reference: &Reference,
    asked: &Asked<'_>,
) -> Result<Option<Found>> {
    let Some(id) = id_of(snap, scope, reference)? else { return Ok(None) };
    let Some(policy) = key::policy(snap, scope, &id)? else { return Ok(None) };
    let grants = grants(snap, scope, &id, asked)?;
    Ok(Some((id, policy, grants)))
}

fn id_of(snap: &mut Snapshot<'_>, scope: &Scope, reference: &Reference) -> Result<Option<String>> {
    Ok(match reference {
        Reference::Key { id, .. } => Some(id.clone()),
        Reference::Alias { name, .. } => alias::find(snap, scope, name)?.map(|alias| alias.target),
    })
}

fn grants(
    snap: &mut Snapshot<'_>,
    scope: &Scope,
    key_id: &str,
    asked: &Asked<'_>,
) -> Result<Vec<Arc<Policy>>> {
    let Some(operation) = rules::operation_of(asked.action) else { return Ok(Vec::new()) };
    if let Some(id) = values(asked.access, GRANT).first() {
        let grant = grant::find(snap, scope, key_id, id)?;
        let retirers = |grant: Grant| rules::allowance(&grant.id, &rules::retirers(&grant));
        return Ok(grant.and_then(retirers).into_iter().map(Arc::new).collect());
    }
    let mut found = Vec::new();
    for name in rules::names(&asked.who, scope.partition()) {
        let fits = |grant: &Grant| rules::covers(grant, operation, asked.access);
        if let Some(grant) = find_grant(snap, scope, key_id, &name, fits)? {
            found.extend(rules::allowance(&grant.id, &[&grant.grantee]).map(Arc::new));
        }
    }
    Ok(found)
}

fn find_grant(
    snap: &mut Snapshot<'_>,
    scope: &Scope,
    key_id: &str,
    grantee: &str,
    fits: impl Fn(&Grant) -> bool,
) -> Result<Option<Grant>> {
    let mut after = None;
    loop {
        let rows = grant::list_of_grantee(snap, scope, (key_id, grantee), after.as_deref(), STEP)?;
        after = rows.last().map(|(row, _)| row.to_vec());
        let full = rows.len() == STEP;
        let found = rows.into_iter().map(|(_, grant)| grant).find(&fits);
        if found.is_some() || !full {
            return Ok(found);
        }
    }
}

/// Whether a name is the key's, of the same account.
async fn is_same(ctx: &Ctx, name: &str, key_id: &str) -> Result<bool> {
    let Ok(reference) = Reference::parse(ctx.scope(), name) else { return Ok(false) };
    let scope = reference.scope(ctx.scope());
    let id = ctx.read(|snap| id_of(snap, &scope, &reference)).await?;
    Ok(scope == *ctx.scope() && id.as_deref() == Some(key_id))
}

fn of_caller(ctx: &Ctx, asked: &Asked<'_>) -> Conditions {
    let via = asked.caller.via.map(|service| format!("{service}.{}.amazonaws.com", ctx.region()));
    let mut conditions: Conditions = vec![
        ("kms:CallerAccount".into(), vec![asked.caller.account.to_string()]),
        ("kms:GrantIsForAWSResource".into(), vec![via.is_some().to_string()]),
    ];
    conditions.extend(via.map(|service| ("kms:ViaService".into(), vec![service])));
    conditions
}

/// The tags and properties of the key behind an ARN; none where there is no such key.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let Ok(reference) = Reference::parse(ctx.scope(), &arn.to_string()) else { return Ok(None) };
    let Some(found) = look_up(ctx, &reference).await? else { return Ok(None) };
    let key = &found.key;
    let read = ctx
        .read(|snap| alias::list_of_key(snap, &found.scope, &key.id, None, crate::rules::alias::ALIASES_MAX));
    let one = |name: &'static str, value: &str| (name.into(), vec![value.to_owned()]);
    let mut conditions: Conditions = vec![
        ("kms:ResourceAliases".into(), read.await?),
        one("kms:KeySpec", key.spec.name()),
        one("kms:KeyUsage", key.usage.name()),
        one("kms:KeyOrigin", key.origin.name()),
        one("kms:MultiRegion", if key.primary.is_some() { "true" } else { "false" }),
    ];
    if let Some(primary) = key.primary {
        let kind = if primary == found.scope.region { "PRIMARY" } else { "REPLICA" };
        conditions.push(one("kms:MultiRegionKeyType", kind));
    }
    Ok(Some(ResourceFacts { conditions, ..ResourceFacts::tagged(&key.tags) }))
}
