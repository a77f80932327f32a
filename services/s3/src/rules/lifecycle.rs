//! Lifecycle rules: what becomes of objects as they grow old (S3 user guide, "Managing the lifecycle of objects").

use kernel::Millis;
use serde::{Deserialize, Serialize};

use super::tags::Tags;

const DAY_MS: Millis = 86_400_000;
/// Smaller objects stay where they are, unless a rule says from which size on (bytes).
const TRANSITION_SIZE_MIN: u64 = 128 * 1_024;

/// The rules of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    pub rules: Vec<Rule>,
    /// Small objects go to `GLACIER` and `DEEP_ARCHIVE` all the same.
    pub small_to_archive: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: String,
    pub enabled: bool,
    pub filter: Filter,
    pub expiration: Option<Expiration>,
    /// The soonest first.
    pub transitions: Vec<Transition>,
    pub noncurrent_transitions: Vec<Noncurrent>,
    pub noncurrent_expiration: Option<Noncurrent>,
    /// Days after which an upload that nobody completes is aborted.
    pub abort_days: Option<u32>,
}

/// How a filter was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// A prefix beside the rule's other elements.
    #[default]
    Old,
    One,
    And,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub form: Form,
    pub prefix: Option<String>,
    pub tags: Tags,
    /// Bytes, both not included.
    pub greater_than: Option<u64>,
    pub less_than: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    Days(u32),
    Date(Millis),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    When(When),
    /// Delete markers with nothing behind them.
    Marker,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    pub when: When,
    pub storage_class: String,
}

/// Of versions that are not the latest any more; `storage_class` of transitions only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noncurrent {
    pub days: u32,
    /// So many of the newest stay.
    pub newer: u32,
    pub storage_class: String,
}

/// A version as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub key: &'a str,
    pub size: u64,
    pub tags: &'a Tags,
    /// `STANDARD` where nothing else is said.
    pub storage_class: &'a str,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Expire,
    Move(String),
}

/// So many days later, and then the next midnight.
fn after_days(from: Millis, days: u32) -> Millis {
    let at = from + Millis::from(days) * DAY_MS;
    at.div_euclid(DAY_MS) * DAY_MS + if at.rem_euclid(DAY_MS) > 0 { DAY_MS } else { 0 }
}

impl When {
    fn of(self, since: Millis) -> Millis {
        match self {
            Self::Days(days) => after_days(since, days),
            Self::Date(at) => at,
        }
    }

    fn is_past(self, since: Millis, now: Millis) -> bool {
        now >= self.of(since)
    }
}

impl Filter {
    fn fits(&self, seen: &Seen<'_>) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| seen.key.starts_with(prefix))
            && self.tags.iter().all(|(key, value)| seen.tags.get(key) == Some(value))
            && self.greater_than.is_none_or(|least| seen.size > least)
            && self.less_than.is_none_or(|most| seen.size < most)
    }
}

