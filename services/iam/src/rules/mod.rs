//! What is right, without looking at the store or the clock.

pub mod access;
pub mod document;
pub mod password;
pub mod tags;
pub mod totp;
