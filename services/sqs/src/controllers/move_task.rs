//! Moves a task's messages, a bounded step at a time: the messages and the task's count in one transaction, so that a
//! restart goes on where it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::{Ctx, Millis, Next, Result, Scope, Tx};

use crate::ops::queue_by_address;
use crate::rules::address::Address;
use crate::rules::{limits, move_task as rules};
use crate::state::arriving::Arriving;
use crate::state::index::{Sequence, Want};
use crate::state::lease::LEASES;
use crate::state::message::{MESSAGES, Message};
use crate::state::move_task::{self as stored, MoveTask, Status};
use crate::state::open::{OpenQueue, retention_ends};
use crate::state::reserved::Reserved;

pub const NAME: &str = "sqs-move-tasks";
pub const SWEEP_EVERY_MS: Millis = 60_000;
pub const CONCURRENCY: usize = 8;

const SECOND_MS: Millis = 1_000;
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";
const NO_ORIGIN: &str = "CouldNotDetermineMessageSource";

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    stored::list_active(ctx).await
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(task) = ctx.read(|snap| stored::find(snap, &scope, &name)).await? else { return Ok(Next::Done) };
    match task.status {
        Status::Running => step(ctx, &task).await,
        Status::Cancelling => end(ctx, &task, Status::Cancelled, None).await,
        Status::Completed | Status::Cancelled | Status::Failed => Ok(Next::Done),
    }
}

/// Says how the task ended, unless that was said already.
async fn end(ctx: &Ctx, task: &MoveTask, status: Status, failure: Option<&str>) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| match stored::find(tx, &scope, &task.name())? {
        Some(now) if now.status.is_active() => {
            stored::put(tx, &scope, &MoveTask { status, failure: failure.map(str::to_owned), ..now })
        }
        _ => Ok(()),
    })
    .await?;
    Ok(Next::Done)
}

async fn step(ctx: &Ctx, task: &MoveTask) -> Result<Next> {
    let address = Address { scope: *ctx.scope(), name: task.source.clone() };
    let source = queue_by_address(ctx, &address).await?.filter(|queue| queue.id == task.source_id);
    let Some(source) = source else { return end(ctx, task, Status::Failed, Some(NO_QUEUE)).await };
    let now = ctx.now();
    let count = rules::step(task.rate, task.moved, task.to_move);
    let want = Want {
        now,
        count: usize::try_from(count).unwrap_or_default(),
        sent_after: retention_ends(&source.record(), now),
        receives_max: None,
        in_flight_max: limits::IN_FLIGHT_MAX,
    };
    let taken = source.index().take(&want);
    let reserved = Reserved::new(&source, taken.all());
    if taken.received.is_empty() {
        drop(reserved);
        return end(ctx, task, Status::Completed, None).await;
    }
    let messages = read(ctx, &source, &taken.received, now).await?;
    let arriving = match route(ctx, task, messages).await? {
        Ok(arriving) => arriving,
        Err(failure) => {
            drop(reserved);
            return end(ctx, task, Status::Failed, Some(failure)).await;
        }
    };
    let moved = u64::try_from(taken.received.len()).unwrap_or_default();
    let still_running =
        ctx.write(|tx| move_all(tx, task, &source, &taken.received, moved, &arriving)).await?;
    if !still_running {
        return Ok(Next::Now);
    }
    let mut index = source.index();
    taken.received.iter().for_each(|sequence| index.remove(*sequence));
    taken.expired.iter().for_each(|sequence| index.release(*sequence));
    drop(index);
    reserved.settle();
    arriving.into_iter().for_each(|arriving| drop(arriving.arrive()));
    Ok(if task.rate.is_some() { Next::After(SECOND_MS) } else { Next::Now })
}

/// Writes one step. `false` when the task was cancelled meanwhile: then nothing is written.
fn move_all(
    tx: &mut Tx<'_, '_>,
    task: &MoveTask,
    source: &OpenQueue,
    sequences: &[Sequence],
    moved: u64,
    arriving: &[Arriving],
) -> Result<bool> {
    let Some(now) = stored::find(tx, &source.scope, &task.name())?.filter(|t| t.status == Status::Running)
    else {
        return Ok(false);
    };
    for sequence in sequences {
        MESSAGES.delete(tx, &source.scope, (source.id, *sequence))?;
        LEASES.delete(tx, &source.scope, (source.id, *sequence))?;
    }
    arriving.iter().try_for_each(|arriving| arriving.put(tx))?;
    stored::put(tx, &source.scope, &MoveTask { moved: now.moved + moved, ..now })?;
    Ok(true)
}

/// The messages as they begin anew elsewhere, each with where it came from.
async fn read(
    ctx: &Ctx,
    source: &OpenQueue,
    sequences: &[Sequence],
    now: Millis,
) -> Result<Vec<(Option<String>, Message)>> {
    let get = |snap: &mut kernel::Snapshot<'_>| {
        let get = |s: &Sequence| MESSAGES.get(snap, &source.scope, (source.id, *s));
        sequences.iter().map(get).collect::<Result<Vec<_>>>()
    };
    let mut messages = Vec::with_capacity(sequences.len());
    for record in ctx.read(get).await?.into_iter().flatten() {
        let mut message = Message::unpack(&record)?;
        message.sent_at = now;
        message.visible_at = None;
        message.receives_before = 0;
        message.first_received_before = None;
        messages.push((message.dead_from.take(), message));
    }
    Ok(messages)
}

/// Numbers the messages in the queues they go to, or says why that cannot be.
async fn route(
    ctx: &Ctx,
    task: &MoveTask,
    messages: Vec<(Option<String>, Message)>,
) -> Result<Result<Vec<Arriving>, &'static str>> {
    let mut by_target: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (origin, message) in messages {
        let Some(arn) = task.destination.clone().or(origin) else { return Ok(Err(NO_ORIGIN)) };
        by_target.entry(arn).or_default().push((message, None));
    }
    let mut targets: Vec<(Arc<OpenQueue>, Vec<_>)> = Vec::new();
    for (arn, messages) in by_target {
        let Some(address) = Address::of_arn(&arn) else { return Ok(Err(NO_QUEUE)) };
        let Some(queue) = queue_by_address(ctx, &address).await? else { return Ok(Err(NO_QUEUE)) };
        targets.push((queue, messages));
    }
    let mut arriving = Vec::new();
    for (queue, messages) in targets {
        arriving.push(Arriving::begin(ctx, &queue, messages).await?);
    }
    Ok(Ok(arriving))
}
