//! Redrive policies: where dead letters go, and who may send them.

use kernel::{Arn, Result};
use serde_json::{Value, json};

use super::address::Address;
use crate::errors;
use crate::state::queue::{Redrive, RedriveAllow};

const REDRIVE: &str = "RedrivePolicy";
const REDRIVE_ALLOW: &str = "RedriveAllowPolicy";
const SOURCES_MAX: usize = 10;

/// Reads `RedrivePolicy`; empty text takes it away.
pub fn parse(text: &str) -> Result<Option<Redrive>> {
    if text.is_empty() {
        return Ok(None);
    }
    let refuse = |reason: &str| errors::bad_value(text, REDRIVE, reason);
    let policy: Value =
        serde_json::from_str(text).map_err(|_| refuse("Redrive policy is not a valid JSON map."))?;
    let Value::Object(policy) = policy else { return Err(refuse("Redrive policy is not a valid JSON map.")) };
    if let Some(other) = policy.keys().find(|key| *key != "deadLetterTargetArn" && *key != "maxReceiveCount")
    {
        return Err(refuse(&format!("Unknown parameter {other} in the redrive policy.")));
    }
    let required = |name: &str| {
        policy
            .get(name)
            .ok_or_else(|| refuse(&format!("Redrive policy does not contain mandatory attribute: {name}.")))
    };
    let receives_max = match required("maxReceiveCount")? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let receives_max = receives_max.and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=1_000).contains(n));
    let target = required("deadLetterTargetArn")?.as_str().unwrap_or_default();
    let is_arn = target.parse::<Arn>().is_ok() && Address::of_arn(target).is_some();
    if !is_arn {
        return Err(refuse("Invalid value for deadLetterTargetArn."));
    }
    let Some(receives_max) = receives_max else {
        let given = policy.get("maxReceiveCount").map(ToString::to_string).unwrap_or_default();
        let reason = format!(
            "Invalid value for maxReceiveCount: {}, valid values are from 1 to 1000 both inclusive.",
            given.trim_matches('"')
        );
        return Err(refuse(&reason));
    };
    Ok(Some(Redrive { target: target.to_owned(), receives_max }))
}

pub fn print(redrive: &Redrive) -> String {
    json!({ "deadLetterTargetArn": redrive.target, "maxReceiveCount": redrive.receives_max }).to_string()
}

/// Refuses a dead-letter queue elsewhere. Whether it exists, is of the same kind and allows it, its record tells.
pub fn check_place(text: &str, source: &Address, target: &Address) -> Result<()> {
    let refuse = |reason: &str| Err(errors::bad_value(text, REDRIVE, reason));
    if target.scope.region != source.scope.region {
        return refuse("Dead-letter queue must be in same region as the source.");
    }
    if target.scope.account != source.scope.account {
        return refuse("Dead-letter queue owner should be same as the source.");
    }
    Ok(())
}

/// Refuses a dead-letter queue that cannot serve. `target` is its kind and whom it allows; `None` when there is none.
pub fn check_target(
    text: &str,
    source: &Address,
    fifo: bool,
    target: Option<(bool, Option<&RedriveAllow>)>,
) -> Result<()> {
    let refuse = |reason: &str| Err(errors::bad_value(text, REDRIVE, reason));
    let Some((target_fifo, allow)) = target else { return refuse("Dead letter target does not exist.") };
    if target_fifo != fifo {
        let kind = if fifo { "fifo" } else { "standard" };
        return refuse(&format!("Dead-letter queue must be same type of queue as the source ({kind})."));
    }
    let allowed = match allow {
        None | Some(RedriveAllow::All) => true,
        Some(RedriveAllow::Nobody) => false,
        Some(RedriveAllow::Queues(arns)) => arns.contains(&source.arn()),
    };
    if allowed {
        return Ok(());
    }
    refuse("The queue's RedriveAllowPolicy of the dead-letter queue does not permit this source queue.")
}

