//! Streams: made, deleted, listed.

use api_logs::{
    CreateLogStreamRequest, DeleteLogStreamRequest, DescribeLogStreamsRequest, DescribeLogStreamsResponse,
    LogStream,
};
use kernel::{Ctx, Result};

use super::{group_by_name, limit_of, page};
use crate::controllers::leftover::NAME as LEFTOVERS;
use crate::errors;
use crate::rules::name::{chosen, stream_arn};
use crate::state::sizes::Sizes;
use crate::state::stream::{self, Stream};
use crate::state::{chunk, group, leftover};

const PAGE: usize = 50;

pub async fn create_log_stream(ctx: &Ctx, input: CreateLogStreamRequest) -> Result<()> {
    let new = Stream {
        id: u64::from_str_radix(&ctx.ids().hex(16), 16).unwrap_or_default().max(1),
        name: input.log_stream_name,
        created_at: ctx.now(),
        first_at: None,
        last_at: None,
        ingested_at: None,
        next: 1,
        next_chunk: 1,
    };
    ctx.write(|tx| {
        let group = group::get(tx, ctx.scope(), &input.log_group_name)?;
        match stream::find(tx, ctx.scope(), group.id, &new.name)? {
            Some(_) => Err(errors::already_exists("log stream")),
            None => stream::put(tx, ctx.scope(), group.id, &new),
        }
    })
    .await
}

pub async fn delete_log_stream(ctx: &Ctx, input: DeleteLogStreamRequest) -> Result<()> {
    let (group, gone, bytes) = ctx
        .write(|tx| {
            let scope = ctx.scope();
            let group = group::get(tx, scope, &input.log_group_name)?;
            let gone = stream::get(tx, scope, group.id, &input.log_stream_name)?;
            let chunks = chunk::list(tx, scope, group.id, Some(gone.id), usize::MAX)?;
            stream::delete(tx, scope, group.id, &gone.name)?;
            leftover::put(tx, scope, group.id, gone.id)?;
            Ok((group, gone, chunks.iter().map(|chunk| chunk.stored_bytes).sum()))
        })
        .await?;
    ctx.own::<Sizes>().take(group.id, bytes);
    ctx.nudge(LEFTOVERS, &leftover::name(group.id, gone.id));
    Ok(())
}

pub async fn describe_log_streams(
    ctx: &Ctx,
    input: DescribeLogStreamsRequest,
) -> Result<DescribeLogStreamsResponse> {
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = group_by_name(ctx, &chosen(ctx.scope(), name, identifier)?).await?;
    let by_time = input.order_by.as_deref() == Some("LastEventTime");
    if by_time && input.log_stream_name_prefix.is_some() {
        return Err(errors::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let prefix = input.log_stream_name_prefix.unwrap_or_default();
    let mut found = stream::list_where(ctx, group.id, |stream| stream.name.starts_with(&prefix)).await?;
    if by_time {
        found.sort_by(|a, b| (a.last_at, &a.name).cmp(&(b.last_at, &b.name)));
    }
    if input.descending == Some(true) {
        found.reverse();
    }
    let show = |stream: Stream| {
        let shown = LogStream {
            creation_time: Some(stream.created_at),
            first_event_timestamp: stream.first_at,
            last_event_timestamp: stream.last_at,
            last_ingestion_time: stream.ingested_at,
            upload_sequence_token: Some(format!("{:056}", stream.next)),
            arn: Some(stream_arn(ctx.scope(), &group.name, &stream.name)),
            // AWS has not told it of a stream since June 2019.
            stored_bytes: Some(0),
            log_stream_name: Some(stream.name.clone()),
        };
        (stream.name, shown)
    };
    let all = found.into_iter().map(show).collect();
    let limit = limit_of(input.limit, PAGE);
    let (streams, next) = page(ctx, "DescribeLogStreams", input.next_token.as_deref(), limit, all)?;
    Ok(DescribeLogStreamsResponse { log_streams: Some(streams), next_token: next })
}
