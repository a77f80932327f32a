//! Move tasks: start, cancel, list. The controller does the moving.

use api_sqs::{
    CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest,
    ListMessageMoveTasksResult, ListMessageMoveTasksResultEntry, StartMessageMoveTaskRequest,
    StartMessageMoveTaskResult,
};
use kernel::{Access, Ctx, Result, Scope};

use super::queue_by_address;
use crate::controllers::move_task::NAME;
use crate::errors;
use crate::rules::address::{Address, access_by_arn};
use crate::rules::move_task::{self, Handle};
use crate::state::move_task::{self as stored, MoveTask, Status};
use crate::state::queue;

const SOURCE: &str = "SourceArn";
const DESTINATION: &str = "DestinationArn";

fn address(arn: &str, parameter: &str) -> Result<Address> {
    Address::of_arn(arn).ok_or_else(|| {
        errors::invalid(format!(
            "You must use this format to specify the {parameter}: \
             arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        ))
    })
}

pub async fn start_message_move_task(
    ctx: &Ctx,
    input: StartMessageMoveTaskRequest,
) -> Result<StartMessageMoveTaskResult> {
    let rate = move_task::check_rate(input.max_number_of_messages_per_second)?;
    let source = address(&input.source_arn, SOURCE)?;
    let missing = || errors::no_such_resource(SOURCE);
    let open = queue_by_address(ctx, &source).await?.ok_or_else(missing)?;
    let sources = ctx.read(|snap| queue::list_sources(snap, &source.scope, &open.arn, None, 1)).await?;
    if sources.is_empty() {
        return Err(errors::invalid("Source queue must be configured as a Dead Letter Queue."));
    }
    if let Some(arn) = &input.destination_arn {
        let destination = address(arn, DESTINATION)?;
        let found = queue_by_address(ctx, &destination).await?.filter(|_| destination.scope == source.scope);
        let found = found.ok_or_else(|| errors::no_such_resource(DESTINATION))?;
        if found.fifo != open.fifo || found.id == open.id {
            let message = "Source and destination queues must be different queues of the same type.";
            return Err(errors::invalid(message));
        }
    }
    let now = ctx.now();
    let task = MoveTask {
        id: ctx.ids().uuid(),
        source: open.name.clone(),
        source_id: open.id,
        destination: input.destination_arn,
        rate,
        started_at: now,
        to_move: u64::try_from(open.index().counts(now).visible).unwrap_or(u64::MAX),
        moved: 0,
        status: Status::Running,
        failure: None,
    };
    ctx.write(|tx| {
        let others = stored::of_source(tx, &source.scope, &task.source)?;
        if others.iter().any(|other| other.source_id == task.source_id && other.status.is_active()) {
            return Err(errors::invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a \
                 given time.",
            ));
        }
        let too_many = (others.len() + 1).saturating_sub(stored::KEPT_MAX);
        others.iter().take(too_many).try_for_each(|old| stored::delete(tx, &source.scope, old))?;
        stored::put(tx, &source.scope, &task)
    })
    .await?;
    ctx.in_scope(source.scope).nudge(NAME, &task.name());
    let handle = Handle { task_id: task.id, source_arn: open.arn.clone() };
    Ok(StartMessageMoveTaskResult { task_handle: Some(handle.print()) })
}

pub fn cancel_access(_: &Scope, input: &CancelMessageMoveTaskRequest) -> Result<Access> {
    let handle = Handle::parse(&input.task_handle);
    handle.map_or_else(|_| Ok(Access::any()), |handle| access_by_arn(&handle.source_arn))
}

pub async fn cancel_message_move_task(
    ctx: &Ctx,
    input: CancelMessageMoveTaskRequest,
) -> Result<CancelMessageMoveTaskResult> {
    let handle = Handle::parse(&input.task_handle)?;
    let missing = || errors::no_such_resource(SOURCE);
    let source = Address::of_arn(&handle.source_arn).ok_or_else(missing)?;
    let open = queue_by_address(ctx, &source).await?.ok_or_else(missing)?;
    let cancelled = ctx
        .write(|tx| {
            let tasks = stored::of_source(tx, &source.scope, &source.name)?;
            let task = tasks.into_iter().find(|t| t.id == handle.task_id && t.source_id == open.id);
            let mut task = task.ok_or_else(errors::no_such_task)?;
            if task.status != Status::Running {
                return Err(errors::invalid("Only active tasks can be cancelled."));
            }
            task.status = Status::Cancelling;
            stored::put(tx, &source.scope, &task)?;
            Ok(task)
        })
        .await?;
    ctx.in_scope(source.scope).nudge(NAME, &cancelled.name());
    let moved = i64::try_from(cancelled.moved).unwrap_or(i64::MAX);
    Ok(CancelMessageMoveTaskResult { approximate_number_of_messages_moved: Some(moved) })
}

pub async fn list_message_move_tasks(
    ctx: &Ctx,
    input: ListMessageMoveTasksRequest,
) -> Result<ListMessageMoveTasksResult> {
    let limit = move_task::check_max_results(input.max_results)?;
    let source = address(&input.source_arn, SOURCE)?;
    let missing = || errors::no_such_resource(SOURCE);
    let open = queue_by_address(ctx, &source).await?.ok_or_else(missing)?;
    let tasks = ctx.read(|snap| stored::of_source(snap, &source.scope, &source.name)).await?;
    let own = tasks.into_iter().rev().filter(|task| task.source_id == open.id);
    let results: Vec<_> = own.take(limit).map(|task| show(task, &open.arn)).collect();
    Ok(ListMessageMoveTasksResult { results: (!results.is_empty()).then_some(results) })
}

fn show(task: MoveTask, source_arn: &str) -> ListMessageMoveTasksResultEntry {
    let handle = Handle { task_id: task.id, source_arn: source_arn.to_owned() };
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    ListMessageMoveTasksResultEntry {
        task_handle: (task.status == Status::Running).then(|| handle.print()),
        status: Some(task.status.as_str().to_owned()),
        source_arn: Some(handle.source_arn),
        destination_arn: task.destination,
        max_number_of_messages_per_second: task.rate.and_then(|rate| i32::try_from(rate).ok()),
        approximate_number_of_messages_moved: Some(number(task.moved)),
        approximate_number_of_messages_to_move: Some(number(task.to_move)),
        failure_reason: task.failure,
        started_timestamp: Some(task.started_at),
    }
}
