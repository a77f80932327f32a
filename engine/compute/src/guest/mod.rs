//! Our executable inside a machine: the first process of images without an init of their own.

mod agent;
pub(crate) mod boot;
mod cloud_config;
mod console;
pub(crate) mod init;
pub(crate) mod metadata;
pub(crate) mod network;
pub(crate) mod power;
pub(crate) mod seed;
mod settle;
mod ssh;
