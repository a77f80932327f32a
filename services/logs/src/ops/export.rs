//! Exports: begun, looked at, cancelled.

use api_logs::{
    CancelExportTaskRequest, CreateExportTaskRequest, CreateExportTaskResponse, DescribeExportTasksRequest,
    DescribeExportTasksResponse, ExportTask, ExportTaskExecutionInfo, ExportTaskStatus,
};
use kernel::{Ctx, Kind, Result};

use super::{group_by_name, limit_of, page};
use crate::controllers::export as controller;
use crate::errors;
use crate::rules::export::{check_span, test_key};
use crate::state::export::{self, Status, TASKS_MAX, Task};
use crate::state::stream;

const PAGE: usize = 50;
const TEST: &str = "Permission Check Successful";

pub async fn create_export_task(
    ctx: &Ctx,
    input: CreateExportTaskRequest,
) -> Result<CreateExportTaskResponse> {
    check_span(input.from, input.to)?;
    let group = group_by_name(ctx, &input.log_group_name).await?;
    if let Some(prefix) = &input.log_stream_name_prefix {
        let streams = stream::list_where(ctx, group.id, |stream| stream.name.starts_with(prefix)).await?;
        if streams.is_empty() {
            return Err(errors::not_found("log stream"));
        }
    }
    let task = Task {
        id: ctx.ids().uuid(),
        name: input.task_name,
        group: group.name,
        stream_prefix: input.log_stream_name_prefix,
        from: input.from,
        to: input.to,
        bucket: input.destination,
        prefix: input.destination_prefix,
        status: Status::Pending,
        message: None,
        created_at: ctx.now(),
        ended_at: None,
        done: None,
    };
    let tried = controller::put(ctx, &task, test_key(task.prefix.as_deref()), TEST.as_bytes().to_vec()).await;
    tried.map_err(|error| match error.kind() {
        Kind::Internal | Kind::Unavailable | Kind::Throttled => error,
        Kind::NotFound => errors::invalid("The given bucket does not exist. Please provide a valid bucket").because(error),
        _ => errors::invalid("PutObject call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.").because(error),
    })?;
    ctx.write(|tx| {
        let all = export::all(tx, ctx.scope())?;
        if all.iter().any(|other| other.status.is_active()) {
            return Err(errors::limit("Resource limit exceeded."));
        }
        for old in all.iter().skip(TASKS_MAX - 1) {
            export::delete(tx, ctx.scope(), &old.id)?;
        }
        export::put(tx, ctx.scope(), &task)
    })
    .await?;
    ctx.nudge(controller::NAME, &task.id);
    Ok(CreateExportTaskResponse { task_id: Some(task.id) })
}

pub async fn cancel_export_task(ctx: &Ctx, input: CancelExportTaskRequest) -> Result<()> {
    ctx.write(|tx| {
        let task =
            export::find(tx, ctx.scope(), &input.task_id)?.ok_or_else(|| errors::not_found("export task"))?;
        if !task.status.is_active() {
            return Err(errors::invalid_operation("The specified export task has already finished"));
        }
        let ended = Task { status: Status::Cancelled, ended_at: Some(ctx.now()), ..task };
        export::put(tx, ctx.scope(), &ended)
    })
    .await
}

fn show(task: Task) -> ExportTask {
    ExportTask {
        task_id: Some(task.id),
        task_name: task.name,
        log_group_name: Some(task.group),
        from: Some(task.from),
        to: Some(task.to),
        destination: Some(task.bucket),
        destination_prefix: task.prefix,
        status: Some(ExportTaskStatus { code: Some(task.status.as_str().to_owned()), message: task.message }),
        execution_info: Some(ExportTaskExecutionInfo {
            creation_time: Some(task.created_at),
            completion_time: task.ended_at,
        }),
    }
}

pub async fn describe_export_tasks(
    ctx: &Ctx,
    input: DescribeExportTasksRequest,
) -> Result<DescribeExportTasksResponse> {
    let all = ctx.read(|snap| export::all(snap, ctx.scope())).await?;
    let wanted = |task: &Task| {
        input.task_id.as_ref().is_none_or(|id| *id == task.id)
            && input.status_code.as_deref().is_none_or(|status| status == task.status.as_str())
    };
    if input.task_id.is_some() && !all.iter().any(wanted) {
        return Err(errors::invalid("The specified export task does not exist."));
    }
    let all = all.into_iter().filter(wanted).map(|task| (task.id.clone(), show(task))).collect();
    let limit = limit_of(input.limit, PAGE);
    let (tasks, next) = page(ctx, "DescribeExportTasks", input.next_token.as_deref(), limit, all)?;
    Ok(DescribeExportTasksResponse { export_tasks: Some(tasks), next_token: next })
}
