//! Subscription filters: events that go on to another service, told as house events to whoever owns the destination.

use std::io::Write;

use api_logs::{
    DeleteSubscriptionFilterRequest, DescribeSubscriptionFiltersRequest, DescribeSubscriptionFiltersResponse,
    PutSubscriptionFilterRequest, SubscriptionFilter,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::{Access, Ctx, Error, Event, Result, Scope};
use serde_json::json;

use super::{group_by_name, limit_of, metric_filter, page};
use crate::errors;
use crate::rules::name;
use crate::rules::page::Place;
use crate::rules::subscription::{FILTERS_MAX, check};
use crate::state::event::Seen;
use crate::state::group::{self, Group, Subscription};
use crate::state::pattern::Patterns;
use crate::state::stream::Stream;

const PAGE: usize = 50;
const SOURCE: &str = "aws.logs";
/// Within the house: events of a group, for the service whose ARN stands second among the resources.
pub const DATA: &str = "Logs Subscription Data";
/// Text of the events of one message, before it is packed.
const MESSAGE_BYTES: usize = 512 * 1024;

pub fn put_access(scope: &Scope, input: &PutSubscriptionFilterRequest) -> Result<Access> {
    let access = name::on_group(scope, &input.log_group_name)
        .condition("logs:DestinationArn", [input.destination_arn.clone()]);
    let Some(role) = &input.role_arn else { return Ok(access) };
    let pass = Access::on(role.clone())
        .action("iam:PassRole")
        .condition("iam:PassedToService", ["logs.amazonaws.com".to_owned()]);
    Ok(access.also(pass))
}

pub async fn put_subscription_filter(ctx: &Ctx, input: PutSubscriptionFilterRequest) -> Result<()> {
    metric_filter::read_pattern(&input.filter_pattern)?;
    if input.apply_on_transformed_logs == Some(true) {
        return Err(errors::invalid("applyOnTransformedLogs: the log group has no transformer"));
    }
    let destination = check(&input.destination_arn, input.role_arn.as_deref())?;
    group_by_name(ctx, &input.log_group_name).await?;
    // Where its service is not here, there is no such destination: no test message reaches it.
    let is_here = ctx.house().services().any(|service| service.action_prefix == destination.service);
    if !is_here || destination.service == "logs" {
        return Err(errors::undeliverable(destination.kind));
    }
    let new = Subscription {
        pattern: input.filter_pattern,
        destination: input.destination_arn,
        role: input.role_arn,
        distribution: input.distribution,
        created_at: ctx.now(),
    };
    group::change(ctx, &input.log_group_name, |group| {
        group.subscriptions.insert(input.filter_name.clone(), new.clone());
        match group.subscriptions.len() {
            ..=FILTERS_MAX => Ok(()),
            _ => Err(errors::limit("Resource limit exceeded.")),
        }
    })
    .await
}

pub async fn delete_subscription_filter(ctx: &Ctx, input: DeleteSubscriptionFilterRequest) -> Result<()> {
    group::change(ctx, &input.log_group_name, |group| {
        let gone = group.subscriptions.remove(&input.filter_name);
        gone.map(drop).ok_or_else(|| errors::not_found("subscription filter"))
    })
    .await
}

pub async fn describe_subscription_filters(
    ctx: &Ctx,
    input: DescribeSubscriptionFiltersRequest,
) -> Result<DescribeSubscriptionFiltersResponse> {
    let group = group_by_name(ctx, &input.log_group_name).await?;
    let prefix = input.filter_name_prefix.unwrap_or_default();
    let show = |(name, filter): (String, Subscription)| {
        let shown = SubscriptionFilter {
            filter_name: Some(name.clone()),
            log_group_name: Some(group.name.clone()),
            filter_pattern: Some(filter.pattern),
            destination_arn: Some(filter.destination),
            role_arn: filter.role,
            distribution: Some(filter.distribution.unwrap_or_else(|| "ByLogStream".to_owned())),
            apply_on_transformed_logs: Some(false),
            creation_time: Some(filter.created_at),
            ..SubscriptionFilter::default()
        };
        (name, shown)
    };
    let wanted = group.subscriptions.clone().into_iter().filter(|(name, _)| name.starts_with(&prefix));
    let all = wanted.map(show).collect();
    let limit = limit_of(input.limit, PAGE);
    let (filters, next) = page(ctx, "DescribeSubscriptionFilters", input.next_token.as_deref(), limit, all)?;
    Ok(DescribeSubscriptionFiltersResponse { subscription_filters: Some(filters), next_token: next })
}

/// What subscriptions make of events: gzip of the documented JSON, in base64.
pub fn to_send(ctx: &Ctx, group: &Group, stream: &Stream, events: &[Seen<'_>]) -> Result<Vec<Event>> {
    let mut sent = Vec::new();
    for (name, subscription) in &group.subscriptions {
        let Some(pattern) = ctx.own::<Patterns>().get(&subscription.pattern) else { continue };
        let matching: Vec<&Seen<'_>> = events.iter().filter(|event| pattern.matches(event.message)).collect();
        let mut rest = matching.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |event: &&&Seen<'_>| {
                bytes += event.message.len();
                bytes <= MESSAGE_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (some, later) = rest.split_at(count);
            sent.push(message(ctx, (group, stream, name), subscription, some)?);
            rest = later;
        }
    }
    Ok(sent)
}

fn message(
    ctx: &Ctx,
    (group, stream, name): (&Group, &Stream, &str),
    to: &Subscription,
    events: &[&Seen<'_>],
) -> Result<Event> {
    let show = |event: &&Seen<'_>| {
        let place = Place { at: event.at, stream: stream.id, number: event.number };
        json!({ "id": place.digits(), "timestamp": event.at, "message": event.message })
    };
    let data = json!({
        "messageType": "DATA_MESSAGE",
        "owner": ctx.account().to_string(),
        "logGroup": group.name,
        "logStream": stream.name,
        "subscriptionFilters": [name],
        "logEvents": events.iter().map(show).collect::<Vec<_>>(),
    });
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(data.to_string().as_bytes()).map_err(Error::internal)?;
    let packed = STANDARD.encode(packer.finish().map_err(Error::internal)?);
    let resources = vec![name::group_arn(ctx.scope(), &group.name), to.destination.clone()];
    let detail = json!({ "awslogs": { "data": packed }, "roleArn": to.role });
    Ok(Event::new(ctx, SOURCE, DATA, resources, detail))
}
