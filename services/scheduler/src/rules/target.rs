//! What a schedule may call: a queue, a bus, or any operation of the services here.

use api_scheduler as api;
use kernel::{Arn, Partition, Result, Scope};
use retry::Policy;
use shape::{OpDef, ServiceDef};

use crate::errors;
use crate::state::schedule::Target;

/// Where an ARN leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Queue {
        scope: Scope,
        name: String,
    },
    Bus {
        scope: Scope,
        arn: String,
    },
    /// An operation: the service and the action, as SDKs write them in lower case.
    Operation {
        service: String,
        action: String,
    },
}

/// Operations that begin so only read, and are no targets (user guide, "Universal targets", unsupported actions).
const READING: [&str; 14] = [
    "get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup",
    "discover", "validate", "batchGet",
];

/// # Errors
/// When it is no ARN of this partition, or of something that is no target here.
pub fn place(text: &str, partition: Partition) -> Result<Place> {
    let bad = || errors::validation(format!("Provided Arn is not in correct format: {text}"));
    let arn: Arn = text.parse().map_err(|_| bad())?;
    if arn.partition != partition.to_string() {
        return Err(bad());
    }
    if let Some(named) = arn.resource.strip_prefix("aws-sdk:")
        && (&*arn.service, &*arn.region, &*arn.account) == ("scheduler", "", "")
    {
        let (service, action) = named.split_once(':').ok_or_else(bad)?;
        return Ok(Place::Operation { service: service.to_owned(), action: action.to_owned() });
    }
    let scope = Scope::of_arn(&arn).ok_or_else(bad)?;
    match (arn.service.as_str(), arn.resource.as_str()) {
        ("sqs", name) if !name.is_empty() => Ok(Place::Queue { scope, name: name.to_owned() }),
        ("events", bus) if bus.starts_with("event-bus/") => Ok(Place::Bus { scope, arn: text.to_owned() }),
        (service, _) => {
            Err(errors::validation(format!("Targets of {service} are not supported here: {text}")))
        }
    }
}

/// The operation that a universal target names.
///
/// # Errors
/// When nobody here serves it, or it only reads.
pub fn operation(
    services: impl Iterator<Item = &'static ServiceDef>,
    service: &str,
    action: &str,
) -> Result<(&'static ServiceDef, &'static OpDef)> {
    // As SDKs call it, in one word: `CloudWatch Logs` is `cloudwatchlogs`.
    let is_named = |def: &&'static ServiceDef| def.id.replace(' ', "").to_ascii_lowercase() == service;
    let invalid = |why: &str| errors::validation(format!("Invalid Target: {service}:{action} {why}."));
    let found = services.into_iter().find(is_named).ok_or_else(|| invalid("is of no service here"))?;
    let is_reading = |head: &str| {
        action.strip_prefix(head).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    if READING.iter().any(|head| is_reading(head)) {
        return Err(invalid("only reads, and such actions are not supported"));
    }
    let is_it = |op: &&&'static OpDef| {
        op.name.get(..1).zip(action.get(..1)).is_some_and(|(ours, theirs)| {
            ours.to_ascii_lowercase() == theirs && op.name.get(1..) == action.get(1..)
        })
    };
    let op = found.ops.iter().find(is_it).ok_or_else(|| invalid("is not an action served here"))?;
    Ok((found, op))
}

/// Whose queue for dead letters it is, and its name.
///
/// # Errors
/// When it is none, or keeps an order.
pub fn letters(arn: &str, partition: Partition) -> Result<(Scope, String)> {
    match place(arn, partition)? {
        Place::Queue { scope, name } if !name.ends_with(".fifo") => Ok((scope, name)),
        _ => Err(errors::no_letters()),
    }
}

