//! Whom to tell of what happens in a bucket (S3 user guide, "Amazon S3 Event Notifications").

use api_s3::{
    FilterRule, NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter,
};
use kernel::{Arn, Partition, Region, Result};
use serde::{Deserialize, Serialize};

use crate::errors;

const CONFIGURATIONS_MAX: usize = 100;
const VALUE_BYTES_MAX: usize = 1_024;

/// What may be asked for. Some of it never happens here: nothing is lost, replicated, or has lists of access.
const EVENTS: [&str; 29] = [
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectAnnotation:Delete",
];

/// The version of an event's record: those of some kinds say more than the others.
pub fn version_of(event: &str) -> &'static str {
    const TELL_MORE: [&str; 6] = [
        "LifecycleTransition",
        "LifecycleExpiration:",
        "IntelligentTiering",
        "ObjectAcl:",
        "ObjectTagging:",
        "ObjectRestore:Delete",
    ];
    match event {
        event if event.starts_with("Replication:") => "2.2",
        event if TELL_MORE.iter().any(|head| event.starts_with(head)) => "2.3",
        _ => "2.1",
    }
}

/// A queue that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    pub id: String,
    pub arn: String,
    /// As they were given, `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    #[serde(default)]
    pub prefix: Option<String>,
    #[serde(default)]
    pub suffix: Option<String>,
}

/// Reads a configuration of a bucket in `region`. `new_id` names what bears no name.
///
/// # Errors
/// *InvalidArgument*.
pub fn read(
    given: NotificationConfiguration,
    partition: Partition,
    region: Region,
    new_id: impl Fn() -> String,
) -> Result<Vec<Queue>> {
    let given = given.queue_configurations.unwrap_or_default();
    if given.len() > CONFIGURATIONS_MAX {
        return Err(errors::invalid_argument("The number of configurations is limited to 100."));
    }
    let mut queues: Vec<Queue> = Vec::with_capacity(given.len());
    for one in given {
        let queue = read_one(one, partition, region, &new_id)?;
        if queues.iter().any(|other| other.id == queue.id) {
            return Err(errors::invalid_argument(
                "Same ID used for multiple configurations. IDs must be unique",
            ));
        }
        if queues.iter().any(|other| other.overlaps(&queue)) {
            let message = "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the \
                           prefixes are overlapping for the same event type.";
            return Err(errors::invalid_argument(message));
        }
        queues.push(queue);
    }
    Ok(queues)
}

fn read_one(
    given: QueueConfiguration,
    partition: Partition,
    region: Region,
    new_id: &impl Fn() -> String,
) -> Result<Queue> {
    let arn: Arn =
        given.queue_arn.parse().map_err(|_| errors::invalid_argument("The ARN could not be parsed"))?;
    if arn.service != "sqs" || arn.partition != partition.to_string() || arn.region != region.as_str() {
        return Err(errors::bad_destination());
    }
    if arn.resource.ends_with(".fifo") {
        return Err(errors::invalid_argument("FIFO SQS queues are not supported."));
    }
    if given.events.is_empty() {
        return Err(errors::malformed_xml());
    }
    if let Some(event) = given.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        let message = format!("The event '{event}' is not supported for notifications");
        return Err(errors::invalid_argument(message));
    }
    let (mut prefix, mut suffix) = (None, None);
    let rules =
        given.filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    for rule in rules {
        let value = rule.value.unwrap_or_default();
        if value.len() > VALUE_BYTES_MAX {
            return Err(errors::invalid_argument("filter rule value cannot be longer than 1024 bytes"));
        }
        let (slot, name) = match rule.name.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("prefix") => (&mut prefix, "prefix"),
            Some("suffix") => (&mut suffix, "suffix"),
            _ => return Err(errors::invalid_argument("filter rule name must be either prefix or suffix")),
        };
        if slot.replace(value).is_some() {
            let message = format!("Cannot specify more than one {name} rule in a filter.");
            return Err(errors::invalid_argument(message));
        }
    }
    Ok(Queue {
        id: given.id.unwrap_or_else(new_id),
        arn: given.queue_arn,
        events: given.events,
        prefix,
        suffix,
    })
}

