//! Access keys of users.

use api_iam::{
    AccessKey, AccessKeyLastUsed, AccessKeyMetadata, CreateAccessKeyRequest, CreateAccessKeyResponse,
    DeleteAccessKeyRequest, GetAccessKeyLastUsedRequest, GetAccessKeyLastUsedResponse, ListAccessKeysRequest,
    ListAccessKeysResponse, UpdateAccessKeyRequest,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::access_key::{LASTING, new_id};
use kernel::{Ctx, Result};

use super::{at, edit, page, user_or_caller};
use crate::errors;
use crate::state::access_key::{self, AccessKey as Stored};
use crate::state::identity::{self, Kind};
use crate::state::{home, last_used, seal};

const KEYS_PER_USER_MAX: usize = 2;
/// Forty characters of base64.
const SECRET_BYTES: usize = 30;
const ACTIVE: &str = "Active";

fn status(key: &Stored) -> String {
    if key.is_active { ACTIVE } else { "Inactive" }.to_owned()
}

pub async fn create_access_key(ctx: &Ctx, input: CreateAccessKeyRequest) -> Result<CreateAccessKeyResponse> {
    let home = home(ctx);
    let user = user_or_caller(ctx, input.user_name)?;
    let mut bytes = [0; SECRET_BYTES];
    ctx.ids().0.fill(&mut bytes);
    let (id, secret) = (new_id(ctx.ids(), LASTING, ctx.account()), STANDARD.encode(bytes));
    let (sealed_secret, created_at) = (seal::seal(ctx, &id, secret.as_bytes())?, ctx.now());
    let key = edit(ctx, Kind::User, user, move |tx, user| {
        if user.access_keys.len() >= KEYS_PER_USER_MAX {
            return Err(errors::over_quota("AccessKeysPerUser", KEYS_PER_USER_MAX));
        }
        let (id, sealed_secret) = (id.clone(), sealed_secret.clone());
        let key = Stored { id, user: user.name.clone(), is_active: true, created_at, sealed_secret };
        user.access_keys.push(key.id.clone());
        access_key::put(tx, &home, &key).map(|()| key)
    })
    .await?;
    let access_key = AccessKey {
        status: status(&key),
        user_name: key.user,
        access_key_id: key.id,
        secret_access_key: secret,
        create_date: Some(at(key.created_at)),
    };
    Ok(CreateAccessKeyResponse { access_key })
}

pub async fn list_access_keys(ctx: &Ctx, input: ListAccessKeysRequest) -> Result<ListAccessKeysResponse> {
    let home = home(ctx);
    let name = user_or_caller(ctx, input.user_name)?;
    let keys = ctx
        .read(|snap| {
            let user = identity::get(snap, &home, Kind::User, &name)?;
            let mut keys = Vec::new();
            for id in &user.access_keys {
                keys.extend(access_key::find(snap, &home, id)?);
            }
            Ok(keys)
        })
        .await?;
    let page = page(ctx, "ListAccessKeys", input.marker.as_deref(), input.max_items, keys, |key| &key.id)?;
    let shown = page.items.into_iter().map(|key| AccessKeyMetadata {
        status: Some(status(&key)),
        user_name: Some(key.user),
        access_key_id: Some(key.id),
        create_date: Some(at(key.created_at)),
    });
    let access_key_metadata = shown.collect();
    Ok(ListAccessKeysResponse { access_key_metadata, is_truncated: page.is_truncated, marker: page.marker })
}

pub async fn update_access_key(ctx: &Ctx, input: UpdateAccessKeyRequest) -> Result<()> {
    let home = home(ctx);
    let user = user_or_caller(ctx, input.user_name)?;
    let (id, is_active) = (input.access_key_id, input.status == ACTIVE);
    edit(ctx, Kind::User, user, move |tx, user| {
        let key = access_key::find(tx, &home, &id)?.filter(|key| user.access_keys.contains(&key.id));
        let key = key.ok_or_else(|| errors::no_such_access_key(&id))?;
        access_key::put(tx, &home, &Stored { is_active, ..key })
    })
    .await
}

pub async fn delete_access_key(ctx: &Ctx, input: DeleteAccessKeyRequest) -> Result<()> {
    let home = home(ctx);
    let user = user_or_caller(ctx, input.user_name)?;
    let id = input.access_key_id;
    edit(ctx, Kind::User, user, move |tx, user| {
        if !user.access_keys.contains(&id) {
            return Err(errors::no_such_access_key(&id));
        }
        user.access_keys.retain(|key| *key != id);
        access_key::delete(tx, &home, &id)
    })
    .await
}

pub async fn get_access_key_last_used(
    ctx: &Ctx,
    input: GetAccessKeyLastUsedRequest,
) -> Result<GetAccessKeyLastUsedResponse> {
    let home = home(ctx);
    let id = input.access_key_id;
    let key = ctx.read(|snap| access_key::find(snap, &home, &id)).await?;
    let key = key.ok_or_else(|| errors::access_key_denied(&ctx.caller().arn(), &id))?;
    let none = || "N/A".to_owned();
    let used = match last_used::find(ctx, &id).await? {
        Some(used) => AccessKeyLastUsed {
            last_used_date: Some(at(used.at)),
            service_name: used.service,
            region: used.region,
        },
        None => AccessKeyLastUsed { last_used_date: None, service_name: none(), region: none() },
    };
    Ok(GetAccessKeyLastUsedResponse { user_name: Some(key.user), access_key_last_used: Some(used) })
}
