//! What the model demands of a value, and how a request that breaks it is refused.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use kernel::{Error, Kind, Result};
use regex_lite::Regex;
use shape::{Checks, ErrorDef, Location, Member, Schema, ServiceDef};

use super::DEPTH_MAX;

/// Violations kept for one answer; the rest would only repeat them.
const VIOLATIONS_MAX: usize = 100;
/// Longest value quoted in a message, in characters.
const QUOTED_MAX: usize = 1_024;

/// What one request has broken so far.
pub(super) struct Check {
    style: Checks,
    /// The store of objects calls a document that lacks something malformed.
    object_store: bool,
    /// The service's errors, for a code it has of its own.
    errors: &'static [&'static ErrorDef],
    found: RefCell<Vec<Violation>>,
    /// The first thing that could not be read, for parsers that cannot carry our error through.
    unreadable: RefCell<Option<String>>,
    /// Members go by their names in the model, as SDKs write them, wherever they travel; others are refused.
    by_name: bool,
}

struct Violation {
    /// As in the model's paths: `entries.1.member.id`.
    path: String,
    /// As query requests spell it: `Filter.1.Name`.
    parameter: String,
    value: Option<String>,
    constraint: Constraint,
    /// It is about the request's document, and not a path, a parameter or a header.
    in_document: bool,
}

/// What was demanded.
enum Constraint {
    Present,
    /// `greater than or equal to 1`
    Length(String),
    Value(String),
    Among(&'static [&'static str]),
    Pattern(&'static str),
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constraint::Present => f.write_str("Member must not be null"),
            Constraint::Length(bound) => write!(f, "Member must have length {bound}"),
            Constraint::Value(bound) => write!(f, "Member must have value {bound}"),
            Constraint::Among(values) => {
                write!(f, "Member must satisfy enum value set: [{}]", values.join(", "))
            }
            Constraint::Pattern(pattern) => {
                write!(f, "Member must satisfy regular expression pattern: {pattern}")
            }
        }
    }
}

impl Check {
    pub(super) fn new(service: &ServiceDef) -> Self {
        let ServiceDef { checks: style, errors, .. } = *service;
        let (found, unreadable) = Default::default();
        let object_store = service.routing.object_store;
        Self { style, object_store, errors, found, unreadable, by_name: false }
    }

    pub(super) fn by_name(service: &ServiceDef) -> Self {
        Self { by_name: true, ..Self::new(service) }
    }

    pub(super) fn is_object_store(&self) -> bool {
        self.object_store
    }

    pub(super) fn is_by_name(&self) -> bool {
        self.by_name
    }

    pub(super) fn root(&self) -> At<'_> {
        At { check: self, parent: None, step: Step::Root, depth: 0 }
    }

    /// Remembers why parsing stops.
    pub(super) fn unreadable(&self, why: impl Into<String>) {
        self.unreadable.borrow_mut().get_or_insert(why.into());
    }

    pub(super) fn why_unreadable(&self) -> Option<String> {
        self.unreadable.borrow_mut().take()
    }

    /// Refuses the request if anything in it broke the model.
    pub(super) fn finish(self) -> Result<()> {
        let found = self.found.into_inner();
        match (found.first(), self.style) {
            (None, _) => Ok(()),
            (Some(first), _) if self.object_store && first.in_document => Err(first.of_document()),
            (Some(first), Checks::Parameter | Checks::Required) => {
                Err(first.by_parameter(self.style, self.errors))
            }
            (Some(_), Checks::Standard) => Err(listed(&found, self.errors)),
        }
    }
}

impl Violation {
    fn of_document(&self) -> Error {
        let message =
            "The XML you provided was not well-formed or did not validate against our published schema";
        Error::new(Kind::Invalid, "MalformedXML", message)
    }