impl Queue {
    pub fn shown(&self) -> QueueConfiguration {
        let rule = |name: &str, value: &Option<String>| {
            value.clone().map(|value| FilterRule { name: Some(name.to_owned()), value: Some(value) })
        };
        let rules: Vec<_> =
            [rule("Prefix", &self.prefix), rule("Suffix", &self.suffix)].into_iter().flatten().collect();
        let filter =
            NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules.clone()) }) };
        QueueConfiguration {
            id: Some(self.id.clone()),
            queue_arn: self.arn.clone(),
            events: self.events.clone(),
            filter: (!rules.is_empty()).then_some(filter),
        }
    }

    /// Whether it is to be told of this. `event` is without its head, `ObjectCreated:Put`.
    pub fn wants(&self, event: &str, key: &str) -> bool {
        let is_it = |wanted: &String| {
            let wanted = wanted.strip_prefix("s3:").unwrap_or(wanted);
            wanted == event || wanted.strip_suffix('*').is_some_and(|head| event.starts_with(head))
        };
        self.events.iter().any(is_it)
            && self.prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))
            && self.suffix.as_ref().is_none_or(|suffix| key.ends_with(suffix))
    }

    fn overlaps(&self, other: &Self) -> bool {
        let head = |event: &str| event.strip_suffix('*').map(str::to_owned);
        let same = |a: &str, b: &str| {
            a == b
                || head(a).is_some_and(|head| b.starts_with(&head))
                || head(b).is_some_and(|head| a.starts_with(&head))
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (a, b) = (text(&self.prefix), text(&other.prefix));
        let (c, d) = (text(&self.suffix), text(&other.suffix));
        self.events.iter().any(|one| other.events.iter().any(|two| same(one, two)))
            && (a.starts_with(&b) || b.starts_with(&a))
            && (c.ends_with(&d) || d.ends_with(&c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(events: &[&str], rules: &[(&str, &str)]) -> QueueConfiguration {
        let rule = |(name, value): &(&str, &str)| FilterRule {
            name: Some((*name).to_owned()),
            value: Some((*value).to_owned()),
        };
        QueueConfiguration {
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:q".to_owned(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            filter: Some(NotificationConfigurationFilter {
                key: Some(S3KeyFilter { filter_rules: Some(rules.iter().map(rule).collect()) }),
            }),
            ..QueueConfiguration::default()
        }
    }

    fn of(all: Vec<QueueConfiguration>) -> Result<Vec<Queue>> {
        let given = NotificationConfiguration { queue_configurations: Some(all), ..Default::default() };
        let id = std::cell::Cell::new(0);
        read(given, Partition::Aws, "us-east-1".parse().unwrap(), || {
            id.set(id.get() + 1);
            id.get().to_string()
        })
    }

    #[test]
    fn events_and_keys_are_filtered() {
        let all = of(vec![given(&["s3:ObjectCreated:*"], &[("Prefix", "a/"), ("suffix", ".jpg")])]).unwrap();
        assert!(all[0].wants("ObjectCreated:Put", "a/x.jpg"));
        assert!(!all[0].wants("ObjectCreated:Put", "b/x.jpg"));
        assert!(!all[0].wants("ObjectCreated:Put", "a/x.png"));
        assert!(!all[0].wants("ObjectRemoved:Delete", "a/x.jpg"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let put = || given(&["s3:ObjectCreated:Put"], &[]);
        for bad in [
            vec![given(&["s3:ObjectEaten"], &[])],
            vec![given(&["s3:ObjectCreated:Put"], &[("middle", "x")])],
            vec![given(&["s3:ObjectCreated:Put"], &[("prefix", "x"), ("Prefix", "y")])],
            vec![put(), given(&["s3:ObjectCreated:*"], &[("prefix", "a")])],
            vec![QueueConfiguration {
                queue_arn: "arn:aws:sqs:eu-west-1:000000000000:q".to_owned(),
                ..put()
            }],
            vec![QueueConfiguration {
                queue_arn: "arn:aws:sqs:us-east-1:000000000000:q.fifo".to_owned(),
                ..put()
            }],
        ] {
            assert_eq!(of(bad).unwrap_err().code(), "InvalidArgument");
        }
        let apart = vec![
            given(&["s3:ObjectCreated:Put"], &[("prefix", "a")]),
            given(&["s3:ObjectCreated:Put"], &[("prefix", "b")]),
            given(&["s3:ObjectRemoved:*"], &[]),
        ];
        assert_eq!(of(apart).unwrap().len(), 3);
    }
}
