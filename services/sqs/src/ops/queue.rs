//! Queues: make, find, list, purge, delete.

use api_sqs::{
    CreateQueueRequest, CreateQueueResult, DeleteQueueRequest, GetQueueUrlRequest, GetQueueUrlResult,
    ListQueuesRequest, ListQueuesResult, PurgeQueueRequest,
};
use kernel::{Access, Ctx, Millis, Result, Scope};

use super::queue_attributes::name_principals;
use super::{queue_at, queue_by_address, url_of};
use crate::controllers::leftover::NAME as LEFTOVERS;
use crate::errors;
use crate::rules::address::{Address, access_by_name, check_name};
use crate::rules::{attributes, tags};
use crate::state::index::Sequence;
use crate::state::leftover::{self, Leftover, ON_ITS_WAY_MS};
use crate::state::open::Queues;
use crate::state::queue::{self, Queue, Settings};

const PURGE_EVERY_MS: Millis = 60_000;
const PAGE_MAX: i32 = 1_000;

pub fn create_access(scope: &Scope, input: &CreateQueueRequest) -> Result<Access> {
    let tags = input.tags.iter().flat_map(tags::pairs);
    let address = Address { scope: *scope, name: input.queue_name.clone() };
    Ok(access_by_name(&address).request_tags(tags).also_to_tag("sqs:TagQueue"))
}

pub async fn create_queue(ctx: &Ctx, input: CreateQueueRequest) -> Result<CreateQueueResult> {
    let CreateQueueRequest { queue_name, attributes, tags } = input;
    let (attributes, tags) = (attributes.unwrap_or_default(), tags.unwrap_or_default());
    let fifo = attributes::asks_for_fifo(&attributes)?;
    check_name(&queue_name, fifo)?;
    tags::check(&tags)?;
    let scope = *ctx.scope();
    let mut settings = Settings::default();
    attributes::apply(&mut settings, fifo, &attributes)?;
    settings.policy = name_principals(ctx, settings.policy).await?;
    let url = url_of(ctx, &scope, &queue_name);

    let existing = ctx.read(|snap| queue::find(snap, &scope, &queue_name)).await?;
    if existing.is_none() {
        super::dead_letter::check_target(ctx, &scope, &queue_name, fifo, &attributes).await?;
    }
    let id = u64::from_str_radix(&ctx.ids().hex(16), 16).unwrap_or_default();
    let now = ctx.now();
    let mut all_tags = std::collections::BTreeMap::new();
    tags::add(&queue_name, &mut all_tags, tags)?;
    let new = Queue {
        id,
        name: queue_name,
        fifo,
        created_at: now,
        modified_at: now,
        settings,
        tags: all_tags,
        floor: 0,
        purged_at: None,
    };
    let id = ctx
        .write(|tx| match queue::find(tx, &scope, &new.name)? {
            None => queue::put(tx, &scope, None, &new).map(|()| new.id),
            Some(existing) => check_same(&existing, &new, &attributes).map(|()| existing.id),
        })
        .await?;
    ctx.own::<Queues>().close_others(&scope, &new.name, id);
    Ok(CreateQueueResult { queue_url: Some(url) })
}

/// A queue may be made twice, if it is the same.
fn check_same(existing: &Queue, new: &Queue, given: &attributes::Map) -> Result<()> {
    match attributes::first_difference(existing, &new.settings, given) {
        Some(attribute) => Err(errors::queue_name_exists(&attribute)),
        None => Ok(()),
    }
}

pub fn get_url_access(scope: &Scope, input: &GetQueueUrlRequest) -> Result<Access> {
    let account = input.queue_owner_aws_account_id.as_deref().and_then(|id| id.parse().ok());
    let scope = Scope { account: account.unwrap_or(scope.account), ..*scope };
    Ok(access_by_name(&Address { scope, name: input.queue_name.clone() }))
}

pub async fn get_queue_url(ctx: &Ctx, input: GetQueueUrlRequest) -> Result<GetQueueUrlResult> {
    let owner = match &input.queue_owner_aws_account_id {
        Some(id) => id.parse().map_err(|_| errors::no_such_queue())?,
        None => ctx.account(),
    };
    let scope = Scope { account: owner, ..*ctx.scope() };
    let address = Address { scope, name: input.queue_name };
    if queue_by_address(ctx, &address).await?.is_none() {
        return Err(errors::no_such_queue());
    }
    Ok(GetQueueUrlResult { queue_url: Some(address.url(ctx.authority(), ctx.caller())) })
}

