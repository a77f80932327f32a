//! The query language of Logs Insights, as much of it as is served: `fields`, `display`, `filter`, `parse`,
//! `stats … by`, `sort`, `limit`, `dedup`. What is not served is refused with its place in the text. Pure.

pub mod cursor;
pub mod expression;
pub mod extract;
pub mod function;
pub mod parse;
pub mod pointer;
pub mod row;
pub mod run;
pub mod stats;
pub mod value;

#[cfg(test)]
mod tests;
