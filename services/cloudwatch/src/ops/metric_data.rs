//! GetMetricData: many metrics, and expressions over them, page by page.

use std::collections::HashMap;
use std::sync::Arc;

use api_cloudwatch::{GetMetricDataInput, GetMetricDataOutput, MetricDataResult};
use kernel::{Ctx, Millis, Result};
use serde::{Deserialize, Serialize};
use shape::Timestamp;
use time::UtcOffset;

use crate::errors;
use crate::rules::bins::Bins;
use crate::rules::label::{self, About};
use crate::rules::math::evaluate::Given;
use crate::rules::math::parse::Expression;
use crate::rules::math::series::{Range, TimeSeries, Value};
use crate::rules::metric::MetricKey;
use crate::rules::period;
use crate::rules::query::{self, Asks, Query, Reading, in_expression};
use crate::rules::search::Search;
use crate::rules::statistic::Statistic;
use crate::rules::tier::floor;
use crate::state::read::each_sample;
use crate::state::series::AllSeries;

/// Points of one page.
const DATAPOINTS_MAX: usize = 100_800;
/// Points that one query may have, so that memory stays bounded.
const POINTS_MAX: i64 = 1_000_000;
/// Metrics that one SEARCH finds.
const FOUND_MAX: usize = 500;
/// Metrics without newer samples are not found.
const FOUND_MS: Millis = 14 * 86_400_000;
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
        position: input.next_token.as_deref().map(|token| open(ctx, token)).transpose()?,
        left: limit,
        ascending: input.scan_by.as_deref() == Some("TimestampAscending"),
        offset: offset.transpose()?.unwrap_or(UtcOffset::UTC),
        results: Vec::new(),
        next: None,
    };
    let asked = Asked { ctx, queries: &queries, from, to };
    answer(&asked, &order, page).await
}

struct Asked<'a> {
    ctx: &'a Ctx,
    queries: &'a [Query],
    from: Millis,
    to: Millis,
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
    let next_token = page.next.as_ref().map(|next| seal(asked.ctx, next)).transpose()?;
    Ok(GetMetricDataOutput {
        metric_data_results: Some(page.results),
        next_token,
        messages: Some(Vec::new()),
    })
}

async fn compute(asked: &Asked<'_>, query: &Query, values: &HashMap<String, Value>) -> Result<Value> {
    let (expression, period_ms) = match &query.asks {
        Asks::Metric(reading) => return read(asked, reading).await.map(Value::One),
        Asks::Math(expression, period_ms) => (expression, *period_ms),
    };
    let mut calls = Vec::new();
    expression.visit(&mut |part| {
        if matches!(part, Expression::Call(name, _) if name == "SEARCH") {
            calls.push(part.clone());
        }
    });
    let mut searches = Vec::new();
    for call in calls {
        let found = search(asked, query, &call, period_ms).await?;
        searches.push((call, found));
    }
    let metrics = asked.queries.iter().filter(|query| matches!(query.asks, Asks::Metric(_)));
    let metric_ids: Vec<String> = metrics.map(|query| query.id.clone()).collect();
    // What is made of series has the coarsest of their periods.
    let periods = values
        .values()
        .filter_map(|value| if let Value::One(one) = value { Some(one.period_ms) } else { None });
    let given = Given {
        range: Range { start: floor(asked.from, period_ms), end: asked.to },
        values,
        metric_ids: &metric_ids,
        searches: &searches,
        period_ms: periods.max().filter(|_| !values.is_empty()).unwrap_or(period_ms),
    };
    given.evaluate(expression).map_err(|why| in_expression(&query.id, &why))
}

