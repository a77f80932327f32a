//! Managed policies of AWS, which every account knows: the list in `data/`, a policy a line, read when it is asked for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use kernel::Millis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fold;
use super::policy::{ManagedPolicy, Version};
use crate::rules::tags::Tags;

/// By folded name.
static LINES: LazyLock<BTreeMap<String, Line>> = LazyLock::new(|| {
    let lines = include_str!("../../data/known_policies.txt").lines().filter_map(Line::read);
    lines.map(|line| (fold(line.name), line)).collect()
});

/// Name, path, number of the version, when the policy and when that version was made, and the document to the end.
#[derive(Clone, Copy)]
struct Line {
    name: &'static str,
    path: &'static str,
    version: u32,
    created_at: Millis,
    updated_at: Millis,
    document: &'static str,
}

impl Line {
    fn read(line: &'static str) -> Option<Self> {
        let mut parts = line.splitn(6, ' ');
        let mut next = || parts.next();
        Some(Self {
            name: next()?,
            path: next()?,
            version: next()?.parse().ok()?,
            created_at: instant(next()?)?,
            updated_at: instant(next()?)?,
            document: next()?,
        })
    }
}

fn instant(text: &str) -> Option<Millis> {
    Some(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp() * 1_000)
}

impl From<Line> for ManagedPolicy {
    fn from(line: Line) -> Self {
        let only = Version { document: line.document.to_owned(), created_at: line.updated_at };
        Self {
            name: line.name.to_owned(),
            path: line.path.to_owned(),
            id: id_of(line.name),
            description: None,
            created_at: line.created_at,
            updated_at: line.updated_at,
            tags: Tags::default(),
            default_version: line.version,
            last_version: line.version,
            versions: BTreeMap::from([(line.version, only)]),
            is_known: true,
        }
    }
}

/// The same for ever, but not AWS's.
fn id_of(name: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let letters = digest.as_ref().iter().take(17).filter_map(|b| ALPHABET.get(usize::from(b & 31)));
    format!("ANPA{}", letters.map(|b| char::from(*b)).collect::<String>())
}

pub fn find(folded: &str) -> Option<ManagedPolicy> {
    LINES.get(folded).copied().map(ManagedPolicy::from)
}

/// By name.
pub fn all() -> impl Iterator<Item = ManagedPolicy> {
    LINES.values().copied().map(ManagedPolicy::from)
}

#[cfg(test)]
mod tests {
    use policy::{Document, Kind, Policy};

    use super::*;

    #[test]
    fn every_line_is_a_policy() {
        let lines = include_str!("../../data/known_policies.txt").lines().count();
        assert_eq!((all().count(), lines), (lines, lines));
        for known in all() {
            let document = Document::parse(Kind::Identity, known.document(), &[]);
            let document = document.unwrap_or_else(|reason| panic!("{}: {reason}", known.name));
            assert!(!document.statements.is_empty());
            Policy::compile(known.name.as_str(), &document);
            assert!(known.path.starts_with('/') && known.path.ends_with('/'), "{}", known.path);
            assert!(known.created_at <= known.updated_at, "{}", known.name);
        }
        assert_eq!(find("administratoraccess").unwrap().name, "AdministratorAccess");
        assert!(find("noaccess").is_none());
    }
}
