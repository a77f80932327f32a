//! Copies of a multi-region key.

use std::collections::BTreeMap;

use api_kms::{ReplicateKeyRequest, ReplicateKeyResponse, Tag, UpdatePrimaryRegionRequest};
use kernel::{Ctx, Region, Result, Scope, Tx};

use super::{Found, find_by_id};
use crate::errors;
use crate::rules::key::{check_enabled, metadata};
use crate::rules::reference::key_arn;
use crate::rules::{policy, tags};
use crate::state::key::{self, Key, MaterialOfKey, Origin};
use crate::state::material::{self, Sealed};

/// Refuses what is not the primary of a family, and lets keys of one region pass.
pub(super) fn check_primary(found: &Found) -> Result<()> {
    match found.key.primary {
        Some(primary) if primary != found.scope.region => Err(errors::not_primary(&found.arn)),
        _ => Ok(()),
    }
}

fn check_multi_region(found: &Found) -> Result<()> {
    if found.key.primary.is_none() {
        return Err(errors::unsupported(format!("{} is not a multi-region primary key.", found.arn)));
    }
    check_primary(found)
}

fn region(text: &str) -> Result<Region> {
    text.parse().map_err(|_| errors::invalid(format!("{text} is not a region")))
}

/// The scopes of a key and its copies.
fn family(scope: &Scope, key: &Key) -> Vec<Scope> {
    let regions = key.primary.iter().chain(&key.replicas);
    let mut scopes: Vec<_> = regions.map(|region| Scope { region: *region, ..*scope }).collect();
    if scopes.is_empty() {
        scopes.push(*scope);
    }
    scopes
}

/// Puts a key's new material to use, with all its copies.
pub(crate) fn spread(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    key: &Key,
    material: &MaterialOfKey,
    sealed: &Sealed,
) -> Result<()> {
    for member in family(scope, key) {
        let copy = if member == *scope { Some(key.clone()) } else { key::find(tx, &member, &key.id)? };
        if let Some(mut copy) = copy {
            material::put(tx, &member, &key.id, &material.id, sealed)?;
            copy.current = Some(material.id.clone());
            copy.materials.push(material.clone());
            key::put(tx, &member, &copy)?;
        }
    }
    Ok(())
}

pub async fn replicate_key(ctx: &Ctx, input: ReplicateKeyRequest) -> Result<ReplicateKeyResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    check_multi_region(&found)?;
    check_enabled(&found.key, &found.arn)?;
    if found.key.origin == Origin::External {
        return Err(errors::unsupported("Cloudlet does not replicate keys with imported material yet."));
    }
    let there = Scope { region: region(&input.replica_region)?, ..found.scope };
    if there.partition() != found.scope.partition() {
        return Err(errors::invalid("The replica region must be in the partition of the primary key."));
    }
    let id = &found.key.id;
    let document = input.policy.unwrap_or_else(|| policy::default(there.partition(), there.account));
    let policy = super::policy::read(ctx, document, input.bypass_policy_lockout_safety_check).await?;
    let mut all_tags = BTreeMap::new();
    tags::add(&mut all_tags, input.tags.unwrap_or_default())?;
    let (description, now) = (input.description.unwrap_or_default(), ctx.now());
    let copy = ctx
        .write(|tx| {
            if key::find(tx, &there, id)?.is_some() {
                return Err(errors::already_here(&key_arn(&there, id)));
            }
            let first = key::find(tx, &found.scope, id)?.ok_or_else(|| errors::no_such_key(&found.arn))?;
            check_enabled(&first, &found.arn)?;
            let mut replicas = first.replicas.clone();
            replicas.push(there.region);
            for member in family(&found.scope, &first) {
                if let Some(known) = key::find(tx, &member, id)? {
                    key::put(tx, &member, &Key { replicas: replicas.clone(), ..known })?;
                }
            }
            for MaterialOfKey { id: material_id, .. } in &first.materials {
                if let Some(sealed) = material::find(tx, &found.scope, id, material_id)? {
                    material::put(tx, &there, id, material_id, &sealed)?;
                }
            }
            let tags = all_tags.clone();
            let description = description.clone();
            let copy = Key { created_at: now, rotation: None, replicas, tags, description, ..first };
            key::put_policy(tx, &there, id, &policy)?;
            key::put(tx, &there, &copy)?;
            Ok(copy)
        })
        .await?;
    let tags = all_tags.into_iter().map(|(tag_key, tag_value)| Tag { tag_key, tag_value });
    Ok(ReplicateKeyResponse {
        replica_key_metadata: Some(metadata(&there, &copy)),
        replica_policy: Some(policy.text().to_owned()),
        replica_tags: Some(tags.collect()),
    })
}

pub async fn update_primary_region(ctx: &Ctx, input: UpdatePrimaryRegionRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    check_multi_region(&found)?;
    check_enabled(&found.key, &found.arn)?;
    let next = region(&input.primary_region)?;
    let (scope, id) = (found.scope, &found.key.id);
    ctx.write(|tx| {
        let first = key::find(tx, &scope, id)?.ok_or_else(|| errors::no_such_key(&found.arn))?;
        if !first.replicas.contains(&next) {
            return Err(errors::no_such_key(&key_arn(&Scope { region: next, ..scope }, id)));
        }
        if first.rotation.is_some() {
            return Err(errors::unsupported(
                "Disable the key's automatic rotation before its primary region changes.",
            ));
        }
        let mut replicas: Vec<_> = first.replicas.iter().copied().filter(|region| *region != next).collect();
        replicas.push(scope.region);
        for member in family(&scope, &first) {
            if let Some(known) = key::find(tx, &member, id)? {
                key::put(tx, &member, &Key { primary: Some(next), replicas: replicas.clone(), ..known })?;
            }
        }
        Ok(())
    })
    .await
}
