//! Real packets through real namespaces: needs root, and says so when it is not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

mod beyond;
mod carry;
mod figures;
mod filter;
mod flows;
mod life;
mod public;
mod shape;
mod six;
mod world;
