//! Subscription filters: who may be sent events (API reference, PutSubscriptionFilter).

use kernel::{Arn, Result};

use crate::errors;

/// Filters of one group.
pub const FILTERS_MAX: usize = 2;

/// A destination, and the service that would take the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// As ARNs name it.
    pub service: String,
    /// What it is called in messages.
    pub kind: &'static str,
}

/// # Errors
/// When the ARN is of nothing that takes events, or the role is missing where one is needed.
pub fn check(destination: &str, role: Option<&str>) -> Result<Destination> {
    let arn: Option<Arn> = destination.parse().ok();
    let kind =
        arn.as_ref().and_then(|arn| match (arn.service.as_str(), arn.resource.split_once([':', '/'])) {
            ("lambda", Some(("function", _))) => Some(("Lambda function", false)),
            ("kinesis", Some(("stream", _))) => Some(("Kinesis stream", true)),
            ("firehose", Some(("deliverystream", _))) => Some(("Firehose delivery stream", true)),
            ("logs", Some(("destination", _))) => Some(("destination", false)),
            _ => None,
        });
    let (Some(arn), Some((kind, needs_role))) = (arn, kind) else {
        return Err(errors::invalid(format!(
            "PutSubscriptionFilter operation cannot work with destinationArn for vendor {}",
            destination.split(':').nth(2).unwrap_or_default()
        )));
    };
    if needs_role && role.is_none() {
        return Err(errors::invalid(format!("destinationArn for a {kind} requires roleArn")));
    }
    if role.is_some_and(|role| !role.contains(":role/")) {
        return Err(errors::invalid("Invalid roleArn"));
    }
    Ok(Destination { service: arn.service, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_aws_documents_takes_events() {
        let role = Some("arn:aws:iam::000000000000:role/r");
        let arn = |rest: &str| format!("arn:aws:{rest}");
        for (rest, role, works) in [
            ("lambda:us-east-1:000000000000:function:f", None, true),
            ("kinesis:us-east-1:000000000000:stream/s", role, true),
            ("kinesis:us-east-1:000000000000:stream/s", None, false),
            ("firehose:us-east-1:000000000000:deliverystream/s", role, true),
            ("logs:us-east-1:000000000000:destination:d", None, true),
            ("sqs:us-east-1:000000000000:q", role, false),
            ("lambda:us-east-1:000000000000:layer:f", None, false),
            ("kinesis:us-east-1:000000000000:stream/s", Some("r"), false),
        ] {
            assert_eq!(check(&arn(rest), role).is_ok(), works, "{rest}");
        }
    }
}
