//! Which load balancers use which target groups.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Reader, Result, Scope};

use super::{listener, rule};
use crate::rules::arn::Named;

/// Ids of load balancers by ids of target groups.
#[derive(Debug, Default)]
pub struct Usage(BTreeMap<String, BTreeSet<String>>);

impl Usage {
    pub fn read(from: &mut impl Reader, scope: &Scope) -> Result<Self> {
        let mut usage = Self::default();
        let listeners = listener::every(from, scope)?;
        let homes: BTreeMap<&str, &str> = listeners.iter().map(|one| (&*one.id, &*one.of)).collect();
        for one in &listeners {
            usage.add(one.action.groups(), &one.of);
        }
        for rule in rule::every(from, scope)? {
            if let Some(home) = homes.get(&*rule.of) {
                usage.add(rule.action.groups(), home);
            }
        }
        Ok(usage)
    }

    fn add<'g>(&mut self, groups: impl Iterator<Item = &'g str>, of: &str) {
        for arn in groups {
            if let Some(Named::TargetGroup { id }) = Named::of(arn) {
                self.0.entry(id).or_default().insert(of.to_owned());
            }
        }
    }

    /// The load balancers that use a target group.
    pub fn of<'u>(&'u self, group: &str) -> impl Iterator<Item = &'u str> {
        self.0.get(group).into_iter().flatten().map(String::as_str)
    }

    /// How many target groups a load balancer uses, with these, by ARN.
    pub fn count_with<'g>(&mut self, of: &str, groups: impl Iterator<Item = &'g str>) -> usize {
        self.add(groups, of);
        self.0.values().filter(|users| users.contains(of)).count()
    }

    pub fn is_used(&self, group: &str) -> bool {
        self.of(group).next().is_some()
    }
}
