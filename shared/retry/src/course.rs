//! What is tried until it is done, and goes to the dead letters where it cannot be: how far it has come, as it is stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::{Ctx, Error, Millis};
use serde::{Deserialize, Serialize};

use crate::{Policy, Then, chance};

/// How often something was tried since when, and when it is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    pub begun_at: Millis,
    /// Not before this.
    pub due_at: Millis,
    /// Those that failed.
    pub tries: i32,
}

impl Tries {
    fn begin(now: Millis) -> Self {
        Self { begun_at: now, due_at: now, tries: 0 }
    }

    fn failed(&mut self, policy: Policy, now: Millis, error: &Error, chance: f64) -> Then {
        self.tries += 1;
        let then = policy.plan(self.begun_at, self.tries, now, error, chance);
        if let Then::TryAt(at) = then {
            self.due_at = at;
        }
        then
    }

    /// How often it was tried again.
    pub fn retries(&self) -> i32 {
        (self.tries - 1).max(0)
    }
}

/// Why something can only go to the dead letters: code, message, and the condition of its policy that is exhausted.
pub type Dead = (String, String, Option<String>);

/// How far something has come. Flat in the record of what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    #[serde(flatten)]
    pub own: Tries,
    #[serde(default)]
    pub dead: Option<Dead>,
    /// Of its dead letter, which has a time and tries of its own.
    #[serde(default)]
    letter: Option<Tries>,
}

impl Course {
    pub fn begin(now: Millis) -> Self {
        Self { own: Tries::begin(now), dead: None, letter: None }
    }

    /// Not before this.
    pub fn due_at(&self) -> Millis {
        self.letter.unwrap_or(self.own).due_at
    }

    /// It failed, or its dead letter did where it is dead already. Gives when it is tried next, as what it is by then;
    /// `None` where it is to be forgotten. `code` is what a dead letter calls the error; it has one only where
    /// `has_letters`.
    pub fn failed(
        &mut self,
        ctx: &Ctx,
        policy: Policy,
        (error, code): (&Error, &str),
        has_letters: bool,
    ) -> Option<Millis> {
        self.step(policy, ctx.now(), (error, code), has_letters, chance(ctx))
    }

    fn step(
        &mut self,
        policy: Policy,
        now: Millis,
        (error, code): (&Error, &str),
        has_letters: bool,
        chance: f64,
    ) -> Option<Millis> {
        if self.dead.is_some() {
            let letter = self.letter.get_or_insert(Tries::begin(now));
            return match letter.failed(Policy::default(), now, error, chance) {
                Then::TryAt(at) => Some(at),
                Then::GiveUp | Then::Exhausted(_) => None,
            };
        }
        let exhausted = match self.own.failed(policy, now, error, chance) {
            Then::TryAt(at) => return Some(at),
            Then::GiveUp => None,
            Then::Exhausted(condition) => Some(condition.to_owned()),
        };
        if !has_letters {
            return None;
        }
        self.dead = Some((code.to_owned(), error.message().to_owned(), exhausted));
        self.letter = Some(Tries::begin(now));
        Some(now)
    }
}

/// How many of a kind are under way in the house.
#[derive(Debug, Default)]
pub struct Underway(AtomicUsize);

impl Underway {
    pub const MAX: usize = 200_000;

    pub fn set(&self, count: usize) {
        self.0.store(count, Ordering::Relaxed);
    }

    pub fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn done(&self) {
        // Never below nothing: a reset may have come between.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
    }

    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::MAX
    }
}

#[cfg(test)]
mod tests {
    use kernel::Kind;

    use super::*;

    fn busy() -> Error {
        Error::new(Kind::Unavailable, "Busy", "come again")
    }

    #[test]
    fn a_dead_letter_has_its_own_time_and_tries() {
        let (mut one, policy) = (Course::begin(0), Policy { attempts: 2, age_s: 86_400 });
        let step = |one: &mut Course, now| one.step(policy, now, (&busy(), "BUSY"), true, 0.0);
        assert_eq!(step(&mut one, 0), Some(500));
        assert_eq!(step(&mut one, 500), Some(1_500));
        // Long after it began: its policy is exhausted, that of its letter is not.
        let late = 90_000_000;
        assert_eq!(step(&mut one, late), Some(late));
        let why = Some("MaximumRetryAttempts".to_owned());
        assert_eq!(one.dead, Some(("BUSY".to_owned(), "come again".to_owned(), why)));
        for _ in 0..5 {
            let at = step(&mut one, late).unwrap();
            assert!(at > late && one.due_at() == at);
        }
        assert_eq!(one.own.retries(), 2, "of what was asked for, not of its letter");
        let gone = Error::new(Kind::NotFound, "x", "x");
        assert_eq!(one.step(policy, late, (&gone, "x"), true, 0.0), None);
    }

    #[test]
    fn without_letters_it_is_forgotten() {
        let mut one = Course::begin(0);
        let gone = Error::new(Kind::NotFound, "x", "x");
        assert_eq!(one.step(Policy::default(), 0, (&gone, "x"), false, 0.0), None);
        assert_eq!(one.dead, None);
    }

    #[test]
    fn a_letter_of_before_letters_had_tries_begins_anew() {
        let dead = Some(("c".to_owned(), "m".to_owned(), None));
        let mut old = Course { own: Tries { begun_at: 1, due_at: 2, tries: 3 }, dead, letter: None };
        assert_eq!(old.due_at(), 2);
        assert!(old.step(Policy::default(), 90_000_000, (&busy(), "x"), true, 0.0).is_some());
        assert_eq!(old.own.tries, 3);
    }
}
