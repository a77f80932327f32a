//! Commands that ask a running cloud: status, usage, reset, ca, root.

#![allow(clippy::indexing_slicing, reason = "a JSON value without the key answers null")]

use http::StatusCode;
use serde_json::Value;

use crate::cli::{Outcome, Problem};
use crate::client::{Client, block_on};
use crate::config::Endpoint;
use crate::lines::say;

/// `cloudlet status`
pub(crate) fn status(endpoint: &Endpoint) -> Outcome {
    let client = Client::new(&endpoint.endpoint)?;
    let status = block_on(async { ok(client.get("/_cloudlet/status").await?) })?;
    let status: Value = serde_json::from_slice(&status).map_err(|e| Problem::new("an odd answer", &e))?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    say(format_args!("cloudlet {} at {}", text(&status["version"]), client.authority()));
    for fact in ["data", "uptime_seconds", "resident_bytes"] {
        say(format_args!("{fact:<16} {}", text(&status[fact])));
    }
    if let Some(trouble) = status["trouble"].as_str() {
        say(format_args!("TROUBLE          {trouble}"));
    }
    if let Some(building) = status["building"].as_object() {
        say(format_args!(
            "building         an image, {} %: {}",
            building["percent"],
            text(&building["what"])
        ));
    }
    if status["identity"] == "observe" {
        say("IDENTITY         ONLY OBSERVED: what policies deny is recorded and let pass");
    } else {
        say(format_args!("identity         {}", text(&status["identity"])));
    }
    say(format_args!("root credentials {}", text(&status["root_credentials"])));
    say(format_args!("\nservices"));
    for (name, state) in status["services"].as_object().into_iter().flatten() {
        say(format_args!("  {name:<14} {}", text(state)));
    }
    say(format_args!("\ncontrollers      waiting running delayed     runs failures"));
    for controller in status["controllers"].as_array().into_iter().flatten() {
        let number = |name: &str| controller[name].as_u64().unwrap_or_default();
        say(format_args!(
            "  {:<14} {:>7} {:>7} {:>7} {:>8} {:>8}",
            text(&controller["name"]),
            number("waiting"),
            number("running"),
            number("delayed"),
            number("runs"),
            number("failures")
        ));
        if let Some(error) = controller["last_error"].as_str() {
            say(format_args!("    last error: {error}"));
        }
    }
    Ok(())
}

/// `cloudlet usage`
pub(crate) fn usage(endpoint: &Endpoint) -> Outcome {
    let client = Client::new(&endpoint.endpoint)?;
    let answer = block_on(async { ok(client.get("/_cloudlet/usage").await?) })?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|e| Problem::new("an odd answer", &e))?;
    say(
        "account      region         service             usage type                                 quantity unit",
    );
    for line in answer["usage"].as_array().into_iter().flatten() {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        say(format_args!(
            "{:<12} {:<14} {:<19} {:<36} {:>14} {}",
            text("account"),
            text("region"),
            text("service"),
            text("usage_type"),
            line["quantity"].as_u64().unwrap_or_default(),
            text("unit"),
        ));
    }
    Ok(())
}

/// `cloudlet reset`
pub(crate) fn reset(endpoint: &Endpoint) -> Outcome {
    let client = Client::new(&endpoint.endpoint)?;
    block_on(async { ok(client.post("/_cloudlet/reset").await?) })?;
    say("Everything is forgotten.");
    Ok(())
}

/// `cloudlet ca`
pub(crate) fn ca(endpoint: &Endpoint) -> Outcome {
    let client = Client::new(&endpoint.endpoint)?;
    let pem = block_on(async { ok(client.get("/_cloudlet/ca.pem").await?) })?;
    say(String::from_utf8_lossy(&pem).trim_end());
    Ok(())
}

/// `cloudlet root`
pub(crate) fn root(endpoint: &Endpoint, is_off: bool, account: &str) -> Outcome {
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem(format!("{account:?} is no account number")));
    }
    let client = Client::new(&endpoint.endpoint)?;
    let word = if is_off { "off" } else { "on" };
    let path = format!("/_cloudlet/root/{word}?account={account}");
    block_on(async { ok(client.post(&path).await?) })?;
    say(format_args!("The well-known root credentials are {word}."));
    Ok(())
}

pub(crate) fn ok((status, body): (StatusCode, bytes::Bytes)) -> Outcome<bytes::Bytes> {
    if status.is_success() {
        return Ok(body);
    }
    Err(Problem(format!("the cloud answers {status}: {}", String::from_utf8_lossy(&body))))
}
