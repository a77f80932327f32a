//! `cloudlet doctor`: what this host can and cannot do.

#![allow(clippy::indexing_slicing, reason = "a JSON value without the key answers null")]

use clap::Args;
use serde_json::Value;

use crate::cli::{Outcome, Problem};
use crate::client::Client;
use crate::client::block_on;
use crate::config::{Endpoint, PUBLIC_RANGE};
use crate::engines;
use crate::leftovers::{self, Found};
use crate::lines::say;

/// Options of `cloudlet doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Prints the report as JSON, as a running cloud serves it at /_cloudlet/capabilities
    #[arg(long)]
    json: bool,

    /// Removes what clouds left on this host that were killed and whose data folder is gone
    #[arg(long)]
    clean: bool,

    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) fn run(options: &Doctor) -> Outcome {
    if options.clean {
        return block_on(async { clean().await });
    }
    let report = block_on(async {
        let folder = tempfile::Builder::new().prefix("cloudlet-").tempdir();
        let folder = folder.map_err(|e| Problem::new("no temporary folder", &e))?;
        let engines = engines::open(folder.path(), PUBLIC_RANGE, false).await?;
        let report = engines.capabilities().await;
        engines.close(true).await?;
        Ok(report)
    })?;
    if options.json {
        say(format_args!("{report:#}"));
        return Ok(());
    }
    let machines = &report["machines"];
    match machines["driver"].as_str() {
        Some(driver) => say(format_args!("machines    yes, as system containers ({driver})")),
        None => say("machines    no"),
    }
    say(format_args!("microVMs    {}", micro_vms(&machines["micro_vms"])));
    say(format_args!("cgroups     {}", text(&machines["cgroups"])));
    say(format_args!("processors  {}", machines["cpus"]));
    say(format_args!("memory      {} MiB", machines["memory_bytes"].as_u64().unwrap_or_default() >> 20));
    for note in machines["notes"].as_array().into_iter().flatten() {
        say(format_args!("  missing: {}", text(note)));
    }
    if observes(&options.endpoint) {
        say("IDENTITY    ONLY OBSERVED by the cloud that runs here: what policies deny is let pass");
    }
    say("networks");
    for one in report["networks"].as_array().into_iter().flatten() {
        let verdict = one["missing"].as_str().map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
        say(format_args!("  {:<12} {verdict}", text(&one["name"])));
    }
    Ok(())
}

/// How machines with a kernel of their own would run here. Whether KVM is real is found out when the first one starts.
fn micro_vms(found: &Value) -> String {
    match (found["Err"].as_str(), found["Ok"].as_str()) {
        (Some(why), _) => format!("no: {why}"),
        (None, Some(how)) => format!("yes, by {how}"),
        (None, None) => "yes; their speed is tried out when the first one starts".to_owned(),
    }
}

/// Tells what became of leftovers, one line each.
async fn clean() -> Outcome {
    let cleaned = leftovers::clean().await;
    if cleaned.is_empty() {
        say("nothing is left of clouds that are gone");
    }
    for (tag, data, found) in cleaned {
        let data = data.display();
        match found {
            Found::Removed => say(format_args!("removed what was left of {data} ({tag})")),
            Found::Kept(why) => say(format_args!("kept what is left of {data} ({tag}): {why}")),
        }
    }
    Ok(())
}

/// Whether a cloud runs, and only observes.
fn observes(endpoint: &Endpoint) -> bool {
    let asked = Client::new(&endpoint.endpoint)
        .and_then(|client| block_on(async { client.get("/_cloudlet/health").await }));
    let health = asked.ok().and_then(|(_, body)| serde_json::from_slice::<Value>(&body).ok());
    health.is_some_and(|health| health["identity"] == "observe")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
