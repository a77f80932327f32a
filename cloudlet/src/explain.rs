//! `cloudlet explain`: what the gate decided about a request, and which statements of which policies did.

use clap::Args;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::{Outcome, Problem};
use crate::client::{Client, block_on};
use crate::config::Endpoint;
use crate::lines::say;
use crate::remote::ok;

/// Options of `cloudlet explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The request's id, as the error or the answer's x-amzn-requestid names it
    #[arg(required_unless_present = "denied", conflicts_with = "denied")]
    request_id: Option<String>,

    /// Shows the latest denials, newest first
    #[arg(long)]
    denied: bool,

    /// Prints JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    endpoint: Endpoint,
}

pub(crate) fn run(options: &Explain) -> Outcome {
    let client = Client::new(&options.endpoint.endpoint)?;
    let path = match &options.request_id {
        Some(id) if id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            format!("/_cloudlet/decisions/{id}")
        }
        Some(id) => return Err(Problem(format!("{id:?} is no request id"))),
        None => "/_cloudlet/decisions?denied=true".to_owned(),
    };
    let answer = block_on(async { ok(client.get(&path).await?) })?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|e| Problem::new("an odd answer", &e))?;
    if options.json {
        say(format_args!("{answer:#}"));
        return Ok(());
    }
    let none = Vec::new();
    let records = answer.get("decisions").and_then(Value::as_array).unwrap_or(&none);
    for record in records {
        if options.denied { say(line(record)) } else { say(story(record)) }
    }
    if records.is_empty() {
        say("Nothing was denied.");
    }
    Ok(())
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}

fn rows<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// One decision in a line.
fn line(record: &Value) -> String {
    let resource = rows(record, "resources").next().and_then(Value::as_str).unwrap_or("*");
    let [id, decision, who, action] =
        ["request_id", "decision", "caller", "action"].map(|name| text(record, name));
    format!("{} {id} {decision}: {who} {action} on {resource}", when(record))
}

fn when(record: &Value) -> String {
    let at = record.get("at").and_then(Value::as_i64).unwrap_or_default();
    let moment = OffsetDateTime::from_unix_timestamp(at / 1_000).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

/// One decision in full.
fn story(record: &Value) -> String {
    let mut lines = vec![
        format!("request    {} at {}", text(record, "request_id"), when(record)),
        format!("caller     {} (key {})", text(record, "caller"), text(record, "access_key")),
        format!("from       {}", text(record, "source_ip")),
        format!("action     {}", text(record, "action")),
        format!("decision   {}", text(record, "decision")),
        format!("answer     {}", record.get("error").and_then(Value::as_str).unwrap_or("no error on record")),
    ];
    for ruling in rows(record, "rulings") {
        lines.push(format!("\n{} on {}", text(ruling, "action"), text(ruling, "resource")));
        lines.push(format!("  {}", verdict(ruling)));
        for found in rows(ruling, "matched") {
            let place = found.get("statement").and_then(Value::as_u64).unwrap_or_default() + 1;
            let sid = found.get("sid").and_then(Value::as_str).map(|sid| format!(" ({sid})"));
            lines.push(format!(
                "  {:<5} statement {place}{} of {} {}",
                text(found, "effect"),
                sid.unwrap_or_default(),
                text(found, "kind"),
                text(found, "policy"),
            ));
        }
        if text(ruling, "outcome") == "allowed" {
            continue;
        }
        lines.push("  policies considered:".to_owned());
        let pair = |row: &Value| Some(format!("    {} {}", row.get(0)?.as_str()?, row.get(1)?.as_str()?));
        let considered: Vec<String> = rows(ruling, "considered").filter_map(pair).collect();
        if considered.is_empty() {
            lines.push("    none".to_owned());
        }
        lines.extend(considered);
    }
    lines.join("\n")
}

fn verdict(ruling: &Value) -> String {
    let by = text(ruling, "by");
    match (text(ruling, "outcome"), by) {
        ("allowed", "account") => {
            "Allowed: the account's own root may, and no policy says otherwise.".to_owned()
        }
        ("allowed", "service") => "Allowed: a service of the cloud acts in its own name.".to_owned(),
        ("allowed", by) => format!("Allowed by a statement of kind {by}."),
        ("explicitDeny", by) => format!("Denied: a statement of kind {by} denies it."),
        (_, by) => format!("Denied: no statement of kind {by} allows it."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_denial_is_told_in_plain_words() {
        let record = json!({
            "at": 0, "request_id": "r", "caller": "kim", "access_key": "AKIA", "action": "sqs:SendMessage",
            "resources": ["q"], "decision": "denied", "error": "AccessDenied",
            "rulings": [{
                "action": "sqs:SendMessage", "resource": "q", "outcome": "explicitDeny", "by": "identity-based policy",
                "matched": [{"kind": "identity-based policy", "policy": "p", "sid": "No", "statement": 1, "effect": "Deny"}],
                "considered": [["identity-based policy", "p"]],
            }],
        });
        let told = story(&record);
        assert!(told.contains("Deny  statement 2 (No) of identity-based policy p"), "{told}");
        assert!(told.contains("a statement of kind identity-based policy denies it"), "{told}");
        assert!(line(&record).contains("denied: kim sqs:SendMessage on q"), "{}", line(&record));
    }
}
