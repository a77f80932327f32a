//! Work that goes on after the answer.

pub mod account;
