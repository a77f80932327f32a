//! GetMetricData: many metrics, and expressions over them, page by page.

use std::collections::HashMap;

use api_cloudwatch::{GetMetricDataInput, GetMetricDataOutput, MetricDataResult};
use kernel::{Ctx, Millis, Result};
use serde::{Deserialize, Serialize};
use shape::Timestamp;
use time::UtcOffset;

use crate::errors;
use crate::rules::label::{self, About};
use crate::rules::math::budget::Budget;
use crate::rules::math::series::{TimeSeries, Value};
use crate::rules::period;
use crate::rules::query::{self, Asks, Query, in_expression};
use crate::state::answer::{Asked, compute};

/// Points of one page.
const DATAPOINTS_MAX: usize = 100_800;
const OPERATION: &str = "GetMetricData";

/// Where a page begins.
#[derive(Serialize, Deserialize)]
struct Position {
    query: usize,
    series: usize,
    /// The last instant that was given of it.
    after: Option<Millis>,
}

pub async fn get_metric_data(ctx: &Ctx, input: GetMetricDataInput) -> Result<GetMetricDataOutput> {
    // A token is good for what it was given to: the same queries in the same order. Their span may have moved on.
    let token_of = format!("{OPERATION} {:?} {:?}", input.metric_data_queries, input.scan_by);
    let queries = query::check(input.metric_data_queries)?;
    let order = query::in_order(&queries)?;
    let (from, to) = (input.start_time.as_millis(), input.end_time.as_millis());
    period::check_range(from, to)?;
    let limit = match input.max_datapoints {
        None => DATAPOINTS_MAX,
        Some(limit) => {
            usize::try_from(limit).ok().filter(|limit| (1..=DATAPOINTS_MAX).contains(limit)).ok_or_else(
                || errors::validation(format!("MaxDatapoints must be between 1 and {DATAPOINTS_MAX}.")),
            )?
        }
    };
    let zone = input.label_options.and_then(|options| options.timezone);
    let offset = zone.map(|zone| {
        let why = || {
            errors::validation(format!("The value {zone} for parameter LabelOptions.Timezone is invalid."))
        };
        label::offset(&zone).ok_or_else(why)
    });
    let page = Page {
        position: input.next_token.as_deref().map(|token| open(ctx, &token_of, token)).transpose()?,
        left: limit,
        ascending: input.scan_by.as_deref() == Some("TimestampAscending"),
        offset: offset.transpose()?.unwrap_or(UtcOffset::UTC),
        results: Vec::new(),
        next: None,
        token_of,
    };
    let asked = Asked { ctx, queries: &queries, from, to, budget: Budget::default() };
    answer(&asked, &order, page).await
}

/// Queries that nothing else needs are read only for the page they are on.
async fn answer(asked: &Asked<'_>, order: &[usize], mut page: Page) -> Result<GetMetricDataOutput> {
    let mut values: HashMap<String, Value> = HashMap::new();
    let has_math = asked.queries.iter().any(|query| matches!(query.asks, Asks::Math(..)));
    if has_math {
        for query in order.iter().filter_map(|at| asked.queries.get(*at)) {
            let value = compute(asked, query, &values).await?;
            values.insert(query.id.clone(), value);
        }
    }
    for (at, query) in asked.queries.iter().enumerate() {
        if !query.is_returned || page.is_behind(at) {
            continue;
        }
        if page.next.is_some() {
            break;
        }
        let value = match values.remove(&query.id) {
            Some(value) => value,
            None => compute(asked, query, &values).await?,
        };
        let all = match value {
            Value::One(series) => vec![series],
            Value::Many(all) => all,
            Value::Scalar(_) => {
                return Err(in_expression(&query.id, "It comes to a number, not to a time series."));
            }
        };
        page.take(asked.ctx, at, query, all);
    }
    let next_token = page.next.as_ref().map(|next| seal(asked.ctx, &page.token_of, next)).transpose()?;
    Ok(GetMetricDataOutput {
        metric_data_results: Some(page.results),
        next_token,
        messages: Some(Vec::new()),
    })
}

struct Page {
    position: Option<Position>,
    left: usize,
    ascending: bool,
    offset: UtcOffset,
    results: Vec<MetricDataResult>,
    next: Option<Position>,
    /// What its token goes on with.
    token_of: String,
}

impl Page {
    /// Whether the query was given whole on pages before.
    fn is_behind(&self, query: usize) -> bool {
        self.position.as_ref().is_some_and(|position| query < position.query)
    }

    fn take(&mut self, ctx: &Ctx, at: usize, query: &Query, all: Vec<TimeSeries>) {
        let is_many = all.len() > 1;
        for (place, mut series) in all.into_iter().enumerate() {
            let position = self.position.as_ref().filter(|position| position.query == at);
            if position.is_some_and(|position| place < position.series) {
                continue;
            }
            if self.next.is_some() {
                return;
            }
            let after = position.filter(|position| position.series == place).and_then(|p| p.after);
            let label = label_of(ctx, query, &series, is_many, self.offset);
            if !self.ascending {
                series.points.reverse();
            }
            if let Some(after) = after {
                let is_left = |at: Millis| if self.ascending { at > after } else { at < after };
                series.points.retain(|(at, _)| is_left(*at));
            }
            let is_whole = series.points.len() <= self.left;
            series.points.truncate(self.left);
            self.left -= series.points.len();
            if !is_whole {
                let after = series.points.last().map(|(at, _)| *at).or(after);
                self.next = Some(Position { query: at, series: place, after });
                if series.points.is_empty() {
                    return;
                }
            }
            let (timestamps, values) =
                series.points.into_iter().map(|(at, value)| (Timestamp::from_millis(at), value)).unzip();
            self.results.push(MetricDataResult {
                id: Some(query.id.clone()),
                label: Some(label),
                timestamps: Some(timestamps),
                values: Some(values),
                status_code: Some(if is_whole { "Complete" } else { "PartialData" }.to_owned()),
                ..MetricDataResult::default()
            });
        }
    }
}

/// What a series is called: as its query says, or by itself.
pub fn label_of(ctx: &Ctx, query: &Query, series: &TimeSeries, is_many: bool, offset: UtcOffset) -> String {
    let is_math = matches!(query.asks, Asks::Math(..));
    let own = match (is_math && !is_many, series.label.is_empty()) {
        (true, _) | (_, true) => query.id.as_str(),
        _ => series.label.as_str(),
    };
    let Some(label) = &query.label else { return own.to_owned() };
    let account = ctx.account().to_string();
    let about = About { series, own, account: &account, region: ctx.region(), offset };
    let filled = label::fill(label, &about);
    // One label for many series tells them apart all the same.
    if is_many && filled == *label { format!("{label} {own}") } else { filled }
}

fn seal(ctx: &Ctx, token_of: &str, position: &Position) -> Result<String> {
    let bytes = serde_json::to_vec(position).map_err(kernel::Error::internal)?;
    Ok(ctx.seal_page(token_of, &bytes))
}

fn open(ctx: &Ctx, token_of: &str, token: &str) -> Result<Position> {
    let opened = ctx.open_page(token_of, token);
    opened.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(errors::bad_next_token)
}