    fn by_parameter(&self, style: Checks, errors: &[&'static ErrorDef]) -> Error {
        let Self { parameter, value, constraint, .. } = self;
        let value = value.as_deref().unwrap_or_default();
        let message = match constraint {
            Constraint::Present => {
                let stop = if style == Checks::Required { "." } else { "" };
                format!("The request must contain the parameter {parameter}{stop}")
            }
            Constraint::Among(_) | Constraint::Pattern(_) => {
                format!("Invalid value '{value}' for {parameter}.")
            }
            Constraint::Length(bound) => {
                format!("Value ( {value} ) for parameter {parameter} is invalid. Expecting a length {bound}.")
            }
            Constraint::Value(bound) => {
                format!("Value ( {value} ) for parameter {parameter} is invalid. Expecting a value {bound}.")
            }
        };
        let missing = matches!(constraint, Constraint::Present);
        let code = if missing { "MissingParameter" } else { "InvalidParameterValue" };
        match errors.iter().find(|def| def.query_code == code) {
            Some(def) => Error::modeled(Kind::Invalid, def, message),
            None => Error::new(Kind::Invalid, code, message),
        }
    }
}

/// Services of the query protocol list a code of their own for it.
fn listed(found: &[Violation], errors: &[&'static ErrorDef]) -> Error {
    let each: Vec<String> = found
        .iter()
        .map(|v| {
            let value = v.value.as_ref().map_or("null".to_owned(), |value| format!("'{value}'"));
            format!("Value {value} at '{}' failed to satisfy constraint: {}", v.path, v.constraint)
        })
        .collect();
    let plural = if found.len() == 1 { "" } else { "s" };
    let message = format!("{} validation error{plural} detected: {}", found.len(), each.join("; "));
    match errors.iter().find(|def| def.query_code == "ValidationError") {
        Some(def) => Error::modeled(Kind::Invalid, def, message),
        None => Error::new(Kind::Invalid, "ValidationException", message),
    }
}

/// A place in the input, as a chain of steps on the stack: it costs nothing until something is wrong there.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) check: &'a Check,
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
    depth: u32,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Member(&'static Member),
    Item(usize),
    Key(&'a str),
}

impl<'a> At<'a> {
    pub(super) fn member(&'a self, member: &'static Member) -> At<'a> {
        self.step(Step::Member(member))
    }
    pub(super) fn item(&'a self, index: usize) -> At<'a> {
        self.step(Step::Item(index))
    }
    pub(super) fn key(&'a self, key: &'a str) -> At<'a> {
        self.step(Step::Key(key))
    }
    fn step(&'a self, step: Step<'a>) -> At<'a> {
        At { check: self.check, parent: Some(self), step, depth: self.depth + 1 }
    }

    pub(super) fn is_too_deep(&self) -> bool {
        self.depth > DEPTH_MAX
    }

    /// `entries.1.member.id`
    pub(super) fn path(&self) -> String {
        let head = self.parent.map(At::path).unwrap_or_default();
        match self.step {
            Step::Root => String::new(),
            Step::Member(member) => dotted(&head, &uncapitalised(member.name)),
            Step::Item(index) => format!("{head}.{}.member", index + 1),
            Step::Key(key) => format!("{head}.{key}.member"),
        }
    }

    /// `Filter.1.Name`
    pub(super) fn parameter(&self) -> String {
        let head = self.parent.map(At::parameter).unwrap_or_default();
        match self.step {
            Step::Root => String::new(),
            Step::Member(member) => dotted(&head, member.query),
            Step::Item(index) => dotted(&head, &(index + 1).to_string()),
            Step::Key(key) => dotted(&head, key),
        }
    }

    fn broken(&self, value: Option<&str>, constraint: Constraint) {
        let mut found = self.check.found.borrow_mut();
        if found.len() < VIOLATIONS_MAX {
            let value = value.map(|v| v.chars().take(QUOTED_MAX).collect());
            let (path, parameter, in_document) = (self.path(), self.parameter(), self.in_document());
            found.push(Violation { path, parameter, value, constraint, in_document });
        }
    }

    fn in_document(&self) -> bool {
        match (self.step, self.parent) {
            (Step::Member(member), Some(At { step: Step::Root, .. })) => member.location == Location::Body,
            (_, Some(parent)) => parent.in_document(),
            (_, None) => false,
        }
    }

    /// Required members that were not given.
    pub(super) fn require(&self, schema: &'static Schema, given: &Given) {
        for (i, member) in schema.members.iter().enumerate() {
            if member.required && !given.has(i) {
                self.member(member).broken(None, Constraint::Present);
            }
        }
    }

    fn reads_model(&self) -> bool {
        self.check.style != Checks::Required
    }

    /// Length, values and pattern of a string.
    pub(super) fn string(&self, schema: &'static Schema, text: &str) {
        if !self.reads_model() {
            return;
        }
        if schema.min.is_some() || schema.max.is_some() {
            self.length(schema, text.chars().count(), Some(text));
        }
        if !schema.values.is_empty() && !schema.values.contains(&text) {
            self.broken(Some(text), Constraint::Among(schema.values));
        }
        if let Some(pattern) = schema.pattern
            && !matches(pattern, text)
        {
            self.broken(Some(text), Constraint::Pattern(pattern));
        }
    }

    /// Length of a blob, list or map.
    pub(super) fn count(&self, schema: &'static Schema, length: usize) {
        if self.reads_model() && (schema.min.is_some() || schema.max.is_some()) {
            self.length(schema, length, None);
        }
    }

    fn length(&self, schema: &'static Schema, length: usize, text: Option<&str>) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(bound) = outside(schema, length) {
            let shown = if schema.kind == shape::Kind::Blob { "java.nio.HeapByteBuffer" } else { "[]" };
            self.broken(Some(text.unwrap_or(shown)), Constraint::Length(bound));
        }
    }

