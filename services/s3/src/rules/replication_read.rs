//! Replication rules from and to the forms they are written in; what is refused of them.

use std::collections::BTreeSet;

use api_s3::{
    AccessControlTranslation, DeleteMarkerReplication, EncryptionConfiguration, ReplicationConfiguration,
    ReplicationRule, ReplicationRuleAndOperator, ReplicationRuleFilter, SourceSelectionCriteria,
    SseKmsEncryptedObjects, Tagging,
};
use kernel::{Arn, Partition, Result};

use super::headers;
use super::lifecycle::Form;
use super::replication::{Destination, Replication, Rule};
use super::tags::{self, OBJECT_TAGS_MAX, Tags};
use crate::errors;

/// Rules of one bucket (S3 user guide, "Quotas").
const RULES_MAX: usize = 1_000;
const ID_CHARS_MAX: usize = 255;

/// Reads a configuration. `new_id` names rules that have no name.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*, *InvalidRequest*.
pub fn read(
    given: ReplicationConfiguration,
    partition: Partition,
    mut new_id: impl FnMut() -> String,
) -> Result<Replication> {
    let role: Option<Arn> = given.role.parse().ok();
    if !role.is_some_and(|role| role.service == "iam" && role.resource.starts_with("role/")) {
        return Err(errors::invalid_argument("Invalid Role specified in replication configuration"));
    }
    if given.rules.is_empty() || given.rules.len() > RULES_MAX {
        return Err(errors::malformed_xml());
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(given.rules.len());
    let (mut ids, mut priorities) = (BTreeSet::new(), BTreeSet::new());
    for one in given.rules {
        let rule = rule(one, partition, &mut new_id)?;
        if !ids.insert(rule.id.clone()) {
            let message = "Rule ID must be unique. Found same ID for more than one rule";
            return Err(errors::invalid_argument(message));
        }
        if rule.priority.is_some_and(|priority| !priorities.insert(priority)) {
            return Err(errors::invalid_argument("Found duplicate priority in the replication rules"));
        }
        rules.push(rule);
    }
    if rules
        .iter()
        .any(|rule| (rule.form == Form::Old) != (rules.first().is_some_and(|r| r.form == Form::Old)))
    {
        return Err(errors::invalid_request("Rules of both versions of the schema cannot stand together."));
    }
    Ok(Replication { role: given.role, rules })
}

fn rule(given: ReplicationRule, partition: Partition, new_id: &mut impl FnMut() -> String) -> Result<Rule> {
    let id = given.id.filter(|id| !id.is_empty()).unwrap_or_else(new_id);
    if id.chars().count() > ID_CHARS_MAX {
        return Err(errors::invalid_argument("ID length should not exceed allowed limit of 255"));
    }
    let enabled = switch(Some(&given.status))?.unwrap_or_default();
    let markers = given.delete_marker_replication.as_ref().map(|markers| switch(markers.status.as_ref()));
    let markers = markers.transpose()?.flatten();
    let (form, prefix, tags) = filter(given.prefix, given.filter)?;
    if form != Form::Old {
        let needed = |what: &str| {
            errors::invalid_request(format!(
                "{what} must be specified for this version of Cross Region Replication configuration schema. Please \
                 refer to S3 Developer Guide for more information."
            ))
        };
        given.priority.ok_or_else(|| needed("Priority"))?;
        markers.ok_or_else(|| needed("DeleteMarkerReplication"))?;
    } else if given.priority.is_some() || markers.is_some() {
        return Err(errors::malformed_xml());
    }
    if !tags.is_empty() && markers == Some(true) {
        let message = "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 \
                       Developer Guide for more information.";
        return Err(errors::invalid_request(message));
    }
    if given.priority.is_some_and(|priority| priority < 0) {
        return Err(errors::invalid_argument("Priority must not be negative"));
    }
    let kms = given.source_selection_criteria.and_then(|criteria| criteria.sse_kms_encrypted_objects);
    let kms = kms.map(|kms| switch(Some(&kms.status))).transpose()?.flatten();
    let to = destination(given.destination, partition)?;
    if (kms == Some(true)) != to.key_id.is_some() {
        let message = "SseKmsEncryptedObjects and EncryptionConfiguration must be specified together.";
        return Err(errors::invalid_request(message));
    }
    Ok(Rule { id, priority: given.priority, enabled, form, prefix, tags, markers, kms, to })
}

fn switch(status: Option<&String>) -> Result<Option<bool>> {
    match status.map(String::as_str) {
        None => Ok(None),
        Some("Enabled") => Ok(Some(true)),
        Some("Disabled") => Ok(Some(false)),
        Some(_) => Err(errors::malformed_xml()),
    }
}

type Filter = (Form, Option<String>, Tags);

fn filter(prefix: Option<String>, given: Option<ReplicationRuleFilter>) -> Result<Filter> {
    let set = |tags| tags::from_set(Tagging { tag_set: tags }, OBJECT_TAGS_MAX);
    match (prefix, given) {
        (Some(_), Some(_)) => Err(errors::malformed_xml()),
        (prefix, None) => Ok((Form::Old, prefix, Tags::new())),
        (None, Some(ReplicationRuleFilter { prefix: None, tag: None, and: Some(and) })) => {
            Ok((Form::And, and.prefix, set(and.tags.unwrap_or_default())?))
        }
        (None, Some(ReplicationRuleFilter { prefix, tag, and: None }))
            if prefix.is_none() || tag.is_none() =>
        {
            Ok((Form::One, prefix, set(tag.into_iter().collect())?))
        }
        (None, Some(_)) => Err(errors::malformed_xml()),
    }
}

fn destination(given: api_s3::Destination, partition: Partition) -> Result<Destination> {
    let bucket = given.bucket.strip_prefix(&format!("arn:{partition}:s3:::"));
    let bucket = bucket.filter(|name| !name.is_empty() && !name.contains('/'));
    let bucket = bucket.ok_or_else(|| errors::invalid_argument("Invalid bucket ARN"))?.to_owned();
    let owned = match given.access_control_translation {
        None => false,
        Some(AccessControlTranslation { owner }) if owner == "Destination" && given.account.is_some() => true,
        Some(_) => return Err(errors::malformed_xml()),
    };
    let storage_class = match given.storage_class {
        Some(class) => Some(headers::storage_class(Some(class))?.unwrap_or_else(|| "STANDARD".to_owned())),
        None => None,
    };
    let key_id = given.encryption_configuration.and_then(|of| of.replica_kms_key_id);
    Ok(Destination { bucket, account: given.account, storage_class, owned, key_id })
}

/// A configuration as it was given.
pub fn shown(all: &Replication, partition: Partition) -> ReplicationConfiguration {
    let rules = all.rules.iter().map(|rule| shown_rule(rule, partition)).collect();
    ReplicationConfiguration { role: all.role.clone(), rules }
}

fn shown_rule(rule: &Rule, partition: Partition) -> ReplicationRule {
    let word = |on: bool| if on { "Enabled" } else { "Disabled" }.to_owned();
    let (prefix, filter) = shown_filter(rule);
    let to = &rule.to;
    ReplicationRule {
        id: Some(rule.id.clone()),
        priority: rule.priority,
        prefix,
        filter,
        status: word(rule.enabled),
        source_selection_criteria: rule.kms.map(|kms| SourceSelectionCriteria {
            sse_kms_encrypted_objects: Some(SseKmsEncryptedObjects { status: word(kms) }),
            ..SourceSelectionCriteria::default()
        }),
        delete_marker_replication: rule
            .markers
            .map(|markers| DeleteMarkerReplication { status: Some(word(markers)) }),
        destination: api_s3::Destination {
            bucket: format!("arn:{partition}:s3:::{}", to.bucket),
            account: to.account.clone(),
            storage_class: to.storage_class.clone(),
            access_control_translation: to
                .owned
                .then(|| AccessControlTranslation { owner: "Destination".to_owned() }),
            encryption_configuration: to
                .key_id
                .clone()
                .map(|key| EncryptionConfiguration { replica_kms_key_id: Some(key) }),
            ..api_s3::Destination::default()
        },
        ..ReplicationRule::default()
    }
}

fn shown_filter(rule: &Rule) -> (Option<String>, Option<ReplicationRuleFilter>) {
    let tags = tags::shown(&rule.tags);
    let prefix = rule.prefix.clone();
    match rule.form {
        Form::Old => (prefix, None),
        Form::One => {
            let tag = tags.into_iter().next();
            (None, Some(ReplicationRuleFilter { prefix, tag, and: None }))
        }
        Form::And => {
            let tags = (!tags.is_empty()).then_some(tags);
            let and = Some(ReplicationRuleAndOperator { prefix, tags });
            (None, Some(ReplicationRuleFilter { and, ..ReplicationRuleFilter::default() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(edit: impl FnOnce(&mut ReplicationRule)) -> ReplicationConfiguration {
        let mut rule = ReplicationRule {
            id: Some("r".to_owned()),
            priority: Some(1),
            filter: Some(ReplicationRuleFilter { prefix: Some("a/".to_owned()), ..Default::default() }),
            status: "Enabled".to_owned(),
            delete_marker_replication: Some(DeleteMarkerReplication { status: Some("Enabled".to_owned()) }),
            destination: api_s3::Destination { bucket: "arn:aws:s3:::to".to_owned(), ..Default::default() },
            ..Default::default()
        };
        edit(&mut rule);
        ReplicationConfiguration { role: "arn:aws:iam::000000000000:role/r".to_owned(), rules: vec![rule] }
    }

    fn code(edit: impl FnOnce(&mut ReplicationRule)) -> &'static str {
        read(given(edit), Partition::Aws, String::new).map_or_else(|error| error.code(), |_| "")
    }

    #[test]
    fn rules_go_there_and_back() {
        let first = given(|_| {});
        let stored = read(first.clone(), Partition::Aws, String::new).unwrap();
        assert_eq!(format!("{:?}", shown(&stored, Partition::Aws)), format!("{first:?}"));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(code(|_| {}), "");
        assert_eq!(code(|rule| rule.priority = None), "InvalidRequest");
        assert_eq!(code(|rule| rule.delete_marker_replication = None), "InvalidRequest");
        assert_eq!(code(|rule| rule.prefix = Some(String::new())), "MalformedXML");
        assert_eq!(code(|rule| rule.status = "On".to_owned()), "MalformedXML");
        assert_eq!(code(|rule| rule.destination.bucket = "to".to_owned()), "InvalidArgument");
        assert_eq!(
            code(|rule| rule.destination.storage_class = Some("COLD".to_owned())),
            "InvalidStorageClass"
        );
        let tag = api_s3::Tag { key: "k".to_owned(), value: "v".to_owned() };
        let tagged = ReplicationRuleFilter { tag: Some(tag), ..Default::default() };
        assert_eq!(code(|rule| rule.filter = Some(tagged)), "InvalidRequest");
        let mut twice = given(|_| {});
        twice.rules.push(ReplicationRule { id: Some("s".to_owned()), ..twice.rules[0].clone() });
        assert_eq!(read(twice, Partition::Aws, String::new).unwrap_err().code(), "InvalidArgument");
    }
}
