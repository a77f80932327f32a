//! Metric math: expressions over time series (CloudWatch user guide, "Using metric math").

pub mod budget;
pub mod evaluate;
pub mod function;
pub mod kind;
pub mod parse;
pub mod series;

#[cfg(test)]
mod tests;
