//! All ways to match at once: one bit for each place in the pattern, one step for each character of the text.
//!
//! No pattern makes it go back, so the steps are the text's length times the pattern's length over 64.

use super::token::Token;

const WORD: usize = 64;

/// Bit `i` is set while the characters so far can be what stands before place `i` of the pattern.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Number of places; the text matches when the bit after the last is set at its end.
    places: usize,
    /// Places that take any character.
    open: Box<[u64]>,
    /// Each character of the pattern with the places that take it, sorted.
    taken_by: Box<[(char, Box<[u64]>)]>,
    /// Places before which a star stands, so that they may wait: for anything, or for anything but `:`.
    waits: Box<[u64]>,
    waits_within: Box<[u64]>,
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / WORD) {
        *word |= 1 << (at % WORD);
    }
}

impl Machine {
    pub(crate) fn new(tokens: &[Token]) -> Self {
        let count = |token: &Token| match token {
            Token::Text(text) => text.chars().count(),
            Token::One | Token::Variable(_) => 1,
            Token::Star { .. } => 0,
        };
        let places: usize = tokens.iter().map(count).sum();
        let none = vec![0_u64; places / WORD + 1];
        let (mut open, mut waits, mut waits_within) = (none.clone(), none.clone(), none.clone());
        let mut taken_by: Vec<(char, Box<[u64]>)> = Vec::new();
        let mut at = 0;
        for token in tokens {
            match token {
                Token::Text(text) => {
                    for c in text.chars() {
                        let index = match taken_by.binary_search_by_key(&c, |(known, _)| *known) {
                            Ok(index) => index,
                            Err(index) => {
                                taken_by.insert(index, (c, none.clone().into()));
                                index
                            }
                        };
                        if let Some((_, bits)) = taken_by.get_mut(index) {
                            set(bits, at);
                        }
                        at += 1;
                    }
                }
                Token::One => {
                    set(&mut open, at);
                    at += 1;
                }
                Token::Star { across: true } => set(&mut waits, at),
                Token::Star { across: false } => set(&mut waits_within, at),
                // A place that nothing takes.
                Token::Variable(_) => at += 1,
            }
        }
        for (_, bits) in &mut taken_by {
            bits.iter_mut().zip(&open).for_each(|(word, open)| *word |= open);
        }
        Self {
            places,
            open: open.into(),
            taken_by: taken_by.into(),
            waits: waits.into(),
            waits_within: waits_within.into(),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.run(text).0
    }

    /// Whether the text matches, and in how many steps that was known.
    pub(super) fn run(&self, text: &str) -> (bool, usize) {
        match self.open.len() {
            1 => self.run_on(&mut [0], text),
            words => self.run_on(&mut vec![0; words], text),
        }
    }

    fn run_on(&self, now: &mut [u64], text: &str) -> (bool, usize) {
        set(now, 0);
        let mut steps = 0;
        for c in text.chars() {
            let takes = self.taken_by.binary_search_by_key(&c, |(known, _)| *known);
            let takes = takes.ok().and_then(|at| self.taken_by.get(at)).map_or(&self.open, |(_, bits)| bits);
            let mut carry = 0;
            let mut alive = 0;
            let waiting = self.waits.iter().zip(&self.waits_within);
            for ((word, takes), (waits, within)) in now.iter_mut().zip(takes).zip(waiting) {
                let stay = if c == ':' { *waits } else { waits | within };
                let moved = *word & takes;
                *word = (moved << 1) | carry | (*word & stay);
                carry = moved >> (WORD - 1);
                alive |= *word;
                steps += 1;
            }
            if alive == 0 {
                return (false, steps);
            }
        }
        let end = now.get(self.places / WORD).is_some_and(|word| word >> (self.places % WORD) & 1 == 1);
        (end, steps)
    }
}
