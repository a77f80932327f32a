//! Dead-letter queues: whether one can serve, and who uses it.

use api_sqs::{ListDeadLetterSourceQueuesRequest, ListDeadLetterSourceQueuesResult};
use kernel::{Ctx, Result, Scope};

use super::{queue_at, url_of};
use crate::rules::address::Address;
use crate::rules::attributes::Map;
use crate::rules::redrive;
use crate::state::queue;

/// Refuses attributes whose redrive policy names a queue that cannot serve.
pub(super) async fn check_target(
    ctx: &Ctx,
    scope: &Scope,
    name: &str,
    fifo: bool,
    attributes: &Map,
) -> Result<()> {
    let Some(text) = attributes.get("RedrivePolicy") else { return Ok(()) };
    let Some(wanted) = redrive::parse(text)? else { return Ok(()) };
    let source = Address { scope: *scope, name: name.to_owned() };
    let Some(target) = Address::of_arn(&wanted.target) else { return Ok(()) };
    redrive::check_place(text, &source, &target)?;
    let target = ctx.read(|snap| queue::find(snap, &target.scope, &target.name)).await?;
    let target = target.as_ref().map(|queue| (queue.fifo, queue.settings.redrive_allow.as_ref()));
    redrive::check_target(text, &source, fifo, target)
}

pub async fn list_dead_letter_source_queues(
    ctx: &Ctx,
    input: ListDeadLetterSourceQueuesRequest,
) -> Result<ListDeadLetterSourceQueuesResult> {
    const OPERATION: &str = "ListDeadLetterSourceQueues";
    let target = queue_at(ctx, &input.queue_url).await?;
    let limit = super::queue::page_size(input.max_results)?;
    let after = super::queue::open_token(ctx, OPERATION, input.next_token.as_deref())?;
    let list = |snap: &mut kernel::Snapshot<'_>| {
        queue::list_sources(snap, &target.scope, &target.arn, after.as_deref(), limit + 1)
    };
    let names = ctx.read(list).await?;
    let (names, next_token) = super::queue::page(ctx, OPERATION, names, limit, input.max_results.is_some());
    let queue_urls = names.iter().map(|name| url_of(ctx, &target.scope, name)).collect();
    Ok(ListDeadLetterSourceQueuesResult { queue_urls, next_token })
}
