//! The commands and their options.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Endpoint, Up, data_dir};
use crate::lines::{complain, say};
use crate::{demo, doctor, explain, identity, image, remote, up};

/// An AWS-compatible cloud on this machine.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the cloud in the foreground and prints `Ready.` when every route answers
    Up(Up),
    /// Shows what a running cloud holds and how its parts fare
    Status(Endpoint),
    /// Shows what accounts have used, as a bill would count it
    Usage(Endpoint),
    /// Makes a running cloud forget everything of every account, machines included
    Reset(Endpoint),
    /// Says what this host can and cannot do
    Doctor(doctor::Doctor),
    /// Makes the first tour through the cloud's own API: boots a web server and prints its address
    Demo(demo::Demo),
    /// Takes images of others from disk or from a registry, for instances to be made of
    #[command(subcommand)]
    Image(image::Image),
    /// Says why a request was allowed or denied, or what was denied lately
    Explain(explain::Explain),
    /// Refuses the well-known root credentials (test/test, account numbers), or lets them in again
    Root(Root),
    /// Makes a root key of the default account and prints it, once
    RootKey(RootKey),
    /// Prints the certificate of the cloud's own authority, for clients that speak HTTPS
    Ca(Endpoint),
}

#[derive(Debug, clap::Args)]
struct Root {
    /// `off` is refused while nobody else could come in
    #[arg(value_enum)]
    to: Switch,

    /// The account that must have a user with an active key who may make keys
    #[arg(long, value_name = "ACCOUNT", default_value = "000000000000")]
    account: String,

    #[command(flatten)]
    endpoint: Endpoint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, clap::Args)]
struct RootKey {
    /// The cloud's data folder [default: cloudlet in the user's state folder]
    #[arg(long, env = "CLOUDLET_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The next start of the cloud lets this key in.
fn root_key(options: &RootKey) -> Outcome {
    let key = identity::create(&data_dir(options.data.as_deref())?)?;
    say(format_args!("aws_access_key_id = {}", key.access_key_id));
    say(format_args!("aws_secret_access_key = {}", key.secret));
    complain("Kept sealed from now on, and not shown again. It is let in from the next start on.");
    Ok(())
}

pub(crate) fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Up(options) => up::run(&options),
        Command::Status(endpoint) => remote::status(&endpoint),
        Command::Usage(endpoint) => remote::usage(&endpoint),
        Command::Reset(endpoint) => remote::reset(&endpoint),
        Command::Doctor(options) => doctor::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Image(command) => image::run(&command),
        Command::Explain(options) => explain::run(&options),
        Command::Root(options) => {
            remote::root(&options.endpoint, options.to == Switch::Off, &options.account)
        }
        Command::RootKey(options) => root_key(&options),
        Command::Ca(endpoint) => remote::ca(&endpoint),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(format_args!("cloudlet: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// What ends a command: a sentence for the person who typed it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(pub(crate) String);

impl Problem {
    /// `doing` failed because of `cause`, with all its causes.
    pub(crate) fn new(doing: &str, cause: &dyn std::error::Error) -> Self {
        let mut text = format!("{doing}: {cause}");
        let mut next = cause.source();
        while let Some(cause) = next {
            text.push_str(&format!(": {cause}"));
            next = cause.source();
        }
        Self(text)
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Problem>;
