//! Queries: begun, looked at, stopped.

use api_logs::{
    DescribeQueriesRequest, DescribeQueriesResponse, GetQueryResultsRequest, GetQueryResultsResponse,
    QueryInfo, QueryStatistics, ResultField, StartQueryRequest, StartQueryResponse, StopQueryRequest,
    StopQueryResponse,
};
use kernel::{Access, Ctx, Millis, Result, Scope};

use super::{group_by_name, limit_of, page};
use crate::controllers::query as controller;
use crate::errors;
use crate::rules::name::{of_identifier, on_group, stream_arn};
use crate::rules::query::parse::{Query, ROWS_MAX};
use crate::state::query::{self, Findings, KEPT_MS, QUERIES_MAX, Status};

const GROUPS_MAX: usize = 50;
/// Queries that run at the same time.
const RUNNING_MAX: usize = 30;
/// Instants below this are in seconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// # Errors
/// For languages other than Logs Insights' own.
pub fn check_language(language: Option<&str>) -> Result<()> {
    match language {
        None | Some("CWLI") => Ok(()),
        Some(other) => {
            Err(errors::invalid(format!("The query language {other} is not supported here; CWLI is.")))
        }
    }
}

fn named(input: &StartQueryRequest) -> Vec<&String> {
    let lists = input.log_group_names.iter().chain(&input.log_group_identifiers).flatten();
    input.log_group_name.iter().chain(lists).collect()
}

pub fn start_access(scope: &Scope, input: &StartQueryRequest) -> Result<Access> {
    let arn = |named: &String| match of_identifier(scope, named) {
        Ok(name) => stream_arn(scope, &name, ""),
        Err(_) => named.clone(),
    };
    let arns: Vec<String> = named(input).into_iter().map(arn).collect();
    Ok(if arns.is_empty() { on_group(scope, "") } else { Access::on_all(arns) })
}

pub async fn start_query(ctx: &Ctx, input: StartQueryRequest) -> Result<StartQueryResponse> {
    check_language(input.query_language.as_deref())?;
    let ways = [
        input.log_group_name.is_some(),
        input.log_group_names.is_some(),
        input.log_group_identifiers.is_some(),
    ];
    if ways.iter().filter(|given| **given).count() != 1 {
        return Err(errors::invalid(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified",
        ));
    }
    let mut groups = named(&input)
        .into_iter()
        .map(|named| of_identifier(ctx.scope(), named))
        .collect::<Result<Vec<_>>>()?;
    groups.sort_unstable();
    groups.dedup();
    if groups.is_empty() || groups.len() > GROUPS_MAX {
        return Err(errors::invalid(format!("A query is of 1 to {GROUPS_MAX} log groups")));
    }
    for group in &groups {
        group_by_name(ctx, group).await?;
    }
    let read = Query::parse(&input.query_string);
    read.map_err(|wrong| errors::malformed_query(&wrong.words, wrong.from, wrong.to))?;
    let (from, to) = (instant(input.start_time, false), instant(input.end_time, true));
    if from > to {
        return Err(errors::invalid("Query's start time must be before its end time"));
    }
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    if limit.is_some_and(|limit| limit > ROWS_MAX) {
        return Err(errors::invalid(format!("A query has at most {ROWS_MAX} rows here")));
    }
    let new = query::Query {
        id: ctx.ids().uuid(),
        text: input.query_string,
        groups,
        from,
        to,
        limit,
        status: Status::Running,
        created_at: ctx.now(),
        ended_at: None,
        by: ctx.caller().arn(),
        bytes: 0,
    };
    ctx.write(|tx| {
        let all = query::all(tx, ctx.scope())?;
        if all.iter().filter(|other| other.status == Status::Running).count() >= RUNNING_MAX {
            return Err(errors::limit("Resource limit exceeded: too many queries run at the same time."));
        }
        let old = |(at, other): &(usize, &query::Query)| {
            *at >= QUERIES_MAX - 1 || other.created_at < ctx.now() - KEPT_MS
        };
        for (_, old) in all.iter().enumerate().filter(old) {
            query::delete(tx, ctx.scope(), &old.id)?;
        }
        query::put(tx, ctx.scope(), &new)
    })
    .await?;
    ctx.nudge(controller::NAME, &new.id);
    Ok(StartQueryResponse { query_id: Some(new.id) })
}

