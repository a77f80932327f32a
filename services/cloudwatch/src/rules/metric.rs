//! What a metric is: its namespace, its name, its dimensions.

use api_cloudwatch::{Dimension, Metric};
use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

/// Dimensions of one metric.
pub const DIMENSIONS_MAX: usize = 30;

/// A metric, told from others by all of it; dimensions are in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricKey {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
}

impl MetricKey {
    pub fn new(namespace: String, name: String, dimensions: Vec<Dimension>) -> Self {
        let mut dimensions: Vec<_> =
            dimensions.into_iter().map(|Dimension { name, value }| (name, value)).collect();
        dimensions.sort();
        Self { namespace, name, dimensions }
    }

    pub fn to_metric(&self) -> Metric {
        let dimension =
            |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
        Metric {
            namespace: Some(self.namespace.clone()),
            metric_name: Some(self.name.clone()),
            dimensions: Some(self.dimensions.iter().map(dimension).collect()),
        }
    }

    pub fn dimension(&self, name: &str) -> Option<&str> {
        self.dimensions.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Dimensions as they may be put: each name once, ASCII, no name that begins with a colon. `path` is theirs.
pub fn check_dimensions(dimensions: &[Dimension], path: impl Fn() -> String) -> Result<()> {
    if dimensions.len() > DIMENSIONS_MAX {
        return Err(errors::collection_too_big(&path(), DIMENSIONS_MAX));
    }
    for (at, Dimension { name, value }) in dimensions.iter().enumerate() {
        let is_text = |text: &str| {
            text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) && !text.trim().is_empty()
        };
        if !is_text(name) || name.starts_with(':') {
            return Err(errors::invalid_value(name, &format!("{}.member.{}.Name", path(), at + 1)));
        }
        if !is_text(value) {
            return Err(errors::invalid_value(value, &format!("{}.member.{}.Value", path(), at + 1)));
        }
        if dimensions.iter().take(at).any(|other| other.name == *name) {
            return Err(errors::invalid(format!(
                "No Metric may specify the same dimension name twice: {name}."
            )));
        }
    }
    Ok(())
}

/// What ListMetrics asks of a metric, and whether this one fits.
pub fn fits(key: &MetricKey, name: Option<&str>, dimensions: &[(String, Option<String>)]) -> bool {
    name.is_none_or(|name| name == key.name)
        && dimensions.iter().all(|(name, value)| {
            key.dimension(name).is_some_and(|has| value.as_deref().is_none_or(|value| value == has))
        })
}
