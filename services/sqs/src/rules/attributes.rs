//! The attributes of a queue: read, checked and written out.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kernel::{ResourcePolicy, Result};
use policy::{Document, Kind};

use super::{permission, redrive};
use crate::errors;
use crate::state::index::Counts;
use crate::state::queue::{DeduplicationScope, Queue, Settings, ThroughputLimit, data_key_reuse_s};

/// Attributes by name, as they travel.
pub type Map = BTreeMap<String, String>;

/// What nobody sets.
const COMPUTED: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];
const SETTABLE: [&str; 15] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];
const FIFO_ONLY: [&str; 4] =
    ["ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit"];

const POLICY_BYTES_MAX: usize = 20_480;
/// As KMS has it for the name of a key.
const KMS_KEY_LENGTH_MAX: usize = 2_048;

/// Whether these attributes ask for a FIFO queue.
pub fn asks_for_fifo(attributes: &Map) -> Result<bool> {
    match attributes.get("FifoQueue").map(String::as_str) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        // A standard queue does not know the attribute.
        Some(text) if text.eq_ignore_ascii_case("false") => Err(errors::unknown_attribute("FifoQueue")),
        Some(_) => Err(errors::bad_attribute("FifoQueue")),
    }
}

/// Sets what the attributes say. Whether a dead-letter queue can serve is checked with its record at hand.
pub fn apply(settings: &mut Settings, fifo: bool, attributes: &Map) -> Result<()> {
    for (name, value) in attributes {
        let known = SETTABLE.contains(&name.as_str());
        if !known || (!fifo && FIFO_ONLY.contains(&name.as_str())) {
            return Err(errors::unknown_attribute(name));
        }
        apply_one(settings, name, value)?;
    }
    let wants_kms = attributes.get("KmsMasterKeyId").is_some_and(|id| !id.is_empty());
    let wants_managed = attributes.get("SqsManagedSseEnabled").is_some_and(|v| parses_true(v));
    match (wants_kms, wants_managed) {
        (true, true) => return Err(errors::two_kinds_of_encryption()),
        (true, false) => settings.managed_sse = false,
        // One kind takes the other's place.
        (false, true) => settings.kms_key = None,
        (false, false) => {}
    }
    let per_group = settings.throughput_limit == ThroughputLimit::PerMessageGroupId;
    if per_group && settings.deduplication_scope != DeduplicationScope::MessageGroup {
        let reason = "The perMessageGroupId value is allowed only when the value for DeduplicationScope is \
                      messageGroup.";
        return Err(errors::bad_attribute_because("FifoThroughputLimit", reason));
    }
    Ok(())
}

fn apply_one(settings: &mut Settings, name: &str, value: &str) -> Result<()> {
    match name {
        "VisibilityTimeout" => settings.visibility_s = number(name, value, 0..=43_200)?,
        "DelaySeconds" => settings.delay_s = number(name, value, 0..=900)?,
        "ReceiveMessageWaitTimeSeconds" => settings.wait_s = number(name, value, 0..=20)?,
        "MessageRetentionPeriod" => settings.retention_s = number(name, value, 60..=1_209_600)?,
        "MaximumMessageSize" => settings.message_bytes_max = number(name, value, 1_024..=1_048_576)?,
        "Policy" => settings.policy = policy(value)?,
        "RedrivePolicy" => settings.redrive = redrive::parse(value)?,
        "RedriveAllowPolicy" => settings.redrive_allow = redrive::parse_allow(value)?,
        "ContentBasedDeduplication" => settings.content_based_deduplication = boolean(name, value)?,
        "SqsManagedSseEnabled" => settings.managed_sse = boolean(name, value)?,
        "DeduplicationScope" => {
            settings.deduplication_scope = match value {
                "queue" => DeduplicationScope::Queue,
                "messageGroup" => DeduplicationScope::MessageGroup,
                _ => return Err(errors::bad_attribute(name)),
            }
        }
        "FifoThroughputLimit" => {
            settings.throughput_limit = match value {
                "perQueue" => ThroughputLimit::PerQueue,
                "perMessageGroupId" => ThroughputLimit::PerMessageGroupId,
                _ => return Err(errors::bad_attribute(name)),
            }
        }
        // A queue's kind is settled when it is made.
        "FifoQueue" if !parses_true(value) => {
            return Err(errors::bad_attribute_because(name, "Modifying queue type is not supported."));
        }
        "KmsMasterKeyId" => settings.kms_key = kms_key(name, value)?,
        "KmsDataKeyReusePeriodSeconds" => settings.data_key_reuse_s = number(name, value, 60..=86_400)?,
        _ => {}
    }
    Ok(())
}