/// A target as it was asked for.
///
/// # Errors
/// `ValidationException` that names what is wrong.
pub fn check(
    given: api::Target,
    partition: Partition,
    services: impl Iterator<Item = &'static ServiceDef>,
) -> Result<Target> {
    let to = place(&given.arn, partition)?;
    let group = given.sqs_parameters.and_then(|parameters| parameters.message_group_id);
    let event = given.event_bridge_parameters.map(|event| (event.source, event.detail_type));
    if let Place::Operation { service, action } = &to {
        operation(services, service, action)?;
    }
    match &to {
        Place::Queue { name, .. } if name.ends_with(".fifo") != group.is_some() => {
            return Err(errors::validation(
                "SqsParameters.MessageGroupId must be specified for FIFO queues, and for these only.",
            ));
        }
        Place::Bus { .. } if event.is_none() => {
            return Err(errors::validation("EventBridgeParameters must be specified for event buses."));
        }
        _ => {}
    }
    if group.is_some() && !matches!(to, Place::Queue { .. }) {
        return Err(errors::validation("SqsParameters is for queues only."));
    }
    if event.is_some() && !matches!(to, Place::Bus { .. }) {
        return Err(errors::validation("EventBridgeParameters is for event buses only."));
    }
    let is_json =
        |text: &String| serde_json::from_str::<serde_json::Value>(text).is_ok_and(|v| v.is_object());
    let needs_json = !matches!(to, Place::Queue { .. });
    if needs_json && given.input.as_ref().is_some_and(|input| !is_json(input)) {
        return Err(errors::validation("Invalid Input: it must be a JSON object for this target."));
    }
    let dead_letters = given.dead_letter_config.and_then(|config| config.arn);
    if let Some(arn) = &dead_letters {
        letters(arn, partition)?;
    }
    // The model has the bounds.
    let retry = given.retry_policy.map(|policy| {
        let read = Policy::read(policy.maximum_retry_attempts, policy.maximum_event_age_in_seconds);
        read.unwrap_or_default()
    });
    let (arn, role_arn, input) = (given.arn, given.role_arn, given.input);
    Ok(Target { arn, role_arn, input, group, event, retry, dead_letters })
}

/// As AWS shows it.
pub fn shown(target: &Target) -> api::Target {
    let retry = target.retry.unwrap_or_default();
    api::Target {
        arn: target.arn.clone(),
        role_arn: target.role_arn.clone(),
        input: target.input.clone(),
        sqs_parameters: target
            .group
            .clone()
            .map(|group| api::SqsParameters { message_group_id: Some(group) }),
        event_bridge_parameters: target
            .event
            .clone()
            .map(|(source, detail_type)| api::EventBridgeParameters { source, detail_type }),
        dead_letter_config: target.dead_letters.clone().map(|arn| api::DeadLetterConfig { arn: Some(arn) }),
        retry_policy: Some(api::RetryPolicy {
            maximum_event_age_in_seconds: Some(retry.age_s),
            maximum_retry_attempts: Some(retry.attempts),
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_lead_to_queues_buses_and_operations() {
        let of = |text: &str| place(text, Partition::Aws).ok();
        assert!(
            matches!(of("arn:aws:sqs:us-east-1:000000000000:q"), Some(Place::Queue { name, .. }) if name == "q")
        );
        assert!(matches!(of("arn:aws:events:us-east-1:000000000000:event-bus/b"), Some(Place::Bus { .. })));
        let called = Place::Operation { service: "sqs".to_owned(), action: "sendMessage".to_owned() };
        assert_eq!(of("arn:aws:scheduler:::aws-sdk:sqs:sendMessage"), Some(called));
        let letters = |text: &str| letters(text, Partition::Aws);
        assert_eq!(letters("arn:aws:sqs:us-east-1:000000000000:q").unwrap().1, "q");
        for bad in
            ["arn:aws:sqs:us-east-1:000000000000:q.fifo", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"]
        {
            assert!(letters(bad).is_err(), "{bad}");
        }
        for bad in [
            "",
            "queue",
            "arn:aws:lambda:us-east-1:000000000000:function:f",
            "arn:aws:scheduler:::aws-sdk:sqs",
            "arn:aws-cn:scheduler:::aws-sdk:sqs:sendMessage",
            "arn:aws:scheduler:us-east-1::aws-sdk:sqs:sendMessage",
            "what:ever:scheduler:::aws-sdk:sqs:sendMessage",
            "arn:aws-cn:sqs:us-east-1:000000000000:q",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn operations_are_found_as_sdks_write_them() {
        let all = || [&api_sqs::SERVICE, &api_events::SERVICE].into_iter();
        let of = |service: &str, action: &str| operation(all(), service, action).map(|(_, op)| op.name);
        assert_eq!(of("sqs", "sendMessage").unwrap(), "SendMessage");
        assert_eq!(of("eventbridge", "putEvents").unwrap(), "PutEvents");
        for (service, action) in [
            ("sqs", "SendMessage"),
            ("sqs", "receiveMessage"),
            ("sqs", "explode"),
            ("none", "x"),
            ("events", "putEvents"),
            ("sqs", ""),
        ] {
            assert!(of(service, action).is_err(), "{service}:{action}");
        }
    }
}