/// Reads `RedriveAllowPolicy`; empty text takes it away.
pub fn parse_allow(text: &str) -> Result<Option<RedriveAllow>> {
    if text.is_empty() {
        return Ok(None);
    }
    let refuse = |reason: &str| errors::bad_value(text, REDRIVE_ALLOW, reason);
    let policy: Value = serde_json::from_str(text).map_err(|_| refuse("It is not a valid JSON map."))?;
    let permission = policy.get("redrivePermission").and_then(Value::as_str);
    let sources = policy.get("sourceQueueArns");
    match (permission, sources) {
        (Some("allowAll"), None) => Ok(Some(RedriveAllow::All)),
        (Some("denyAll"), None) => Ok(Some(RedriveAllow::Nobody)),
        (Some("byQueue"), Some(Value::Array(sources))) => {
            let arns = sources.iter().map(|arn| arn.as_str().filter(|arn| Address::of_arn(arn).is_some()));
            let arns: Option<Vec<_>> = arns.map(|arn| arn.map(str::to_owned)).collect();
            match arns {
                Some(arns) if (1..=SOURCES_MAX).contains(&arns.len()) => Ok(Some(RedriveAllow::Queues(arns))),
                _ => Err(refuse("sourceQueueArns must name 1 to 10 queues by their ARNs.")),
            }
        }
        (Some("byQueue"), _) => Err(refuse("redrivePermission byQueue needs sourceQueueArns.")),
        (Some("allowAll" | "denyAll"), Some(_)) => {
            Err(refuse("sourceQueueArns can only be given with redrivePermission byQueue."))
        }
        _ => Err(refuse("redrivePermission must be allowAll, denyAll or byQueue.")),
    }
}

pub fn print_allow(allow: &RedriveAllow) -> String {
    match allow {
        RedriveAllow::All => json!({ "redrivePermission": "allowAll" }),
        RedriveAllow::Nobody => json!({ "redrivePermission": "denyAll" }),
        RedriveAllow::Queues(arns) => json!({ "redrivePermission": "byQueue", "sourceQueueArns": arns }),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dlq";

    #[test]
    fn a_redrive_policy_is_read_and_written_in_one_form() {
        for count in ["3", "\"3\""] {
            let text = format!(r#"{{"deadLetterTargetArn": "{ARN}", "maxReceiveCount": {count}}}"#);
            let redrive = parse(&text).unwrap().unwrap();
            assert_eq!(print(&redrive), format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":3}}"#));
        }
        assert_eq!(parse("").unwrap(), None);
    }

    #[test]
    fn bad_redrive_policies_are_refused() {
        for (text, reason) in [
            ("x".to_owned(), "not a valid JSON"),
            ("[]".to_owned(), "not a valid JSON"),
            (format!(r#"{{"deadLetterTargetArn":"{ARN}"}}"#), "mandatory attribute: maxReceiveCount"),
            (r#"{"maxReceiveCount":1}"#.to_owned(), "mandatory attribute: deadLetterTargetArn"),
            (
                r#"{"deadLetterTargetArn":"dummy","maxReceiveCount":42}"#.to_owned(),
                "Invalid value for deadLetterTargetArn.",
            ),
            (format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":0}}"#), "maxReceiveCount: 0,"),
            (
                format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1001}}"#),
                "maxReceiveCount: 1001,",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.query_code(), "InvalidParameterValue");
            assert!(error.message().contains(reason), "{error}");
        }
    }

    #[test]
    fn allow_policies_round_trip() {
        for text in [
            r#"{"redrivePermission":"allowAll"}"#.to_owned(),
            r#"{"redrivePermission":"denyAll"}"#.to_owned(),
            format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}"]}}"#),
        ] {
            assert_eq!(print_allow(&parse_allow(&text).unwrap().unwrap()), text);
        }
        for bad in ["{}", r#"{"redrivePermission":"byQueue"}"#, r#"{"redrivePermission":"x"}"#, "no"] {
            assert!(parse_allow(bad).is_err(), "{bad}");
        }
    }
}
