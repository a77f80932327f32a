//! Conditions: operators over the keys of a request.
//!
//! Source: IAM user guide, "IAM JSON policy elements: Condition operators" and
//! "Set operators for multivalued context keys".

mod number;
mod operator;
mod test;
mod time;

pub use operator::{Compare, Operator, Qualifier, Relation};

use crate::context::{Context, Values};
use crate::document::{self, Effect};
use test::Test;

/// One key under one operator, made ready.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    operator: Operator,
    key: Box<str>,
    test: Test,
}

impl Condition {
    pub(crate) fn new(written: &document::Condition, variables: bool) -> Self {
        let document::Condition { operator, key, values } = written;
        Self {
            operator: *operator,
            key: key.as_str().into(),
            test: Test::new(operator.relation, values, variables),
        }
    }

    /// In a statement of this effect.
    pub(crate) fn holds(&self, effect: Effect, context: &dyn Context) -> bool {
        if context.waives(&self.key) {
            return effect == Effect::Allow;
        }
        let found = context.find(&self.key);
        if self.operator.relation == Relation::Null {
            let absent = found.is_none_or(|values| values.is_empty());
            return self.test.meets(if absent { "true" } else { "false" }, context);
        }
        let Operator { negated, if_exists, qualifier, .. } = self.operator;
        let Some(values) = found.filter(|values| !is_void(values, qualifier)) else {
            return match qualifier {
                None => if_exists || negated,
                Some(Qualifier::All) => true,
                Some(Qualifier::Any) => if_exists,
            };
        };
        let is_list = matches!(&values, Values::List(all) if all.len() > 1);
        let mut each = values.iter().map(|value| self.test.meets(value, context) != negated);
        match (qualifier, negated) {
            (Some(Qualifier::All), _) => each.all(|holds| holds),
            (Some(Qualifier::Any), _) => each.any(|holds| holds),
            (None, _) if is_list => effect == Effect::Deny && each.any(|holds| holds),
            // Of several values one may be equal, but all must be unequal.
            (None, false) => each.any(|holds| holds),
            (None, true) => each.all(|holds| holds),
        }
    }

    /// The keys it looks at, those of variables included.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.key).chain(self.test.variables())
    }
}

/// Set operators take empty strings for no values at all.
fn is_void(values: &Values<'_>, qualifier: Option<Qualifier>) -> bool {
    values.is_empty() || (qualifier.is_some() && values.iter().all(str::is_empty))
}

#[cfg(test)]
mod tests;
