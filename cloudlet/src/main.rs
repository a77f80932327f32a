//! The binary: reads the settings, wires the parts together, runs the command.

#![allow(clippy::disallowed_methods, reason = "the one crate that reads the environment and starts tasks")]

mod balancers;
mod cli;
mod client;
mod config;
mod consoles;
mod demo;
mod doctor;
mod engines;
mod explain;
mod front;
mod hooks;
mod identity;
mod image;
mod leftovers;
mod lines;
mod progress;
mod query;
mod remote;
mod routes;
mod seal_key;
mod up;

mod registry {
    include!(concat!(env!("OUT_DIR"), "/registry.rs"));
}

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static HEAP: heap::Heap = heap::Heap;

fn main() -> ExitCode {
    // The same binary in other roles: what serves a sealed volume; a machine's shim, its container child, its first
    // process.
    if let Some(code) = block::roles::run_if_role(std::env::args_os()) {
        return code;
    }
    if let Some(code) = compute::roles::run_if_role(std::env::args_os()) {
        return code;
    }
    cli::run(cli::Cli::parse())
}
