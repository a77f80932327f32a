//! The operations of a REST service as a table: method, path, query and headers, the most demanding first.

use std::borrow::Cow;
use std::collections::HashSet;

use http::{HeaderMap, HeaderName, Method};
use percent_encoding::percent_decode_str;
use shape::{Location, OpDef, Protocol, ServiceDef, Unserved};

use super::form::decode;

/// The decoded parameters of a query string.
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name.as_bytes())?, decode(value.as_bytes())?))
        });
        Self(decoded.collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

#[derive(Debug)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    /// All that is left, slashes included.
    Greedy(&'static str),
}

/// What a request is for. One that is not served stands in the table too: else it would pass for one that asks less.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Served(&'static OpDef),
    Unserved(&'static str),
}

struct Rest {
    target: Target,
    method: Method,
    segments: Vec<Segment>,
    /// Parameters of the URI pattern; without a value any will do.
    literals: Vec<(&'static str, &'static str)>,
    required_params: Vec<&'static str>,
    optional_params: Vec<&'static str>,
    required_headers: Vec<HeaderName>,
}

/// All operations of a service that have a path.
pub(super) struct RestTable {
    ops: Vec<Rest>,
    /// Parameters that say what is asked for, as `acl` and `uploadId` do: an operation that knows nothing of one is not it.
    telling: HashSet<&'static str>,
}

/// An operation and the labels of its path.
pub(super) type Found = (Target, Vec<(&'static str, String)>);

impl RestTable {
    /// Empty for a service that speaks otherwise: all its operations have the same path.
    pub(super) fn new(def: &'static ServiceDef) -> Self {
        let speaks = def.protocols.iter().any(|one| matches!(one, Protocol::RestJson | Protocol::RestXml));
        let served = def.ops.iter().filter(|_| speaks).filter_map(|op| Rest::served(op));
        let unserved = def.unserved.iter().filter(|_| speaks).filter_map(Rest::unserved);
        let mut table: Vec<Rest> = served.chain(unserved).collect();
        table.sort_by_key(|rest| std::cmp::Reverse(rest.score()));
        let literals = |rest: &Rest| {
            let bare = rest.literals.iter().filter(|(_, value)| value.is_empty());
            bare.map(|(name, _)| *name).collect::<Vec<_>>()
        };
        let by_query =
            table.iter().filter(|rest| rest.is_told_by_query()).flat_map(|rest| &rest.required_params);
        let telling = table.iter().flat_map(literals).chain(by_query.copied()).collect();
        Self { ops: table, telling }
    }

    /// The most demanding operation whose demands are met; failing that, one whose path fits, so that the codec can
    /// say which member is missing. One whose path names nothing is not asked for by its path alone. None that would pass
    /// over a parameter that tells operations apart: what deletes a policy must not delete the bucket where it is misspelt.
    pub(super) fn find(
        &self,
        method: &Method,
        path: &str,
        query: &Query<'_>,
        headers: &HeaderMap,
    ) -> Option<Found> {
        let told: Vec<&str> = query.names().filter(|name| self.telling.contains(name)).collect();
        let fits = |rest: &&Rest| {
            rest.method == *method
                && told.iter().all(|name| rest.knows(name))
                && rest.literals.iter().all(|(name, value)| {
                    query.get(name).is_some_and(|given| value.is_empty() || given == *value)
                })
                && walk(&rest.segments, path, |_, _| {})
        };
        let complete = |rest: &&Rest| {
            rest.required_params.iter().all(|name| query.get(name).is_some())
                && rest.required_headers.iter().all(|name| headers.contains_key(name))
        };
        let found = self.ops.iter().find(|rest| complete(rest) && fits(rest));
        let found = found.or_else(|| {
            let meant = |rest: &&Rest| !told.is_empty() || !rest.is_told_by_query();
            let served = |rest: &&Rest| matches!(rest.target, Target::Served(_)) && meant(rest);
            let fitting = self.ops.iter().filter(|rest| served(rest) && fits(rest));
            fitting.min_by_key(|rest| rest.required_params.len() + rest.required_headers.len())
        })?;
        let mut labels = Vec::with_capacity(2);
        let mut text = true;
        walk(&found.segments, path, |name, raw| match percent_decode_str(raw).decode_utf8() {
            Ok(value) => labels.push((name, value.into_owned())),
            Err(_) => text = false,
        });
        text.then_some((found.target, labels))
    }
}

impl Rest {
    fn served(op: &'static OpDef) -> Option<Self> {
        let required = |location| {
            let members = op.input.members.iter().filter(move |m| m.required && m.location == location);
            members.map(|member| member.wire)
        };
        let mut rest = Self::new(Target::Served(op), op.method, op.uri, required(Location::Header))?;
        rest.required_params = required(Location::Query).collect();
        let members = op.input.members.iter().filter(|m| !m.required && m.location == Location::Query);
        rest.optional_params = members.map(|member| member.wire).collect();
        Some(rest)
    }

    fn unserved(op: &'static Unserved) -> Option<Self> {
        Self::new(Target::Unserved(op.name), op.method, op.uri, op.headers.iter().copied())
    }

    fn new(
        target: Target,
        method: &str,
        uri: &'static str,
        headers: impl Iterator<Item = &'static str>,
    ) -> Option<Self> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(Segment::parse).collect();
        let literals = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            // Newer clients add it to tell requests apart in logs; older ones don't.
            .filter(|(name, _)| *name != "x-id")
            .collect();
        let headers = headers.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        Some(Self {
            target,
            method: method.parse().ok()?,
            segments,
            literals,
            required_params: Vec::new(),
            optional_params: Vec::new(),
            required_headers: headers.collect(),
        })
    }

    /// Whether nothing but its parameters tells it from others, as `POST /{Bucket}/{Key+}` with an `uploadId`.
    fn is_told_by_query(&self) -> bool {
        let names = self.segments.iter().any(|segment| matches!(segment, Segment::Literal(_)));
        !names && self.literals.is_empty() && !self.required_params.is_empty()
    }

    fn knows(&self, param: &str) -> bool {
        self.literals.iter().any(|(name, _)| *name == param)
            || self.required_params.contains(&param)
            || self.optional_params.contains(&param)
    }

    fn score(&self) -> usize {
        let path: usize = self.segments.iter().map(Segment::score).sum();
        path + 10 * (self.literals.len() + self.required_params.len() + self.required_headers.len())
    }
}

impl Segment {
    fn parse(text: &'static str) -> Self {
        let label = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        match label.map(|name| (name, name.strip_suffix('+'))) {
            None => Segment::Literal(text),
            Some((_, Some(greedy))) => Segment::Greedy(greedy),
            Some((name, None)) => Segment::Label(name),
        }
    }

    fn score(&self) -> usize {
        match self {
            Segment::Literal(_) => 10,
            Segment::Label(_) => 1,
            Segment::Greedy(_) => 0,
        }
    }
}

/// Walks a path along a pattern, telling each label. `false` when they part. One slash too many at the end is forgiven.
fn walk<'p>(segments: &[Segment], path: &'p str, mut label: impl FnMut(&'static str, &'p str)) -> bool {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    for (at, segment) in segments.iter().enumerate() {
        if let Segment::Greedy(name) = segment {
            let after = segments.len() - at - 1;
            let end = match after.checked_sub(1) {
                None => rest.len(),
                Some(more) => match rest.rmatch_indices('/').nth(more) {
                    Some((end, _)) => end,
                    None => return false,
                },
            };
            let (value, tail) = rest.split_at(end);
            if value.is_empty() {
                return false;
            }
            label(name, value);
            rest = tail.strip_prefix('/').unwrap_or(tail);
            continue;
        }
        let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
        match segment {
            Segment::Literal(literal) if *literal == head => {}
            Segment::Label(name) if !head.is_empty() => label(name, head),
            _ => return false,
        }
        rest = tail;
    }
    rest.is_empty()
}