/// Whether there is such a key, KMS says when it is used.
fn kms_key(name: &str, value: &str) -> Result<Option<String>> {
    if value.len() > KMS_KEY_LENGTH_MAX {
        return Err(errors::bad_attribute(name));
    }
    Ok(Some(value.to_owned()).filter(|id| !id.is_empty()))
}

fn number(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<u32> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| errors::bad_attribute(name))
}

fn parses_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    let known = parses_true(value) || value.eq_ignore_ascii_case("false");
    known.then(|| parses_true(value)).ok_or_else(|| errors::bad_attribute(name))
}

/// The policy that is set, as its text.
fn policy(value: &str) -> Result<Option<ResourcePolicy>> {
    if value.is_empty() {
        return Ok(None);
    }
    let document = Document::parse(Kind::Resource, value, &[]);
    let is_possible = document.is_ok_and(|document| permission::is_possible(&document));
    match value.len() <= POLICY_BYTES_MAX && is_possible {
        true => Ok(Some(ResourcePolicy::Plain(value.to_owned()))),
        false => Err(errors::bad_attribute("Policy")),
    }
}

/// All attributes of a queue, as `GetQueueAttributes` shows them.
pub fn all(queue: &Queue, arn: &str, counts: Counts) -> Map {
    let Settings { policy, redrive, redrive_allow, kms_key, data_key_reuse_s: reuse, .. } = &queue.settings;
    let is_told = kms_key.is_some() || *reuse != data_key_reuse_s();
    let reuse = is_told.then(|| reuse.to_string());
    let seconds = |at: kernel::Millis| (at / 1_000).to_string();
    let computed = [
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("CreatedTimestamp", seconds(queue.created_at)),
        ("LastModifiedTimestamp", seconds(queue.modified_at)),
        ("QueueArn", arn.to_owned()),
    ];
    let mut map: Map = computed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    map.extend(set(&queue.settings, queue.fifo));
    let documents = [
        ("Policy", policy.as_ref().map(|policy| policy.text().to_owned())),
        ("RedrivePolicy", redrive.as_ref().map(redrive::print)),
        ("RedriveAllowPolicy", redrive_allow.as_ref().map(redrive::print_allow)),
        ("KmsMasterKeyId", kms_key.clone()),
        ("KmsDataKeyReusePeriodSeconds", reuse),
    ];
    map.extend(documents.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    map
}

/// The attributes that always have a value.
fn set(settings: &Settings, fifo: bool) -> impl Iterator<Item = (String, String)> {
    let always = vec![
        ("VisibilityTimeout", settings.visibility_s.to_string()),
        ("DelaySeconds", settings.delay_s.to_string()),
        ("ReceiveMessageWaitTimeSeconds", settings.wait_s.to_string()),
        ("MessageRetentionPeriod", settings.retention_s.to_string()),
        ("MaximumMessageSize", settings.message_bytes_max.to_string()),
        ("SqsManagedSseEnabled", settings.managed_sse.to_string()),
    ];
    let scope = match settings.deduplication_scope {
        DeduplicationScope::Queue => "queue",
        DeduplicationScope::MessageGroup => "messageGroup",
    };
    let limit = match settings.throughput_limit {
        ThroughputLimit::PerQueue => "perQueue",
        ThroughputLimit::PerMessageGroupId => "perMessageGroupId",
    };
    let in_fifo = vec![
        ("FifoQueue", "true".to_owned()),
        ("ContentBasedDeduplication", settings.content_based_deduplication.to_string()),
        ("DeduplicationScope", scope.to_owned()),
        ("FifoThroughputLimit", limit.to_owned()),
    ];
    let in_fifo = in_fifo.into_iter().filter(move |_| fifo);
    always.into_iter().chain(in_fifo).map(|(name, value)| (name.to_owned(), value))
}

/// Those of `all` that are asked for.
pub fn choose(mut all: Map, names: &[String]) -> Result<Map> {
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(errors::unknown_attribute(unknown));
    }
    if names.iter().any(|name| name == "All") {
        return Ok(all);
    }
    all.retain(|name, _| names.contains(name));
    Ok(all)
}

/// Whether any queue has an attribute of this name.
pub fn is_known(name: &str) -> bool {
    name == "All" || COMPUTED.contains(&name) || SETTABLE.contains(&name)
}

