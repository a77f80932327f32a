//! A policy made ready: patterns compiled, statements found by the service of their actions.

use std::collections::BTreeMap;

use crate::condition::Condition;
use crate::context::Context;
use crate::document::{self, Document, Effect, Version};
use crate::pattern::{ActionPattern, Pairs, ResourcePattern};
use crate::who::{Naming, Principals, Who};

/// A compiled document, with the name it is reported by.
#[derive(Clone, Debug)]
pub struct Policy {
    id: Box<str>,
    statements: Box<[Statement]>,
    /// By vendor, sorted, each with the statements that name it.
    by_vendor: Box<[(Box<str>, Relevant)]>,
    /// Statements that may concern the actions of any vendor.
    otherwise: Relevant,
    /// The condition keys looked at, in lower case and without what follows a slash; sorted, each once.
    asked: Box<[Box<str>]>,
}

/// Places of statements, in the order of the document.
#[derive(Clone, Debug, Default)]
struct Relevant {
    denials: Vec<usize>,
    allowances: Vec<usize>,
}

impl Relevant {
    /// Statements come in their order, and once for each of their actions.
    fn add(&mut self, statement: &Statement) {
        let places = match statement.effect {
            Effect::Deny => &mut self.denials,
            Effect::Allow => &mut self.allowances,
        };
        if places.last() != Some(&statement.index) {
            places.push(statement.index);
        }
    }

    fn of(&self, effect: Effect) -> &[usize] {
        match effect {
            Effect::Deny => &self.denials,
            Effect::Allow => &self.allowances,
        }
    }
}

/// A compiled statement.
#[derive(Clone, Debug)]
pub struct Statement {
    index: usize,
    sid: Option<Box<str>>,
    effect: Effect,
    principals: Option<Principals>,
    all_but_actions: bool,
    actions: Box<[ActionPattern]>,
    /// `None` for any: a trust policy is about its role.
    resources: Option<(bool, Box<[ResourcePattern]>)>,
    conditions: Box<[Condition]>,
}

impl Statement {
    /// Its place in the document, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }
}

/// What is asked, prepared for many comparisons.
pub(crate) struct Question<'a> {
    pub who: Who<'a>,
    pub bounded: bool,
    /// Lower case.
    pub vendor: &'a str,
    pub name: &'a str,
    pub resource: &'a str,
    /// Of the resource.
    pub pairs: Pairs,
    pub context: &'a dyn Context,
}

impl Policy {
    /// Makes a document ready. `id` is what decisions name it by: an ARN, or the name of an inline policy.
    pub fn compile(id: impl Into<Box<str>>, document: &Document) -> Self {
        let variables = document.version == Version::V2012;
        let statements: Box<[Statement]> = document
            .statements
            .iter()
            .enumerate()
            .map(|(index, written)| Statement::compile(index, written, variables))
            .collect();
        let mut by_vendor: BTreeMap<&str, Relevant> = BTreeMap::new();
        let mut otherwise = Relevant::default();
        for statement in &statements {
            if statement.concerns_all() {
                otherwise.add(statement);
            } else {
                statement.vendors().for_each(|vendor| by_vendor.entry(vendor).or_default().add(statement));
            }
        }
        let by_vendor = by_vendor.into_iter().map(|(vendor, found)| (vendor.into(), found)).collect();
        let mut asked: Vec<Box<str>> = statements.iter().flat_map(Statement::keys).map(bare).collect();
        asked.sort_unstable();
        asked.dedup();
        Self { id: id.into(), statements, by_vendor, otherwise, asked: asked.into() }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether it looks at a condition key of which `is_meant` holds. The key is in lower case and without what follows
    /// a slash: `aws:resourcetag` for `aws:ResourceTag/team`.
    pub fn asks_for(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.asked.iter().any(|key| is_meant(key))
    }

    /// Whether a statement allows any action of a vendor (`sqs`), under whatever conditions.
    pub fn may_allow(&self, vendor: &str) -> bool {
        let at = self.by_vendor.binary_search_by(|(known, _)| (**known).cmp(vendor));
        let named = at.ok().and_then(|at| self.by_vendor.get(at));
        named.is_some_and(|(_, found)| !found.allowances.is_empty()) || !self.otherwise.allowances.is_empty()
    }

    /// The condition keys that statements look at, with those of variables; sorted, each once.
    pub fn context_keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.statements.iter().flat_map(Statement::keys).collect();
        keys.sort_by_cached_key(|key| key.to_ascii_lowercase());
        keys.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        keys
    }

    /// The statements of an effect that apply to the question, each with how it names who asks.
    pub(crate) fn applying<'s>(
        &'s self,
        effect: Effect,
        question: &'s Question<'_>,
    ) -> impl Iterator<Item = (&'s Statement, Naming)> {
        let at = self.by_vendor.binary_search_by(|(vendor, _)| (**vendor).cmp(question.vendor));
        let named =
            at.ok().and_then(|at| self.by_vendor.get(at)).map_or(&[][..], |(_, found)| found.of(effect));
        let places = named.iter().chain(self.otherwise.of(effect));
        let statements = places.filter_map(|place| self.statements.get(*place));
        statements.filter_map(|statement| Some((statement, statement.applies(question)?)))
    }
}

/// A key without the name of a tag.
fn bare(key: &str) -> Box<str> {
    key.split('/').next().unwrap_or(key).to_ascii_lowercase().into()
}

impl Statement {
    fn compile(index: usize, written: &document::Statement, variables: bool) -> Self {
        let resources = written.resources.as_ref().map(|element| {
            let patterns = element.entries.iter().map(|entry| ResourcePattern::new(entry, variables));
            (element.except, patterns.collect())
        });
        Self {
            index,
            sid: written.sid.as_deref().map(Box::from),
            effect: written.effect,
            principals: written.principals.as_ref().map(Principals::new),
            all_but_actions: written.actions.except,
            actions: written.actions.entries.iter().map(|entry| ActionPattern::new(entry)).collect(),
            resources,
            conditions: written.conditions.iter().map(|written| Condition::new(written, variables)).collect(),
        }
    }

    /// The vendors it names.
    fn vendors(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().filter_map(|action| action.vendor.as_deref())
    }

    /// Whether actions of any vendor may be meant.
    fn concerns_all(&self) -> bool {
        self.all_but_actions || self.actions.iter().any(|action| action.vendor.is_none())
    }

    fn applies(&self, question: &Question<'_>) -> Option<Naming> {
        let Question { who, bounded, vendor, name, resource, ref pairs, context } = *question;
        let action = self.actions.iter().any(|action| action.matches(vendor, name));
        if action == self.all_but_actions {
            return None;
        }
        let naming = match &self.principals {
            // A policy without principals is about those it is attached to.
            None => Naming::Direct,
            Some(principals) => principals.mean(&who, bounded)?,
        };
        let on_resource = self.resources.as_ref().is_none_or(|(except, patterns)| {
            patterns.iter().any(|pattern| pattern.matches(resource, pairs, context)) != *except
        });
        let holds = |condition: &Condition| condition.holds(self.effect, context);
        (on_resource && self.conditions.iter().all(holds)).then_some(naming)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let patterns = self.resources.iter().flat_map(|(_, patterns)| patterns.iter());
        patterns.flat_map(ResourcePattern::variables).chain(self.conditions.iter().flat_map(Condition::keys))
    }
}
