//! Lifecycle rules from and to the forms they are written in; what is refused of them.

use std::collections::BTreeSet;

use api_s3::{
    AbortIncompleteMultipartUpload, LifecycleExpiration, LifecycleRule, LifecycleRuleAndOperator,
    LifecycleRuleFilter, NoncurrentVersionExpiration, NoncurrentVersionTransition, Tagging,
};
use kernel::Result;
use shape::Timestamp;

use super::lifecycle::{Expiration, Filter, Form, Noncurrent, Rule, Transition, When, depth};
use super::tags::{self, OBJECT_TAGS_MAX, Tags};
use crate::errors;

/// Rules of one bucket (S3 user guide, "Quotas").
const RULES_MAX: usize = 1_000;
const ID_CHARS_MAX: usize = 255;
const DAY_SECONDS: i64 = 86_400;
const NEWER_MAX: i32 = 100;
/// The classes of infrequent access, and what may lie behind them.
const SELDOM: [&str; 2] = ["STANDARD_IA", "ONEZONE_IA"];
const ARCHIVES: [&str; 3] = ["GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];
/// What goes to infrequent access is so old, and stays so long there before it goes to an archive.
const SELDOM_DAYS_MIN: i64 = 30;

/// Reads the rules of a request. `new_id` names those that have no name.
///
/// # Errors
/// *MalformedXML*, *InvalidArgument*, *InvalidRequest*.
pub fn read(given: Vec<LifecycleRule>, mut new_id: impl FnMut() -> String) -> Result<Vec<Rule>> {
    if given.is_empty() || given.len() > RULES_MAX {
        return Err(errors::malformed_xml());
    }
    let [has_filter, has_prefix] =
        [given.iter().any(|rule| rule.filter.is_some()), given.iter().any(|rule| rule.prefix.is_some())];
    let mut ids = BTreeSet::new();
    let mut rules = Vec::with_capacity(given.len());
    for one in given {
        let read = rule(one, &mut new_id)?;
        if !ids.insert(read.id.clone()) {
            let message = "Rule ID must be unique. Found same ID for more than one rule";
            return Err(errors::invalid_argument(message));
        }
        rules.push(read);
    }
    if has_filter && has_prefix {
        let message =
            "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.";
        return Err(errors::invalid_request(message));
    }
    Ok(rules)
}

fn rule(given: LifecycleRule, new_id: &mut impl FnMut() -> String) -> Result<Rule> {
    let id = given.id.filter(|id| !id.is_empty()).unwrap_or_else(new_id);
    if id.chars().count() > ID_CHARS_MAX {
        return Err(errors::invalid_argument("ID length should not exceed allowed limit of 255"));
    }
    let enabled = match given.status.as_str() {
        "Enabled" => true,
        "Disabled" => false,
        _ => return Err(errors::malformed_xml()),
    };
    let noncurrent_transitions = given.noncurrent_version_transitions.unwrap_or_default();
    let mut transitions: Vec<Transition> =
        given.transitions.unwrap_or_default().into_iter().map(transition).collect::<Result<_>>()?;
    transitions.sort_by_key(|to| depth(&to.storage_class));
    let rule = Rule {
        id,
        enabled,
        filter: filter(given.prefix, given.filter)?,
        expiration: given.expiration.as_ref().map(expiration).transpose()?,
        transitions,
        noncurrent_transitions: noncurrent_transitions
            .into_iter()
            .map(|to| {
                noncurrent(to.noncurrent_days, to.newer_noncurrent_versions, Some(class(to.storage_class)?))
            })
            .collect::<Result<_>>()?,
        noncurrent_expiration: given
            .noncurrent_version_expiration
            .map(|after| noncurrent(after.noncurrent_days, after.newer_noncurrent_versions, None))
            .transpose()?,
        abort_days: given
            .abort_incomplete_multipart_upload
            .map(|after| days(after.days_after_initiation, "DaysAfterInitiation"))
            .transpose()?,
    };
    check(&rule)?;
    Ok(rule)
}

fn check(rule: &Rule) -> Result<()> {
    let nothing = rule.expiration.is_none()
        && rule.transitions.is_empty()
        && rule.noncurrent_transitions.is_empty()
        && rule.noncurrent_expiration.is_none()
        && rule.abort_days.is_none();
    if nothing {
        return Err(errors::invalid_request("At least one action needs to be specified in a rule"));
    }
    let Filter { tags, greater_than, less_than, .. } = &rule.filter;
    let narrow = !tags.is_empty() || greater_than.is_some() || less_than.is_some();
    if narrow && rule.abort_days.is_some() {
        let message = "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes.";
        return Err(errors::invalid_request(message));
    }
    if narrow && rule.expiration == Some(Expiration::Marker) {
        let message = "ExpiredObjectDeleteMarker cannot be specified with Tags or object sizes.";
        return Err(errors::invalid_request(message));
    }
    if greater_than.zip(*less_than).is_some_and(|(least, most)| least >= most) {
        let message = "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.";
        return Err(errors::invalid_request(message));
    }
    let filter = format!("filter '(prefix={})'", rule.filter.prefix.as_deref().unwrap_or_default());
    check_classes(rule, &filter)?;
    check_order(rule, &filter)?;
    check_noncurrent(rule, &filter)
}

/// No storage class is gone to twice.
fn check_classes(rule: &Rule, filter: &str) -> Result<()> {
    let current = rule.transitions.iter().map(|to| to.storage_class.as_str()).collect();
    let noncurrent = rule.noncurrent_transitions.iter().map(|to| to.storage_class.as_str()).collect();
    let kinds: [(Vec<&str>, &str); 2] =
        [(current, "Transition"), (noncurrent, "NoncurrentVersionTransition")];
    for (classes, action) in kinds {
        if classes.iter().collect::<BTreeSet<_>>().len() < classes.len() {
            return Err(errors::invalid_request(format!(
                "'StorageClass' must be different for '{action}' actions in same 'Rule' with {filter}"
            )));
        }
    }
    Ok(())
}

/// All happens by days or all by dates; what expires does so after it sank, and has been kept for a while where it
/// sank to.
fn check_order(rule: &Rule, filter: &str) -> Result<()> {
    let by_days = |when: &When| matches!(when, When::Days(_));
    let mixed = |actions: &str| {
        errors::invalid_request(format!(
            "Found mixed 'Date' and 'Days' based {actions} actions in lifecycle rule for {filter}"
        ))
    };
    let Some(first) = rule.transitions.first() else { return Ok(()) };
    let unit = by_days(&first.when);
    if rule.transitions.iter().any(|to| by_days(&to.when) != unit) {
        return Err(mixed("Transition"));
    }
    let word = if unit { "Days" } else { "Date" };
    if let Some(Expiration::When(expires)) = &rule.expiration {
        if by_days(expires) != unit {
            return Err(mixed("Expiration and Transition"));
        }
        if rule.transitions.iter().any(|to| day(to.when) >= day(*expires)) {
            return Err(errors::invalid_argument(format!(
                "'{word}' in the Expiration action for {filter} must be greater than '{word}' in the Transition action"
            )));
        }
    }
    let steps: Vec<_> = rule.transitions.iter().map(|to| (&*to.storage_class, day(to.when))).collect();
    check_steps(steps, (word, "Transition"), filter)
}

/// Where a version goes from class to class, it goes down (S3 user guide, "Transitioning objects"): later to the lower
/// one, and not before it was a while where it is seldom read.
fn check_steps(mut steps: Vec<(&str, i64)>, (word, action): (&str, &str), filter: &str) -> Result<()> {
    steps.sort_by_key(|(class, _)| depth(class));
    for (at, (lower, then)) in steps.iter().enumerate() {
        for (upper, first) in steps.iter().take(at) {
            let waits = SELDOM.contains(upper) && ARCHIVES.contains(lower);
            let (good, must) = if waits {
                (*then >= first.saturating_add(SELDOM_DAYS_MIN), "be 30 days more than")
            } else {
                (then > first, "be greater than")
            };
            if !good {
                return Err(errors::invalid_argument(format!(
                    "'{word}' in the '{action}' action for StorageClass '{lower}' for {filter} must {must} '{word}' in \
                     the '{action}' action for StorageClass '{upper}'"
                )));
            }
        }
    }
    Ok(())
}

/// The day of an action, from the object's first or from 1970 on.
fn day(when: When) -> i64 {
    match when {
        When::Days(days) => i64::from(days),
        When::Date(at) => at.div_euclid(DAY_SECONDS * 1_000),
    }
}

fn check_noncurrent(rule: &Rule, filter: &str) -> Result<()> {
    const ACTION: &str = "NoncurrentVersionTransition";
    for to in &rule.noncurrent_transitions {
        if SELDOM.contains(&&*to.storage_class) && i64::from(to.days) < SELDOM_DAYS_MIN {
            return Err(seldom_too_soon("NoncurrentDays", ACTION, &to.storage_class));
        }
    }
    let steps = rule.noncurrent_transitions.iter().map(|to| (&*to.storage_class, i64::from(to.days)));
    check_steps(steps.collect(), ("NoncurrentDays", ACTION), filter)?;
    let Some(expires) = &rule.noncurrent_expiration else { return Ok(()) };
    if rule.noncurrent_transitions.iter().all(|to| to.days < expires.days) {
        return Ok(());
    }
    Err(errors::invalid_argument(format!(
        "'NoncurrentDays' in the NoncurrentVersionExpiration action for {filter} must be greater than 'NoncurrentDays' \
         in the NoncurrentVersionTransition action"
    )))
}

fn filter(prefix: Option<String>, given: Option<LifecycleRuleFilter>) -> Result<Filter> {
    let given = match (prefix, given) {
        (Some(prefix), None) => return Ok(Filter { prefix: Some(prefix), ..Filter::default() }),
        (None, Some(given)) => given,
        (None, None) | (Some(_), Some(_)) => return Err(errors::malformed_xml()),
    };
    let alone = [
        given.prefix.is_some(),
        given.tag.is_some(),
        given.object_size_greater_than.is_some(),
        given.object_size_less_than.is_some(),
        given.and.is_some(),
    ];
    if alone.into_iter().filter(|said| *said).count() > 1 {
        return Err(errors::malformed_xml());
    }
    let (form, all) = match given.and {
        Some(and) => {
            let members = usize::from(and.prefix.is_some())
                + and.tags.as_ref().map_or(0, Vec::len)
                + usize::from(and.object_size_greater_than.is_some())
                + usize::from(and.object_size_less_than.is_some());
            if members < 2 {
                return Err(errors::malformed_xml());
            }
            (Form::And, and)
        }
        None => (
            Form::One,
            LifecycleRuleAndOperator {
                prefix: given.prefix,
                tags: given.tag.map(|tag| vec![tag]),
                object_size_greater_than: given.object_size_greater_than,
                object_size_less_than: given.object_size_less_than,
            },
        ),
    };
    let size = |bytes: Option<i64>| {
        let bad = || errors::invalid_argument("Object sizes in a filter must not be negative");
        bytes.map(|bytes| u64::try_from(bytes).map_err(|_| bad())).transpose()
    };
    let tagging = Tagging { tag_set: all.tags.unwrap_or_default() };
    Ok(Filter {
        form,
        prefix: all.prefix,
        tags: tags::from_set(tagging, OBJECT_TAGS_MAX)?,
        greater_than: size(all.object_size_greater_than)?,
        less_than: size(all.object_size_less_than)?,
    })
}

fn days(given: Option<i32>, what: &str) -> Result<u32> {
    let days = given.and_then(|days| u32::try_from(days).ok()).filter(|days| *days > 0);
    days.ok_or_else(|| errors::invalid_argument(format!("'{what}' must be a positive integer")))
}

fn date(at: Timestamp) -> Result<When> {
    if at.seconds.rem_euclid(DAY_SECONDS) != 0 || at.seconds < 0 {
        return Err(errors::invalid_argument("'Date' must be at midnight GMT"));
    }
    Ok(When::Date(at.seconds.saturating_mul(1_000)))
}

fn expiration(given: &LifecycleExpiration) -> Result<Expiration> {
    match (given.days, given.date, given.expired_object_delete_marker) {
        (Some(n), None, None | Some(false)) => {
            Ok(Expiration::When(When::Days(days(Some(n), "Days' for 'Expiration")?)))
        }
        (None, Some(at), None | Some(false)) => Ok(Expiration::When(date(at)?)),
        (None, None, Some(true)) => Ok(Expiration::Marker),
        _ => Err(errors::malformed_xml()),
    }
}

fn class(given: Option<String>) -> Result<String> {
    given.filter(|class| depth(class) > 0).ok_or_else(errors::malformed_xml)
}

fn transition(given: api_s3::Transition) -> Result<Transition> {
    let storage_class = class(given.storage_class)?;
    let when = match (given.days, given.date) {
        (Some(n), None) => When::Days(
            u32::try_from(n)
                .map_err(|_| errors::invalid_argument("'Days' for 'Transition' must not be negative"))?,
        ),
        (None, Some(at)) => date(at)?,
        _ => return Err(errors::malformed_xml()),
    };
    if SELDOM.contains(&&*storage_class) && matches!(when, When::Days(..30)) {
        return Err(seldom_too_soon("Days", "Transition", &storage_class));
    }
    Ok(Transition { when, storage_class })
}

fn seldom_too_soon(word: &str, action: &str, class: &str) -> kernel::Error {
    errors::invalid_argument(format!(
        "'{word}' in {action} action must be greater than or equal to 30 for storageClass '{class}'"
    ))
}

fn noncurrent(after: Option<i32>, newer: Option<i32>, storage_class: Option<String>) -> Result<Noncurrent> {
    let newer = match newer {
        None => 0,
        Some(n @ 1..=NEWER_MAX) => u32::try_from(n).unwrap_or_default(),
        Some(_) => {
            let message = "'NewerNoncurrentVersions' must be a positive integer of at most 100";
            return Err(errors::invalid_argument(message));
        }
    };
    let days = days(after, "NoncurrentDays")?;
    Ok(Noncurrent { days, newer, storage_class: storage_class.unwrap_or_default() })
}

/// A rule as it was given.
pub fn shown(rule: &Rule) -> LifecycleRule {
    let number = |n: u32| i32::try_from(n).ok();
    let newer = |rule: &Noncurrent| number(rule.newer).filter(|newer| *newer > 0);
    let when = |when: When| match when {
        When::Days(days) => (number(days), None),
        When::Date(at) => (None, Some(Timestamp::from_millis(at))),
    };
    let transition = |to: &Transition| {
        let (days, date) = when(to.when);
        api_s3::Transition { days, date, storage_class: Some(to.storage_class.clone()) }
    };
    let moved = |to: &Noncurrent| NoncurrentVersionTransition {
        noncurrent_days: number(to.days),
        storage_class: Some(to.storage_class.clone()),
        newer_noncurrent_versions: newer(to),
    };
    let expiration = rule.expiration.map(|expiration| match expiration {
        Expiration::When(at) => {
            let (days, date) = when(at);
            LifecycleExpiration { days, date, ..Default::default() }
        }
        Expiration::Marker => {
            LifecycleExpiration { expired_object_delete_marker: Some(true), ..Default::default() }
        }
    });
    let (prefix, filter) = shown_filter(&rule.filter);
    LifecycleRule {
        id: Some(rule.id.clone()),
        status: if rule.enabled { "Enabled" } else { "Disabled" }.to_owned(),
        prefix,
        filter,
        expiration,
        transitions: some(rule.transitions.iter().map(transition).collect()),
        noncurrent_version_transitions: some(rule.noncurrent_transitions.iter().map(moved).collect()),
        noncurrent_version_expiration: rule.noncurrent_expiration.as_ref().map(|after| {
            NoncurrentVersionExpiration {
                noncurrent_days: number(after.days),
                newer_noncurrent_versions: newer(after),
            }
        }),
        abort_incomplete_multipart_upload: rule
            .abort_days
            .map(|days| AbortIncompleteMultipartUpload { days_after_initiation: number(days) }),
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn shown_filter(filter: &Filter) -> (Option<String>, Option<LifecycleRuleFilter>) {
    let size = |bytes: Option<u64>| bytes.and_then(|bytes| i64::try_from(bytes).ok());
    let tags = |tags: &Tags| tags::shown(tags);
    let (greater, less) = (size(filter.greater_than), size(filter.less_than));
    match filter.form {
        Form::Old => (filter.prefix.clone(), None),
        Form::One => {
            let shown = LifecycleRuleFilter {
                prefix: filter.prefix.clone(),
                tag: tags(&filter.tags).into_iter().next(),
                object_size_greater_than: greater,
                object_size_less_than: less,
                and: None,
            };
            (None, Some(shown))
        }
        Form::And => {
            let all = LifecycleRuleAndOperator {
                prefix: filter.prefix.clone(),
                tags: some(tags(&filter.tags)),
                object_size_greater_than: greater,
                object_size_less_than: less,
            };
            (None, Some(LifecycleRuleFilter { and: Some(all), ..Default::default() }))
        }
    }
}
