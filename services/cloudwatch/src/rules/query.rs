//! What GetMetricData is asked: queries, in the order in which they can be answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api_cloudwatch::{MetricDataQuery, MetricStat};
use kernel::{Millis, Result};

use super::math::kind::{self, Kind};
use super::math::parse::Expression;
use super::metric::{MetricKey, check_dimensions};
use super::period;
use super::statistic::Statistic;
use crate::errors;

/// Queries of one call.
const QUERIES_MAX: usize = 500;
const ID_MAX: usize = 255;

/// A query.
#[derive(Debug)]
pub struct Query {
    pub id: String,
    pub label: Option<String>,
    pub is_returned: bool,
    pub asks: Asks,
    /// The expression as it is written.
    pub text: String,
}

impl Query {
    /// The first call of a function in the expression.
    pub fn calls(&self, function: &str) -> Option<&Expression> {
        let Asks::Math(expression, _) = &self.asks else { return None };
        let mut found = None;
        expression.visit(&mut |part| {
            if matches!(part, Expression::Call(name, _) if name == function) {
                found = found.or(Some(part));
            }
        });
        found
    }
}

#[derive(Debug)]
pub enum Asks {
    Metric(Reading),
    /// With the period of what comes of no other series.
    Math(Expression, Millis),
}

/// The statistic of a metric.
#[derive(Clone, Debug)]
pub struct Reading {
    pub metric: Arc<MetricKey>,
    pub statistic: Statistic,
    pub statistic_name: Arc<str>,
    pub period_ms: Millis,
    pub unit: Option<String>,
}

/// Period of an expression that names none and is made of no metric.
const PERIOD_MS: Millis = 300_000;

/// All queries of a call, checked.
pub fn check(queries: Vec<MetricDataQuery>) -> Result<Vec<Query>> {
    if queries.is_empty() {
        return Err(errors::validation("The parameter MetricDataQueries must not be empty."));
    }
    if queries.len() > QUERIES_MAX {
        return Err(errors::validation(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        )));
    }
    let each = queries.into_iter().enumerate();
    let queries: Vec<Query> = each.map(|(at, query)| check_one(query, at + 1)).collect::<Result<_>>()?;
    let mut ids = BTreeSet::new();
    for query in &queries {
        if !ids.insert(query.id.as_str()) {
            return Err(errors::validation(format!(
                "The values for parameter id in MetricDataQueries are not unique: {}.",
                query.id
            )));
        }
    }
    if !queries.iter().any(|query| query.is_returned) {
        return Err(errors::validation("At least one of the MetricDataQueries must return data."));
    }
    Ok(queries)
}

fn check_one(query: MetricDataQuery, at: usize) -> Result<Query> {
    let MetricDataQuery { id, metric_stat, expression, label, return_data, period, .. } = query;
    let member = |name: &str| format!("MetricDataQueries.member.{at}.{name}");
    let is_id = id.len() <= ID_MAX
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_id {
        return Err(errors::validation(format!(
            "The value {id} is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$ for parameter {}.",
            member("Id")
        )));
    }
    let period_ms = period.map(|period_s| period::check(period_s, &member("Period"))).transpose()?;
    let text = expression.clone().unwrap_or_default();
    let asks = match (metric_stat, expression) {
        (Some(stat), None) if period_ms.is_none() => Asks::Metric(reading(stat, &member("MetricStat"))?),
        (Some(_), None) => return Err(errors::exclusive(&member("Period"), &member("MetricStat"))),
        (None, Some(text))
            if text.trim_start().get(..6).is_some_and(|t| t.eq_ignore_ascii_case("select")) =>
        {
            return Err(errors::validation("Metrics Insights queries (SELECT) are not supported here."));
        }
        (None, Some(text)) => {
            let parsed = Expression::parse(&text).map_err(|why| in_expression(&id, &why))?;
            Asks::Math(parsed, period_ms.unwrap_or(PERIOD_MS))
        }
        (Some(_), Some(_)) => return Err(errors::exclusive(&member("MetricStat"), &member("Expression"))),
        (None, None) => {
            let (stat, math) = (member("MetricStat"), member("Expression"));
            return Err(errors::validation(format!("Either {stat} or {math} must be specified.")));
        }
    };
    Ok(Query { id, label, is_returned: return_data != Some(false), asks, text })
}

/// An expression that cannot be read or computed.
pub fn in_expression(id: &str, why: &str) -> kernel::Error {
    errors::validation(format!("Error in expression '{id}': {why}"))
}

fn reading(stat: MetricStat, path: &str) -> Result<Reading> {
    let MetricStat { metric, period, stat, unit } = stat;
    let missing = |name: &str| errors::validation(format!("The parameter {path}.Metric.{name} is required."));
    let namespace = metric.namespace.ok_or_else(|| missing("Namespace"))?;
    let name = metric.metric_name.ok_or_else(|| missing("MetricName"))?;
    let dimensions = metric.dimensions.unwrap_or_default();
    check_dimensions(&dimensions, || format!("{path}.Metric.Dimensions"))?;
    let statistic = Statistic::parse(&stat);
    let statistic = statistic.ok_or_else(|| errors::unsupported_statistic(&stat, &format!("{path}.Stat")))?;
    Ok(Reading {
        metric: Arc::new(MetricKey::new(namespace, name, dimensions)),
        statistic,
        statistic_name: Arc::from(stat),
        period_ms: period::check(period, &format!("{path}.Period"))?,
        unit,
    })
}

