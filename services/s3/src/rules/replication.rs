//! Replication rules: which versions go to which other buckets (S3 user guide, "Replicating objects within and across
//! Regions").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::encryption::Encryption;
use super::lifecycle::Form;
use super::tags::Tags;

/// The rules of a bucket, and the role they are followed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// Its ARN.
    pub role: String,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: String,
    pub priority: Option<i32>,
    pub enabled: bool,
    pub form: Form,
    pub prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Whether delete markers go too; `None` of a rule in the old form, which does not say.
    pub markers: Option<bool>,
    /// Whether objects under a key of KMS go too.
    pub kms: Option<bool>,
    pub to: Destination,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The bucket's name.
    pub bucket: String,
    /// The account it must be of.
    pub account: Option<String>,
    pub storage_class: Option<String>,
    /// Copies are the destination's owner's, as they are here anyhow; it takes leave.
    pub owned: bool,
    /// The key of KMS for copies of what lies under one.
    pub key_id: Option<String>,
}

/// How far the replication of a version is; or that it is a copy itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    Completed,
    Failed,
    Replica,
}

impl Status {
    /// What `x-amz-replication-status` says.
    pub fn shown(self) -> String {
        match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Replica => "REPLICA",
        }
        .to_owned()
    }
}

/// A version as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub key: &'a str,
    pub tags: &'a Tags,
    pub is_marker: bool,
    pub encryption: &'a Encryption,
}

impl Replication {
    /// The rule that counts for each bucket a version goes to: of several for one bucket, that of the highest priority.
    pub fn wanted(&self, seen: &Seen<'_>) -> Vec<&Rule> {
        let mut by_bucket: BTreeMap<&str, &Rule> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.enabled && rule.fits(seen)) {
            let best = by_bucket.entry(&rule.to.bucket).or_insert(rule);
            if rule.priority > best.priority {
                *best = rule;
            }
        }
        by_bucket.into_values().filter(|rule| rule.takes(seen)).collect()
    }
}

impl Rule {
    fn fits(&self, seen: &Seen<'_>) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| seen.key.starts_with(prefix))
            && self.tags.iter().all(|(key, value)| seen.tags.get(key) == Some(value))
    }

    /// Whether it carries things of this kind.
    fn takes(&self, seen: &Seen<'_>) -> bool {
        if seen.is_marker {
            // The old form says nothing of markers, and they go.
            return self.markers.unwrap_or(true);
        }
        match seen.encryption {
            Encryption::S3 => true,
            Encryption::Kms(_) => self.kms == Some(true),
            // Nobody can read it without the customer.
            Encryption::Customer { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(bucket: &str, prefix: &str, priority: i32) -> Rule {
        Rule {
            id: format!("{bucket}{priority}"),
            priority: Some(priority),
            enabled: true,
            form: Form::One,
            prefix: Some(prefix.to_owned()),
            tags: Tags::new(),
            markers: Some(false),
            kms: None,
            to: Destination { bucket: bucket.to_owned(), ..Destination::default() },
        }
    }

    #[test]
    fn one_rule_for_each_bucket() {
        let mut rules = vec![rule("a", "", 1), rule("a", "x/", 2), rule("b", "x/", 3), rule("c", "y/", 4)];
        rules[1].markers = Some(true);
        let all = Replication { role: String::new(), rules };
        let none = Tags::new();
        let ids = |key: &str, is_marker, encryption: &Encryption| {
            let seen = Seen { key, tags: &none, is_marker, encryption };
            all.wanted(&seen).iter().map(|rule| rule.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids("x/1", false, &Encryption::S3), ["a2", "b3"]);
        assert_eq!(ids("z", false, &Encryption::S3), ["a1"]);
        assert_eq!(ids("x/1", true, &Encryption::S3), ["a2"]);
        assert!(ids("z", true, &Encryption::S3).is_empty());
        assert!(ids("x/1", false, &Encryption::Customer { key_md5: String::new() }).is_empty());
    }
}
