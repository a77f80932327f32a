//! Tags of a queue, and what policies may ask about them.

use api_sqs::{ListQueueTagsRequest, ListQueueTagsResult, TagQueueRequest, UntagQueueRequest};
use kernel::{Access, Arn, Ctx, ResourceFacts, Result, Scope};

use super::queue_at;
use super::queue_attributes::change;
use crate::errors;
use crate::rules::address::access;
use crate::rules::tags;
use crate::state::open::Queues;

pub fn tag_access(scope: &Scope, input: &TagQueueRequest) -> Result<Access> {
    Ok(access(scope, &input.queue_url)?.request_tags(tags::pairs(&input.tags)))
}

pub fn untag_access(scope: &Scope, input: &UntagQueueRequest) -> Result<Access> {
    Ok(access(scope, &input.queue_url)?.tag_keys(&input.tag_keys))
}

/// The tags of the queue behind an ARN; none where there is no such queue.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let queue = ctx.own::<Queues>().find(ctx, ctx.scope(), &arn.resource).await?;
    Ok(queue.map(|queue| ResourceFacts::tagged(&queue.record().tags)))
}

pub async fn tag_queue(ctx: &Ctx, input: TagQueueRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    if input.tags.is_empty() {
        return Err(errors::missing("Tags"));
    }
    tags::check(&input.tags)?;
    let more = input.tags;
    change(ctx, &open, move |queue| tags::add(&queue.name, &mut queue.tags, more.clone())).await
}

pub async fn untag_queue(ctx: &Ctx, input: UntagQueueRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let keys = input.tag_keys;
    if keys.is_empty() {
        return Err(errors::invalid("Tag keys must be between 1 and 128 characters in length."));
    }
    change(ctx, &open, move |queue| {
        queue.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
    .await
}

pub async fn list_queue_tags(ctx: &Ctx, input: ListQueueTagsRequest) -> Result<ListQueueTagsResult> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let tags = open.record().tags.clone();
    Ok(ListQueueTagsResult { tags: (!tags.is_empty()).then_some(tags) })
}