/// In milliseconds; the last second of a span is in it as a whole.
fn instant(given: i64, is_end: bool) -> Millis {
    match given {
        ..SECONDS_BELOW => given * 1_000 + if is_end { 999 } else { 0 },
        _ => given,
    }
}

async fn find(ctx: &Ctx, id: &str) -> Result<query::Query> {
    let found = ctx.read(|snap| query::find(snap, ctx.scope(), id)).await?;
    found.ok_or_else(errors::no_such_query)
}

pub async fn stop_query(ctx: &Ctx, input: StopQueryRequest) -> Result<StopQueryResponse> {
    ctx.write(|tx| {
        let found = query::find(tx, ctx.scope(), &input.query_id)?.ok_or_else(errors::no_such_query)?;
        if found.status != Status::Running {
            return Err(errors::query_ended(found.status.as_str()));
        }
        let ended = query::Query { status: Status::Cancelled, ended_at: Some(ctx.now()), ..found };
        query::put(tx, ctx.scope(), &ended)
    })
    .await?;
    Ok(StopQueryResponse { success: Some(true) })
}

pub async fn get_query_results(ctx: &Ctx, input: GetQueryResultsRequest) -> Result<GetQueryResultsResponse> {
    let asked = find(ctx, &input.query_id).await?;
    let found = ctx.own::<Findings>().find(ctx.scope(), &asked.id);
    let mut status = asked.status;
    if status == Status::Complete && found.is_none() {
        // What it found made room for others, or went with a restart: it is found again.
        status = Status::Running;
        ctx.nudge(controller::NAME, &asked.id);
    }
    let found = found.unwrap_or_default();
    let show = |(at, row): (usize, &query::Row)| {
        let field = |(name, value): &(String, String)| ResultField {
            field: Some(name.clone()),
            value: Some(value.clone()),
        };
        (at.to_string(), row.iter().map(field).collect::<Vec<_>>())
    };
    let all = found.rows.iter().enumerate().map(show).collect();
    let limit = limit_of(input.max_items, ROWS_MAX);
    let operation = format!("GetQueryResults:{}", asked.id);
    let (rows, next) = page(ctx, &operation, input.next_token.as_deref(), limit, all)?;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let count = |count: u64| Some(count as f64);
    Ok(GetQueryResultsResponse {
        query_language: Some("CWLI".to_owned()),
        results: Some(rows),
        statistics: Some(QueryStatistics {
            records_matched: count(found.matched),
            records_scanned: count(found.scanned),
            estimated_records_skipped: count(0),
            bytes_scanned: count(found.bytes),
            estimated_bytes_skipped: count(0),
            log_groups_scanned: count(u64::try_from(asked.groups.len()).unwrap_or_default()),
        }),
        status: Some(status.as_str().to_owned()),
        next_token: next,
        ..GetQueryResultsResponse::default()
    })
}

pub async fn describe_queries(ctx: &Ctx, input: DescribeQueriesRequest) -> Result<DescribeQueriesResponse> {
    check_language(input.query_language.as_deref())?;
    let all = ctx.read(|snap| query::all(snap, ctx.scope())).await?;
    let wanted = |query: &query::Query| {
        input.log_group_name.as_ref().is_none_or(|group| query.groups.contains(group))
            && input.status.as_deref().is_none_or(|status| status == query.status.as_str())
    };
    let show = |query: query::Query| {
        #[expect(clippy::cast_precision_loss, reason = "bytes are far below 2^53")]
        let bytes = query.bytes as f64;
        let shown = QueryInfo {
            query_language: Some("CWLI".to_owned()),
            query_id: Some(query.id.clone()),
            query_string: Some(query.text),
            status: Some(query.status.as_str().to_owned()),
            create_time: Some(query.created_at),
            log_group_name: query.groups.first().cloned(),
            query_duration: query.ended_at.map(|ended| ended - query.created_at),
            bytes_scanned: Some(bytes),
            user_identity: Some(query.by),
        };
        (query.id, shown)
    };
    let all = all.into_iter().filter(wanted).map(show).collect();
    let limit = limit_of(input.max_results, QUERIES_MAX);
    let (queries, next) = page(ctx, "DescribeQueries", input.next_token.as_deref(), limit, all)?;
    Ok(DescribeQueriesResponse { queries: Some(queries), next_token: next })
}