/// The first of the given attributes that a queue has otherwise.
pub fn first_difference(existing: &Queue, wanted: &Settings, given: &Map) -> Option<String> {
    let print = |settings: &Settings| {
        let queue = Queue { settings: settings.clone(), ..existing.clone() };
        all(&queue, "", Counts::default())
    };
    let (now, wanted) = (print(&existing.settings), print(wanted));
    given.keys().find(|name| now.get(*name) != wanted.get(*name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn bounds_hold_at_both_ends() {
        for (name, least, most) in [
            ("VisibilityTimeout", 0, 43_200),
            ("DelaySeconds", 0, 900),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("MaximumMessageSize", 1_024, 1_048_576),
        ] {
            for (value, good) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
                let outcome = apply(&mut Settings::default(), false, &map(&[(name, &value.to_string())]));
                assert_eq!(outcome.is_ok(), good, "{name}={value}");
                if let Err(error) = outcome {
                    assert_eq!(error.code(), "InvalidAttributeValue");
                    assert_eq!(error.message(), format!("Invalid value for the parameter {name}."));
                }
            }
        }
    }

    #[test]
    fn refusals_name_the_attribute() {
        for (fifo, pairs, code, message) in [
            (false, [("Nope", "1")], "InvalidAttributeName", "Unknown Attribute Nope."),
            (false, [("QueueArn", "1")], "InvalidAttributeName", "Unknown Attribute QueueArn."),
            (false, [("FifoQueue", "true")], "InvalidAttributeName", "Unknown Attribute FifoQueue."),
            (
                false,
                [("ContentBasedDeduplication", "true")],
                "InvalidAttributeName",
                "Unknown Attribute ContentBasedDeduplication.",
            ),
            (
                true,
                [("FifoQueue", "false")],
                "InvalidAttributeValue",
                "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
            ),
            (
                true,
                [("DeduplicationScope", "x")],
                "InvalidAttributeValue",
                "Invalid value for the parameter DeduplicationScope.",
            ),
            (
                false,
                [("Policy", "no json")],
                "InvalidAttributeValue",
                "Invalid value for the parameter Policy.",
            ),
            (
                false,
                [("KmsDataKeyReusePeriodSeconds", "59")],
                "InvalidAttributeValue",
                "Invalid value for the parameter KmsDataKeyReusePeriodSeconds.",
            ),
        ] {
            let error = apply(&mut Settings::default(), fifo, &map(&pairs)).unwrap_err();
            assert_eq!((error.code(), error.message()), (code, message));
        }
        let both = map(&[("KmsMasterKeyId", "k"), ("SqsManagedSseEnabled", "true")]);
        let error = apply(&mut Settings::default(), false, &both).unwrap_err();
        assert_eq!(error.code(), "InvalidAttributeName");
        let limit = map(&[("FifoThroughputLimit", "perMessageGroupId")]);
        assert!(apply(&mut Settings::default(), true, &limit).is_err());
        let both =
            map(&[("FifoThroughputLimit", "perMessageGroupId"), ("DeduplicationScope", "messageGroup")]);
        assert!(apply(&mut Settings::default(), true, &both).is_ok());
    }

    #[test]
    fn one_kind_of_encryption_takes_the_place_of_the_other() {
        let mut settings = Settings::default();
        assert!(settings.managed_sse);
        apply(&mut settings, false, &map(&[("KmsMasterKeyId", "k")])).unwrap();
        assert_eq!((settings.kms_key.as_deref(), settings.managed_sse), (Some("k"), false));
        apply(&mut settings, false, &map(&[("SqsManagedSseEnabled", "true")])).unwrap();
        assert_eq!((settings.kms_key.as_deref(), settings.managed_sse), (None, true));
        apply(&mut settings, false, &map(&[("SqsManagedSseEnabled", "false")])).unwrap();
        assert!(!settings.managed_sse);
    }

    #[test]
    fn documents_are_set_and_taken_away() {
        let mut settings = Settings::default();
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}]}"#;
        apply(&mut settings, false, &map(&[("Policy", policy)])).unwrap();
        assert!(apply(&mut settings, false, &map(&[("Policy", "{}")])).is_err());
        assert!(settings.policy.is_some());
        apply(&mut settings, false, &map(&[("Policy", ""), ("RedrivePolicy", "")])).unwrap();
        assert_eq!(settings, Settings::default());
    }
}
