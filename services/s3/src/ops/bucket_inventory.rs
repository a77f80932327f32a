//! Inventories: set and shown. The controller makes the lists.

use api_s3::{
    DeleteBucketInventoryConfigurationRequest, GetBucketInventoryConfigurationOutput,
    GetBucketInventoryConfigurationRequest, ListBucketInventoryConfigurationsOutput,
    ListBucketInventoryConfigurationsRequest, PutBucketInventoryConfigurationRequest,
};
use kernel::{Ctx, Result};

use super::list_objects::open_token;
use super::{again, bucket};
use crate::controllers::inventory as controller;
use crate::errors;
use crate::rules::inventory::{CONFIGURATIONS_MAX, read};
use crate::state::bucket as buckets;
use crate::state::inventory as stored;

/// Configurations of a page.
const PAGE: usize = 100;

pub async fn put_bucket_inventory_configuration(
    ctx: &Ctx,
    input: PutBucketInventoryConfigurationRequest,
) -> Result<()> {
    let new = read(input.inventory_configuration, &input.id, ctx.partition(), ctx.now())?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        let to = buckets::find(tx, &new.to)?.ok_or_else(errors::inventory_to_nowhere)?;
        if to.region != found.region {
            return Err(errors::inventory_elsewhere());
        }
        let others = stored::list(tx, &found, None, CONFIGURATIONS_MAX)?;
        if others.len() == CONFIGURATIONS_MAX && !others.iter().any(|other| other.id == new.id) {
            return Err(errors::too_many_configurations());
        }
        stored::put(tx, &found, &new)
    })
    .await?;
    ctx.in_scope(found.scope()).nudge(controller::NAME, &controller::name_of(&found.name, &new.id));
    Ok(())
}

pub async fn get_bucket_inventory_configuration(
    ctx: &Ctx,
    input: GetBucketInventoryConfigurationRequest,
) -> Result<GetBucketInventoryConfigurationOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let one = ctx.read(|snap| stored::find(snap, &found.scope(), &found.name, &input.id)).await?;
    let one = one.ok_or_else(errors::no_such_configuration)?;
    Ok(GetBucketInventoryConfigurationOutput { inventory_configuration: Some(one.shown(ctx.partition())) })
}

pub async fn list_bucket_inventory_configurations(
    ctx: &Ctx,
    input: ListBucketInventoryConfigurationsRequest,
) -> Result<ListBucketInventoryConfigurationsOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let token_of = format!("ListBucketInventoryConfigurations/{}", found.id);
    let token = input.continuation_token.as_deref();
    let after = token.map(|token| open_token(ctx, &token_of, token)).transpose()?;
    let mut all = ctx.read(|snap| stored::list(snap, &found, after.as_deref(), PAGE + 1)).await?;
    let more = all.len() > PAGE;
    all.truncate(PAGE);
    let next = all.last().filter(|_| more).map(|last| ctx.seal_page(&token_of, last.id.as_bytes()));
    let shown: Vec<_> = all.iter().map(|one| one.shown(ctx.partition())).collect();
    Ok(ListBucketInventoryConfigurationsOutput {
        continuation_token: input.continuation_token,
        inventory_configuration_list: (!shown.is_empty()).then_some(shown),
        is_truncated: Some(more),
        next_continuation_token: next,
    })
}

pub async fn delete_bucket_inventory_configuration(
    ctx: &Ctx,
    input: DeleteBucketInventoryConfigurationRequest,
) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        if stored::find(tx, &found.scope(), &found.name, &input.id)?.is_none() {
            return Err(errors::no_such_configuration());
        }
        stored::delete(tx, &found, &input.id)
    })
    .await
}
