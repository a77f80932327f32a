//! What KMS refuses, decides and computes; no context, no store.

pub mod access;
pub mod alias;
pub mod ciphertext;
pub mod grant;
pub mod import;
pub mod key;
pub mod material;
pub mod policy;
pub mod reference;
pub mod replica;
pub mod rotation;
pub mod spec;
pub mod tags;
