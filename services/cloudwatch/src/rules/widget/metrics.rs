//! The metrics of a widget: each an array, with `.` and `...` for what is as in the one before, and options behind.

use api_cloudwatch::{Dimension, Metric, MetricDataQuery, MetricStat};
use kernel::{Result, Scope};
use serde_json::Value;

use super::Side;
use super::fields::{Fields, refuse};
use crate::rules::draw::canvas::Color;

/// Metrics of one widget.
const METRICS_MAX: usize = 100;

/// One line, or several of one expression.
#[derive(Debug)]
pub struct Asked {
    pub of: Of,
    pub id: Option<String>,
    pub label: Option<String>,
    pub color: Option<Color>,
    pub is_visible: bool,
    pub side: Side,
    /// Seconds.
    pub period_s: i32,
}

#[derive(Debug)]
pub enum Of {
    Metric { metric: Metric, statistic: String },
    Expression(String),
}

impl Asked {
    /// As GetMetricData is asked it, under an id. `period_s` stands before its own.
    pub fn query(&self, id: String, period_s: Option<i32>) -> MetricDataQuery {
        let period = period_s.unwrap_or(self.period_s);
        let query = MetricDataQuery { id, label: self.label.clone(), ..MetricDataQuery::default() };
        match &self.of {
            Of::Expression(text) => {
                MetricDataQuery { expression: Some(text.clone()), period: Some(period), ..query }
            }
            Of::Metric { metric, statistic } => {
                let (metric, stat) = (metric.clone(), statistic.clone());
                MetricDataQuery {
                    metric_stat: Some(MetricStat { metric, period, stat, unit: None }),
                    ..query
                }
            }
        }
    }
}

/// What holds where a metric says nothing.
pub(super) struct Defaults {
    pub period_s: i32,
    pub statistic: String,
}

pub(super) fn read(list: Vec<Value>, defaults: &Defaults, scope: &Scope) -> Result<Vec<Asked>> {
    if list.len() > METRICS_MAX {
        return Err(refuse("/metrics", &format!("must have at most {METRICS_MAX} items")));
    }
    let mut before: Vec<String> = Vec::new();
    let each = list.into_iter().enumerate();
    each.map(|(at, entry)| one(&format!("/metrics/{at}"), entry, &mut before, defaults, scope)).collect()
}

fn one(
    path: &str,
    entry: Value,
    before: &mut Vec<String>,
    defaults: &Defaults,
    scope: &Scope,
) -> Result<Asked> {
    let Value::Array(mut parts) = entry else { return Err(refuse(path, "must be an array")) };
    let options = match parts.pop() {
        Some(options @ Value::Object(_)) => options,
        other => {
            parts.extend(other);
            Value::Object(serde_json::Map::new())
        }
    };
    let mut fields = Fields::new(path, options)?;
    let expression = fields.text("expression")?;
    for (name, own) in [("region", scope.region.to_string()), ("accountId", scope.account.to_string())] {
        if fields.text(name)?.is_some_and(|asked| asked != own) {
            return Err(fields.refuse(name, &format!("must be {own}")));
        }
    }
    let statistic = fields.text("stat")?.unwrap_or_else(|| defaults.statistic.clone());
    let of = match expression {
        Some(_) if !parts.is_empty() => return Err(refuse(path, "has an expression and a metric")),
        Some(text) => Of::Expression(text),
        None => Of::Metric { metric: metric(path, parts, before)?, statistic },
    };
    let side = fields.text("yAxis")?.map_or(Some(Side::Left), |side| Side::parse(&side));
    let color = fields
        .text("color")?
        .map(|text| Color::parse(&text).ok_or_else(|| fields.refuse("color", "must be like #1f77b4")));
    let period = fields
        .whole("period")?
        .map(|period| i32::try_from(period).map_err(|_| fields.refuse("period", "is too long")));
    let asked = Asked {
        of,
        id: fields.text("id")?,
        label: fields.text("label")?,
        color: color.transpose()?,
        is_visible: fields.truth("visible")?.unwrap_or(true),
        side: side.ok_or_else(|| fields.refuse("yAxis", "must be left or right"))?,
        period_s: period.transpose()?.unwrap_or(defaults.period_s),
    };
    fields.finish()?;
    Ok(asked)
}

/// Namespace, name, and names and values of dimensions in turn.
fn metric(path: &str, parts: Vec<Value>, before: &mut Vec<String>) -> Result<Metric> {
    let mut full: Vec<String> = Vec::new();
    let count = parts.len();
    for part in parts {
        match part.as_str() {
            // All that the parts behind do not say.
            Some("...") if full.is_empty() => {
                let kept = before.len().saturating_sub(count - 1);
                full.extend(before.iter().take(kept).cloned());
            }
            Some(".") => {
                let same = before.get(full.len()).cloned();
                full.push(same.ok_or_else(|| refuse(path, "has a . for what the metric before lacks"))?);
            }
            Some(text) => full.push(text.to_owned()),
            None => return Err(refuse(path, "must be of strings, with an object at its end")),
        }
    }
    let [namespace, name, dimensions @ ..] = full.as_slice() else {
        return Err(refuse(path, "must have a namespace and a name"));
    };
    if dimensions.len() % 2 == 1 {
        return Err(refuse(path, "has a dimension without a value"));
    }
    let pairs = dimensions.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some(Dimension { name: name.clone(), value: value.clone() }),
        _ => None,
    });
    let metric = Metric {
        namespace: Some(namespace.clone()),
        metric_name: Some(name.clone()),
        dimensions: Some(pairs.collect()),
    };
    *before = full;
    Ok(metric)
}
