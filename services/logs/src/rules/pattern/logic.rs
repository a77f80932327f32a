//! Conditions joined by `&&`, `||` and parentheses: what patterns for JSON and for columns have in common.

use super::Wrong;
use super::lexer::Token;

/// Conditions within conditions.
const DEPTH_MAX: usize = 32;

#[derive(Clone, Debug)]
pub(super) enum Logic<C> {
    And(Box<Logic<C>>, Box<Logic<C>>),
    Or(Box<Logic<C>>, Box<Logic<C>>),
    One(C),
}

impl<C> Logic<C> {
    pub(super) fn holds(&self, one: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::And(a, b) => a.holds(one) && b.holds(one),
            Self::Or(a, b) => a.holds(one) || b.holds(one),
            Self::One(condition) => one(condition),
        }
    }

    /// How many of its conditions are meant.
    pub(super) fn count(&self, meant: &impl Fn(&C) -> bool) -> usize {
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.count(meant) + b.count(meant),
            Self::One(condition) => usize::from(meant(condition)),
        }
    }
}

/// Reads conditions, where it is known how one is read.
pub(super) trait Conditions {
    type One;

    /// Goes past this token, if it is the next.
    fn takes(&mut self, token: &Token) -> bool;

    /// A condition without another in it.
    fn one(&mut self) -> Result<Self::One, Wrong>;

    fn any_of(&mut self, depth: usize) -> Result<Logic<Self::One>, Wrong> {
        if depth > DEPTH_MAX {
            return Err(Wrong::new("conditions lie too deep in each other"));
        }
        let mut condition = self.all_of(depth)?;
        while self.takes(&Token::Or) {
            condition = Logic::Or(Box::new(condition), Box::new(self.all_of(depth)?));
        }
        Ok(condition)
    }

    fn all_of(&mut self, depth: usize) -> Result<Logic<Self::One>, Wrong> {
        let mut condition = self.part(depth)?;
        while self.takes(&Token::And) {
            condition = Logic::And(Box::new(condition), Box::new(self.part(depth)?));
        }
        Ok(condition)
    }

    fn part(&mut self, depth: usize) -> Result<Logic<Self::One>, Wrong> {
        if !self.takes(&Token::Open) {
            return self.one().map(Logic::One);
        }
        let inner = self.any_of(depth + 1)?;
        match self.takes(&Token::Close) {
            true => Ok(inner),
            false => Err(Wrong::new("a parenthesis does not end")),
        }
    }
}
