//! House-keeping: `cargo xtask <task>`.

mod models;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Copy service models of an installed botocore into models/, without their prose.
    Models {
        /// botocore's package folder, the one that holds `data/`.
        botocore: PathBuf,
        /// Services, as boto3 names its clients.
        #[arg(required = true)]
        services: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Models { botocore, services } => models::refresh(&botocore, &services),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "a command's way to say why it failed")]
fn fail(error: &models::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
