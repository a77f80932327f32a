//! Groups: made, deleted, protected.

use api_logs::{CreateLogGroupRequest, DeleteLogGroupRequest, PutLogGroupDeletionProtectionRequest};
use kernel::{Access, Ctx, Result, Scope};

use super::encryption;
use crate::controllers::leftover::NAME as LEFTOVERS;
use crate::errors;
use crate::ops::retention;
use crate::rules::{group as rules, name, tags};
use crate::state::group::{self, Group};
use crate::state::leftover;
use crate::state::sizes::Sizes;

pub fn create_access(scope: &Scope, input: &CreateLogGroupRequest) -> Result<Access> {
    let given = || tags::pairs(input.tags.as_ref());
    let access = name::on_group(scope, &input.log_group_name).request_tags(given());
    if access.request_tags.is_empty() {
        return Ok(access);
    }
    let tagging = Access::on(name::group_arn(scope, &input.log_group_name)).action("logs:TagResource");
    Ok(access.also(tagging.request_tags(given())))
}

pub async fn create_log_group(ctx: &Ctx, input: CreateLogGroupRequest) -> Result<()> {
    let name = input.log_group_name;
    name::check_new_group(&name)?;
    rules::check_class(input.log_group_class.as_deref())?;
    let mut all_tags = tags::Tags::new();
    tags::add(&mut all_tags, &input.tags.unwrap_or_default())?;
    let kms_key = match &input.kms_key_id {
        Some(key) => Some(encryption::check_key(ctx, &name, key).await?),
        None => None,
    };
    let new = Group {
        id: u64::from_str_radix(&ctx.ids().hex(16), 16).unwrap_or_default(),
        name,
        created_at: ctx.now(),
        retention_days: None,
        kms_key,
        is_protected: input.deletion_protection_enabled.unwrap_or_default(),
        tags: all_tags,
        metric_filters: std::collections::BTreeMap::default(),
        subscriptions: std::collections::BTreeMap::default(),
    };
    ctx.write(|tx| match group::find(tx, ctx.scope(), &new.name)? {
        Some(_) => Err(errors::already_exists("log group")),
        None => group::put(tx, ctx.scope(), &new),
    })
    .await
}

pub async fn delete_log_group(ctx: &Ctx, input: DeleteLogGroupRequest) -> Result<()> {
    let gone = ctx
        .write(|tx| {
            let group = group::get(tx, ctx.scope(), &input.log_group_name)?;
            if group.is_protected {
                return Err(errors::protected_group());
            }
            retention::unschedule(tx, &group)?;
            leftover::bury_group(tx, ctx.scope(), &group)?;
            Ok(group)
        })
        .await?;
    ctx.own::<Sizes>().forget(gone.id);
    ctx.nudge(LEFTOVERS, &leftover::name(gone.id, 0));
    Ok(())
}

pub async fn put_log_group_deletion_protection(
    ctx: &Ctx,
    input: PutLogGroupDeletionProtectionRequest,
) -> Result<()> {
    let name = name::of_identifier(ctx.scope(), &input.log_group_identifier)?;
    group::change(ctx, &name, |group| {
        group.is_protected = input.deletion_protection_enabled;
        Ok(())
    })
    .await
}
