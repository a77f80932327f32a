//! Groups, listed.

use api_logs::{
    DescribeLogGroupsRequest, DescribeLogGroupsResponse, ListLogGroupsRequest, ListLogGroupsResponse,
    LogGroup, LogGroupSummary,
};
use kernel::{Ctx, Result};

use super::{limit_of, seal, unseal};
use crate::errors;
use crate::rules::group::{fits_names, fits_tag};
use crate::rules::name::{group_arn, of_identifier};
use crate::state::group::{self, Group};
use crate::state::sizes::Sizes;

const PAGE: usize = 50;
const CLASS: &str = "STANDARD";

fn show(ctx: &Ctx, group: Group) -> LogGroup {
    let arn = group_arn(ctx.scope(), &group.name);
    LogGroup {
        creation_time: Some(group.created_at),
        retention_in_days: group.retention_days.and_then(|days| i32::try_from(days).ok()),
        metric_filter_count: i32::try_from(group.metric_filters.len()).ok(),
        arn: Some(format!("{arn}:*")),
        log_group_arn: Some(arn),
        stored_bytes: i64::try_from(ctx.own::<Sizes>().of(group.id)).ok(),
        kms_key_id: group.kms_key,
        log_group_class: Some(CLASS.to_owned()),
        deletion_protection_enabled: Some(group.is_protected),
        log_group_name: Some(group.name),
        ..LogGroup::default()
    }
}

pub async fn describe_log_groups(
    ctx: &Ctx,
    input: DescribeLogGroupsRequest,
) -> Result<DescribeLogGroupsResponse> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(errors::invalid(message));
    }
    let named = input
        .log_group_identifiers
        .map(|ids| ids.iter().map(|id| of_identifier(ctx.scope(), id)).collect::<Result<Vec<String>>>());
    let named = named.transpose()?;
    let prefix = input.log_group_name_prefix.unwrap_or_default();
    let pattern = input.log_group_name_pattern.unwrap_or_default().to_lowercase();
    let wanted = |group: &Group| {
        group.name.starts_with(&prefix)
            && (pattern.is_empty() || group.name.to_lowercase().contains(&pattern))
            && named.as_ref().is_none_or(|named| named.contains(&group.name))
            && input.log_group_class.as_deref().is_none_or(|class| class == CLASS)
    };
    let limit = limit_of(input.limit, PAGE);
    let after = unseal(ctx, "DescribeLogGroups", input.next_token.as_deref())?;
    let mut found = group::list_where(ctx, after, limit + 1, wanted).await?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|last| seal(ctx, "DescribeLogGroups", &last.name));
    let groups = found.into_iter().map(|group| show(ctx, group)).collect();
    Ok(DescribeLogGroupsResponse { log_groups: Some(groups), next_token: next })
}

pub async fn list_log_groups(ctx: &Ctx, input: ListLogGroupsRequest) -> Result<ListLogGroupsResponse> {
    let tags = input.log_group_tags.unwrap_or_default();
    let wanted = |group: &Group| {
        input.log_group_name_pattern.as_deref().is_none_or(|pattern| fits_names(pattern, &group.name))
            && input.log_group_class.as_deref().is_none_or(|class| class == CLASS)
            && tags.iter().all(|tag| {
                let values = tag.values.as_deref().unwrap_or_default();
                fits_tag(values, group.tags.get(&tag.key).map(String::as_str))
            })
    };
    let limit = limit_of(input.limit, PAGE);
    let after = unseal(ctx, "ListLogGroups", input.next_token.as_deref())?;
    let mut found = group::list_where(ctx, after, limit + 1, wanted).await?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|last| seal(ctx, "ListLogGroups", &last.name));
    let show = |group: Group| LogGroupSummary {
        log_group_arn: Some(group_arn(ctx.scope(), &group.name)),
        log_group_class: Some(CLASS.to_owned()),
        log_group_name: Some(group.name),
    };
    let groups = found.into_iter().map(show).collect();
    Ok(ListLogGroupsResponse { log_groups: Some(groups), next_token: next })
}
