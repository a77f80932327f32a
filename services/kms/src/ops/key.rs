//! Making, showing, listing keys.

use std::collections::BTreeMap;

use api_kms::{
    CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest, DescribeKeyResponse, KeyListEntry,
    ListKeysRequest, ListKeysResponse, UpdateKeyDescriptionRequest,
};
use kernel::{Ctx, ResourcePolicy, Result, Scope};

use super::{Found, change, check_tokens, cut, find, find_by_id, make_material, open_marker, page_size};
use crate::errors;
use crate::rules::key::{check_customers, check_kept, metadata};
use crate::rules::reference::{MULTI_REGION, Reference, key_arn};
use crate::rules::spec::{Spec, Usage, usage_of};
use crate::rules::{policy, tags};
use crate::state::alias::{self, Alias};
use crate::state::key::{self, Key, MaterialOfKey, Origin};
use crate::state::material::{self, Sealed};

pub async fn create_key(ctx: &Ctx, input: CreateKeyRequest) -> Result<CreateKeyResponse> {
    let scope = *ctx.scope();
    let spec = match (&input.key_spec, &input.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            return Err(errors::invalid(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request.",
            ));
        }
        (Some(name), None) | (None, Some(name)) => Spec::parse(name)?,
        (None, None) => Spec::Symmetric,
    };
    let usage = usage_of(spec, input.key_usage.as_deref())?;
    let origin = match input.origin.as_deref().unwrap_or("AWS_KMS") {
        "AWS_KMS" => Origin::AwsKms,
        "EXTERNAL" => Origin::External,
        other => {
            return Err(errors::unsupported(format!("Cloudlet does not support the origin {other} yet.")));
        }
    };
    let document = input.policy.unwrap_or_else(|| policy::default(scope.partition(), scope.account));
    let document = super::policy::read(ctx, document, input.bypass_policy_lockout_safety_check).await?;
    let mut all_tags = BTreeMap::new();
    tags::add(&mut all_tags, input.tags.unwrap_or_default())?;
    let multi_region = input.multi_region.unwrap_or_default();
    let id = if multi_region { format!("{MULTI_REGION}{}", ctx.ids().hex(32)) } else { ctx.ids().uuid() };
    let mut made = Key {
        spec,
        usage,
        origin,
        description: input.description.unwrap_or_default(),
        primary: multi_region.then_some(scope.region),
        tags: all_tags,
        ..blank(ctx, id)
    };
    let material = match origin {
        Origin::AwsKms => Some(take_material(ctx, &scope, &mut made).await?),
        Origin::External => None,
    };
    ctx.write(|tx| {
        if let (Some(sealed), Some(id)) = (&material, &made.current) {
            material::put(tx, &scope, &made.id, id, sealed)?;
        }
        key::put_policy(tx, &scope, &made.id, &document)?;
        key::put(tx, &scope, &made)
    })
    .await?;
    Ok(CreateKeyResponse { key_metadata: Some(metadata(&scope, &made)) })
}

/// A symmetric key that has nothing yet.
fn blank(ctx: &Ctx, id: String) -> Key {
    Key {
        id,
        spec: Spec::Symmetric,
        usage: Usage::EncryptDecrypt,
        origin: Origin::AwsKms,
        managed: false,
        description: String::new(),
        created_at: ctx.now(),
        enabled: true,
        deletion: None,
        materials: Vec::new(),
        current: None,
        expires_at: None,
        rotation: None,
        primary: None,
        replicas: Vec::new(),
        tags: BTreeMap::new(),
    }
}

/// Makes the first material of a key.
async fn take_material(ctx: &Ctx, scope: &Scope, made: &mut Key) -> Result<Sealed> {
    let (id, sealed) = make_material(ctx, scope, &made.id, made.spec).await?;
    made.materials.push(MaterialOfKey { id: id.clone(), since: made.created_at, rotated: None });
    made.current = Some(id);
    Ok(sealed)
}

/// The key of one of AWS's services, made when the service first asks for it.
pub(super) async fn make_managed(ctx: &Ctx, reference: &Reference, service: &str) -> Result<Found> {
    let Reference::Alias { name, .. } = reference else { return Err(errors::invalid_key_id(service)) };
    let scope = reference.scope(ctx.scope());
    let description = format!("Default key that protects my {service} data when no other key is defined");
    let mut made = Key { managed: true, description, ..blank(ctx, ctx.ids().uuid()) };
    let sealed = take_material(ctx, &scope, &mut made).await?;
    let material_id = made.current.clone().unwrap_or_default();
    let now = ctx.now();
    let document = ResourcePolicy::Plain(policy::managed(&scope, service));
    let key = ctx
        .write(|tx| {
            // Another call may have been first.
            if let Some(alias) = alias::find(tx, &scope, name)?
                && let Some(there) = key::find(tx, &scope, &alias.target)?
            {
                return Ok(there);
            }
            let alias =
                Alias { name: name.clone(), target: made.id.clone(), created_at: now, updated_at: now };
            alias::put(tx, &scope, None, &alias)?;
            material::put(tx, &scope, &made.id, &material_id, &sealed)?;
            key::put_policy(tx, &scope, &made.id, &document)?;
            key::put(tx, &scope, &made)?;
            Ok(made.clone())
        })
        .await?;
    Ok(Found { scope, arn: key_arn(&scope, &key.id), key })
}

pub async fn describe_key(ctx: &Ctx, input: DescribeKeyRequest) -> Result<DescribeKeyResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let found = find(ctx, &input.key_id).await?;
    Ok(DescribeKeyResponse { key_metadata: Some(metadata(&found.scope, &found.key)) })
}

pub async fn list_keys(ctx: &Ctx, input: ListKeysRequest) -> Result<ListKeysResponse> {
    let scope = ctx.scope();
    let size = page_size(input.limit, 100, 1_000);
    let after = open_marker(ctx, "ListKeys", input.marker.as_deref())?;
    let mut rows = ctx.read(|snap| key::list(snap, scope, after.as_deref(), size + 1)).await?;
    let next = cut(ctx, "ListKeys", &mut rows, size, |(key, _)| key.to_vec());
    let entry = |key: Key| KeyListEntry { key_arn: Some(key_arn(scope, &key.id)), key_id: Some(key.id) };
    Ok(ListKeysResponse {
        keys: Some(rows.into_iter().map(|(_, key)| entry(key)).collect()),
        truncated: Some(next.is_some()),
        next_marker: next,
    })
}

pub async fn update_key_description(ctx: &Ctx, input: UpdateKeyDescriptionRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    change(ctx, &found, |_, key| {
        check_customers(key, &found.arn)?;
        check_kept(key, &found.arn)?;
        key.description.clone_from(&input.description);
        Ok(())
    })
    .await
}