/// The queries that others are computed of, by place: each behind all it needs.
///
/// # Errors
/// When an expression needs itself.
pub fn in_order(queries: &[Query]) -> Result<Vec<usize>> {
    let places: BTreeMap<&str, usize> =
        queries.iter().enumerate().map(|(at, q)| (q.id.as_str(), at)).collect();
    let mut state = vec![Visit::New; queries.len()];
    let mut order = Vec::with_capacity(queries.len());
    (0..queries.len()).try_for_each(|at| visit(queries, &places, at, &mut state, &mut order))?;
    Ok(order)
}

/// What each query comes to, told by its expression, where they are taken in this order.
///
/// # Errors
/// When an expression names what there is not.
pub fn kinds<'q>(queries: &'q [Query], order: &[usize]) -> Result<BTreeMap<&'q str, Kind>> {
    let mut kinds = BTreeMap::new();
    for query in order.iter().filter_map(|at| queries.get(*at)) {
        let of = match &query.asks {
            Asks::Metric(_) => Kind::One,
            Asks::Math(expression, _) => kind::of(expression, &|name| kinds.get(name).copied())
                .map_err(|why| in_expression(&query.id, &why))?,
        };
        kinds.insert(query.id.as_str(), of);
    }
    Ok(kinds)
}

/// The places of one query and all that it is computed of, each behind all it needs.
///
/// # Errors
/// When an expression needs itself.
pub fn behind(queries: &[Query], at: usize) -> Result<Vec<usize>> {
    let places: BTreeMap<&str, usize> =
        queries.iter().enumerate().map(|(at, q)| (q.id.as_str(), at)).collect();
    let mut order = Vec::new();
    visit(queries, &places, at, &mut vec![Visit::New; queries.len()], &mut order)?;
    Ok(order)
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

fn visit(
    queries: &[Query],
    places: &BTreeMap<&str, usize>,
    at: usize,
    state: &mut [Visit],
    order: &mut Vec<usize>,
) -> Result<()> {
    let (Some(query), Some(known)) = (queries.get(at), state.get_mut(at)) else { return Ok(()) };
    match known {
        Visit::Done => return Ok(()),
        Visit::Open => return Err(in_expression(&query.id, "It is computed of itself.")),
        Visit::New => *known = Visit::Open,
    }
    for needed in needs(query, queries, places) {
        visit(queries, places, needed, state, order)?;
    }
    if let Some(known) = state.get_mut(at) {
        *known = Visit::Done;
    }
    order.push(at);
    Ok(())
}

/// The places of what a query is computed of. METRICS() needs all queries that read a metric.
fn needs(query: &Query, queries: &[Query], places: &BTreeMap<&str, usize>) -> Vec<usize> {
    let Asks::Math(expression, _) = &query.asks else { return Vec::new() };
    let mut needed = BTreeSet::new();
    expression.visit(&mut |part| match part {
        Expression::Name(name) => needed.extend(places.get(name.as_str()).copied()),
        Expression::Call(name, _) if name == "METRICS" => {
            let metrics =
                queries.iter().enumerate().filter(|(_, query)| matches!(query.asks, Asks::Metric(_)));
            needed.extend(metrics.map(|(at, _)| at));
        }
        _ => {}
    });
    needed.into_iter().collect()
}

/// Whether any expression needs this query.
pub fn is_needed(queries: &[Query], at: usize) -> bool {
    let places: BTreeMap<&str, usize> =
        queries.iter().enumerate().map(|(at, q)| (q.id.as_str(), at)).collect();
    queries.iter().any(|query| needs(query, queries, &places).contains(&at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn math(id: &str, expression: &str) -> MetricDataQuery {
        MetricDataQuery {
            id: id.to_owned(),
            expression: Some(expression.to_owned()),
            ..MetricDataQuery::default()
        }
    }

    #[test]
    fn what_is_needed_comes_first_and_circles_are_refused() {
        let queries =
            check(vec![math("c", "b + a"), math("b", "a * 2"), math("a", "TIME_SERIES(1)")]).unwrap();
        assert_eq!(in_order(&queries).unwrap(), [2, 1, 0]);
        assert!(is_needed(&queries, 2) && !is_needed(&queries, 0));
        let circle = check(vec![math("a", "b"), math("b", "a + 1")]).unwrap();
        assert!(in_order(&circle).is_err());
        let itself = check(vec![math("a", "a + 1")]).unwrap();
        assert!(in_order(&itself).is_err());
    }

    #[test]
    fn queries_are_checked() {
        let hidden = MetricDataQuery { return_data: Some(false), ..math("a", "1") };
        for bad in [
            vec![],
            vec![math("A", "1")],
            vec![math("a", "1"), math("a", "2")],
            vec![math("a", "1 +")],
            vec![hidden],
            vec![math("a", "SELECT AVG(x)")],
            vec![MetricDataQuery { id: "a".into(), ..Default::default() }],
        ] {
            assert!(check(bad).is_err());
        }
    }
}