    /// Range of a whole number.
    pub(super) fn number(&self, schema: &'static Schema, value: i64) {
        if self.reads_model()
            && let Some(bound) = outside(schema, value)
        {
            self.broken(Some(&value.to_string()), Constraint::Value(bound));
        }
    }
}

fn outside(schema: &Schema, value: i64) -> Option<String> {
    match (schema.min, schema.max) {
        (Some(min), _) if value < min => Some(format!("greater than or equal to {min}")),
        (_, Some(max)) if value > max => Some(format!("less than or equal to {max}")),
        _ => None,
    }
}

/// Whether the whole text matches. A pattern this engine does not know (look-around) binds nobody.
fn matches(pattern: &'static str, text: &str) -> bool {
    type Patterns = RwLock<HashMap<&'static str, Option<Arc<Regex>>>>;
    static COMPILED: LazyLock<Patterns> = LazyLock::new(RwLock::default);
    let known = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
    let regex = known.unwrap_or_else(|| {
        let regex = Regex::new(&format!(r"\A(?:{pattern})\z")).ok().map(Arc::new);
        COMPILED.write().unwrap_or_else(PoisonError::into_inner).insert(pattern, regex.clone());
        regex
    });
    regex.is_none_or(|regex| regex.is_match(text))
}

fn dotted(head: &str, tail: &str) -> String {
    if head.is_empty() { tail.to_owned() } else { format!("{head}.{tail}") }
}

fn uncapitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Which members of one structure were given.
#[derive(Default)]
pub(super) struct Given([u64; Self::WORDS]);

impl Given {
    const WORDS: usize = 4;

    pub(super) fn add(&mut self, i: usize) {
        if let Some(word) = self.0.get_mut(i / 64) {
            *word |= 1 << (i % 64);
        }
    }

    /// Members beyond the set's size count as given: no model has a structure of so many.
    pub(super) fn has(&self, i: usize) -> bool {
        self.0.get(i / 64).is_none_or(|word| word & (1 << (i % 64)) != 0)
    }
}

/// The member of this wire name. `hint` is where the last one was found: most requests keep the model's order.
pub(super) fn find(
    members: &'static [Member],
    hint: &mut usize,
    is: impl Fn(&Member) -> bool,
) -> Option<(usize, &'static Member)> {
    let (before, after) = members.split_at_checked(*hint).unwrap_or((members, &[]));
    let ahead = after.iter().position(&is).map(|at| at + before.len());
    let at = ahead.or_else(|| before.iter().position(&is))?;
    *hint = at + 1;
    members.get(at).map(|member| (at, member))
}