impl Lifecycle {
    fn fitting<'l>(&'l self, seen: &'l Seen<'l>) -> impl Iterator<Item = &'l Rule> {
        self.rules.iter().filter(move |rule| rule.enabled && rule.filter.fits(seen))
    }

    /// Whether `to` is further down than where the version lies, and takes objects of its size.
    fn moves(&self, rule: &Rule, seen: &Seen<'_>, to: &str) -> bool {
        let archive = matches!(to, "GLACIER" | "DEEP_ARCHIVE");
        let any_size = rule.filter.greater_than.is_some() || (self.small_to_archive && archive);
        depth(to) > depth(seen.storage_class) && (any_size || seen.size >= TRANSITION_SIZE_MIN)
    }

    /// What is due for the latest version. To expire comes before all else.
    pub fn due(&self, seen: &Seen<'_>, modified_at: Millis, now: Millis) -> Option<Due> {
        let expires = |rule: &Rule| match rule.expiration {
            Some(Expiration::When(when)) => when.is_past(modified_at, now),
            Some(Expiration::Marker) | None => false,
        };
        if self.fitting(seen).any(expires) {
            return Some(Due::Expire);
        }
        let moves = self.fitting(seen).flat_map(|rule| rule.transitions.iter().map(move |to| (rule, to)));
        let past = moves.filter(|(_, to)| to.when.is_past(modified_at, now));
        let classes = past.filter(|(rule, to)| self.moves(rule, seen, &to.storage_class));
        classes.map(|(_, to)| to.storage_class.clone()).max_by_key(|class| depth(class)).map(Due::Move)
    }

    /// When the latest version expires, and by which rule: the soonest.
    pub fn expires(&self, seen: &Seen<'_>, modified_at: Millis) -> Option<(Millis, String)> {
        let at = self.fitting(seen).filter_map(|rule| match rule.expiration {
            Some(Expiration::When(when)) => Some((when.of(modified_at), &rule.id)),
            Some(Expiration::Marker) | None => None,
        });
        at.min_by_key(|(at, _)| *at).map(|(at, id)| (at, id.clone()))
    }

    /// What is due for a version that `newer` noncurrent ones came after, the first of them at `since`.
    pub fn due_noncurrent(&self, seen: &Seen<'_>, since: Millis, newer: u32, now: Millis) -> Option<Due> {
        let past = |rule: &Noncurrent| now >= after_days(since, rule.days) && newer >= rule.newer;
        if self.fitting(seen).any(|rule| rule.noncurrent_expiration.as_ref().is_some_and(past)) {
            return Some(Due::Expire);
        }
        let moves =
            self.fitting(seen).flat_map(|rule| rule.noncurrent_transitions.iter().map(move |to| (rule, to)));
        let due = moves.filter(|(rule, to)| past(to) && self.moves(rule, seen, &to.storage_class));
        due.map(|(_, to)| to.storage_class.clone()).max_by_key(|class| depth(class)).map(Due::Move)
    }

    /// Whether a delete marker with nothing behind it goes.
    pub fn marker_is_due(&self, key: &str, modified_at: Millis, now: Millis) -> bool {
        let tags = Tags::new();
        let seen = Seen { key, size: 0, tags: &tags, storage_class: "STANDARD" };
        self.fitting(&seen).any(|rule| match rule.expiration {
            Some(Expiration::Marker) => true,
            Some(Expiration::When(when)) => when.is_past(modified_at, now),
            None => false,
        })
    }

    /// Whether an upload goes that was begun then.
    pub fn upload_is_due(&self, key: &str, begun_at: Millis, now: Millis) -> bool {
        self.aborts(key, begun_at).is_some_and(|(at, _)| now >= at)
    }

    /// When an upload goes that was begun then, and by which rule: the soonest.
    pub fn aborts(&self, key: &str, begun_at: Millis) -> Option<(Millis, String)> {
        let fits = |rule: &&Rule| rule.filter.prefix.as_deref().is_none_or(|head| key.starts_with(head));
        let rules = self.rules.iter().filter(|rule| rule.enabled).filter(fits);
        let at = rules.filter_map(|rule| Some((after_days(begun_at, rule.abort_days?), &rule.id)));
        at.min_by_key(|(at, _)| *at).map(|(at, id)| (at, id.clone()))
    }
}