pub async fn list_queues(ctx: &Ctx, input: ListQueuesRequest) -> Result<ListQueuesResult> {
    let limit = page_size(input.max_results)?;
    let after = open_token(ctx, "ListQueues", input.next_token.as_deref())?;
    let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
    let names = queue::list_names(ctx, prefix, after.as_deref(), limit + 1).await?;
    let (names, next_token) = page(ctx, "ListQueues", names, limit, input.max_results.is_some());
    let urls: Vec<_> = names.iter().map(|name| url_of(ctx, ctx.scope(), name)).collect();
    Ok(ListQueuesResult { queue_urls: (!urls.is_empty()).then_some(urls), next_token })
}

/// Rows of a page, from `MaxResults`.
pub(super) fn page_size(max_results: Option<i32>) -> Result<usize> {
    match max_results.unwrap_or(PAGE_MAX) {
        max @ 1..=PAGE_MAX => Ok(usize::try_from(max).unwrap_or_default()),
        _ => Err(errors::invalid(
            "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.",
        )),
    }
}

/// The name a page begins behind.
pub(super) fn open_token(ctx: &Ctx, operation: &str, token: Option<&str>) -> Result<Option<String>> {
    let Some(token) = token else { return Ok(None) };
    let name = ctx.open_page(operation, token).and_then(|position| String::from_utf8(position).ok());
    name.map(Some).ok_or_else(|| errors::invalid("Invalid or expired next token."))
}

/// Cuts a page out of names read with one to spare. Who gave no size gets no token, as with AWS.
pub(super) fn page(
    ctx: &Ctx,
    operation: &str,
    mut names: Vec<String>,
    limit: usize,
    with_token: bool,
) -> (Vec<String>, Option<String>) {
    let more = names.len() > limit;
    names.truncate(limit);
    let last = names.last().filter(|_| more && with_token);
    let token = last.map(|last| ctx.seal_page(operation, last.as_bytes()));
    (names, token)
}

pub async fn purge_queue(ctx: &Ctx, input: PurgeQueueRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let task_ctx = ctx.clone();
    ctx.see_through(async move {
        let ctx = task_ctx;
        let _turn = open.changing.lock().await;
        let now = ctx.now();
        let floor = open.index().next_floor(now);
        let purged = ctx
            .write(|tx| {
                let before = queue::find(tx, &open.scope, &open.name)?.filter(|queue| queue.id == open.id);
                let before = before.ok_or_else(errors::no_such_queue)?;
                if before.purged_at.is_some_and(|at| now - at < PURGE_EVERY_MS) {
                    return Err(errors::purge_in_progress(&open.name));
                }
                let purged = Queue { floor, purged_at: Some(now), ..before.clone() };
                queue::put(tx, &open.scope, Some(&before), &purged)?;
                leave(tx, &open.scope, open.id, floor, now)?;
                Ok(purged)
            })
            .await?;
        open.set_record(purged);
        open.index().purge(floor);
        ctx.in_scope(open.scope).nudge(LEFTOVERS, &leftover::name(open.id));
        Ok(())
    })
    .await
}

fn leave(
    tx: &mut kernel::Tx<'_, '_>,
    scope: &Scope,
    queue_id: u64,
    below: Sequence,
    now: Millis,
) -> Result<()> {
    leftover::put(tx, scope, &Leftover { queue_id, below, until: now + ON_ITS_WAY_MS })
}

pub async fn delete_queue(ctx: &Ctx, input: DeleteQueueRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let task_ctx = ctx.clone();
    ctx.see_through(async move {
        let ctx = task_ctx;
        let _turn = open.changing.lock().await;
        let now = ctx.now();
        ctx.write(|tx| {
            let before = queue::find(tx, &open.scope, &open.name)?.filter(|queue| queue.id == open.id);
            let before = before.ok_or_else(errors::no_such_queue)?;
            queue::delete(tx, &open.scope, &before)?;
            leave(tx, &open.scope, open.id, Sequence::MAX, now)
        })
        .await?;
        ctx.own::<Queues>().close(&open);
        ctx.in_scope(open.scope).nudge(LEFTOVERS, &leftover::name(open.id));
        Ok(())
    })
    .await
}
