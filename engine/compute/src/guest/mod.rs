//! Our executable inside a machine: the first process of images without an init of their own.

pub(crate) mod init;
pub(crate) mod metadata;
pub(crate) mod power;
mod seed;
mod ssh;