/// How far down the waterfall of storage classes one lies.
pub fn depth(class: &str) -> u8 {
    match class {
        "STANDARD_IA" => 1,
        "INTELLIGENT_TIERING" => 2,
        "ONEZONE_IA" => 3,
        "GLACIER_IR" => 4,
        "GLACIER" => 5,
        "DEEP_ARCHIVE" => 6,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: Rule) -> Lifecycle {
        Lifecycle { rules: vec![Rule { enabled: true, ..rule }], small_to_archive: false }
    }

    fn seen<'a>(key: &'a str, tags: &'a Tags) -> Seen<'a> {
        Seen { key, size: 1 << 20, tags, storage_class: "STANDARD" }
    }

    #[test]
    fn days_end_at_midnight() {
        assert_eq!(after_days(0, 1), DAY_MS);
        assert_eq!(after_days(1, 1), 2 * DAY_MS);
        assert_eq!(after_days(DAY_MS - 1, 3), 4 * DAY_MS);
    }

    #[test]
    fn filters_choose() {
        let tags: Tags = [("a".to_owned(), "b".to_owned())].into();
        let filter = Filter {
            prefix: Some("p/".to_owned()),
            tags: tags.clone(),
            greater_than: Some(10),
            less_than: Some(2 << 20),
            ..Filter::default()
        };
        let expiration = Some(Expiration::When(When::Days(1)));
        let rules = of(Rule { filter, expiration, ..Rule::default() });
        let due = |seen: Seen<'_>| rules.due(&seen, 0, DAY_MS);
        assert_eq!(due(seen("p/x", &tags)), Some(Due::Expire));
        assert_eq!(rules.due(&seen("p/x", &tags), 0, DAY_MS - 1), None);
        assert_eq!(due(seen("q/x", &tags)), None);
        assert_eq!(due(seen("p/x", &Tags::new())), None);
        assert_eq!(due(Seen { size: 10, ..seen("p/x", &tags) }), None);
        assert_eq!(due(Seen { size: 2 << 20, ..seen("p/x", &tags) }), None);
    }

    #[test]
    fn the_soonest_rule_is_told_of() {
        let rule = |id: &str, days| Rule {
            id: id.to_owned(),
            enabled: true,
            expiration: Some(Expiration::When(When::Days(days))),
            abort_days: Some(days),
            ..Rule::default()
        };
        let narrow = Filter { prefix: Some("p/".to_owned()), ..Filter::default() };
        let off = Rule { enabled: false, ..rule("off", 1) };
        let marker = Rule { expiration: Some(Expiration::Marker), abort_days: None, ..rule("marker", 1) };
        let near = Rule { filter: narrow, ..rule("near", 2) };
        let rules = Lifecycle { rules: vec![rule("far", 5), near, off, marker], small_to_archive: false };
        let tags = Tags::new();
        for (key, days, id) in [("p/x", 2, "near"), ("q/x", 5, "far")] {
            let told = Some((days * DAY_MS, id.to_owned()));
            assert_eq!(rules.expires(&seen(key, &tags), 0), told);
            assert_eq!(rules.aborts(key, 0), told);
        }
        assert_eq!(Lifecycle::default().expires(&seen("k", &tags), 0), None);
    }

    #[test]
    fn objects_only_sink() {
        let to = |days, class: &str| Transition { when: When::Days(days), storage_class: class.to_owned() };
        let transitions = vec![to(30, "STANDARD_IA"), to(90, "GLACIER")];
        let rules = of(Rule { transitions, ..Rule::default() });
        let tags = Tags::new();
        let at = |seen: Seen<'_>, days: Millis| rules.due(&seen, 0, days * DAY_MS);
        let moved = |class: &str| Some(Due::Move(class.to_owned()));
        assert_eq!(at(seen("k", &tags), 29), None);
        assert_eq!(at(seen("k", &tags), 30), moved("STANDARD_IA"));
        assert_eq!(at(seen("k", &tags), 100), moved("GLACIER"));
        assert_eq!(at(Seen { storage_class: "DEEP_ARCHIVE", ..seen("k", &tags) }, 100), None);
        assert_eq!(at(Seen { size: 5, ..seen("k", &tags) }, 100), None);
        let archive = Lifecycle { small_to_archive: true, ..rules.clone() };
        assert_eq!(archive.due(&Seen { size: 5, ..seen("k", &tags) }, 0, 100 * DAY_MS), moved("GLACIER"));
    }

    #[test]
    fn the_newest_of_the_old_stay() {
        let keep = Noncurrent { days: 1, newer: 2, storage_class: String::new() };
        let rules = of(Rule { noncurrent_expiration: Some(keep), ..Rule::default() });
        let tags = Tags::new();
        let due = |newer, at| rules.due_noncurrent(&seen("k", &tags), 0, newer, at);
        assert_eq!(due(2, DAY_MS), Some(Due::Expire));
        assert_eq!(due(1, DAY_MS), None);
        assert_eq!(due(2, DAY_MS - 1), None);
        assert!(!rules.upload_is_due("k", 0, DAY_MS * 99));
    }
}