/// The statistic of a metric by periods, all units together.
async fn read(asked: &Asked<'_>, reading: &Reading) -> Result<TimeSeries> {
    let Reading { metric, statistic, statistic_name, period_ms, unit } = reading;
    let start = floor(period::start(asked.from, *period_ms, asked.ctx.now()), *period_ms);
    let wanted = asked.to.saturating_sub(start) / period_ms;
    if wanted > POINTS_MAX {
        return Err(errors::too_many_datapoints(wanted, POINTS_MAX));
    }
    let series = asked.ctx.own::<AllSeries>().find(asked.ctx.scope(), metric, unit.as_deref());
    let points = match series.is_empty() {
        true => Vec::new(),
        false => {
            let mut bins = Bins::new(start, asked.to, *period_ms, statistic.needs_spread());
            each_sample(asked.ctx, &series, start, asked.to, |_, at, sample| bins.add(at, sample)).await?;
            bins.finish();
            bins.of(*statistic).collect()
        }
    };
    let of = Some((metric.clone(), statistic_name.clone()));
    Ok(TimeSeries { label: metric.name.clone(), period_ms: *period_ms, points, of })
}

/// `SEARCH('expression', 'statistic', period)`
async fn search(
    asked: &Asked<'_>,
    query: &Query,
    call: &Expression,
    period_ms: Millis,
) -> Result<Vec<TimeSeries>> {
    let refuse = |why: &str| in_expression(&query.id, why);
    let Expression::Call(_, parts) = call else { return Ok(Vec::new()) };
    let [Expression::Text(text), Expression::Text(name), rest @ ..] = parts.as_slice() else {
        return Err(refuse(
            "SEARCH takes a search expression and a statistic, in quotation marks, and a period.",
        ));
    };
    let search = Search::parse(text).map_err(|why| refuse(&why))?;
    let statistic =
        Statistic::parse(name).ok_or_else(|| refuse(&format!("The statistic {name} is not supported.")))?;
    let period_ms = match rest {
        [] => period_ms,
        [Expression::Number(period)] => {
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked then")]
            let period_s = *period as i32;
            period::check(period_s, "Period").map_err(|error| refuse(error.message()))?
        }
        _ => return Err(refuse("The period of SEARCH is a number.")),
    };
    let oldest = asked.ctx.now() - FOUND_MS;
    let metrics: Vec<Arc<MetricKey>> =
        asked.ctx.own::<AllSeries>().list(asked.ctx.scope(), None, FOUND_MAX, |key, newest| {
            (newest >= oldest && search.fits(key)).then(|| key.clone())
        });
    let mut found = Vec::with_capacity(metrics.len());
    for metric in metrics {
        let values = metric.dimensions.iter().map(|(_, value)| value.as_str());
        let own = values.chain([metric.name.as_str()]).collect::<Vec<_>>().join(" ");
        let reading =
            Reading { metric, statistic, statistic_name: Arc::from(name.as_str()), period_ms, unit: None };
        found.push(TimeSeries { label: own, ..read(asked, &reading).await? });
    }
    Ok(found)
}

struct Page {
    position: Option<Position>,
    left: usize,
    ascending: bool,
    offset: UtcOffset,
    results: Vec<MetricDataResult>,
    next: Option<Position>,
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
            let label = self.label(ctx, query, &series, is_many);
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

    fn label(&self, ctx: &Ctx, query: &Query, series: &TimeSeries, is_many: bool) -> String {
        let is_math = matches!(query.asks, Asks::Math(..));
        let own = match (is_math && !is_many, series.label.is_empty()) {
            (true, _) | (_, true) => query.id.as_str(),
            _ => series.label.as_str(),
        };
        let Some(label) = &query.label else { return own.to_owned() };
        let account = ctx.account().to_string();
        let about = About { series, own, account: &account, region: ctx.region(), offset: self.offset };
        let filled = label::fill(label, &about);
        // One label for many series tells them apart all the same.
        if is_many && filled == *label { format!("{label} {own}") } else { filled }
    }
}

fn seal(ctx: &Ctx, position: &Position) -> Result<String> {
    let bytes = serde_json::to_vec(position).map_err(kernel::Error::internal)?;
    Ok(ctx.seal_page(OPERATION, &bytes))
}

fn open(ctx: &Ctx, token: &str) -> Result<Position> {
    let opened = ctx.open_page(OPERATION, token);
    opened.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(errors::bad_next_token)
}
